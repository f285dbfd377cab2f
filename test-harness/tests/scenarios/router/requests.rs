//! What a request may carry and what becomes of it: steering headers, cookies, shadow, explanations, odd values.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const STEERING: [&str; 2] = ["x-gateway-destination-endpoint", "x-switchyard-cluster"];

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_steer_and_upstreams_see_no_steering() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &ring_hash());
    document["routes"][0]["match"] = json!({ "path_prefix": "/steered" });
    let envoy = Envoy::start(steered(&upstreams, &document)).await?;
    let client = envoy.client("ingress").await?;
    let home = client.get("/steered").header("x-user", "alice").send().await?.upstream().to_owned();
    let other = upstreams.iter().find(|one| one.name() != home).expect("three").address().to_string();
    for path in ["/steered", "/elsewhere"] {
        for attempt in 0..20 {
            let mut request = client.get(path).header("x-user", "alice");
            request = request.header(STEERING[0], &other).header(STEERING[0], "127.0.0.1:1");
            request = request.header(STEERING[1], "admin");
            let answer = request.send().await?;
            assert_eq!(answer.status, 200, "{path}: the cluster that the client named was not followed");
            if path == "/steered" {
                assert_eq!(answer.upstream(), home, "attempt {attempt}");
            }
        }
    }
    let seen: Vec<_> = upstreams.iter().flat_map(|one| one.requests()).collect();
    assert_eq!(seen.len(), 41);
    for request in seen {
        assert!(STEERING.iter().all(|name| request.header(name).is_none()), "{request:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_given_and_then_sticks() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let cookie = json!({ "cookie": { "name": "sid", "ttl": "1h", "path": "/" } });
    let balance = json!({ "policy": "ring_hash", "hash_on": [cookie] });
    let envoy = Envoy::start(steered(&upstreams, &balanced(&upstreams, &balance))).await?;
    let client = envoy.client("ingress").await?;
    let mut homes = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let first = client.get("/").send().await?;
        let given = first.header("set-cookie").to_owned();
        assert!(given.ends_with("; Max-Age=3600; Path=/; HttpOnly"), "{given}");
        let pair = given.split(';').next().unwrap_or_default();
        for _ in 0..5 {
            let again = client.get("/").header("cookie", pair).send().await?;
            assert_eq!(again.upstream(), first.upstream(), "{pair}");
            assert_eq!(again.header("set-cookie"), "", "it has one already");
        }
        homes.insert(first.upstream().to_owned());
    }
    assert!(homes.len() > 1, "clients are spread");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_counts_and_changes_nothing() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &ring_hash());
    document["mode"] = json!("shadow");
    document["explain"] = json!(true);
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    let mut homes = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let answer = client.get("/").header("x-user", "alice").send().await?;
        assert!(answer.header("x-switchyard-explain").ends_with("; shadow"));
        homes.insert(answer.upstream().to_owned());
    }
    assert_eq!(homes.len(), 3, "Envoy's own fallback policy goes round");
    let decisions =
        "wasmcustom.switchyard.route=.=all;.;upstream=.=checkout;.;policy=.=ring_hash;.;decisions_total";
    envoy.wait_for_stat(decisions, |count| count == 30).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_says_what_happened() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let mut document = balanced(&upstreams, &ring_hash());
    document["explain"] = json!(true);
    let envoy = Envoy::start(steered(&upstreams, &document)).await?;
    let client = envoy.client("ingress").await?;
    let answer = client.get("/").header("x-user", "foo").send().await?;
    let explanation = answer.header("x-switchyard-explain");
    // XXH64("foo"), Envoy's own test vector.
    let start = format!(
        "route=all; upstream=checkout; policy=ring_hash; hash={:x}; candidates=",
        3_728_699_739_546_630_719_u64
    );
    assert!(explanation.starts_with(&start), "{explanation}");
    let first = explanation.trim_start_matches(&start).split(',').next().unwrap_or_default();
    assert_eq!(upstreams.named(answer.upstream()).expect("one of ours").address().to_string(), first);
    let keyless = client.get("/").send().await?;
    assert!(keyless.header("x-switchyard-explain").contains("policy=random; hash=none"), "{keyless:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_header_values_are_hashed_like_any_other() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let bootstrap = steered(&upstreams, &balanced(&upstreams, &ring_hash())).edit(|tree| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        if let Some(manager) = tree.pointer_mut(manager) {
            manager["max_request_headers_kb"] = json!(96);
        }
    });
    let envoy = Envoy::start(bootstrap).await?;
    let client = envoy.client("ingress").await?;
    let long = vec![b'x'; 60 * 1024];
    for value in [b"\xff\xfe\x80".as_slice(), &long, b" , ;=\"", "\u{e9}\u{20ac}".as_bytes()] {
        let mut homes = std::collections::BTreeSet::new();
        for _ in 0..10 {
            let answer = client.get("/").header("x-user", value).send().await?;
            assert_eq!(answer.status, 200, "{} bytes", value.len());
            homes.insert(answer.upstream().to_owned());
        }
        assert_eq!(homes.len(), 1, "{} bytes", value.len());
    }
    assert_eq!(
        envoy.stat("wasmcustom.switchyard.upstream=.=checkout;.;reason=.=no_hash;.;fallbacks_total").await?,
        0
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_route_that_matches_wins_and_what_none_matches_stays_in_its_cluster() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let one = |name: &str, index: usize| json!({ "name": name, "cluster": "checkout", "endpoints": [endpoint(&upstreams[index].address())] });
    let document = json!({
        "default_cluster": "checkout",
        "upstreams": [one("a", 0), one("b", 1), one("c", 2)],
        "routes": [
            { "name": "post", "match": { "methods": ["POST"], "path_prefix": "/api" }, "upstream": "c" },
            { "name": "beta", "match": { "path_prefix": "/api", "headers": [{ "name": "x-beta", "exact": "yes" }] }, "upstream": "b" },
            { "name": "items", "match": { "path_regex": "/items/[0-9]+" }, "upstream": "b" },
            { "name": "api", "match": { "path_prefix": "/api" }, "upstream": "a" },
        ],
    });
    let envoy = Envoy::start(steered(&upstreams, &document).concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    let name = |index: usize| upstreams[index].name().to_owned();
    for _ in 0..4 {
        assert_eq!(client.get("/api/x?q=1").send().await?.upstream(), name(0));
        assert_eq!(client.get("/api/x").header("x-beta", "yes").send().await?.upstream(), name(1));
        assert_eq!(client.get("/items/7").send().await?.upstream(), name(1));
        assert_eq!(client.post("/api", "body").header("x-beta", "yes").send().await?.upstream(), name(2));
    }
    let mut homes = std::collections::BTreeSet::new();
    for _ in 0..9 {
        homes.insert(client.get("/items/seven").send().await?.upstream().to_owned());
    }
    assert_eq!(homes.into_iter().collect::<Vec<_>>(), [name(0)], "of the first that names Envoy's cluster");
    let decisions = "wasmcustom.switchyard.route=.=cluster:a;.;upstream=.=a;.;policy=.=smooth_weighted_round_robin;.;decisions_total";
    envoy.wait_for_stat(decisions, |count| count == 9).await?;
    assert_eq!(envoy.stat("wasmcustom.switchyard.unmatched_total").await?, 0);
    Ok(())
}
