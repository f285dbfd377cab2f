//! An Envoy bootstrap in the making: the shipped one or a small one, bent for a test.
//!
//! A bootstrap is a JSON value; every method rewrites one part of it. What cannot be done (an unknown cluster)
//! is remembered and reported by [`super::Envoy::start`], so that a test reads as one sentence.
//! Invariant: when it is started, every listener and the admin interface have port 0 on loopback, and every
//! wasm file is looked for, by its file name, in the directory of built modules.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use serde_json::{Value, json};

use super::capabilities::Capabilities;
use super::modules::{Downstream, Modules};
use super::pieces;
use super::process::Resource;

/// How the Switchyard document is put into a plugin's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `google.protobuf.StringValue`: arrives byte for byte.
    #[default]
    Text,
    /// `google.protobuf.BytesValue`: arrives byte for byte.
    Bytes,
    /// `google.protobuf.Struct`: arrives as binary protobuf.
    Struct,
}

/// What Envoy is started with.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    pub(super) value: Value,
    pub(super) concurrency: u32,
    pub(super) component_log_level: String,
    pub(super) drain_seconds: u32,
    pub(super) live: Vec<Resource>,
    pub(super) live_endpoints: Vec<String>,
    pub(super) admin_cluster: Option<String>,
    pub(super) environment: Vec<(String, OsString)>,
    downstream: Downstream,
    capabilities: Capabilities,
    wasm_dir: PathBuf,
    problems: Vec<String>,
}

impl Bootstrap {
    /// The bootstrap that users copy, `envoy-config/envoy.yaml`.
    #[must_use]
    pub fn shipped() -> Self {
        let path = workspace().join("envoy-config/envoy.yaml");
        let text = std::fs::read_to_string(&path);
        match text.with_context(|| format!("reading {}", path.display())).and_then(|text| parse(&text)) {
            Ok(value) => Self::from_value(value),
            Err(error) => Self::empty().with_problem(format!("{error:#}")),
        }
    }

    /// A bootstrap from YAML or JSON text.
    ///
    /// # Errors
    /// If the text is not YAML.
    pub fn from_yaml(text: &str) -> anyhow::Result<Self> {
        Ok(Self::from_value(parse(text)?))
    }

    /// No listeners, no clusters: add them with [`Bootstrap::listener`] and [`Bootstrap::cluster`].
    #[must_use]
    pub fn empty() -> Self {
        Self::from_value(json!({ "static_resources": { "listeners": [], "clusters": [] } }))
    }

    fn from_value(value: Value) -> Self {
        let wasm_dir = std::env::var_os("SWITCHYARD_WASM_DIR").map(PathBuf::from);
        Self {
            value,
            concurrency: 1,
            component_log_level: "wasm:info".to_owned(),
            drain_seconds: 600,
            live: Vec::new(),
            live_endpoints: Vec::new(),
            admin_cluster: None,
            environment: Vec::new(),
            downstream: Downstream::new(),
            capabilities: Capabilities::default(),
            wasm_dir: wasm_dir.unwrap_or_else(|| workspace().join("target/wasm")),
            problems: Vec::new(),
        }
    }

    pub(super) fn with_problem(mut self, problem: String) -> Self {
        self.problems.push(problem);
        self
    }

    /// Worker threads; 1 unless told otherwise.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// Envoy's `--component-log-level`, `wasm:info` unless told otherwise.
    #[must_use]
    pub fn component_log_level(mut self, levels: &str) -> Self {
        levels.clone_into(&mut self.component_log_level);
        self
    }

    /// Envoy's `--drain-time-s`: how long the connections of a listener live on that was replaced; 600 unless told otherwise.
    #[must_use]
    pub fn drain_seconds(mut self, seconds: u32) -> Self {
        self.drain_seconds = seconds;
        self
    }

    /// A variable of Envoy's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The modules that the downstream filters are, whatever `$SWITCHYARD_MODULES` says.
    #[must_use]
    pub fn modules(mut self, modules: Modules) -> Self {
        self.downstream.modules = modules;
        self
    }

