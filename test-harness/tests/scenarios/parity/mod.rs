//! Parity: the same key goes to the same host, whether Envoy's own ring_hash or maglev chooses it or we do.
//!
//! All cases share one Envoy. A request under `/native/<case>` goes where Envoy's policy sends it, and says in
//! x-switchyard-explain where we would have sent it: one request compares both. Under `/steered/<case>` it goes
//! where we send it: that is done for some cases in full, so that the explanation is held to the deed.
//!
//! One thing differs by intent and is held to its own rule: an endpoint that we eject keeps its place on the
//! ring or in the table, so that its keys move and no others. All others stay with Envoy's choice.

mod cases;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use cases::{Case, with};

/// Of each case; golden vectors in filters/core/tests hold the same hashes on more.
const KEYS: u64 = 4_000;
const CONCURRENCY: usize = 16;
/// The cases whose keys are really steered, too.
const STEERED: [&str; 4] = [
    "ring-xx_hash-1024-10",
    "ring-murmur_hash_2-65536-10-weighted",
    "maglev-65537-10",
    "maglev-5003-100-weighted",
];

/// Envoy with a native cluster, a steered cluster and their routes for every case.
fn bootstrap(cases: &[Case]) -> Bootstrap {
    let override_host =
        "type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost";
    let round_robin =
        "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin";
    let policy = |config: Value| json!({ "policies": [{ "typed_extension_config": { "name": "policy", "typed_config": config } }] });
    let steered_policy = policy(json!({
        "@type": override_host,
        "override_host_sources": [{ "header": "x-gateway-destination-endpoint" }],
        "fallback_policy": policy(json!({ "@type": round_robin })),
    }));
    let mut bootstrap = Bootstrap::empty();
    let mut routes = vec![
        json!({ "match": { "prefix": "/steered/" }, "route": { "cluster_header": "x-switchyard-cluster" } }),
    ];
    let (mut upstreams, mut ours) = (Vec::new(), Vec::new());
    for case in cases {
        let (name, native, steered) =
            (&case.name, format!("native-{}", case.name), format!("steered-{}", case.name));
        for (cluster, policy) in [(&native, case.native_policy()), (&steered, steered_policy.clone())] {
            let value = with(pieces::cluster(cluster, &[]), "load_balancing_policy", policy);
            bootstrap = bootstrap.cluster(with(value, "load_assignment", case.load_assignment(cluster)));
        }
        let route = json!({ "cluster": native, "hash_policy": case.hash_policy });
        routes.push(json!({ "match": { "path": format!("/native/{name}") }, "route": route }));
        upstreams.push(case.upstream(&steered));
        for kind in ["native", "steered"] {
            ours.push(json!({
                "name": format!("{kind}-{name}"),
                "match": { "path": format!("/{kind}/{name}") },
                "upstream": name,
            }));
        }
    }
    let document = json!({ "explain": true, "upstreams": upstreams, "routes": ours });
    bootstrap
        .listener(pieces::listener("main", &routes, &[pieces::wasm_filter("router", "{}")]))
        .document(&document)
}

/// Who answered, and whom we name first.
fn hosts_of(answer: &Response) -> anyhow::Result<(String, String)> {
    anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    let said = answer.header("x-switchyard-explain");
    let list = said.split("candidates=").nth(1).unwrap_or_default();
    let first = list.split([',', ';']).next().unwrap_or_default();
    Ok((answer.header("x-upstream-address").to_owned(), first.to_owned()))
}

/// Sends all keys to `/<kind>/<case>`: who answered each, and whom we named.
async fn ask_all(client: &Client, kind: &str, case: &Case) -> anyhow::Result<Vec<(String, String)>> {
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = Vec::new();
    for _ in 0..CONCURRENCY {
        let (client, next, ask) = (client.clone(), Arc::clone(&next), case.ask);
        let path = format!("/{kind}/{}", case.name);
        workers.push(tokio::spawn(async move {
            let mut answers = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= KEYS {
                    return anyhow::Ok(answers);
                }
                answers.push((number, hosts_of(&ask(&client, &path, number).send().await?)?));
            }
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await??);
    }
    all.sort_unstable();
    Ok(all.into_iter().map(|(_, hosts)| hosts).collect())
}

/// The differences of one case in words; empty is what is wanted.
async fn differences(client: &Client, case: &Case) -> anyhow::Result<(u64, Vec<String>)> {
    let native = ask_all(client, "native", case).await?;
    let mut found = Vec::new();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    let mut compared = 0;
    for (i, (theirs, ours)) in native.iter().enumerate() {
        *seen.entry(theirs).or_default() += 1;
        // Its keys must go elsewhere; where Envoy would send them depends on a table that it builds anew.
        let ejected = case.hosts.iter().any(|host| !host.healthy && host.address.to_string() == *theirs);
        compared += u64::from(!ejected);
        if (theirs == ours) == ejected {
            found.push(format!("{} key {i}: Envoy {theirs}, Switchyard {ours:?}", case.name));
        }
    }
    if STEERED.contains(&case.name.as_str()) {
        compared += KEYS;
        let steered = ask_all(client, "steered", case).await?;
        for (i, ((theirs, _), (deed, _))) in native.iter().zip(&steered).enumerate() {
            if theirs != deed {
                found.push(format!("{} key {i}: Envoy {theirs}, steered to {deed}", case.name));
            }
        }
    }
    // Without this, a case whose keys all hash alike would pass and show nothing.
    let hosts = case.hosts.len();
    anyhow::ensure!(seen.len() * 4 >= hosts * 3, "{}: {} of {hosts} hosts seen", case.name, seen.len());
    println!("{:<40} keys compared: {compared}, differences: {}", case.name, found.len());
    Ok((compared, found))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_goes_to_the_same_host_as_with_envoys_own_policies() -> anyhow::Result<()> {
    let upstreams = Upstreams::hosts(100).await?;
    let cases = cases::all(&upstreams.addresses());
    let envoy = Envoy::start(bootstrap(&cases)).await?;
    let client = envoy.client("main").await?;
    let (mut compared, mut found) = (0, Vec::new());
    for case in &cases {
        let (keys, differing) = differences(&client, case).await?;
        compared += keys;
        found.extend(differing);
    }
    println!("keys compared: {compared}, differences: {}", found.len());
    let first: Vec<_> = found.iter().take(20).collect();
    assert!(found.is_empty(), "{first:#?}");
    Ok(())
}
