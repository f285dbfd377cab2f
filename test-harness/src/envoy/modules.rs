//! Which modules our downstream filters are: switchyard.wasm, as shipped, or one for each filter, as envoy-config/separate.yaml has them.
//!
//! Invariant: whichever they are, the document is the same, what a scenario changes of the one plugin is changed of the four, and
//! they stand where the one stood. Trade-off: the chain has all filters, also those that a scenario does without; what tells the
//! two apart (a route that uses what was left out) is an error and not a surprise.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

/// The filter that does the work of all, in the shipped bootstrap.
const CHAIN: &str = "switchyard";
const PLUGIN: &str = "/typed_config/config";
const FILE: &str = "/typed_config/config/vm_config/code/local/filename";

/// Which modules the downstream filters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modules {
    /// switchyard.wasm.
    Chain,
    /// One module for each filter.
    Separate,
}

impl Modules {
    /// What `$SWITCHYARD_MODULES` says: `separate`, or all in one.
    #[must_use]
    pub fn of_environment() -> Self {
        match std::env::var("SWITCHYARD_MODULES").as_deref() {
            Ok("separate") => Self::Separate,
            _ => Self::Chain,
        }
    }

    /// What the module of this filter calls itself, in the label `filter` of metrics and at the beginning of a line in the log.
    #[must_use]
    pub fn name_of(self, filter: &str) -> &str {
        if self == Self::Chain { CHAIN } else { filter }
    }
}

/// Our downstream filters in a bootstrap.
#[derive(Debug, Clone)]
pub(super) struct Downstream {
    pub(super) modules: Modules,
    /// Those that a scenario is not about.
    left_out: BTreeSet<&'static str>,
    /// The one whose module is to be the one that traps.
    pub(super) trapping: Option<&'static str>,
}

impl Downstream {
    /// All four of these filters, in their order.
    pub(super) const FILTERS: [&str; 4] = ["coalesce", "batch", "router", "retry"];

    pub(super) fn new() -> Self {
        Self { modules: Modules::of_environment(), left_out: BTreeSet::new(), trapping: None }
    }

    pub(super) fn only(&mut self, filters: &[&str]) {
        self.left_out.extend(Self::FILTERS.into_iter().filter(|filter| !filters.contains(filter)));
    }

    /// Puts the modules into a list of HTTP filters.
    ///
    /// # Errors
    /// If there is a problem with the four filters' file, or the document wants what a scenario does without.
    pub(super) fn put_into(&self, filters: &mut Value, separate: &Path) -> anyhow::Result<()> {
        let Some(filters) = filters.as_array_mut() else { return Ok(()) };
        let Some(place) = filters.iter().position(|filter| filter.get("name") == Some(&json!(CHAIN))) else {
            return Ok(());
        };
        let chain = filters.remove(place);
        let modules = match self.modules {
            _ if self.left_out.len() == Self::FILTERS.len() => Vec::new(),
            Modules::Chain => vec![self.chained(chain)?],
            Modules::Separate => self.separate(&chain, separate)?,
        };
        filters.splice(place..place, modules);
        Ok(())
    }

    fn chained(&self, mut chain: Value) -> anyhow::Result<Value> {
        let document = document(&chain);
        let routes = document.get("routes").and_then(Value::as_array).into_iter().flatten();
        for (route, filter) in
            routes.flat_map(|route| self.left_out.iter().map(move |filter| (route, filter)))
        {
            anyhow::ensure!(
                route.get(*filter).is_none(),
                "a route uses {filter}, which this scenario does without: the chain has it, so take Modules::Separate"
            );
        }
        if self.trapping.is_some() {
            set(&mut chain, FILE, json!("chain-trap.wasm"));
        }
        Ok(chain)
    }

    /// The single modules, each like the one but for what the file says of it.
    fn separate(&self, chain: &Value, file: &Path) -> anyhow::Result<Vec<Value>> {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let listed: Value = serde_saphyr::from_str(&text)?;
        let listed = listed.get("http_filters").and_then(Value::as_array).context("no http_filters")?;
        let mut filters = Vec::new();
        for one in listed {
            let name =
                one.pointer(&format!("{PLUGIN}/root_id")).and_then(Value::as_str).context("no root_id")?;
            if !self.left_out.contains(name) {
                let mut filter = like(chain, one);
                if self.trapping == Some(name) {
                    set(&mut filter, FILE, json!(format!("{name}-trap.wasm")));
                }
                filters.push(filter);
            }
        }
        Ok(filters)
    }
}

