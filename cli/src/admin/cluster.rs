//! Clusters as an Envoy has them.

use super::dump::resources;
use serde_json::Value;
use std::collections::BTreeMap;

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Its configuration; `null` where the dump does not have it.
    pub tree: Value,
    /// The addresses of its endpoints, as Envoy prints them, sorted.
    pub hosts: Vec<String>,
}

impl Cluster {
    /// All of them, by name, from the answers to `/config_dump` and `/clusters?format=json`.
    pub(super) fn all(dump: &Value, clusters: &Value) -> BTreeMap<String, Self> {
        let mut all = BTreeMap::new();
        for (name, tree) in resources(dump, "ClustersConfigDump", "cluster") {
            all.insert(name, Self { tree, hosts: Vec::new() });
        }
        for status in clusters.get("cluster_statuses").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = status.get("name").and_then(Value::as_str) else { continue };
            let hosts = status.get("host_statuses").and_then(Value::as_array).into_iter().flatten();
            let cluster: &mut Self = all.entry(name.to_owned()).or_default();
            cluster.hosts = hosts.filter_map(|host| address(host.get("address")?)).collect();
            cluster.hosts.sort();
        }
        all
    }
}

/// `10.0.0.1:80`, `[::1]:80`.
fn address(address: &Value) -> Option<String> {
    let socket = address.get("socket_address")?;
    let (ip, port) =
        (socket.get("address")?.as_str()?, socket.get("port_value").and_then(Value::as_u64).unwrap_or(0));
    Some(if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_are_written_as_documents_write_them() {
        let host = |ip: &str| json!({ "address": { "socket_address": { "address": ip, "port_value": 80 } } });
        let pipe = json!({ "address": { "pipe": { "path": "/x" } } });
        let statuses = json!({ "cluster_statuses": [{ "name": "web", "host_statuses": [host("::1"), host("10.0.0.1"), pipe] }] });
        assert_eq!(Cluster::all(&json!({}), &statuses)["web"].hosts, ["10.0.0.1:80", "[::1]:80"]);
    }
}
