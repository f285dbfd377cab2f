//! A wasm plugin: in place, or by the extension discovery service.

use crate::surroundings::{RELOAD, STOP_FLAG};
use serde_json::{Value, json};

/// The type of the filter.
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// How soon a plugin is started again after a trap.
pub(in super::super) fn reload_config() -> Value {
    json!({ "backoff": { "base_interval": "0.05s" } })
}

/// Where a module's code is.
#[derive(Clone, Debug)]
pub(in super::super) enum Code {
    /// A file on the proxy.
    File(String),
    /// An image that Istio's agent puts in place of this before Envoy sees it.
    Image {
        /// `registry/name:tag`.
        reference: String,
        /// The digest of its manifest.
        sha256: Option<String>,
    },
}

/// A plugin of ours.
#[derive(Clone, Debug)]
pub(in super::super) struct Plugin<'a> {
    /// What the filter is called.
    pub(in super::super) name: &'a str,
    /// `switchyard` or `outlier`.
    pub(in super::super) root_id: &'a str,
    /// What shared data is shared by.
    pub(in super::super) vm_id: &'a str,
    /// Where its code is.
    pub(in super::super) code: Code,
    /// Its document, if it has one.
    pub(in super::super) document: Option<&'a Value>,
}

impl Plugin<'_> {
    /// The filter's configuration.
    pub(in super::super) fn typed_config(&self) -> Value {
        let mut config = json!({
            "name": self.name,
            "root_id": self.root_id,
            "failure_policy": RELOAD,
            "reload_config": reload_config(),
            "vm_config": {
                "vm_id": self.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": self.code(),
            },
        });
        if let Some(document) = self.document
            && let Some(config) = config.as_object_mut()
        {
            // Bodies are for those who read a document: outlier.wasm holds none.
            config.insert(STOP_FLAG.to_owned(), json!(true));
            let kind = "type.googleapis.com/google.protobuf.Struct";
            config.insert("configuration".to_owned(), json!({ "@type": kind, "value": document }));
        }
        json!({ "@type": WASM, "config": config })
    }

    fn code(&self) -> Value {
        match &self.code {
            Code::File(path) => json!({ "local": { "filename": path } }),
            Code::Image { reference, sha256 } => {
                // Envoy wants a cluster; the agent has replaced all of this before anybody looks for one.
                let uri = json!({ "uri": format!("oci://{reference}"), "cluster": "_", "timeout": "30s" });
                let mut remote = json!({ "http_uri": uri });
                if let (Some(sha256), Some(remote)) = (sha256, remote.as_object_mut()) {
                    remote.insert("sha256".to_owned(), json!(sha256));
                }
                json!({ "remote": remote })
            }
        }
    }

    /// The filter, in place.
    pub(in super::super) fn filter(&self) -> Value {
        json!({ "name": self.name, "typed_config": self.typed_config() })
    }
}

/// The filter of this name, which comes from this source.
pub(in super::super) fn discovered(name: &str, source: &Value) -> Value {
    json!({ "name": name, "config_discovery": { "config_source": source, "type_urls": [WASM] } })
}

/// What the source has for it.
pub(in super::super) fn extension(plugin: &Plugin<'_>) -> Value {
    json!({ "name": plugin.name, "typed_config": plugin.typed_config() })
}
