//! Clients that ask for long answers and do not read them fill what may be unread; they keep nobody else from theirs, on no route.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// As many of these as do not read fill what long replies may take unread: six, and a seventh finds no room.
const LONG: usize = 32 * MIB - 200;

/// Look-ups below this path, one object or several.
fn look_ups(path: &str) -> Value {
    let protocol = json!({ "path": path, "parameter": "ids", "single": true, "field": "items" });
    json!({ "protocol": { "id_list": protocol }, "max_delay": "5s", "timeout": "15s" })
}

fn object(bytes: usize) -> String {
    format!(r#"{{"items":[{{"id":7,"pad":"{}"}}]}}"#, "x".repeat(bytes))
}

/// One worker with a route for each of these names.
async fn start(upstreams: &Upstreams, names: &[&str]) -> anyhow::Result<Envoy> {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    let route = |name: &&str| {
        let path = format!("/{name}");
        let batch = look_ups(&path);
        json!({ "name": name, "match": { "path_prefix": path }, "upstream": "checkout", "batch": batch })
    };
    if let Some(routes) = document.get_mut("routes") {
        *routes = names.iter().map(route).collect();
    }
    let bootstrap = Bootstrap::shipped().document(&document).endpoints("checkout", &upstreams.addresses());
    Envoy::start(bootstrap.only(&["batch"]).concurrency(1)).await
}

fn stat(route: &str, labels: &str, metric: &str) -> String {
    format!("wasmcustom.switchyard.route=.={route};.;{labels}{metric}")
}

/// A lone request is under way, so that the next ones of its key are gathered; it ends when the upstream is released.
async fn occupy(
    envoy: &Envoy,
    upstream: &Upstream,
    path: &str,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<anyhow::Result<Response>>>> {
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let client = Client::http2(envoy.listener_address("ingress").await?);
    let first = together(1, |_| client.get(path));
    until_under_way(envoy, upstream, 1).await?;
    Ok(first)
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_nobody_reads_keep_nobody_else_from_theirs() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let upstream = &upstreams[0];
    let envoy = start(&upstreams, &["long", "short", "middle"]).await?;
    let address = envoy.listener_address("ingress").await?;
    upstream.behave(Behaviour::body(&object(LONG))).await?;
    let first = occupy(&envoy, upstream, "/long/7").await?;
    let idle = |_| tokio::spawn(Client::http2(address).with_small_buffers().get("/long/7").open());
    let idle: Vec<_> = (0..9).map(idle).collect();
    envoy.wait_for_stat(&stat("long", "", "batch_active"), |count| count == 10).await?;
    upstream.release();
    answers(&envoy, first).await?;
    let answered = stat("long", "result=.=answered;.;", "batch_requests_total");
    envoy.wait_for_stat(&answered, |count| count == 6).await?;
    // Short shares have room of their own; a longer one waits for a moment, and then its request goes alone.
    for (route, bytes) in [("short", 16 * KIB), ("middle", 200 * KIB)] {
        upstream.behave(Behaviour::body(&object(bytes))).await?;
        let path = format!("/{route}/7");
        let first = occupy(&envoy, upstream, &path).await?;
        let client = Client::http2(address);
        let others = together(4, |_| client.get(&path));
        envoy.wait_for_stat(&stat(route, "", "batch_active"), |count| count == 5).await?;
        upstream.release();
        answers(&envoy, first).await?;
        for answer in answers(&envoy, others).await? {
            assert_eq!((answer.status.as_u16(), answer.body.len() > bytes), (200, true), "{route}");
        }
    }
    assert_eq!(envoy.stat(&stat("short", "", "batch_withheld_total")).await.unwrap_or_default(), 0);
    envoy.wait_for_stat(&stat("middle", "", "batch_withheld_total"), |count| count == 4).await?;
    // Those behind the idle ones on their own route have not waited for their deadline either.
    envoy.wait_for_stat(&stat("long", "", "batch_withheld_total"), |count| count == 3).await?;
    drop(idle);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_nobody_reads_hold_up_followers_of_another_key_for_a_moment() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "max_bytes_held": "4MiB", "max_wait": "60s", "max_leader_age": "60s" });
    let envoy = start_coalescing(&upstreams, 1, &section).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    let client = Client::http2(address);
    upstream.behave(Behaviour::held(Behaviour::body(&"x".repeat(MIB - 1)))).await?;
    let leader = together(1, |_| client.get("/long"));
    until_under_way(&envoy, upstream, 1).await?;
    let idle = |_| tokio::spawn(Client::http2(address).with_small_buffers().get("/long").open());
    let idle: Vec<_> = (0..3).map(idle).collect();
    until_followers(&envoy, 3).await?;
    upstream.release();
    answers(&envoy, leader).await?;
    let collapsed = coalesce_stat("coalesce_exits_total", &[("reason", "collapsed")]);
    envoy.wait_for_stat(&collapsed, |count| count == 3).await?;
    // There is room for this answer, and none for a copy of it.
    let page = "y".repeat(600 * KIB);
    upstream.behave(Behaviour::held(Behaviour::body(&page))).await?;
    let readers = together(4, |_| client.get("/page"));
    until_followers(&envoy, 6).await?;
    upstream.behave(Behaviour::body(&page)).await?;
    upstream.release();
    for answer in answers(&envoy, readers).await? {
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, page.len()));
    }
    let released = coalesce_stat("coalesce_exits_total", &[("reason", "released")]);
    envoy.wait_for_stat(&released, |count| count == 3).await?;
    drop(idle);
    Ok(())
}
