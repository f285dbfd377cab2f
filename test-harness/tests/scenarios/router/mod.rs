//! Routes and endpoints on a real Envoy: the router decides, Envoy goes there.

mod by_hand;
mod configuration;
mod connect;
mod envoys_routes;
mod hashing;
mod levels;
mod load;
mod load_reported;
mod matching;
mod platforms;
mod requests;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// What the module that has the router in it calls itself.
fn name() -> &'static str {
    Modules::of_environment().name_of("router")
}

fn shares(upstreams: &Upstreams, weights: &[f64]) -> BTreeMap<String, f64> {
    upstreams.iter().zip(weights).map(|(one, weight)| (one.name().to_owned(), *weight)).collect()
}

/// A document like `balanced`, whose endpoints have these weights.
fn weighted(upstreams: &Upstreams, balance: &Value, weights: &[u32]) -> Value {
    let mut document = balanced(upstreams, balance);
    for (index, weight) in weights.iter().enumerate() {
        let endpoint = document.pointer_mut(&format!("/upstreams/0/endpoints/{index}"));
        endpoint
            .and_then(Value::as_object_mut)
            .map(|fields| fields.insert("weight".to_owned(), json!(weight)));
    }
    document
}

/// Sends 1,000 keys and reports who answered each.
async fn keys(envoy: &Envoy) -> anyhow::Result<Report> {
    let load = Load::against(envoy.listener_address("ingress").await?);
    load.requests(1_000).keys("x-user", |i| format!("user-{i}")).run().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_policy_gives_each_endpoint_its_share() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let even = [1.0, 1.0, 1.0];
    let by_weight = [5.0, 3.0, 2.0];
    for (policy, expected) in [
        ("round_robin", even),
        ("random", even),
        ("weighted_random", by_weight),
        ("smooth_weighted_round_robin", by_weight),
    ] {
        let document = weighted(&upstreams, &json!({ "policy": policy }), &[5, 3, 2]);
        let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
        let report = Load::against(envoy.listener_address("ingress").await?).requests(3_000).run().await?;
        assert_eq!((report.errors, report.successes()), (0, 3_000), "{policy}: {:?}", report.first_error);
        if policy.ends_with("round_robin") {
            let exact: Vec<u64> =
                expected.iter().map(|w| (3_000.0 * w / expected.iter().sum::<f64>()) as u64).collect();
            let seen: Vec<u64> = upstreams.iter().map(|one| report.by_upstream[one.name()]).collect();
            assert_eq!(seen, exact, "{policy} is exact");
        } else {
            assert_shares(&report.by_upstream, &shares(&upstreams, &expected));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn least_request_keeps_away_from_an_endpoint_that_is_busy() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let document = balanced(&upstreams, &json!({ "policy": "least_request" }));
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    upstreams[0].behave(Behaviour::slow(50)).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(8);
    let report = load.requests(900).run().await?;
    assert_eq!(report.successes(), 900);
    // While it is busy it is chosen only if both of two draws fall on it: one in nine, not one in three.
    let busy = report.by_upstream[upstreams[0].name()];
    assert!(busy < 180, "{busy} of 900 went to the endpoint that is busy");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn peak_ewma_learns_who_is_slow() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let document = balanced(&upstreams, &json!({ "policy": "peak_ewma", "default_latency": "1ms" }));
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    upstreams[1].behave(Behaviour::slow(50)).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(2);
    let report = load.requests(400).run().await?;
    assert_eq!(report.successes(), 400);
    let slow = report.by_upstream.get(upstreams[1].name()).copied().unwrap_or_default();
    assert!(slow < 100, "{slow} of 400 went to the endpoint that is fifty times slower");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stay_and_only_those_of_a_dead_endpoint_move() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(steered(&upstreams, &balanced(&upstreams, &ring_hash()))).await?;
    let before = keys(&envoy).await?;
    assert_eq!(before.successes(), 1_000);
    assert!(keys(&envoy).await?.moved_keys(&before).is_empty(), "keys stay while nothing changes");

    upstreams[1].behave(Behaviour::Refuse).await?;
    let without = keys(&envoy).await?;
    assert_eq!(without.successes(), 1_000, "Envoy's retries walk the candidates: {:?}", without.by_status);
    let dead = upstreams[1].name();
    let moved = before.moved_keys(&without);
    assert!(moved.iter().all(|(_, here, _)| here == dead), "only keys of the dead endpoint move");
    assert_eq!(moved.len() as u64, before.by_upstream[dead], "and all of them do");
    assert!(
        upstreams
            .iter()
            .filter(|one| one.name() != dead)
            .all(|one| moved.iter().any(|(.., to)| to == one.name()))
    );

    upstreams[1].behave(Behaviour::default()).await?;
    assert!(keys(&envoy).await?.moved_keys(&before).is_empty(), "they return with it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_fails_over_to_the_next_endpoint_of_its_own_list() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &ring_hash());
    document["explain"] = json!(true);
    let envoy = Envoy::start(steered(&upstreams, &document)).await?;
    let client = envoy.client("ingress").await?;
    for user in ["alice", "bob", "carol", "dave"] {
        let answer = client.get("/").header("x-user", user).send().await?;
        let explanation = answer.header("x-switchyard-explain");
        let list = explanation.split("candidates=").nth(1).unwrap_or_default();
        let named: Vec<&str> = list.split(',').collect();
        assert_eq!(named.len(), 3, "{explanation}");
        let at = |address: &str| upstreams.iter().find(|one| one.address().to_string() == address);
        let (first, second) = (at(named[0]).expect("known"), at(named[1]).expect("known"));
        assert_eq!(answer.upstream(), first.name());
        for failing in [Behaviour::Refuse, Behaviour::status(503), Behaviour::Reset] {
            first.behave(failing.clone()).await?;
            let answer = client.get("/").header("x-user", user).send().await?;
            assert_eq!(
                (answer.status.as_u16(), answer.upstream()),
                (200, second.name()),
                "{user} {failing:?}"
            );
            first.behave(Behaviour::default()).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_envoy_does_not_have_is_counted_and_envoy_falls_back() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let elsewhere =
        json!([{ "name": "checkout", "endpoints": [{ "address": "127.9.9.9:9" }], "balance": ring_hash() }]);
    let envoy = Envoy::start(steered(&upstreams, &routed(&elsewhere))).await?;
    let report = keys(&envoy).await?;
    assert_eq!(report.successes(), 1_000, "the fallback policy serves");
    let counted = "wasmcustom.switchyard.upstream=.=checkout;.;reason=.=not_in_cluster;.;fallbacks_total";
    envoy.wait_for_stat(counted, |count| count == 1_000).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sticky_split_moves_only_the_users_that_it_must() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let split = |stable: u32, canary: u32| {
        json!({
            "upstreams": [
                { "name": "checkout", "endpoints": [endpoint(&upstreams[0].address())] },
                { "name": "checkout-canary", "endpoints": [endpoint(&upstreams[1].address())] },
            ],
            "routes": [{
                "name": "release", "match": { "path_prefix": "/" },
                "split": [
                    { "upstream": "checkout", "weight": stable },
                    { "upstream": "checkout-canary", "weight": canary },
                ],
                "split_on": [{ "header": "x-user" }],
            }],
        })
    };
    let bootstrap = |document: &Value| {
        Bootstrap::shipped()
            .endpoints("checkout", &[upstreams[0].address()])
            .endpoints("checkout-canary", &[upstreams[1].address()])
            .document(document)
    };
    let users = async |envoy: &Envoy| {
        let load = Load::against(envoy.listener_address("ingress").await?).requests(10_000);
        load.keys("x-user", |i| format!("user-{i}")).run().await
    };
    let envoy = Envoy::start(bootstrap(&split(95, 5)).live_listeners()).await?;
    let before = users(&envoy).await?;
    assert_eq!((before.successes(), before.wandering_keys), (10_000, 0));
    assert_shares(&before.by_upstream, &shares(&upstreams, &[95.0, 5.0]));

    let listener = bootstrap(&split(90, 10)).listener_named("ingress")?;
    assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
    let accepted =
        format!("wasmcustom.switchyard.filter=.={};.;result=.=accepted;.;configurations_total", name());
    envoy.wait_for_stat(&accepted, |count| count >= 4).await?;
    let after = envoy
        .until("the new weights", async || {
            let after = users(&envoy).await?;
            let canary = after.by_upstream.get(upstreams[1].name()).copied().unwrap_or_default();
            Ok((canary > 700).then_some(after))
        })
        .await?;
    let moved = before.moved_keys(&after);
    assert!(moved.iter().all(|(_, _, to)| to == upstreams[1].name()), "nobody moves back");
    let counts = BTreeMap::from([
        ("moved".to_owned(), moved.len() as u64),
        ("stayed".to_owned(), 10_000 - moved.len() as u64),
    ]);
    assert_shares(&counts, &BTreeMap::from([("moved".to_owned(), 5.0), ("stayed".to_owned(), 95.0)]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_the_client_is_a_key() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let balance = json!({ "policy": "maglev", "hash_on": [{ "source_ip": true }] });
    let envoy = Envoy::start(steered(&upstreams, &balanced(&upstreams, &balance))).await?;
    let report = Load::against(envoy.listener_address("ingress").await?).requests(100).run().await?;
    assert_eq!(report.by_upstream.len(), 1, "one client over many connections: {:?}", report.by_upstream);
    Ok(())
}
