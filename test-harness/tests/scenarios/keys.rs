//! What tells requests apart in all filters that share: nobody gets another's answer through a header that nobody thought of, and what
//! means the same is shared.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Headers that say who asks, in the words of many proxies and services, and such as shape an answer.
const TELLING: [&str; 43] = [
    "accept",
    "apikey",
    "content-language",
    "origin",
    "private-token",
    "proxy-authorization",
    "remote-user",
    "soapaction",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-api-key",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-user",
    "x-auth-token",
    "x-consumer-custom-id",
    "x-consumer-id",
    "x-consumer-username",
    "x-credential-identifier",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-id-token",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-preferred-username",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-http-method-override",
    "x-jwt-payload",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-nobody-thought-of-this",
    "x-original-url",
    "x-remote-user",
    "x-tenant-id",
    "x-user",
    "x-vault-namespace",
    "x-vault-token",
];
/// The ones of these whose requests are never coalesced, nor their answers kept.
const CREDENTIALS: &str = "proxy-authorization";

/// `/items/…` coalesces, `/rpc` batches, `/orders/…` keeps answers for worse times.
async fn start(upstream: &Upstream, service: &Service) -> anyhow::Result<(Envoy, Client)> {
    start_with(upstream, service, |_| ()).await
}

/// The same with this change of the bootstrap.
async fn start_with(
    upstream: &Upstream,
    service: &Service,
    edit: impl FnOnce(&mut Value),
) -> anyhow::Result<(Envoy, Client)> {
    let stale = json!({ "stale_if_error": { "max_age": "60s" } });
    let retry = json!({
        "engine": "filter", "num_retries": 0, "retry_on": { "statuses": ["500-599"], "timeout": true }, "fallback": stale,
    });
    let batch = patient_section(Protocol::JsonRpc, &json!({}));
    let document = json!({
        "default_cluster": "checkout",
        "upstreams": [
            { "name": "checkout", "endpoints": [endpoint(&upstream.address())] },
            { "name": "catalog", "endpoints": [endpoint(&service.address())] },
        ],
        "routes": [
            { "name": "all", "match": { "path_prefix": "/items" }, "upstream": "checkout", "coalesce": {} },
            { "name": "rpc", "match": { "path": "/rpc" }, "upstream": "catalog", "batch": batch },
            { "name": "orders", "match": { "path_prefix": "/orders" }, "upstream": "checkout", "retry": retry },
        ],
    });
    let bootstrap = Bootstrap::shipped()
        .document(&document)
        .endpoints("checkout", &[upstream.address()])
        .endpoints("catalog", &[service.address()]);
    // Each worker keeps its own answers.
    let envoy = Envoy::start(bootstrap.edit(edit).concurrency(1)).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    Ok((envoy, client))
}

/// An answer that says with which value of this header it was asked for.
fn echo(header: &str) -> Behaviour {
    Behaviour::Echo { headers: vec![header.to_owned()], delay_ms: 0 }
}

