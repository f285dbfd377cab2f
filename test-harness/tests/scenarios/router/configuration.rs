//! Configurations: how they arrive, that bad ones change nothing, how large they may be, what they cost.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

use super::name;

type Outcome = anyhow::Result<()>;

#[tokio::test(flavor = "multi_thread")]
async fn a_document_arrives_as_text_bytes_or_struct() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let document = balanced(&upstreams, &ring_hash());
    let mut reports = Vec::new();
    for form in [Form::Struct, Form::Text, Form::Bytes] {
        let bootstrap = Bootstrap::shipped().endpoints("checkout", &upstreams.addresses());
        let envoy = Envoy::start(bootstrap.document_as(form, &document)).await?;
        let load = Load::against(envoy.listener_address("ingress").await?).requests(300);
        let report = load.keys("x-user", |i| format!("user-{i}")).run().await?;
        assert_eq!(report.successes(), 300);
        reports.push(report);
    }
    assert!(reports[0].moved_keys(&reports[1]).is_empty() && reports[0].moved_keys(&reports[2]).is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_update_changes_nothing_and_says_why() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let good = balanced(&upstreams, &ring_hash());
    let envoy = Envoy::start(steered(&upstreams, &good).live_listeners()).await?;
    let keys = async || {
        let load = Load::against(envoy.listener_address("ingress").await?).requests(300);
        load.keys("x-user", |i| format!("user-{i}")).run().await
    };
    let before = keys().await?;
    let mut bad = good.clone();
    bad["upstreams"][0]["balance"]["polcy"] = json!("maglev");
    bad["routes"][0]["upstream"] = json!("checkuot");
    let listener = steered(&upstreams, &bad).listener_named("ingress")?;
    assert!(envoy.update_listener(&listener).await?.is_err(), "the update is refused");
    for line in [
        "upstreams[0].balance.polcy: unknown field; did you mean \"policy\"?",
        "routes[0].upstream: \"checkuot\" is not an upstream of this document; did you mean \"checkout\"?",
    ] {
        envoy.wait_for_log(line).await?;
    }
    let rejected =
        format!("wasmcustom.switchyard.filter=.={};.;result=.=rejected;.;configurations_total", name());
    assert!(envoy.stat(&rejected).await? >= 1);
    let after = keys().await?;
    assert_eq!(after.successes(), 300);
    assert!(after.moved_keys(&before).is_empty(), "the old configuration serves");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_start_fails_cleanly_with_the_same_words() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let mut document = balanced(&upstreams, &json!({ "policy": "maglev", "hash_on": [{ "path": true }] }));
    document["upstreams"][0]["balance"]["table_size"] = json!(65_536);
    let bootstrap = steered(&upstreams, &document);
    let words = "upstreams[0].balance.table_size: 65536 is not prime; the nearest are 65521 and 65537";
    let refused = Envoy::validate(&bootstrap).expect_err("--mode validate refuses it");
    assert!(format!("{refused:#}").contains(words), "{refused:#}");
    let failed = Envoy::start(bootstrap).await.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(failed.contains(words), "{failed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_configuration_leaves_envoy_as_it_was() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for text in ["", "{}", "null"] {
        let bootstrap =
            Bootstrap::shipped().endpoints("checkout", &upstreams.addresses()).document_text(text);
        let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
        let report = Load::against(envoy.listener_address("ingress").await?).requests(100).run().await?;
        assert_eq!((report.successes(), report.by_upstream.len()), (100, 2), "{text:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_routes_and_a_thousand_endpoints_load_and_serve() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let mut endpoints: Vec<Value> = upstreams.addresses().iter().map(endpoint).collect();
    // The others are not in Envoy's cluster; candidates go on until one is.
    endpoints.extend(
        (0..998).map(|host| json!({ "address": format!("10.0.{}.{}:80", host / 250, host % 250 + 1) })),
    );
    let mut routes: Vec<Value> =
        (0..9_999).map(|route| json!({ "name": format!("r{route}"), "match": { "path_prefix": format!("/{route}/") }, "upstream": "checkout" })).collect();
    routes.push(json!({ "name": "last", "match": { "path": "/last" }, "upstream": "big" }));
    let document = json!({
        "default_cluster": "checkout",
        "explain": true,
        "upstreams": [
            { "name": "checkout", "endpoints": upstreams.addresses().iter().map(endpoint).collect::<Vec<_>>(), "balance": ring_hash() },
            { "name": "big", "cluster": "checkout", "endpoints": endpoints, "balance": { "policy": "maglev", "hash_on": [{ "header": "x-user" }] } },
        ],
        "routes": routes,
    });
    let envoy = Envoy::start(steered(&upstreams, &document)).await?;
    let client = envoy.client("ingress").await?;
    for route in [0, 5_000, 9_998] {
        let answer = client.get(&format!("/{route}/x")).header("x-user", "a").send().await?;
        assert!(answer.header("x-switchyard-explain").starts_with(&format!("route=r{route};")), "{answer:?}");
    }
    let answer = client.get("/last").header("x-user", "a").send().await?;
    assert_eq!(answer.status, 200);
    assert!(
        answer.header("x-switchyard-explain").starts_with("route=last; upstream=big; policy=maglev"),
        "{answer:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_endpoint_takes_over_its_keys_little_by_little() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut balance = ring_hash();
    balance["slow_start"] = json!({ "window": "1h", "min_weight_percent": 10 });
    let mut document = balanced(&upstreams, &balance);
    let all = document["upstreams"][0]["endpoints"].clone();
    document["upstreams"][0]["endpoints"] = json!([all[0], all[1]]);
    let envoy = Envoy::start(steered(&upstreams, &document).live_listeners()).await?;
    let keys = async || {
        let load = Load::against(envoy.listener_address("ingress").await?).requests(3_000);
        load.keys("x-user", |i| format!("user-{i}")).run().await
    };
    assert_eq!(keys().await?.by_upstream.len(), 2);
    document["upstreams"][0]["endpoints"] = all;
    let listener = steered(&upstreams, &document).listener_named("ingress")?;
    assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
    let newcomer = upstreams[2].name();
    let after = envoy
        .until("the new endpoint to be tried", async || {
            let after = keys().await?;
            Ok(after.by_upstream.contains_key(newcomer).then_some(after))
        })
        .await?;
    let taken = after.by_upstream[newcomer];
    // A tenth of a third of 3,000 keys, while its full share would be 1,000.
    assert!((40..250).contains(&taken), "{taken} keys");
    assert!(keys().await?.moved_keys(&after).len() < 30, "a key that has moved stays moved");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_reach_prometheus_with_labels() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = Envoy::start(steered(&upstreams, &balanced(&upstreams, &ring_hash()))).await?;
    let load = Load::against(envoy.listener_address("ingress").await?).requests(200);
    load.keys("x-user", |i| format!("user-{i}")).run().await?;
    let decisions =
        "wasmcustom.switchyard.route=.=all;.;upstream=.=checkout;.;policy=.=ring_hash;.;decisions_total";
    envoy.wait_for_stat(decisions, |count| count == 200).await?;
    let page = envoy.prometheus().await?;
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("switchyard_")).collect();
    let (name, version) = (name(), env!("CARGO_PKG_VERSION"));
    let version = format!("switchyard_build_info{{filter=\"{name}\",version=\"{version}\"}} 1");
    assert!(lines.contains(&version.as_str()), "{lines:#?}");
    let decision = lines.iter().find(|line| line.starts_with("switchyard_decisions_total{"));
    let decision = decision.copied().unwrap_or_default();
    for label in ["route=\"all\"", "upstream=\"checkout\"", "policy=\"ring_hash\""] {
        assert!(decision.contains(label), "{lines:#?}");
    }
    assert!(decision.ends_with(" 200"), "{decision}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_at_most_three_host_calls() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    for (default_cluster, budget) in [(json!("checkout"), 2.0), (Value::Null, 3.0)] {
        let mut document = balanced(&upstreams, &ring_hash());
        match default_cluster {
            Value::Null => drop(document.as_object_mut().and_then(|fields| fields.remove("default_cluster"))),
            cluster => document["default_cluster"] = cluster,
        }
        // Its own price, as a module of its own; chain/price.rs has the chain's.
        let bootstrap = steered(&upstreams, &document).only(&["router"]).modules(Modules::Separate);
        let crossings = Crossings::measure(bootstrap, "ingress", 100, async |client, i| {
            let answer = client.get("/").header("x-user", format!("user-{}", i % 10)).send().await?;
            anyhow::ensure!(answer.status == 200, "{answer:?}");
            Ok(())
        })
        .await?;
        // The first request to each endpoint is looked at, which costs one call more; twenty warm up.
        assert!(crossings.host_calls_per_request <= budget + 0.05, "{crossings:?}");
        // Create, request headers, response headers, delete; and one allocation for the header map.
        assert!(crossings.vm_calls_per_request <= 5.05, "{crossings:?}");
        let response_phase = crossings.by_name.keys().filter(|name| name.contains("get_property")).count();
        assert_eq!(response_phase, 0, "nothing is asked on the response path: {crossings:?}");
    }
    Ok(())
}