    /// Of our filters these are enough (`coalesce`, `batch`, `router`, `retry`, `outlier`, `status`). What is a module of its own and not among them is
    /// left out, since Envoy takes about a second to make each ready; the chain has its four whatever is said here, and
    /// calls those that a route uses. The router, which every route uses, is there with the chain though it be not named.
    #[must_use]
    pub fn only(mut self, filters: &[&str]) -> Self {
        self.downstream.only(filters);
        let by_themselves = ["outlier", "status"].iter().filter(|filter| !filters.contains(filter));
        by_themselves
            .fold(self, |bootstrap, filter| bootstrap.without_filter(&format!("switchyard.{filter}")))
    }

    /// The module of this filter, or the chain, is the one that traps on a request with the header `x-trap`.
    #[must_use]
    pub fn trapping(mut self, filter: &'static str) -> Self {
        self.downstream.trapping = Some(filter);
        self
    }

    /// Holds this module (`router`, `switchyard`) to these host calls and callbacks, wherever it is a plugin.
    #[must_use]
    pub fn held_to(mut self, module: &str, capabilities: &[String]) -> Self {
        self.capabilities.hold(module, capabilities);
        self
    }

    /// Takes wasm files from here instead of `$SWITCHYARD_WASM_DIR` or `target/wasm`.
    #[must_use]
    pub fn wasm_dir(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.wasm_dir);
        self
    }

    /// Serves the listeners from a file that Envoy watches, so that [`super::Envoy::update_listener`] works.
    #[must_use]
    pub fn live_listeners(mut self) -> Self {
        self.live.push(Resource::Listeners);
        self
    }

    /// Serves the clusters from a file that Envoy watches, so that [`super::Envoy::update_clusters`] works.
    #[must_use]
    pub fn live_clusters(mut self) -> Self {
        self.live.push(Resource::Clusters);
        self
    }

    /// Takes the endpoints of this cluster from a file that Envoy watches (EDS), so that [`super::Envoy::update_endpoints`] works.
    #[must_use]
    pub fn live_endpoints(mut self, cluster: &str) -> Self {
        self.live_endpoints.push(cluster.to_owned());
        self
    }

    /// Lets this cluster reach Envoy's own admin, wherever that listens.
    #[must_use]
    pub fn admin_cluster(mut self, cluster: &str) -> Self {
        self.admin_cluster = Some(cluster.to_owned());
        self.live_endpoints(cluster)
    }

    /// Changes any part of it.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.value);
        self
    }

    /// Adds a listener, or replaces the one of that name. See [`pieces::listener`].
    #[must_use]
    pub fn listener(self, listener: Value) -> Self {
        self.put("listeners", listener)
    }

    /// Adds a cluster, or replaces the one of that name. See [`pieces::cluster`].
    #[must_use]
    pub fn cluster(self, cluster: Value) -> Self {
        self.put("clusters", cluster)
    }

    fn put(mut self, kind: &str, item: Value) -> Self {
        match self.value.pointer_mut("/static_resources").and_then(|resources| resources.get_mut(kind)) {
            Some(Value::Array(items)) => {
                items.retain(|old| old.get("name") != item.get("name"));
                items.push(item);
                self
            }
            _ => self.with_problem(format!("the bootstrap has no static_resources.{kind}")),
        }
    }

    /// Replaces the endpoints of a cluster, with equal weights.
    #[must_use]
    pub fn endpoints(self, cluster: &str, addresses: &[SocketAddr]) -> Self {
        let weighted: Vec<_> = addresses.iter().map(|address| (*address, 1)).collect();
        self.weighted_endpoints(cluster, &weighted)
    }

    /// Replaces the endpoints of a cluster, with Envoy's load_balancing_weight.
    #[must_use]
    pub fn weighted_endpoints(mut self, cluster: &str, endpoints: &[(SocketAddr, u32)]) -> Self {
        let clusters = self.value.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        let named = |item: &&mut Value| item.get("name").and_then(Value::as_str) == Some(cluster);
        match clusters.and_then(|clusters| clusters.iter_mut().find(named)).and_then(Value::as_object_mut) {
            Some(found) => {
                found.insert("type".to_owned(), json!("STATIC"));
                found.insert("load_assignment".to_owned(), pieces::load_assignment(cluster, endpoints));
                self
            }
            None => self.with_problem(format!("the bootstrap has no cluster {cluster:?}")),
        }
    }

    /// Adds an HTTP filter in front of the router filter of every listener.
    #[must_use]
    pub fn http_filter(mut self, filter: &Value) -> Self {
        each(&mut self.value, "http_filters", &mut |filters| {
            let is_router = |item: &Value| item.get("name") == Some(&json!(pieces::ROUTER));
            if let Some(filters) = filters.as_array_mut()
                && let Some(place) = filters.iter().position(is_router)
            {
                filters.insert(place, filter.clone());
            }
        });
        self
    }

    /// Takes the HTTP filter of this name out of every listener and cluster.
    #[must_use]
    pub fn without_filter(mut self, name: &str) -> Self {
        each(&mut self.value, "http_filters", &mut |filters| {
            if let Some(filters) = filters.as_array_mut() {
                filters.retain(|filter| filter.get("name") != Some(&json!(name)));
            }
        });
        self
    }

    /// Adds a route in front of the others of every listener but the one named `metrics`.
    #[must_use]
    pub fn first_route(mut self, route: &Value) -> Self {
        each(&mut self.value, "virtual_hosts", &mut |hosts| {
            for host in hosts.as_array_mut().into_iter().flatten() {
                if host.get("name") != Some(&json!("metrics"))
                    && let Some(routes) = host.get_mut("routes").and_then(Value::as_array_mut)
                {
                    routes.insert(0, route.clone());
                }
            }
        });
        self
    }

    /// Gives every route that has a retry policy this one.
    #[must_use]
    pub fn retry_policy(mut self, policy: &Value) -> Self {
        each(&mut self.value, "retry_policy", &mut |old| *old = policy.clone());
        self
    }

    /// How long a request may take to come, and how long a stream may stand still, before Envoy ends it: in seconds, in place of the shipped
    /// thirty. What a filter does with those that wait is then not cut short by Envoy on a slow machine.
    #[must_use]
    pub fn stream_timeouts(mut self, seconds: u32) -> Self {
        for name in ["request_timeout", "stream_idle_timeout"] {
            each(&mut self.value, name, &mut |old| *old = format!("{seconds}s").into());
        }
        self
    }

    /// How long Envoy's routes give a request until its answer has ended: in seconds, in place of the shipped fifteen. An answer that is read
    /// slowly is then not cut off.
    #[must_use]
    pub fn route_timeout(mut self, seconds: u32) -> Self {
        each(&mut self.value, "route", &mut |route| {
            if let Some(timeout) = route.get_mut("timeout") {
                *timeout = format!("{seconds}s").into();
            }
        });
        self
    }

    /// Gives every wasm plugin that has a document this one.
    #[must_use]
    pub fn document(self, document: &Value) -> Self {
        self.document_as(Form::Text, document)
    }

    /// Gives every wasm plugin that has a document this one, in one of the forms that Envoy knows.
    #[must_use]
    pub fn document_as(mut self, form: Form, document: &Value) -> Self {
        configure(&mut self.value, &any(form, document));
        self
    }

    /// Gives every wasm plugin that has a document this text, whatever it is.
    #[must_use]
    pub fn document_text(mut self, text: &str) -> Self {
        configure(&mut self.value, &string_value(text));
        self
    }

    /// The cluster of this name: to make another one like it.
    ///
    /// # Errors
    /// If there is none.
    pub fn cluster_named(&self, name: &str) -> anyhow::Result<Value> {
        let clusters = self.value.pointer("/static_resources/clusters").and_then(Value::as_array);
        let named = |item: &&Value| item.get("name").and_then(Value::as_str) == Some(name);
        let found = clusters.and_then(|clusters| clusters.iter().find(named)).cloned();
        found.with_context(|| format!("the bootstrap has no cluster {name:?}"))
    }

    /// The listener of this name as it would be started: to change it and hand it to
    /// [`super::Envoy::update_listener`].
    ///
    /// # Errors
    /// If there is none, or an earlier step failed.
    pub fn listener_named(&self, name: &str) -> anyhow::Result<Value> {
        let ready = self.ready()?;
        let listeners = ready.pointer("/static_resources/listeners").and_then(Value::as_array);
        let named = |item: &&Value| item.get("name").and_then(Value::as_str) == Some(name);
        listeners
            .and_then(|listeners| listeners.iter().find(named))
            .cloned()
            .with_context(|| format!("the bootstrap has no listener {name:?}"))
    }

    /// The bootstrap as it would be started.
    ///
    /// # Errors
    /// What an earlier step could not do.
    pub fn ready(&self) -> anyhow::Result<Value> {
        anyhow::ensure!(self.problems.is_empty(), "{}", self.problems.join("; "));
        let mut value = self.value.clone();
        if let Some(listeners) = value.pointer_mut("/static_resources/listeners") {
            for listener in listeners.as_array_mut().into_iter().flatten() {
                if let Some(address) = listener.get_mut("address") {
                    *address = pieces::socket_address(SocketAddr::from(([127, 0, 0, 1], 0)));
                }
            }
        }
        if let Some(root) = value.as_object_mut() {
            let loopback = pieces::socket_address(SocketAddr::from(([127, 0, 0, 1], 0)));
            root.insert("admin".to_owned(), json!({ "address": loopback }));
        }
        let (separate, mut put) = (workspace().join("envoy-config/separate.yaml"), Ok(()));
        each(&mut value, "http_filters", &mut |filters| {
            if put.is_ok() {
                put = self.downstream.put_into(filters, &separate);
            }
        });
        put?;
        each(&mut value, "config", &mut |plugin| self.capabilities.put_into(plugin));
        each(&mut value, "vm_config", &mut |vm| {
            if let Some(filename) = vm.pointer_mut("/code/local/filename") {
                let name = filename.as_str().and_then(|path| Path::new(path).file_name());
                *filename = json!(self.wasm_dir.join(name.unwrap_or_default()));
            }
        });
        Ok(value)
    }
}

