//! The lists are whole, and nothing in them is idle.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use switchyard_test_harness::envoy::pieces;
use switchyard_test_harness::prelude::*;

use super::module::Sections;
use super::story::{self, Behind};
use super::{MODULES, Outcome, REFUSED, ROWS, Row, listed};

/// Holds the modules of the row to their lists.
fn held(bootstrap: Bootstrap, row: &Row) -> anyhow::Result<Bootstrap> {
    row.held.iter().try_fold(bootstrap, |all, module| Ok(all.held_to(module, &listed::capabilities(module)?)))
}

/// Where the built modules are, by a bootstrap that names one.
fn built(module: &str) -> anyhow::Result<PathBuf> {
    let filter = pieces::wasm_filter(module, "");
    let bootstrap = Bootstrap::empty().listener(pieces::listener("one", &[], &[filter]));
    let listener = bootstrap.listener_named("one")?;
    let file = listener.pointer(
        "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config/vm_config/code/local/filename",
    );
    Ok(Path::new(file.and_then(Value::as_str).expect("a file")).to_owned())
}

#[test]
fn the_page_lists_what_modules_import_and_export() -> Outcome {
    let idle = listed::never_called()?;
    let mut called = BTreeSet::new();
    for module in MODULES {
        let sections = Sections::read(&built(module)?)?;
        let (imported, calls) = (sections.host_calls()?, listed::host_calls(module)?);
        assert!(calls.is_subset(&imported), "{module} does not import {:?}", &calls - &imported);
        assert!(calls.is_disjoint(&idle), "{module} calls what is never called: {:?}", &calls & &idle);
        assert_eq!(sections.callbacks()?, listed::callbacks(module)?, "{module}");
        called.extend(calls);
    }
    for module in MODULES {
        let imported = Sections::read(&built(module)?)?;
        let unnamed = &(&imported.host_calls()? - &called) - &idle;
        assert!(unnamed.is_empty(), "{module} imports what the page does not name: {unnamed:?}");
    }
    let (module, shown) = listed::example()?;
    let of_module: BTreeSet<_> = listed::capabilities(&module)?.into_iter().collect();
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), of_module, "the example is of {module}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_held_to_their_lists_do_what_they_did() -> Outcome {
    for row in &ROWS {
        let behind = Behind::start().await?;
        let free = Envoy::start(behind.bootstrap(row.modules, row.filters)?).await?;
        let told_free = story::told(&free, &behind).await?;
        drop(free);
        let bootstrap = held(behind.bootstrap(row.modules, row.filters)?, row)?;
        let envoy = Envoy::start(bootstrap.component_log_level("wasm:trace")).await?;
        let told_held = story::told(&envoy, &behind).await?;
        assert_eq!(told_held, told_free, "{:?}", row.held);
        println!("{told_held:#}");
        let log = envoy.log();
        assert_eq!(log.lines().find(|line| line.contains(REFUSED)), None, "{:?}", row.held);
        nothing_is_idle(&log, row)?;
    }
    Ok(())
}

/// What the story does not come to, or only if a request comes before the lists of endpoints.
const NOT_TOLD: [&str; 3] =
    ["proxy_on_request_trailers", "proxy_on_response_trailers", "proxy_remove_header_map_value"];

/// Every other call and callback that a module of the row may make was made: the story leaves none out, and the lists have none too many.
fn nothing_is_idle(log: &str, row: &Row) -> Outcome {
    let mut seen = BTreeSet::new();
    for mark in ["[vm->host] env.", "[host->vm] "] {
        let after = log.lines().filter_map(|line| line.split_once(mark));
        seen.extend(after.filter_map(|(_, call)| call.split_once('(')).map(|(name, _)| name.to_owned()));
    }
    for module in row.held {
        let idle: Vec<_> = listed::capabilities(module)?
            .into_iter()
            .filter(|name| !seen.contains(name) && !NOT_TOLD.contains(&name.as_str()))
            .collect();
        assert!(idle.is_empty(), "{module} is allowed what nobody of {:?} did: {idle:?}", row.held);
    }
    Ok(())
}

/// The document comes by a call, and its shape in shared data: each module takes it.
#[tokio::test(flavor = "multi_thread")]
async fn held_modules_take_the_document_that_a_store_has() -> Outcome {
    for row in &ROWS {
        let behind = Behind::start().await?;
        let store = Upstream::start("store", "127.0.0.1:0".parse()?).await?;
        store.behave(Behaviour::body(&behind.document().to_string())).await?;
        let source = json!({ "http": { "cluster": "store", "path": "/", "interval": "100ms" } });
        let bootstrap = behind.bootstrap(row.modules, row.filters)?;
        let bootstrap = bootstrap.cluster(pieces::cluster("store", &[store.address()]));
        let envoy = Envoy::start(held(bootstrap.document(&json!({ "document": source })), row)?).await?;
        let client = envoy.client("ingress").await?;
        for module in row.held.iter().filter(|module| !["outlier", "status"].contains(*module)) {
            let version = format!("wasmcustom.switchyard.filter=.={module};.;document_version");
            envoy
                .until(&format!("{module} to have the document"), async || {
                    assert_eq!(client.get("/").send().await?.status, 200);
                    Ok((envoy.stats().await?.get(&version) == Some(&1)).then_some(()))
                })
                .await?;
        }
        assert_eq!(envoy.log().lines().find(|line| line.contains(REFUSED)), None);
    }
    Ok(())
}
