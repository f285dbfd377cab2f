//! Answers that are large and for many: they are given out within bounds, and nobody in the worker hangs.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
/// Status, length, and the first kilobyte of an answer.
type Read = (u16, usize, String);

const MIB: usize = 1 << 20;

/// Envoy with one worker, whose routes batch so.
async fn start(upstreams: &Upstreams, routes: &[(&str, Value)]) -> anyhow::Result<Envoy> {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    let route = |(prefix, section): &(&str, Value)| json!({ "name": prefix.trim_matches('/'), "match": { "path_prefix": prefix }, "upstream": "checkout", "batch": section });
    let others = json!({ "name": "others", "match": {}, "upstream": "checkout" });
    if let Some(document) = document.as_object_mut() {
        document.insert("routes".to_owned(), routes.iter().map(route).chain([others]).collect());
    }
    let bootstrap = Bootstrap::shipped().endpoints("checkout", &upstreams.addresses());
    let bootstrap = bootstrap.document(&document).only(&["batch"]);
    // Clients that do not read are to be the filter's business here, and not Envoy's.
    Envoy::start(bootstrap.stream_timeouts(300).route_timeout(300).concurrency(1)).await
}

/// A section under which a request that is held keeps the others waiting, and an answer that nobody reads its room, for as long as a slow
/// machine takes to bring all of them there.
fn patient(mut section: Value) -> Value {
    if let Some(section) = section.as_object_mut() {
        section.insert("stall_timeout".to_owned(), json!("20s"));
        section.insert("timeout".to_owned(), json!("240s"));
    }
    section
}

fn ids(settings: &Value) -> Value {
    let protocol = json!({ "path": "/items", "parameter": "ids", "single": true, "field": "items" });
    let mut section = json!({ "protocol": { "id_list": protocol }, "max_delay": "10s", "timeout": "60s" });
    if let (Some(section), Some(settings)) = (section.as_object_mut(), settings.as_object()) {
        section.extend(settings.clone());
    }
    section
}

/// Sends it and reads the answer, of which little is kept.
fn ask(request: Request) -> JoinHandle<anyhow::Result<Read>> {
    tokio::spawn(async {
        let mut reading = request.open().await?;
        let (mut length, mut begins) = (0, Vec::new());
        while let Some(piece) = reading.next().await? {
            length += piece.len();
            begins.extend(piece.iter().take(1024_usize.saturating_sub(begins.len())));
        }
        Ok((reading.status.as_u16(), length, String::from_utf8_lossy(&begins).into_owned()))
    })
}

async fn all(envoy: &Envoy, asked: Vec<JoinHandle<anyhow::Result<Read>>>) -> anyhow::Result<Vec<Read>> {
    let mut read = Vec::new();
    for one in asked {
        let one = tokio::time::timeout(std::time::Duration::from_secs(60), one).await;
        read.push(
            one.map_err(|_| anyhow::anyhow!("somebody hangs; {} did not\n{}", read.len(), envoy.log()))???,
        );
    }
    Ok(read)
}

/// The VM lives.
fn is_well(envoy: &Envoy) {
    let log = envoy.log();
    let traps: Vec<_> = log
        .lines()
        .filter(|line| line.contains("Function: proxy_on") || line.contains("unreachable"))
        .collect();
    assert!(traps.is_empty(), "{traps:?}");
}

async fn gathered_in(envoy: &Envoy, route: &str, requests: u64) -> Outcome {
    let name = format!("wasmcustom.switchyard.route=.={route};.;batch_active");
    envoy.wait_for_stat(&name, |now| now == requests).await?;
    Ok(())
}

fn stat(route: &str, metric: &str, label: &str) -> String {
    format!("wasmcustom.switchyard.route=.={route};.;{label}{metric}")
}