/// The header's value as the upstream was told.
fn told(answer: &Response, header: &str) -> Value {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["headers"][header].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_gives_one_client_the_answer_of_another() -> Outcome {
    let upstream = Upstream::start("upstream-1", "127.0.0.1:0".parse()?).await?;
    let service = Service::start(Cost::FREE).await?;
    let (envoy, client) = start(&upstream, &service).await?;
    for header in TELLING {
        flights(&envoy, &upstream, &client, header).await?;
        batches(&envoy, &service, &client, header).await?;
        kept(&upstream, &client, header).await?;
    }
    Ok(())
}

/// Both are under way at the same time, and each gets its own.
async fn flights(envoy: &Envoy, upstream: &Upstream, client: &Client, header: &str) -> Outcome {
    upstream.behave(Behaviour::held(echo(header))).await?;
    let who = ["anna", "bert"];
    let both = together(2, |number| client.get("/items/1").header(header, who[number]));
    until_under_way(envoy, upstream, 2).await?;
    upstream.release();
    for (answer, who) in answers(envoy, both).await?.iter().zip(who) {
        anyhow::ensure!(told(answer, header) == who, "{header}: {who} got {}", answer.text());
    }
    Ok(())
}

/// A call of one is under way, and the other's does not wait for it.
async fn batches(envoy: &Envoy, service: &Service, client: &Client, header: &str) -> Outcome {
    let call = |who: &str| {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": [who] });
        client.post("/rpc", call.to_string()).header("content-type", "application/json").header(header, who)
    };
    service.hold_next(1);
    let annas = together(1, |_| call("anna"));
    until_busy(envoy, service, 1).await?;
    let berts = answers(envoy, together(1, |_| call("bert"))).await?;
    anyhow::ensure!(berts[0].text().contains("bert"), "{header}: {}", berts[0].text());
    anyhow::ensure!(service.under_way() == 1, "{header}");
    service.release();
    answers(envoy, annas).await?;
    anyhow::ensure!(service.calls().iter().all(|call| !call.is_mixed()), "{header}");
    Ok(())
}

/// The server is down, and only who had a good answer before gets it again.
async fn kept(upstream: &Upstream, client: &Client, header: &str) -> Outcome {
    let path = format!("/orders/{header}");
    let ask = |who: &str| client.get(&path).header(header, who).send();
    upstream.behave(echo(header)).await?;
    anyhow::ensure!(told(&ask("anna").await?, header) == "anna", "{header}");
    upstream.behave(Behaviour::status(503)).await?;
    for other in [ask("bert").await?, client.get(&path).send().await?] {
        anyhow::ensure!(other.status == 503, "{header}: another got {}", other.text());
    }
    let again = ask("anna").await?;
    let stale = header != CREDENTIALS;
    anyhow::ensure!((again.header("x-switchyard-fallback") == "stale") == stale, "{header}: {again:?}");
    anyhow::ensure!((told(&again, header) == "anna") == stale, "{header}: {}", again.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_one_with_what_is_said_of_it() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, &json!({ "key": { "body": true } })).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    let said = [
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
        ("content-language", "de"),
        ("soapaction", "a"),
    ];
    upstream.behave(Behaviour::held(Behaviour::default())).await?;
    let waiting = together(8, |number| {
        let (name, value) = said[number % 4];
        client.post("/search", "the same").header(name, value)
    });
    until_followers(&envoy, 4).await?;
    until_under_way(&envoy, upstream, 4).await?;
    upstream.release();
    answers(&envoy, waiting).await?;
    assert_eq!(upstream.count(), 4);
    Ok(())
}

/// Requests that all mean the same, of which one goes upstream, and one that does not.
async fn shared(section: Value, same: &[(&str, &[(&str, &str)])], other: (&str, &[(&str, &str)])) -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, &section).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::body("page"))).await?;
    let ask = |(path, headers): (&str, &[(&str, &str)])| {
        headers.iter().fold(client.get(path), |request, (name, value)| request.header(name, value))
    };
    let waiting = together(same.len(), |number| ask(same[number]));
    until_followers(&envoy, same.len() as u64 - 1).await?;
    let apart = together(1, |_| ask(other));
    until_under_way(&envoy, upstream, 2).await?;
    upstream.release();
    for answer in answers(&envoy, waiting).await?.into_iter().chain(answers(&envoy, apart).await?) {
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "page"));
    }
    assert_eq!(upstream.count(), 2, "{section}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_the_same_encodings_share_an_answer() -> Outcome {
    let same = [
        "gzip, deflate, br",
        "br,gzip,deflate",
        "GZIP, deflate, br",
        "gzip;q=1.0, deflate, br",
        "x-gzip, deflate, br;q=1",
    ];
    let pairs = same.map(|value| [("accept-encoding", value)]);
    let same: Vec<_> = pairs.iter().map(|pair| ("/", &pair[..])).collect();
    shared(json!({}), &same, ("/", &[("accept-encoding", "gzip, deflate, br;q=0")])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_leaves_out_keeps_nobody_apart() -> Outcome {
    let section = json!({ "key": {
        "ignore_headers": ["x-lab-*"],
        "ignore_cookies": ["_ga*", "consent"],
        "ignore_query": ["utm_*"],
        "query_in_any_order": true,
        "accept_language": "first",
    } });
    let same: [(&str, &[(&str, &str)]); 6] = [
        ("/?a=1&b=2", &[("accept-language", "de")]),
        ("/?b=2&a=1", &[("accept-language", "de, en;q=0.5")]),
        ("/?a=1&utm_source=x&b=2", &[("accept-language", "DE;q=0.9")]),
        ("/?a=1&b=2", &[("accept-language", "de"), ("x-lab-1", "blue")]),
        ("/?a=1&b=2", &[("accept-language", "de"), ("cookie", "_ga=1; consent=yes")]),
        ("/?a=1&b=2&utm_medium=y", &[("accept-language", "de"), ("cookie", "_ga_2=3")]),
    ];
    let session: &[(&str, &str)] = &[("accept-language", "de"), ("cookie", "_ga=1; session=anna")];
    shared(section, &same, ("/?a=1&b=2", session)).await
}

/// What a browser sends for a page, and what another browser sends for it.
#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_that_ask_for_a_page_share_its_answer() -> Outcome {
    let browser = |agent, brand, trace| {
        [
            ("user-agent", agent),
            ("sec-ch-ua", brand),
            ("sec-ch-ua-mobile", "?0"),
            ("sec-ch-ua-platform", brand),
            ("accept", "text/html,application/xhtml+xml"),
            ("accept-encoding", "gzip, deflate, br"),
            ("accept-language", "en-US,en;q=0.9"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-user", "?1"),
            ("sec-fetch-dest", "document"),
            ("upgrade-insecure-requests", "1"),
            ("priority", trace),
            ("traceparent", trace),
            ("x-request-id", trace),
            ("x-forwarded-for", agent),
            ("referer", brand),
        ]
    };
    let one = browser("Firefox", "https://shop.test/a", "1");
    let two = browser("Chrome", "https://shop.test/b?c", "2");
    let mut third = two;
    third[7] = ("sec-fetch-site", "cross-site");
    shared(json!({}), &[("/", &one), ("/", &two)], ("/", &third)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_conditions_share_their_304_and_nobody_else_gets_it() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, &json!({ "hold": "10s" })).await?;
    let upstream = &upstreams[0];
    let address = envoy.listener_address("ingress").await?;
    let not_modified = Behaviour::Exact {
        status: 304,
        headers: vec![("etag".to_owned(), "\"1\"".to_owned()), ("x-which".to_owned(), "304".to_owned())],
        body: Vec::new(),
        chunked: false,
        trailers: Vec::new(),
    };
    for (round, client) in [(1, Client::to(address)), (2, Client::http2(address))] {
        upstream.forget();
        upstream.behave(Behaviour::held(Behaviour::body("page"))).await?;
        upstream.behave_for("if-none-match", "\"1\"", Behaviour::held(not_modified.clone()))?;
        let path = format!("/{round}");
        let conditional = |etag: &str| client.get(&path).header("if-none-match", etag);
        let same = together(5, |_| conditional("\"1\""));
        until_followers(&envoy, 4 * round).await?;
        let others = together(2, |number| if number == 0 { client.get(&path) } else { conditional("\"2\"") });
        until_under_way(&envoy, upstream, 3).await?;
        upstream.release();
        for answer in answers(&envoy, same).await? {
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (304, ""));
            assert_eq!((answer.header("etag"), answer.header("x-which")), ("\"1\"", "304"));
        }
        for answer in answers(&envoy, others).await? {
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "page"));
        }
        // It is held under its condition alone.
        let hit = conditional("\"1\"").send().await?;
        assert_eq!((hit.status.as_u16(), hit.header("cache-status")), (304, "switchyard; hit"));
        let plain = client.get(&path).send().await?;
        assert_eq!((plain.status.as_u16(), plain.header("cache-status")), (200, "switchyard; hit"));
        assert_eq!(upstream.count(), 3);
    }
    Ok(())
}

