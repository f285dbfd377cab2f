//! Who shares an answer with whom: requests with the same key, and nobody whose credentials, headers or body say
//! something else.

use std::hash::{BuildHasher as _, RandomState};

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];
/// Where the plugin is given bodies of requests whose heads it holds.
const BODIES: &str = "/config/allow_on_headers_stop_iteration";
/// The connection manager of the shipped listener.
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// An answer that says what was asked.
fn echo(delay_ms: u64) -> Behaviour {
    Behaviour::Echo { headers: CREDENTIALS.map(str::to_owned).to_vec(), delay_ms }
}

/// What the upstream was asked.
fn asked(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

async fn until_passed(envoy: &Envoy, reason: &str, count: u64) -> Outcome {
    envoy
        .wait_for_stat(&coalesce_stat("coalesce_passed_total", &[("reason", reason)]), |now| now == count)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_keys_of_fifty_clients_make_fifty_requests() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({})).await?;
    let address = envoy.listener_address("ingress").await?;
    upstreams[0].behave(Behaviour::held(echo(0))).await?;
    let clients: Vec<_> = (0..25).flat_map(|_| [Client::to(address), Client::http2(address)]).collect();
    let path = |number: usize| format!("/{}?of=50", number / 50);
    let waiting = together(2500, |number| clients[number % 50].get(&path(number)));
    until_followers(&envoy, 2450).await?;
    upstreams[0].release();
    for (number, answer) in answers(&envoy, waiting).await?.into_iter().enumerate() {
        assert_eq!((answer.status.as_u16(), &asked(&answer)["path"]), (200, &json!(path(number))));
    }
    assert_eq!(upstreams[0].count(), 50);
    Ok(())
}

/// A document with two routes: `/in`, with the credentials in the key, and all others, without.
fn in_and_out(upstreams: &Upstreams) -> Value {
    let mut document = coalescing(upstreams, &json!({}));
    let within = json!({
        "name": "in",
        "match": { "path_prefix": "/in" },
        "upstream": "checkout",
        "coalesce": { "key": { "headers": CREDENTIALS } },
    });
    if let Some(routes) = document.pointer_mut("/routes").and_then(Value::as_array_mut) {
        routes.insert(0, within);
    }
    document
}

/// Numbers below `below`, out of a seed.
fn draw(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % below
}

