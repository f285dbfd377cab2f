//! A worker's VM dies in a stage of the chain, whatever that stage is doing: requests in it end, others go on, and a new VM serves.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

use super::trapping::bootstrap;

type Outcome = anyhow::Result<()>;
type Asked = JoinHandle<anyhow::Result<Response>>;

/// A stage, what it is doing, and the path of a request with which it comes to that.
const PHASES: [(&str, &str); 12] = [
    ("router:request-headers", "/filter"),
    ("router:request-body", "/filter"),
    ("router:response-headers", "/filter"),
    ("router:response-body", "/filter"),
    ("router:done", "/filter"),
    ("router:tick", "/filter"),
    ("retry:request-headers", "/filter"),
    ("retry:request-body", "/filter"),
    ("retry:response-headers", "/filter"),
    ("retry:response-body", "/filter"),
    ("retry:done", "/filter"),
    ("retry:call", "/fails"),
];
/// What Envoy's log has of each.
const TRAPPED: &str = "RuntimeError: unreachable";

/// The document of the chain's scenarios, whose leaders count as lost soon.
fn document(upstreams: &Upstreams) -> Value {
    let mut document = super::document(upstreams);
    document["routes"][2]["coalesce"]["stall_timeout"] = json!("300ms");
    document["routes"][0]["match"] = json!({ "path_regex": "/f.*" });
    document
}

fn ask(client: &Client, path: &str) -> Asked {
    tokio::spawn(client.get(path).send())
}

/// A request with which the VM of the client's worker dies; whatever becomes of it is its client's business.
async fn trap(envoy: &Envoy, client: &Client, (phase, path): (&str, &str)) -> Outcome {
    let before = envoy.log().matches(TRAPPED).count();
    // What is not idempotent would not be tried again.
    let asked = client.request(hyper::Method::PUT, path).body("body").header("x-trap", phase);
    let asked = tokio::spawn(asked.send());
    let died = async || Ok((envoy.log().matches(TRAPPED).count() > before).then_some(()));
    envoy.until(phase, died).await?;
    asked.abort();
    Ok(())
}