/// A client is taken for one of the house, whose headers Envoy hears.
fn trusting(bootstrap: &mut Value) {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = bootstrap.pointer_mut(manager).expect("a manager");
    manager["use_remote_address"] = json!(true);
    manager["internal_address_config"] =
        json!({ "cidr_ranges": [{ "address_prefix": "127.0.0.0", "prefix_len": 8 }] });
}

/// A request whose client tells Envoy to answer 204 in the server's place after 50 ms.
fn commanding(request: Request) -> Request {
    request
        .header("x-envoy-upstream-rq-timeout-ms", "50")
        .header("x-envoy-upstream-rq-timeout-alt-response", "204")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_tells_envoy_to_do_reaches_no_batch_and_no_kept_answer() -> Outcome {
    let upstream = Upstream::start("upstream-1", "127.0.0.1:0".parse()?).await?;
    let service = Service::start(Cost::FREE).await?;
    let (envoy, client) = start_with(&upstream, &service, trusting).await?;
    // A call is under way, and two of one key wait for it; the commanding one waits for nobody.
    let call = |id: u64| {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "echo", "params": [id] });
        client.post("/rpc", call.to_string()).header("content-type", "application/json")
    };
    service.hold_next(2);
    let mut asked = together(1, |_| call(1));
    until_busy(&envoy, &service, 1).await?;
    let commanded = together(1, |_| commanding(call(2)));
    until_busy(&envoy, &service, 2).await?;
    asked.extend(together(2, |number| call(3 + number as u64)));
    envoy.wait_for_stat("wasmcustom.switchyard.route=.=rpc;.;batch_active", |count| count >= 3).await?;
    service.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200 && answer.text().contains("result")));
    answers(&envoy, commanded).await?;
    let told = service
        .calls()
        .iter()
        .filter(|call| call.items == 2 && call.request.header("x-envoy-upstream-rq-timeout-ms").is_some())
        .count();
    assert_eq!(told, 0, "no batch is told what one client said");
    // What it makes of its own request is kept for nobody else.
    upstream.behave(Behaviour::slow(400)).await?;
    let own = commanding(client.get("/orders/1")).send().await?;
    upstream.behave(Behaviour::status(503)).await?;
    let others = client.get("/orders/1").send().await?;
    assert_eq!((others.status.as_u16(), others.header("x-switchyard-fallback")), (503, ""), "own: {own:?}");
    Ok(())
}