/// The chain's filter with the name, the root and the module of this one; and given bodies as the chain is, if this one is at all.
fn like(chain: &Value, one: &Value) -> Value {
    let mut filter = chain.clone();
    for of_one in ["/name", "/typed_config/config/name", "/typed_config/config/root_id", FILE] {
        set(&mut filter, of_one, one.pointer(of_one).cloned().unwrap_or_default());
    }
    let (bodies, plugin) = ("allow_on_headers_stop_iteration", filter.pointer_mut(PLUGIN));
    if let (None, Some(plugin)) =
        (one.pointer(&format!("{PLUGIN}/{bodies}")), plugin.and_then(Value::as_object_mut))
    {
        plugin.remove(bodies);
    }
    filter
}

fn set(filter: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = filter.pointer_mut(pointer) {
        *place = value;
    }
}

/// The document in a filter's configuration; null, if it cannot be read here.
fn document(filter: &Value) -> Value {
    match filter.pointer(&format!("{PLUGIN}/configuration/value")) {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        document => document.cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

    use super::*;
    use crate::envoy::Bootstrap;

    fn filters(bootstrap: &Bootstrap) -> Vec<Value> {
        let ready = bootstrap.ready().unwrap();
        ready["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
            .as_array()
            .unwrap()
            .clone()
    }

    fn modules(bootstrap: &Bootstrap) -> Vec<String> {
        let file = |filter: &Value| {
            Some(Path::new(filter.pointer(FILE)?.as_str()?).file_name()?.to_str()?.to_owned())
        };
        filters(bootstrap).iter().filter_map(file).collect()
    }

    fn shipped(modules: Modules) -> Bootstrap {
        Bootstrap::shipped().modules(modules)
    }

    #[test]
    fn the_single_modules_stand_where_the_chain_stood_and_are_those_of_the_file() {
        assert_eq!(modules(&shipped(Modules::Chain)), ["switchyard.wasm"]);
        let four = Downstream::FILTERS.map(|name| format!("{name}.wasm"));
        assert_eq!(modules(&shipped(Modules::Separate)), four);
        let text = include_str!("../../../envoy-config/separate.yaml");
        let file: Value = serde_saphyr::from_str(text).unwrap();
        let put = filters(&shipped(Modules::Separate));
        for (listed, put) in file["http_filters"].as_array().unwrap().iter().zip(put) {
            let (mut put, mut listed) = (put, listed.clone());
            let configuration =
                put["typed_config"]["config"].as_object_mut().unwrap().remove("configuration").unwrap();
            assert!(configuration["value"]["routes"].is_array(), "each has the document");
            set(&mut put, FILE, Value::Null);
            set(&mut listed, FILE, Value::Null);
            assert_eq!(put, listed, "but for the folder of the module and the document it is as in the file");
        }
    }

    #[test]
    fn what_is_changed_of_the_one_is_changed_of_the_four() {
        let blind = |value: &mut Value| {
            let plugin = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
            let plugin = value.pointer_mut(plugin).unwrap();
            (plugin["allow_on_headers_stop_iteration"], plugin["vm_config"]["vm_id"]) =
                (json!(false), json!(""));
        };
        for (filter, name) in filters(&shipped(Modules::Separate).edit(blind)).iter().zip(Downstream::FILTERS)
        {
            let plugin = &filter["typed_config"]["config"];
            let bodies = &plugin["allow_on_headers_stop_iteration"];
            assert_eq!(bodies, &if name == "router" { Value::Null } else { json!(false) }, "{name}");
            assert_eq!(plugin["vm_config"]["vm_id"], json!(""));
        }
    }

    #[test]
    fn a_chain_has_what_a_scenario_does_without_unless_a_route_uses_it() {
        let of = |modules| shipped(modules).document(&json!({ "routes": [{ "batch": {} }] }));
        let batch = ["batch", "router"];
        assert_eq!(modules(&of(Modules::Chain).only(&batch)), ["switchyard.wasm"]);
        assert_eq!(modules(&of(Modules::Separate).only(&batch)), ["batch.wasm", "router.wasm"]);
        let problem = of(Modules::Chain).only(&["router"]).ready().unwrap_err();
        assert!(problem.to_string().contains("uses batch"), "{problem}");
        assert_eq!(modules(&of(Modules::Separate).only(&["router"])), ["router.wasm"]);
        assert_eq!(modules(&of(Modules::Chain).only(&["outlier"])), [""; 0]);
    }

    #[test]
    fn the_filter_that_traps_is_a_module_of_its_own() {
        let of = |modules| shipped(modules).trapping("coalesce").only(&["coalesce", "router"]);
        assert_eq!(modules(&of(Modules::Chain).document(&json!({}))), ["chain-trap.wasm"]);
        assert_eq!(modules(&of(Modules::Separate)), ["coalesce-trap.wasm", "router.wasm"]);
    }
}
