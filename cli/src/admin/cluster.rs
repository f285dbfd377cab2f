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

    /// Where `override_host` takes the addresses from: `header NAME` or `metadata KEY`; `None`: its policy is another one.
    pub fn override_sources(&self) -> Option<Vec<String>> {
        let policies = self.tree.pointer("/load_balancing_policy/policies")?.as_array()?;
        let typed =
            policies.iter().filter_map(|policy| policy.pointer("/typed_extension_config/typed_config"));
        let is_override = |typed: &&Value| {
            typed.get("@type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with(".OverrideHost"))
        };
        let found = typed.into_iter().find(is_override)?;
        let sources = found.get("override_host_sources").and_then(Value::as_array);
        let said = |source: &Value| {
            let text = |pointer: &str| source.pointer(pointer).and_then(Value::as_str);
            let header = text("/header").map(|name| format!("header {name}"));
            header.or_else(|| text("/metadata/key").map(|key| format!("metadata {key}"))).unwrap_or_default()
        };
        Some(sources.into_iter().flatten().map(said).collect())
    }

    /// Whether it has upstream filters of its own; those of a listener's router are for clusters that have none.
    pub fn has_own_filters(&self) -> bool {
        let options = self.tree.get("typed_extension_protocol_options").and_then(Value::as_object);
        let filters =
            |options: &Value| options.get("http_filters")?.as_array().map(|filters| !filters.is_empty());
        options.is_some_and(|options| options.values().filter_map(filters).any(|has| has))
    }

    /// What in it Envoy refuses beside `override_host`: the fields' names.
    pub fn kept_from_override(&self) -> Vec<&'static str> {
        [
            ("/lb_subset_config", "lb_subset_config"),
            ("/common_lb_config/zone_aware_lb_config", "common_lb_config.zone_aware_lb_config"),
            ("/common_lb_config/locality_weighted_lb_config", "common_lb_config.locality_weighted_lb_config"),
            (
                "/common_lb_config/consistent_hashing_lb_config",
                "common_lb_config.consistent_hashing_lb_config",
            ),
        ]
        .into_iter()
        .filter_map(|(pointer, name)| self.tree.pointer(pointer).map(|_| name))
        .collect()
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

    fn cluster(tree: Value) -> Cluster {
        Cluster { tree, hosts: Vec::new() }
    }

    #[test]
    fn override_host_is_found_with_where_it_looks() {
        let policy = |typed: Value| {
            cluster(
                json!({ "load_balancing_policy": { "policies": [{ "typed_extension_config": { "typed_config": typed } }] } }),
            )
        };
        let kind =
            "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost";
        let both =
            json!([{ "header": "x-gateway-destination-endpoint" }, { "metadata": { "key": "envoy.lb" } }]);
        let steered = policy(json!({ "@type": kind, "override_host_sources": both }));
        let sources = ["header x-gateway-destination-endpoint".to_owned(), "metadata envoy.lb".to_owned()];
        assert_eq!(steered.override_sources().unwrap(), sources);
        let other = "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin";
        assert_eq!(policy(json!({ "@type": other })).override_sources(), None);
        assert_eq!(cluster(json!({ "lb_policy": "RING_HASH" })).override_sources(), None);
    }

    #[test]
    fn what_envoy_refuses_beside_it_is_named() {
        let one = cluster(
            json!({ "common_lb_config": { "locality_weighted_lb_config": {}, "healthy_panic_threshold": {} } }),
        );
        assert_eq!(one.kept_from_override(), ["common_lb_config.locality_weighted_lb_config"]);
    }

    #[test]
    fn endpoints_are_written_as_documents_write_them() {
        let host = |ip: &str| json!({ "address": { "socket_address": { "address": ip, "port_value": 80 } } });
        let pipe = json!({ "address": { "pipe": { "path": "/x" } } });
        let statuses = json!({ "cluster_statuses": [{ "name": "web", "host_statuses": [host("::1"), host("10.0.0.1"), pipe] }] });
        assert_eq!(Cluster::all(&json!({}), &statuses)["web"].hosts, ["10.0.0.1:80", "[::1]:80"]);
    }
}