/// HTTP/2 needs no header to announce the body of a GET, and the body may say what is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_get_with_a_body_shares_with_nobody_though_no_header_announces_it() -> Outcome {
    let upstream = Upstream::start("upstream-1", "127.0.0.1:0".parse()?).await?;
    let service = Service::start(Cost::FREE).await?;
    let (envoy, client) = start(&upstream, &service).await?;
    let ask =
        |path: &str, body: &'static str| client.get(path).header("transfer-encoding", "chunked").body(body);
    upstream.behave(echo("x-none")).await?;
    let annas = ask("/orders/search", "anna").send().await?;
    assert!(annas.text().contains("anna"), "{annas:?}");
    upstream.behave(Behaviour::status(503)).await?;
    for other in [ask("/orders/search", "bert").send().await?, client.get("/orders/search").send().await?] {
        assert_eq!((other.status.as_u16(), other.header("x-switchyard-fallback")), (503, ""), "{other:?}");
    }
    upstream.behave(Behaviour::held(echo("x-none"))).await?;
    let bodies = ["anna", "bert"];
    let both = together(2, |number| ask("/items/search", bodies[number]));
    until_under_way(&envoy, &upstream, 2).await?;
    upstream.release();
    for (answer, body) in answers(&envoy, both).await?.iter().zip(bodies) {
        assert!(answer.text().contains(body), "{answer:?}");
    }
    Ok(())
}

/// A client can make its own request late; that gets it nothing of another's.
#[tokio::test(flavor = "multi_thread")]
async fn who_makes_its_own_request_late_gets_no_old_answer_of_another() -> Outcome {
    let upstream = Upstream::start("upstream-1", "127.0.0.1:0".parse()?).await?;
    let service = Service::start(Cost::FREE).await?;
    let (envoy, client) = start(&upstream, &service).await?;
    upstream.behave(echo("x-api-key")).await?;
    let annas = client.get("/orders/me").header("x-api-key", "anna").send().await?;
    assert_eq!(told(&annas, "x-api-key"), "anna");
    upstream.behave(Behaviour::held(echo("x-api-key"))).await?;
    for late in ["bert", "anna"] {
        let hurried = client.get("/orders/me").header("x-api-key", late).header("grpc-timeout", "1m");
        let answer = hurried.send().await?;
        assert_eq!((answer.status.as_u16(), answer.header("x-switchyard-fallback")), (504, ""), "{answer:?}");
    }
    upstream.release();
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |count| count == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_tells_envoy_to_do_shapes_its_own_answer_alone() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = alone(&upstreams, &json!({ "hold": "10s", "share_status": [200, 204] }));
    let envoy = Envoy::start(bootstrap.edit(trusting).concurrency(1)).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::body("page"))).await?;
    let commanded = commanding(client.get("/"));
    assert_eq!(commanded.send().await?.status, 204, "Envoy does what it is told");
    let victims = together(2, |_| client.get("/"));
    until_followers(&envoy, 1).await?;
    upstream.release();
    for answer in answers(&envoy, victims).await? {
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "page"));
    }
    assert_eq!(client.get("/").send().await?.text(), "page");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_ever_new_is_told_once() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let service = Service::start(Cost::FREE).await?;
    let (envoy, client) = start(&upstreams[0], &service).await?;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": ["a"] }).to_string();
    for number in 0..600 {
        let once = number.to_string();
        client.get("/items/1").header("x-once", &once).send().await?;
        let call = client.post("/rpc", call.clone()).header("content-type", "application/json");
        call.header("x-once", &once).send().await?;
    }
    let noisy = |route: &str, filter: &str| {
        format!("wasmcustom.switchyard.route=.={route};.;header=.=x-once;.;{filter}_noisy_headers")
    };
    for (route, filter) in [("all", "coalesce"), ("rpc", "batch")] {
        envoy.wait_for_stat(&noisy(route, filter), |count| count == 1).await?;
        let said =
            format!("switchyard.{filter}: route {route}: x-once is another one in nearly every request");
        assert_eq!(envoy.log().matches(&said).count(), 1, "{filter}");
    }
    Ok(())
}
