//! chain-trap.wasm in the chain's place: the same stages, of which two trap or hold bodies when a request's headers say so.

use std::path::Path;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

/// The modules whose place it takes.
const REPLACED: [&str; 5] = ["coalesce.wasm", "batch.wasm", "router.wasm", "retry.wasm", "switchyard.wasm"];
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// Envoy with two workers, that ends a stream after so many seconds in which nothing moves.
pub(super) fn bootstrap(upstreams: &Upstreams, document: &Value, idle_seconds: u32) -> Bootstrap {
    let mut filter = pieces::wasm_filter("chain-trap", &document.to_string());
    filter["typed_config"]["config"]["allow_on_headers_stop_iteration"] = json!(true);
    let replace = |bootstrap: &mut Value| {
        let manager = bootstrap.pointer_mut(MANAGER).expect("the first listener's manager");
        manager["stream_idle_timeout"] = json!(format!("{idle_seconds}s"));
        let filters = manager["http_filters"].as_array_mut().expect("its filters");
        filters.retain(|filter| !is_replaced(filter));
        filters.insert(0, filter);
    };
    batched(upstreams, document).edit(replace).concurrency(2)
}

fn is_replaced(filter: &Value) -> bool {
    let file = filter.pointer("/typed_config/config/vm_config/code/local/filename").and_then(Value::as_str);
    let name = file.and_then(|file| Path::new(file).file_name()?.to_str());
    name.is_some_and(|name| REPLACED.contains(&name))
}