/// Gives every wasm plugin that has a document anywhere in `value` (a listener, for [`super::Envoy::update_listener`]) this text.
pub fn set_document_text(value: &mut Value, text: &str) {
    configure(value, &string_value(text));
}

fn configure(value: &mut Value, configuration: &Value) {
    each(value, "config", &mut |plugin| {
        if let Some(plugin) = plugin.as_object_mut()
            && plugin.contains_key("vm_config")
            && plugin.contains_key("configuration")
        {
            plugin.insert("configuration".to_owned(), configuration.clone());
        }
    });
}

pub(super) fn string_value(text: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}

fn any(form: Form, document: &Value) -> Value {
    let text = document.to_string();
    match form {
        Form::Text => string_value(&text),
        Form::Bytes => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            json!({ "@type": "type.googleapis.com/google.protobuf.BytesValue", "value": encoded })
        }
        Form::Struct => json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": document }),
    }
}

/// Calls `change` on the value of every `key` anywhere below `value`.
fn each(value: &mut Value, key: &str, change: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, key, change)),
        Value::Object(map) => {
            for (name, item) in map {
                if name == key {
                    change(item);
                }
                each(item, key, change);
            }
        }
        _ => {}
    }
}

fn parse(text: &str) -> anyhow::Result<Value> {
    serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("not YAML: {error}"))
}

fn workspace() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap_or(harness).to_owned()
}