/// Requests of a new VM of the client's worker are answered, tried again among them.
async fn until_a_new_vm_serves(envoy: &Envoy, client: &Client, upstreams: &Upstreams) -> Outcome {
    let served = async || Ok((client.get("/filter").send().await?.status == 200).then_some(()));
    envoy.until("a new VM", served).await?;
    bad(upstreams)?.behave_next(1, Behaviour::status(503));
    for user in 0..10 {
        let answer = client.get("/filter").header("x-user", user.to_string()).send().await?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_stage_is_doing_when_it_traps_only_its_vms_requests_end() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = Envoy::start(bootstrap(&upstreams, &document(&upstreams), 60)).await?;
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    for phase in PHASES {
        for upstream in upstreams.iter() {
            upstream.behave_for("x-wait", "1", Behaviour::held(Behaviour::body("late")))?;
            upstream.behave_for("x-trap", "retry:call", Behaviour::status(503))?;
        }
        let waiting: Vec<Asked> = clients
            .iter()
            .map(|client| tokio::spawn(client.get("/filter").header("x-wait", "1").send()))
            .collect();
        let under_way = || upstreams.iter().map(Upstream::under_way).sum::<u64>();
        envoy.until("both under way", async || Ok((under_way() == 2).then_some(()))).await?;
        trap(&envoy, &clients[0], phase).await?;
        upstreams.iter().for_each(Upstream::release);
        let answered = answers(&envoy, waiting).await?;
        let [inside, outside] = &answered[..] else { anyhow::bail!("not two") };
        assert!(inside.status.is_server_error(), "{phase:?}: its VM is gone: {inside:?}");
        assert_eq!((outside.status.as_u16(), &*outside.text()), (200, "late"), "{phase:?}");
        until_a_new_vm_serves(&envoy, &clients[0], &upstreams).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_right_after_another_costs_a_moment_and_not_a_second() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = batched(&upstreams, &document(&upstreams)).modules(Modules::Chain).trapping("router");
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let client = envoy.client("ingress").await?;
    assert_eq!(client.get("/filter").send().await?.status, 200);
    let mut took = Vec::new();
    // The first may come long after the VM was made; each of the others comes at once after it was made anew.
    for _ in 0..5 {
        trap(&envoy, &client, PHASES[0]).await?;
        let died = std::time::Instant::now();
        let mut refused = 0;
        while client.get("/filter").send().await?.status != 200 {
            refused += 1;
        }
        took.push((died.elapsed(), refused));
    }
    println!("until served again, and how many were not: {took:?}");
    // With Envoy's own back-off the least would be a second. A busy machine may delay some, but not all.
    let quickest = took[1..].iter().map(|(time, _)| *time).min();
    assert!(quickest < Some(std::time::Duration::from_millis(400)), "{took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_in_another_worker_are_let_go_when_their_leaders_chain_dies() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = Envoy::start(bootstrap(&upstreams, &document(&upstreams), 5)).await?;
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    let upstream = &upstreams[0];
    upstream.behave(Behaviour::body("next")).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let leader = ask(&clients[0], "/crowd");
    until_under_way(&envoy, upstream, 1).await?;
    let inside: Vec<_> = (0..3).map(|_| ask(&clients[0], "/crowd")).collect();
    let outside: Vec<_> = (0..4).map(|_| ask(&clients[1], "/crowd")).collect();
    super::until_follow(&envoy, "crowd", 7).await?;
    trap(&envoy, &clients[0], ("router:response-headers", "/filter")).await?;
    let answered = answers(&envoy, outside).await?;
    assert!(answered.iter().all(|answer| answer.text() == "next"), "{answered:?}");
    upstream.release();
    let failed = answers(&envoy, vec![leader]).await?;
    assert!(failed[0].status.is_server_error(), "{failed:?}");
    until_a_new_vm_serves(&envoy, &clients[0], &upstreams).await?;
    // No filter can end these: their VM is gone, and the new one does not know them.
    let ended = answers(&envoy, inside).await?;
    assert!(ended.iter().all(|answer| answer.status.is_server_error()), "{ended:?}");
    assert_eq!(envoy.stat("http.ingress.downstream_rq_idle_timeout").await?, 3);
    Ok(())
}

/// Envoy wakes for a queue whoever has its root's number now, and a new VM numbers anew: a stream, if the root was a later one.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_the_page_wakes_no_stream_that_has_the_number_of_a_root_that_died() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let shown = |document: &Value| bootstrap(&upstreams, document, 60).concurrency(1).live_listeners();
    let mut document = document(&upstreams);
    let envoy = Envoy::start(shown(&document)).await?;
    let client = Client::to(envoy.listener_address("ingress").await?);
    for _ in 0..60 {
        assert_eq!(client.get("/filter").send().await?.status, 200);
    }
    // The root of the second listener has a number behind those of sixty streams.
    document["routes"][0]["match"] = json!({ "path_regex": "/fi.*" });
    envoy.update_listener(&shown(&document).listener_named("ingress")?).await?.expect("a good document");
    let client = Client::to(envoy.listener_address("ingress").await?);
    client.get("/filter").send().await?;
    let page = envoy.client("metrics").await?;
    let looked = async || -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&page.get("/status.json").send().await?.body)?)
    };
    let is_seen =
        async || Ok((!looked().await?["workers"].as_array().is_none_or(Vec::is_empty)).then_some(()));
    envoy.until("the page to know the worker", is_seen).await?;

    trap(&envoy, &client, ("router:request-headers", "/filter")).await?;
    until_a_new_vm_serves(&envoy, &client, &upstreams).await?;
    for upstream in upstreams.iter() {
        upstream.behave_for("x-wait", "1", Behaviour::held(Behaviour::body("late")))?;
    }
    let waiting: Vec<Asked> =
        (0..80).map(|_| tokio::spawn(client.get("/filter").header("x-wait", "1").send())).collect();
    let under_way = async || {
        let all: u64 = upstreams.iter().map(Upstream::under_way).sum();
        Ok((all == 80).then_some(()))
    };
    envoy.until("eighty requests under way", under_way).await?;
    for _ in 0..5 {
        looked().await?;
    }
    assert_eq!(client.get("/filter").send().await?.status, 200);
    assert_eq!(envoy.log().matches(TRAPPED).count(), 1, "one VM has died, by our own hand");
    upstreams.iter().for_each(Upstream::release);
    let answered = answers(&envoy, waiting).await?;
    assert!(answered.iter().all(|answer| answer.status == 200 && answer.text() == "late"));
    Ok(())
}