/// One client's requests, one after the other: each has somebody's credentials, or none, and gets what they obtain.
async fn wander(client: Client, mut seed: u64) -> Outcome {
    for _ in 0..100 {
        let route = if draw(&mut seed, 2) == 0 { "in" } else { "out" };
        let path = format!("/{route}/{}", draw(&mut seed, 3));
        let mut request = client.get(&path);
        let mut headers = serde_json::Map::new();
        for name in CREDENTIALS {
            if draw(&mut seed, 3) == 0 {
                let user = format!("user={}", draw(&mut seed, 3));
                request = request.header(name, &user);
                headers.insert(name.to_owned(), user.into());
            }
        }
        let answer = request.send().await?;
        let expected = json!({ "method": "GET", "path": path, "body": "", "headers": headers });
        anyhow::ensure!(asked(&answer) == expected, "{expected} got {}", answer.text());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ever_gets_what_anothers_credentials_obtained() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(coalesced(&upstreams, &in_and_out(&upstreams)).concurrency(2)).await?;
    let address = envoy.listener_address("ingress").await?;
    upstreams[0].behave(echo(2)).await?;
    let seed = RandomState::new().hash_one(0);
    eprintln!("seed {seed}");
    let wanderers = (0..100).map(|number| {
        let client = if number % 2 == 0 { Client::to(address) } else { Client::http2(address) };
        tokio::spawn(wander(client, seed.wrapping_add(number)))
    });
    for wanderer in wanderers.collect::<Vec<_>>() {
        wanderer.await??;
    }
    // They did share, where they may, and every request upstream was needed.
    let of = |route: &str, metric: &str| format!("wasmcustom.switchyard.route=.={route};.;{metric}");
    let alone = envoy.stat(&of("in", "reason=.=credentials;.;coalesce_passed_total")).await?;
    let without = envoy.stat(&of("all", "reason=.=credentials;.;coalesce_passed_total")).await?;
    assert!(alone == 0 && without > 1000, "{alone} {without}");
    let collapsed = envoy.stat(&of("in", "reason=.=collapsed;.;coalesce_exits_total")).await?;
    assert!(collapsed > 500, "{collapsed} of about 5000");
    assert!(upstreams[0].count() < 10_000 - collapsed, "{}", upstreams[0].count());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_make_requests_pass_or_are_in_the_key_or_are_known_not_to_matter() -> Outcome {
    let flag = "i_know_that_clients_share_answers_across_credentials";
    for (section, requests) in
        [(json!({}), 10), (json!({ "key": { "headers": CREDENTIALS } }), 2), (json!({ flag: true }), 1)]
    {
        let upstreams = Upstreams::start(1).await?;
        let envoy = start_coalescing(&upstreams, 2, &section).await?;
        let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
        let known = envoy.log().contains("shares answers across credentials: a client may get what another");
        assert_eq!(known, requests == 1, "{section}: a warning");
        for (round, header) in CREDENTIALS.into_iter().enumerate() {
            upstream.forget();
            upstream.behave(Behaviour::held(echo(0))).await?;
            let user = |number| format!("user={}", number % 2);
            let path = format!("/{header}");
            let waiting = together(10, |number| client.get(&path).header(header, user(number)));
            until_followers(&envoy, (10 - requests) * (round as u64 + 1)).await?;
            until_under_way(&envoy, upstream, requests).await?;
            upstream.release();
            let answers = answers(&envoy, waiting).await?;
            for (number, answer) in answers.iter().enumerate().filter(|_| requests > 1) {
                assert_eq!(asked(answer)["headers"], json!({ header: user(number) }), "{section}");
            }
            assert_eq!(upstream.count(), requests, "{section} {header}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_only_to_requests_with_the_headers_that_it_varies_by() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({})).await?;
    let upstream = &upstreams[0];
    let address = envoy.listener_address("ingress").await?;
    let in_language = |language: &str| Behaviour::Answer {
        status: 200,
        headers: [("vary".to_owned(), "User-Agent".to_owned())].into(),
        body: Some(language.to_owned()),
        delay_ms: 0,
    };
    for (round, client) in [(1, Client::to(address)), (2, Client::http2(address))] {
        upstream.forget();
        upstream.behave_for("user-agent", "fr", in_language("fr"))?;
        upstream.behave_for("user-agent", "de", Behaviour::held(in_language("de")))?;
        let path = format!("/{round}");
        let ask = |language| client.get(&path).header("user-agent", language);
        let leader = together(1, |_| ask("de"));
        until_under_way(&envoy, upstream, 1).await?;
        let language = |number| if number % 2 == 0 { "de" } else { "fr" };
        let waiting = together(20, |number| ask(language(number)));
        until_followers(&envoy, 20 * round).await?;
        upstream.release();
        assert_eq!(answers(&envoy, leader).await?[0].text(), "de");
        for (number, answer) in answers(&envoy, waiting).await?.into_iter().enumerate() {
            assert_eq!(answer.text(), language(number));
            assert_eq!(answer.header("cache-status").is_empty(), language(number) == "fr");
        }
        assert_eq!(upstream.count(), 11, "the leader's, and one for each that reads French");
        envoy
            .wait_for_stat(&coalesce_stat("coalesce_exits_total", &[("reason", "vary")]), |n| n == 10 * round)
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_not_like_any_other_pass_and_are_counted_by_reason() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let upgrades = |bootstrap: &mut Value| {
        let manager = bootstrap.pointer_mut(MANAGER).and_then(Value::as_object_mut).expect("a manager");
        manager.insert("upgrade_configs".to_owned(), json!([{ "upgrade_type": "websocket" }]));
    };
    let envoy = Envoy::start(alone(&upstreams, &json!({})).edit(upgrades).concurrency(2)).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(echo(0))).await?;
    let long = format!("/{}", "k".repeat(9 << 10));
    let get = |name: &str, value: &str| client.get("/").header(name, value);
    let requests: [(&str, &dyn Fn() -> Request); 11] = [
        ("range", &|| get("range", "bytes=0-1")),
        ("conditional", &|| get("if-match", "\"1\"")),
        ("body", &|| client.get("/").body("a body")),
        ("upgrade", &|| get("connection", "upgrade").header("upgrade", "websocket")),
        ("no_store", &|| get("cache-control", "no-store")),
        ("only_if_cached", &|| get("cache-control", "only-if-cached")),
        ("credentials", &|| get("cookie", "a=1")),
        ("method", &|| client.request(hyper::Method::DELETE, "/")),
        ("method", &|| client.post("/", "same")),
        ("method", &|| client.post("/", "")),
        ("key_too_long", &|| client.get(&long)),
    ];
    for (_, request) in &requests {
        let both = together(2, |_| request());
        until_under_way(&envoy, upstream, 2).await?;
        upstream.release();
        assert!(answers(&envoy, both).await?.iter().all(|answer| answer.status == 200));
    }
    for (reason, _) in &requests {
        let alike = requests.iter().filter(|(other, _)| other == reason).count();
        until_passed(&envoy, reason, 2 * alike as u64).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_with_the_same_body_share_an_answer_and_others_do_not() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "key": { "body": true, "max_body_bytes": "64KiB" } });
    let envoy = start_coalescing(&upstreams, 2, &section).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    let [one, other, long] = [("1", 40 << 10), ("2", 40 << 10), ("3", 70 << 10)].map(|(s, n)| s.repeat(n));
    for (round, client) in [(1, Client::to(address)), (2, Client::http2(address))] {
        upstream.forget();
        upstream.behave(Behaviour::held(echo(0))).await?;
        let body = |number: usize| [&one, &other, &long][number % 3].clone();
        let path = format!("/search/{round}");
        let waiting = together(12, |number| client.post(&path, body(number)));
        until_followers(&envoy, 6 * round).await?;
        // The long ones go by themselves.
        until_under_way(&envoy, upstream, 6).await?;
        upstream.release();
        for (number, answer) in answers(&envoy, waiting).await?.into_iter().enumerate() {
            assert_eq!(asked(&answer)["body"], json!(body(number)), "{number}");
        }
        until_passed(&envoy, "body", 4 * round).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_envoy_gives_a_filter_no_body_posts_pass_after_a_while() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let blind = |bootstrap: &mut Value| {
        let plugin = bootstrap.pointer_mut(&format!("{MANAGER}/http_filters/0/typed_config"));
        *plugin.and_then(|plugin| plugin.pointer_mut(BODIES)).expect("it is set") = json!(false);
    };
    let section = json!({ "key": { "body": true } });
    let envoy = Envoy::start(alone(&upstreams, &section).edit(blind).concurrency(2)).await?;
    upstreams[0].behave(echo(0)).await?;
    let address = envoy.listener_address("ingress").await?;
    let clients = [Client::to(address), Client::http2(address)];
    let body = "asked ".repeat(10_000);
    let posts = answers(&envoy, together(4, |number| clients[number % 2].post("/", body.clone()))).await?;
    assert!(posts.iter().all(|answer| asked(answer)["body"] == json!(body)));
    until_passed(&envoy, "no_body", 4).await
}
