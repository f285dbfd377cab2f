//! What Istio's own settings do to a cluster that is steered: the table of docs/platforms.md, row by row.

use super::istio::{CART, CATALOGUE, apply};
use super::shape::{OPTIONS, bootstrap, istio_cluster, listener, options};
use super::{Outcome, example, trees};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use switchyard_cli::render::Platform;
use switchyard_test_harness::prelude::*;

/// The shipped EnvoyFilter in an Envoy whose cluster cart Istio has made like this.
fn with(
    endpoints: &[SocketAddr],
    folder: &std::path::Path,
    change: impl FnOnce(&mut Value),
) -> anyhow::Result<Bootstrap> {
    let rendered = example(Platform::Istio, "istio", |_| {})?;
    let manifest = trees(&rendered, "envoyfilter.yaml")?.remove(0);
    let (cart, catalogue) = endpoints.split_at(endpoints.len() / 2);
    let mut clusters = [istio_cluster(CART, cart, false), istio_cluster(CATALOGUE, catalogue, false)];
    change(&mut clusters[0]);
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    let mut listener = listener("http.8080", [CART, CATALOGUE], &[], &router);
    apply(&manifest, &mut listener, &mut clusters, folder)?;
    bootstrap(listener, clusters)
}

fn set(cluster: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().expect("fields") {
        cluster[name] = value.clone();
    }
}

/// What Envoy says of a cluster with these fields, if it does not take it.
fn refused(fields: &Value) -> anyhow::Result<Option<String>> {
    let folder = tempfile::TempDir::new()?;
    let addresses = ["127.0.0.1:9", "127.0.0.1:10"].map(|address| address.parse().expect("an address"));
    let bootstrap = with(&addresses, folder.path(), |cluster| set(cluster, fields))?;
    Ok(Envoy::validate(&bootstrap).err().map(|error| format!("{error:#}")))
}

/// With every one of these a user stays with the endpoint that the filter names, whatever the setting would have chosen.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_destination_rule_sets_and_envoy_takes_leaves_the_steering_in_force() -> Outcome {
    for (what, fields) in taken() {
        let (upstreams, folder) = (Upstreams::start(6).await?, tempfile::TempDir::new()?);
        let envoy =
            Envoy::start(with(&upstreams.addresses(), folder.path(), |cluster| set(cluster, &fields))?)
                .await?;
        let client = envoy.client("ingress").await?;
        envoy
            .until(&format!("users to stay beside {what}"), async || {
                let mut homes = BTreeSet::new();
                for user in 0..20 {
                    let mut of_user = BTreeSet::new();
                    for _ in 0..4 {
                        let answer = client.get("/").header("x-user", format!("user-{user}")).send().await?;
                        assert_eq!(answer.status, 200, "{what}");
                        of_user.insert(answer.upstream().to_owned());
                    }
                    if of_user.len() > 1 {
                        return Ok(None);
                    }
                    homes.extend(of_user);
                }
                Ok((homes.len() > 1).then_some(()))
            })
            .await?;
    }
    Ok(())
}

/// Without TLS: that Envoy takes the section beside the policy, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_by_match_are_taken_beside_the_steering() -> Outcome {
    let tls = json!({ "name": "tlsMode-istio", "match": { "tlsMode": "istio" }, "transport_socket": {
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer" },
    } });
    assert_eq!(refused(&json!({ "transport_socket_matches": [tls] }))?, None);
    Ok(())
}

/// What a DestinationRule makes of a cluster that Envoy takes.
fn taken() -> [(&'static str, Value); 5] {
    [
        ("simple", json!({ "lb_policy": "RANDOM" })),
        (
            "consistentHash",
            json!({ "lb_policy": "RING_HASH", "ring_hash_lb_config": { "minimum_ring_size": 1024 } }),
        ),
        (
            "warmup",
            json!({ "lb_policy": "ROUND_ROBIN", "round_robin_lb_config": { "slow_start_config": { "slow_start_window": "10s" } } }),
        ),
        (
            "outlierDetection",
            json!({ "outlier_detection": { "consecutive_5xx": 5 }, "common_lb_config": { "healthy_panic_threshold": { "value": 50 } } }),
        ),
        (
            "connectionPool",
            json!({ "circuit_breakers": { "thresholds": [{ "max_connections": 10 }] }, "max_requests_per_connection": 5 }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_envoy_does_not_take_beside_the_steering() -> Outcome {
    let partial = "load_balancing_policy cannot be combined with partial fields";
    for (what, fields, wanted) in [
        ("distribute", json!({ "common_lb_config": { "locality_weighted_lb_config": {} } }), partial),
        ("zone aware", json!({ "common_lb_config": { "zone_aware_lb_config": {} } }), partial),
        (
            "bounded loads",
            json!({ "common_lb_config": { "consistent_hashing_lb_config": { "hash_balance_factor": 150 } } }),
            partial,
        ),
        (
            "subsets",
            json!({ "lb_subset_config": { "fallback_policy": "ANY_ENDPOINT", "subset_selectors": [{ "keys": ["version"] }] } }),
            "load_balancing_policy cannot be combined with lb_subset_config",
        ),
    ] {
        let said = refused(&fields)?.ok_or_else(|| anyhow::anyhow!("{what} was taken"))?;
        assert!(said.contains(wanted), "{what}: {said}");
    }
    Ok(())
}

/// A cluster with upstream filters of its own (a waypoint's) has those and not the listener's: nothing is taken off there.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_filters_of_a_cluster_stand_in_the_place_of_the_listeners() -> Outcome {
    let (upstreams, folder) = (Upstreams::start(2).await?, tempfile::TempDir::new()?);
    let codec = json!({ "name": "envoy.filters.http.upstream_codec", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
    } });
    let bootstrap = with(&upstreams.addresses(), folder.path(), |cluster| {
        let own = json!({ "explicit_http_config": { "http_protocol_options": {} }, "http_filters": [codec] });
        cluster["typed_extension_protocol_options"][OPTIONS] = options(&own)[OPTIONS].clone();
    })?;
    let envoy = Envoy::start(bootstrap).await?;
    let client = envoy.client("ingress").await?;
    envoy
        .until("a header that steers to reach the service", async || {
            assert_eq!(client.get("/").send().await?.status, 200);
            let seen = upstreams[0].requests();
            Ok(seen.iter().any(|one| one.header("x-gateway-destination-endpoint").is_some()).then_some(()))
        })
        .await
}
