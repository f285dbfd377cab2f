//! What of a cluster, as Envoy's JSON has it, bears on whether its requests go where the router sends them, and whether they are judged.
//!
//! Source: Envoy's load balancing policy override_host, and what it refuses beside it (seen on 1.40.0 in the scenarios of manifests).

use serde_json::Value;
use switchyard_core::contract::CANDIDATES_HEADER;

/// What Envoy refuses in a cluster that has override_host.
const REFUSED: [&str; 4] = [
    "lb_subset_config",
    "common_lb_config.zone_aware_lb_config",
    "common_lb_config.locality_weighted_lb_config",
    "common_lb_config.consistent_hashing_lb_config",
];

/// Where `override_host` takes the addresses from: `header NAME` or `metadata KEY`; `None`: the cluster's policy is another one.
pub fn override_sources(cluster: &Value) -> Option<Vec<String>> {
    let policies = cluster.pointer("/load_balancing_policy/policies")?.as_array()?;
    let typed = policies.iter().filter_map(|policy| policy.pointer("/typed_extension_config/typed_config"));
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

/// Where the endpoints stand that the router chose, as [`override_sources`] names it: in the header, and in the metadata into which
/// header_to_metadata filters in these trees carry it, as a pool's cluster wants it.
pub fn heeded<'a>(listeners: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let header = format!("header {CANDIDATES_HEADER}");
    std::iter::once(header).chain(listeners.into_iter().flat_map(carried_over)).collect()
}

fn carried_over(tree: &Value) -> Vec<String> {
    match tree {
        Value::Array(items) => items.iter().flat_map(carried_over).collect(),
        Value::Object(fields) => {
            let kind = fields.get("@type").and_then(Value::as_str).unwrap_or_default();
            if !kind.ends_with("header_to_metadata.v3.Config") {
                return fields.values().flat_map(carried_over).collect();
            }
            let rules = fields.get("request_rules").and_then(Value::as_array).into_iter().flatten();
            let rules =
                rules.filter(|rule| rule.get("header").and_then(Value::as_str) == Some(CANDIDATES_HEADER));
            let written = rules.filter_map(|rule| rule.get("on_header_present"));
            let name = |value: &Value| {
                value.get("metadata_namespace").and_then(Value::as_str).unwrap_or("envoy.lb").to_owned()
            };
            written.map(|value| format!("metadata {}", name(value))).collect()
        }
        _ => Vec::new(),
    }
}

/// What in a cluster Envoy refuses beside override_host: the fields' paths.
pub fn refused_beside(cluster: &Value) -> Vec<&'static str> {
    let has = |field: &&str| cluster.pointer(&format!("/{}", field.replace('.', "/"))).is_some();
    REFUSED.into_iter().filter(has).collect()
}

/// Whether a cluster has upstream filters of its own; those of a listener's router are for clusters that have none.
pub fn has_own_filters(cluster: &Value) -> bool {
    let options = cluster.get("typed_extension_protocol_options").and_then(Value::as_object);
    let filters =
        |options: &Value| options.get("http_filters")?.as_array().map(|filters| !filters.is_empty());
    options.is_some_and(|options| options.values().filter_map(filters).any(|has| has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn override_host_is_found_with_where_it_looks() {
        let policy = |typed: Value| json!({ "load_balancing_policy": { "policies": [{ "typed_extension_config": { "typed_config": typed } }] } });
        let kind =
            "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost";
        let both =
            json!([{ "header": "x-gateway-destination-endpoint" }, { "metadata": { "key": "envoy.lb" } }]);
        let steered = policy(json!({ "@type": kind, "override_host_sources": both }));
        let sources = ["header x-gateway-destination-endpoint".to_owned(), "metadata envoy.lb".to_owned()];
        assert_eq!(override_sources(&steered).unwrap(), sources);
        let other = "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin";
        assert_eq!(override_sources(&policy(json!({ "@type": other }))), None);
        assert_eq!(override_sources(&json!({ "lb_policy": "RING_HASH" })), None);
    }

    #[test]
    fn metadata_counts_where_a_filter_writes_it() {
        let kind = "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config";
        let rule = |header: &str| json!({ "header": header, "on_header_present": { "metadata_namespace": "envoy.lb" } });
        let with = |header: &str| json!({ "filters": [{ "@type": kind, "request_rules": [rule(header)] }] });
        let header = "header x-gateway-destination-endpoint".to_owned();
        assert_eq!(heeded([&with("x-other")]), std::slice::from_ref(&header));
        assert_eq!(heeded([&with(CANDIDATES_HEADER)]), [header, "metadata envoy.lb".to_owned()]);
    }

    #[test]
    fn what_envoy_refuses_beside_it_is_named() {
        let cluster = json!({ "common_lb_config": { "locality_weighted_lb_config": {}, "healthy_panic_threshold": {} } });
        assert_eq!(refused_beside(&cluster), ["common_lb_config.locality_weighted_lb_config"]);
        assert!(!has_own_filters(&cluster));
        let own = json!({ "typed_extension_protocol_options": { "x": { "http_filters": [{}] } } });
        assert!(has_own_filters(&own));
    }
}
