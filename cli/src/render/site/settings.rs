//! What a site file says.

use super::version::Minor;

/// How a cluster's endpoints are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, gRPC among it.
    Http2,
    /// As the client speaks to Envoy.
    Downstream,
}

/// A cluster of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name in Envoy.
    pub name: String,
    /// Addresses, `ip:port`.
    pub endpoints: Vec<String>,
    /// A name to resolve, `host:port`, in place of addresses.
    pub dns: Option<String>,
    /// What its endpoints speak, if somebody says.
    pub protocol: Option<Protocol>,
    /// Whether Istio makes it for an InferencePool: then it has the policy already, and reads metadata and not the header.
    pub inference_pool: bool,
}

/// A module as an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `registry/name:tag`.
    pub reference: String,
    /// The digest of its manifest, 64 hexadecimal digits.
    pub sha256: Option<String>,
}

/// How Istio is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// EnvoyFilter: everything.
    EnvoyFilter,
    /// WasmPlugin: no vm_id, no stop flag.
    WasmPlugin,
    /// TrafficExtension, which supersedes WasmPlugin: the same limits.
    TrafficExtension,
}

/// Which of Istio's proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A gateway.
    Gateway,
    /// The requests that a sidecar's workload makes.
    Sidecar,
}

/// The namespace of Istio itself, in which its ingress gateway runs on a usual install.
pub const ISTIOS: &str = "istio-system";

/// What Istio is told beside the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Istio {
    /// Its version.
    pub version: Minor,
    /// By which manifests.
    pub form: Form,
    /// Which proxies.
    pub context: Context,
    /// The namespace of the manifest, and of these proxies: that of [`ISTIOS`] alone reaches others.
    pub namespace: String,
    /// The labels of their pods.
    pub labels: Vec<(String, String)>,
    /// Among EnvoyFilters, lower first; other manifests have another order, and none is written there.
    pub priority: Option<i64>,
    /// Whether outlier.wasm is a file in the proxy's container, and not an image that the agent fetches.
    pub outlier_from_file: bool,
}

/// What Envoy Gateway is told beside the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvoyGateway {
    /// Its version.
    pub version: Minor,
    /// The Gateway.
    pub gateway: String,
    /// Where that is.
    pub gateway_namespace: String,
    /// Its listener.
    pub listener: String,
    /// The HTTPRoutes that the policies are for; none: all of the Gateway.
    pub routes: Vec<String>,
    /// Whether it takes EnvoyPatchPolicy, which is off by default.
    pub patches: bool,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What the manifests are called.
    pub name: String,
    /// Their namespace; Istio has one of its own ([`Istio::namespace`]).
    pub namespace: String,
    /// What shared data is shared by.
    pub vm_id: String,
    /// The static listener: address and port.
    pub listener: (String, u16),
    /// Envoy's admin: address and port.
    pub admin: (String, u16),
    /// Its clusters.
    pub clusters: Vec<Cluster>,
    /// Where the `.wasm` files are on the proxy.
    pub module_folder: String,
    /// Where the files of ECDS are on the proxy.
    pub ecds_folder: String,
    /// The image of switchyard.wasm.
    pub switchyard: Option<Image>,
    /// The image of outlier.wasm.
    pub outlier: Option<Image>,
    /// The Envoy of a static bootstrap.
    pub envoy: Minor,
    /// Istio.
    pub istio: Istio,
    /// Envoy Gateway.
    pub envoy_gateway: EnvoyGateway,
}

impl Site {
    /// The cluster of this name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }
}