/// An object so large, as the answer of a list has it.
fn object(bytes: usize) -> String {
    format!(r#"{{"items":[{{"id":7,"pad":"{}"}}]}}"#, "x".repeat(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_that_many_ask_for_at_once_goes_to_all_of_them_as_they_read() -> Outcome {
    const BYTES: usize = 18 * MIB;
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) =
        (&upstreams[0], start(&upstreams, &[("/items", patient(ids(&json!({}))))]).await?);
    let address = envoy.listener_address("ingress").await?;
    upstream.behave(Behaviour::body(&object(BYTES))).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let first = ask(Client::http2(address).get("/items/7"));
    until_under_way(&envoy, upstream, 1).await?;
    let asked: Vec<_> = (0..63).map(|_| ask(Client::http2(address).get("/items/7"))).collect();
    gathered_in(&envoy, "items", 64).await?;
    upstream.release();
    let innocent: Vec<_> = (0..10).map(|_| ask(Client::to(address).get("/innocent"))).collect();
    for (status, length, begins) in all(&envoy, asked).await? {
        assert_eq!((status, length > BYTES), (200, true), "{length}: {begins}");
        assert!(begins.starts_with(r#"{"id":7,"#), "{begins}");
    }
    assert!(all(&envoy, innocent).await?.iter().all(|(status, ..)| *status == 200));
    assert_eq!(all(&envoy, vec![first]).await?[0].0, 200);
    assert_eq!(upstream.count(), 1 + 1 + 10, "one call for all of them");
    is_well(&envoy);
    for gauge in ["batch_active", "batch_bytes_held"] {
        envoy.wait_for_stat(&stat("items", gauge, ""), |now| now == 0).await?;
    }
    Ok(())
}

/// A status, an answer that is right for it, or says in its protocol that there was no room.
fn is_answered((status, length, begins): &Read, right: &str, bytes: usize) {
    match status {
        200 => assert!(*length > bytes && begins.starts_with(right), "{length}: {begins}"),
        _ => assert!(*status == 502 && begins.contains("too large to be shared out"), "{status} {begins}"),
    }
}

/// The first one of a route, which is held, and those that wait behind it.
async fn busy(
    envoy: &Envoy,
    upstream: &Upstream,
    route: &str,
    count: u64,
    request: impl Fn() -> Request,
) -> anyhow::Result<Vec<JoinHandle<anyhow::Result<Read>>>> {
    let before = upstream.under_way();
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let mut asked = vec![ask(request())];
    until_under_way(envoy, upstream, before + 1).await?;
    asked.extend((1..count).map(|_| ask(request())));
    gathered_in(envoy, route, count).await?;
    Ok(asked)
}

/// Envoy takes the whole of an HTTP/1.1 reply into its connection's buffer and says no more of it: as many get one as may be there
/// unread, and the others ask for themselves, within the budget, or are told.
#[tokio::test(flavor = "multi_thread")]
async fn of_clients_of_http1_as_many_get_a_large_share_as_may_and_the_others_ask_or_are_told() -> Outcome {
    const BYTES: usize = 18 * MIB;
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams, &[("/items", ids(&json!({})))]).await?);
    let address = envoy.listener_address("ingress").await?;
    upstream.behave(Behaviour::body(&object(BYTES))).await?;
    let client = Client::to(address).with_small_buffers();
    let mut asked = busy(&envoy, upstream, "items", 16, || client.get("/items/7")).await?;
    upstream.release();
    let innocent: Vec<_> = (0..10).map(|_| ask(client.get("/innocent"))).collect();
    let first = asked.remove(0);
    let read = all(&envoy, asked).await?;
    // Whoever asks for itself gets what the upstream has at that path.
    read.iter().for_each(|read| is_answered(read, "{\"", BYTES));
    let shared = read.iter().filter(|(_, _, begins)| begins.starts_with(r#"{"id":7,"#)).count();
    assert_eq!(shared, 64 * MIB / BYTES, "as many as fit unread");
    assert!(all(&envoy, innocent).await?.iter().all(|(status, ..)| *status == 200));
    all(&envoy, vec![first]).await?;
    envoy.wait_for_stat(&stat("items", "batch_withheld_total", ""), |now| now == 15 - shared as u64).await?;
    is_well(&envoy);
    envoy.wait_for_stat(&stat("items", "batch_active", ""), |now| now == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_field_beside_the_items_goes_to_everybody() -> Outcome {
    const BYTES: usize = 20 * MIB;
    let large = "y".repeat(BYTES);
    let predictions = (0..63).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let vectors = (0..63).map(|number| format!(r#"{{"index":{number},"embedding":[{number}]}}"#));
    let vectors = vectors.collect::<Vec<_>>().join(",");
    for (protocol, path, body, answer) in [
        (
            json!({ "json_array": { "field": "instances", "answers": "predictions", "sends": "items" } }),
            "/predict",
            r#"{"instances":[1]}"#,
            format!(r#"{{"trace":"{large}","predictions":[{predictions}]}}"#),
        ),
        (
            json!({ "embeddings": {} }),
            "/embeddings",
            r#"{"model":"m","input":"soup"}"#,
            format!(r#"{{"trace":"{large}","data":[{vectors}]}}"#),
        ),
    ] {
        let section = patient(json!({ "protocol": protocol, "max_delay": "10s", "timeout": "60s" }));
        let upstreams = Upstreams::start(1).await?;
        let (upstream, envoy) = (&upstreams[0], start(&upstreams, &[(path, section)]).await?);
        let address = envoy.listener_address("ingress").await?;
        upstream.behave(Behaviour::body(&answer)).await?;
        let request = || {
            let client = Client::http2(address);
            client.post(path, body).header("content-type", "application/json")
        };
        let route = path.trim_matches('/');
        let mut asked = busy(&envoy, upstream, route, 64, request).await?;
        upstream.release();
        let first = asked.remove(0);
        for (status, length, begins) in all(&envoy, asked).await? {
            assert_eq!((status, length > BYTES), (200, true), "{path}: {length}: {begins}");
            assert!(begins.starts_with(r#"{"trace":"yyyy"#), "{begins}");
        }
        all(&envoy, vec![first]).await?;
        assert_eq!(upstream.count(), 2, "one call for all of them");
        is_well(&envoy);
        envoy.wait_for_stat(&stat(route, "batch_bytes_held", ""), |now| now == 0).await?;
    }
    Ok(())
}

/// More is asked for than a worker may keep, by more clients than may have replies unread, none of whom reads.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_bounds_of_a_worker_everybody_is_answered_and_the_innocent_at_once() -> Outcome {
    const BYTES: usize = 30 * MIB;
    const ROUTES: usize = 12;
    const CLIENTS: u64 = 4;
    let section = |path: &str| {
        let protocol = json!({ "path": path, "parameter": "ids", "single": true, "field": "items" });
        let section = json!({ "protocol": { "id_list": protocol }, "max_delay": "10s", "timeout": "60s" });
        patient(section)
    };
    let paths: Vec<_> = (0..ROUTES).map(|number| format!("/r{number:02}")).collect();
    let routes: Vec<_> = paths.iter().map(|path| (path.as_str(), section(path))).collect();
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams, &routes).await?);
    let address = envoy.listener_address("ingress").await?;
    upstream.behave(Behaviour::body(&object(BYTES))).await?;
    let (mut readings, mut firsts) = (Vec::new(), Vec::new());
    for (number, path) in paths.iter().enumerate() {
        let path = format!("{path}/7");
        upstream.behave_next(1, Behaviour::held(Behaviour::default()));
        firsts.push(ask(Client::http2(address).get(&path)));
        until_under_way(&envoy, upstream, number as u64 + 1).await?;
        let slow = || tokio::spawn(Client::http2(address).with_small_buffers().get(&path).open());
        readings.extend((1..CLIENTS).map(|_| slow()));
        gathered_in(&envoy, &format!("r{number:02}"), CLIENTS).await?;
    }
    upstream.release();
    all(&envoy, firsts).await?;
    // Eight shares are unread, of three answers; nine answers more do not fit into what a worker keeps.
    let failed = async || {
        let stats = envoy.stats().await?;
        let failed = stats.iter().filter(|(name, _)| name.contains("=memory;.;batch_failures_total"));
        Ok((failed.map(|(_, count)| count).sum::<u64>() > 0).then_some(()))
    };
    envoy.until("an answer that there is no room for", failed).await?;
    let innocent: Vec<_> = (0..20).map(|_| ask(Client::to(address).get("/innocent"))).collect();
    assert!(all(&envoy, innocent).await?.iter().all(|(status, ..)| *status == 200));
    let reads = readings.into_iter().map(|reading| {
        tokio::spawn(async {
            let reading = reading.await??;
            let status = reading.status.as_u16();
            let read = reading.rest().await?;
            let begins = read.body.get(..read.body.len().min(1024)).unwrap_or_default();
            Ok((status, read.body.len(), String::from_utf8_lossy(begins).into_owned()))
        })
    });
    let read = all(&envoy, reads.collect()).await?;
    assert_eq!(read.len() as u64, ROUTES as u64 * (CLIENTS - 1));
    read.iter().for_each(|read| is_answered(read, "{\"", BYTES));
    is_well(&envoy);
    for number in 0..ROUTES {
        for gauge in ["batch_active", "batch_bytes_held"] {
            envoy.wait_for_stat(&stat(&format!("r{number:02}"), gauge, ""), |now| now == 0).await?;
        }
    }
    Ok(())
}
