//! What followers get: the leader's answer, whole and unchanged but for what was meant for its connection alone; or
//! none of it, where it was for one client only.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Who follow one leader.
const FOLLOWERS: usize = 9;
/// What Envoy writes for each answer anew, and what is compared on its own.
const NOT_COMPARED: [&str; 6] = [
    "cache-status",
    "connection",
    "content-length",
    "date",
    "transfer-encoding",
    "x-envoy-upstream-service-time",
];

fn exact(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Behaviour {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Behaviour::Exact { status, headers, body: body.to_vec(), chunked: false, trailers: Vec::new() }
}

fn chunked(headers: &[(&str, &str)], body: &[u8], last: &[(&str, &str)]) -> Behaviour {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Behaviour::Exact {
        status: 200,
        headers: owned(headers),
        body: body.to_vec(),
        chunked: true,
        trailers: owned(last),
    }
}

/// Bytes that are no text and do not repeat soon.
fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// One leader and its followers, whose requests this makes; they wait when the upstream gives its answer.
async fn burst(
    (envoy, upstream): (&Envoy, &Upstream),
    answer: Behaviour,
    request: impl Fn(usize) -> Request,
) -> anyhow::Result<Vec<Response>> {
    upstream.forget();
    let names =
        ["local", "remote"].map(|result| coalesce_stat("coalesce_followers_total", &[("result", result)]));
    let mut before = 0;
    for name in &names {
        before += envoy.stat(name).await?;
    }
    upstream.behave(answer.clone()).await?;
    upstream.behave_next(1, Behaviour::held(answer));
    let waiting = together(FOLLOWERS + 1, request);
    until_followers(envoy, before + FOLLOWERS as u64).await?;
    upstream.release();
    answers(envoy, waiting).await
}

/// The leader's answer, which alone is not marked, and those of its followers.
fn led(answers: Vec<Response>) -> (Vec<Response>, Vec<Response>) {
    answers.into_iter().partition(|answer| answer.header("cache-status").is_empty())
}

/// Name and value of each header that is compared, in order of the names.
fn compared(answer: &Response) -> Vec<(&str, &[u8])> {
    let all = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut compared: Vec<_> = all.filter(|(name, _)| !NOT_COMPARED.contains(name)).collect();
    compared.sort_by_key(|(name, _)| *name);
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_get_what_the_leader_got_to_the_byte() -> Outcome {
    let text = ("content-type", "text/plain");
    let cases = [
        ("plain", exact(200, &[text, ("x-custom", "one, two")], b"hello")),
        ("binary", exact(200, &[], &noise(70_000))),
        ("chunked", chunked(&[text], &noise(5000), &[])),
        ("gzip", exact(200, &[text, ("content-encoding", "gzip"), ("etag", "\"g\"")], &noise(4000))),
        ("gzip-chunked", chunked(&[text, ("content-encoding", "gzip")], &noise(4000), &[])),
        ("no-content", exact(204, &[("x-custom", "204")], b"")),
        ("empty", exact(200, &[text], b"")),
        ("empty-chunked", chunked(&[text], b"", &[])),
        ("not-found", exact(404, &[text], b"no such thing")),
        ("moved", exact(301, &[("location", "/there?a=1")], b"")),
        (
            "duplicates",
            exact(200, &[("link", "</a>"), ("x-other", "1"), ("link", "</b>"), ("link", "</a>")], b"two"),
        ),
    ];
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({})).await?;
    let address = envoy.listener_address("ingress").await?;
    for (protocol, client) in [("1", Client::to(address)), ("2", Client::http2(address))] {
        for (name, answer) in &cases {
            let path = format!("/{name}/{protocol}");
            let all = burst((&envoy, &upstreams[0]), answer.clone(), |_| client.get(&path)).await?;
            assert_eq!(upstreams[0].count(), 1, "{path}");
            let (leaders, followers) = led(all);
            let [leader] = &leaders[..] else { panic!("{path}: {} lead", leaders.len()) };
            let Behaviour::Exact { status, body, .. } = answer else { continue };
            assert_eq!((leader.status.as_u16(), &leader.body[..]), (*status, &body[..]), "{path}");
            for follower in followers {
                assert_eq!(follower.header("cache-status"), "switchyard; fwd=miss; collapsed", "{path}");
                assert_eq!((follower.status, &follower.body), (leader.status, &leader.body), "{path}");
                assert_eq!(compared(&follower), compared(leader), "{path}");
                let length = if *status == 204 { String::new() } else { body.len().to_string() };
                let says = follower.header("content-length");
                assert!(says == length || *name == "empty-chunked" && says.is_empty(), "{path}: {says:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_leaders_connection_are_not_copied() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({})).await?;
    let client = envoy.client("ingress").await?;
    let headers = [
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("proxy-authenticate", "Basic"),
        ("x-stays", "1"),
        ("cache-status", "origin; hit"),
    ];
    upstreams[0].behave(Behaviour::held(exact(200, &headers, b"one"))).await?;
    let leader = tokio::spawn(client.get("/").send());
    until_under_way(&envoy, &upstreams[0], 1).await?;
    let followers = together(FOLLOWERS, |_| client.get("/"));
    until_followers(&envoy, FOLLOWERS as u64).await?;
    upstreams[0].release();
    let leader = leader.await??;
    assert_eq!((leader.header("x-hop"), leader.header("proxy-authenticate")), ("1", "Basic"), "untouched");
    for follower in answers(&envoy, followers).await? {
        assert_eq!((follower.header("x-hop"), follower.header("proxy-authenticate")), ("", ""));
        assert_eq!(follower.header("x-stays"), "1");
        let said: Vec<_> = follower.headers.get_all("cache-status").iter().collect();
        assert_eq!(said, ["origin; hit", "switchyard; fwd=miss; collapsed"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_followers_get_length_and_type_and_no_body_and_gets_get_bodies() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({})).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    for (round, client) in [Client::to(address), Client::http2(address)].into_iter().enumerate() {
        upstream.forget();
        upstream
            .behave(Behaviour::held(exact(200, &[("content-type", "text/x-odd")], b"twelve bytes")))
            .await?;
        let method = |number| if number % 2 == 0 { hyper::Method::HEAD } else { hyper::Method::GET };
        let path = format!("/{round}");
        let waiting = together(20, |number| client.request(method(number), &path));
        until_followers(&envoy, 18 * (round as u64 + 1)).await?;
        upstream.release();
        for (number, answer) in answers(&envoy, waiting).await?.into_iter().enumerate() {
            let body = if method(number) == hyper::Method::HEAD { "" } else { "twelve bytes" };
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, body));
            assert_eq!(
                (answer.header("content-length"), answer.header("content-type")),
                ("12", "text/x-odd")
            );
        }
        let mut methods: Vec<_> = upstream.requests().into_iter().map(|request| request.method).collect();
        methods.sort();
        assert_eq!(methods, ["GET", "HEAD"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_one_client_only_goes_to_no_other() -> Outcome {
    let part = [("content-range", "bytes 0-3/12")];
    let cases = [
        ("no_store", exact(200, &[("cache-control", "max-age=60, No-Store")], b"own")),
        ("private", exact(200, &[("cache-control", "private=\"x-a\"")], b"own")),
        ("set_cookie", exact(200, &[("set-cookie", "session=1")], b"own")),
        ("vary", exact(200, &[("vary", "accept, *")], b"own")),
        ("partial", exact(200, &part, b"own")),
        ("status", exact(206, &part, b"own")),
        ("status", exact(304, &[("etag", "\"1\"")], b"")),
        ("status", exact(403, &[], b"own")),
        ("trailers", exact(200, &[("content-type", "application/grpc+proto")], b"own")),
    ];
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({})).await?;
    let client = envoy.client("ingress").await?;
    let released = coalesce_stat("coalesce_exits_total", &[("reason", "released")]);
    for (number, (reason, answer)) in cases.into_iter().enumerate() {
        let path = format!("/{number}");
        let all = burst((&envoy, &upstreams[0]), answer, |_| client.get(&path)).await?;
        assert_eq!(upstreams[0].count(), all.len() as u64, "{reason}: everybody has asked");
        assert!(all.iter().all(|answer| answer.header("cache-status").is_empty()), "{reason}");
        envoy.wait_for_stat(&released, |count| count == ((number + 1) * FOLLOWERS) as u64).await?;
        let name = coalesce_stat("coalesce_not_shared_total", &[("reason", reason)]);
        envoy.wait_for_stat(&name, |count| count > 0).await?;
    }
    let statuses = coalesce_stat("coalesce_not_shared_total", &[("reason", "status")]);
    envoy.wait_for_stat(&statuses, |count| count == 3).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_trailers_is_nobody_elses() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(alone(&upstreams, &json!({})).edit(http2).concurrency(2)).await?;
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let answer = chunked(&[("content-type", "text/plain")], b"body", &[("x-checksum", "7")]);
    let all = burst((&envoy, &upstreams[0]), answer, |_| client.get("/")).await?;
    assert_eq!(upstreams[0].count(), all.len() as u64);
    assert!(all.iter().all(|answer| answer.text() == "body" && answer.trailers["x-checksum"] == "7"));
    let counted = coalesce_stat("coalesce_not_shared_total", &[("reason", "trailers")]);
    envoy.wait_for_stat(&counted, |count| count == 1).await?;
    let data = Some("tea".to_owned());
    upstreams[0]
        .behave(Behaviour::GrpcStatus { status: 0, message: String::new(), trailers: true, data })
        .await?;
    let calls = answers(&envoy, together(10, |_| client.grpc("/shop.Cart/Add", b"same"))).await?;
    assert!(calls.iter().all(|call| call.grpc_status() == Some(0) && call.grpc_messages() == ["tea"]));
    let passed = coalesce_stat("coalesce_passed_total", &[("reason", "method")]);
    envoy.wait_for_stat(&passed, |count| count == 10).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_its_leaders_to_the_byte_and_the_others_ask_themselves() -> Outcome {
    let body = noise(5 << 20);
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({ "max_body_bytes": "1MiB" })).await?;
    let address = envoy.listener_address("ingress").await?;
    for (path, answer, client) in [
        ("/1/length", exact(200, &[], &body), Client::to(address)),
        ("/1/chunked", chunked(&[], &body, &[]), Client::to(address)),
        ("/2/chunked", chunked(&[], &body, &[]), Client::http2(address)),
    ] {
        let all = burst((&envoy, &upstreams[0]), answer, |_| client.get(path)).await?;
        assert_eq!(upstreams[0].count(), all.len() as u64, "{path}");
        assert!(all.iter().all(|answer| answer.body == body), "{path}");
    }
    let too_long = coalesce_stat("coalesce_not_shared_total", &[("reason", "too_long")]);
    envoy.wait_for_stat(&too_long, |count| count == 3).await?;
    // The copy that was begun is given up.
    envoy.wait_for_stat(&coalesce_stat("coalesce_bytes_held", &[]), |held| held == 0).await?;
    Ok(())
}
