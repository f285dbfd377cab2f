//! Slow upstreams and answers that do not end: crowds go a few at a time, and what a head says keeps nobody waiting.

use anyhow::Context as _;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// A header that tells requests of one key from each other, on their way and at the upstream.
const NUMBER: &str = "x-correlation-id";

/// Nobody is succeeded but for what a scenario does.
fn patient(more: &Value) -> Value {
    let mut section = json!({ "max_wait": "60s", "max_leader_age": "60s", "stall_timeout": "60s" });
    if let (Some(section), Some(more)) = (section.as_object_mut(), more.as_object()) {
        section.extend(more.clone());
    }
    section
}

/// Nobody waits, and nothing is held.
async fn nothing_is_left(envoy: &Envoy) -> Outcome {
    until_waiting(envoy, 0).await?;
    envoy.wait_for_stat(&coalesce_stat("coalesce_bytes_held", &[]), |bytes| bytes == 0).await?;
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(())
}

/// The herd at the end of `max_wait`: whoever has waited long enough goes in turn, and the first leader's answer is everybody's
/// who waits still.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_whose_upstream_is_slow_goes_a_few_at_a_time_and_gets_the_first_answer_there_is() -> Outcome {
    const CROWD: usize = 300;
    let upstreams = Upstreams::start(1).await?;
    let section = json!({
        "max_wait": "3s", "max_leader_age": "1s", "max_elections": 1, "release_concurrency": 4,
    });
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &section).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave(Behaviour::held(Behaviour::body("slow"))).await?;
    let asked = together(CROWD, |number| clients[number % 2].get("/hot").header(NUMBER, number.to_string()));
    let exits = coalesce_stat("coalesce_exits_total", &[("reason", "max_wait")]);
    envoy.wait_for_stat(&exits, |count| count == 4).await?;
    // The first leader, who was elected in its place, and those whose turn it is.
    until_under_way(&envoy, upstream, 6).await?;
    assert_eq!((upstream.count(), upstream.most_at_a_time()), (6, 6));
    upstream.behave(Behaviour::body("quick")).await?;
    upstream.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    let slow = answered.iter().filter(|answer| answer.text() == "slow").count();
    assert!(slow > CROWD * 9 / 10 && upstream.count() < 30, "{slow}, {} asked", upstream.count());
    assert!(upstream.most_at_a_time() <= 6, "{} at a time", upstream.most_at_a_time());
    nothing_is_left(&envoy).await
}

/// The same with the waits that are the defaults, and the figures of docs/coalesce.md: the first leader, two that are elected at 5 s
/// and 10 s, and eight that have waited for 10 s.
#[tokio::test(flavor = "multi_thread")]
async fn of_eight_hundred_clients_of_an_upstream_that_takes_fourteen_seconds_eleven_ask() -> Outcome {
    const CROWD: usize = 800;
    const TAKES_MS: u64 = 14_000;
    const ASK: u64 = 11;
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &json!({})).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave(Behaviour::slow(TAKES_MS)).await?;
    let asked = together(CROWD, |number| clients[number % 2].get("/hot").header(NUMBER, number.to_string()));
    until_followers(&envoy, CROWD as u64 - 1).await?;
    // When eleven have asked, there is nobody left who may before an answer begins.
    until_under_way(&envoy, upstream, ASK).await?;
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.status == 200));
    assert_eq!((upstream.count(), upstream.most_at_a_time()), (ASK, ASK));
    nothing_is_left(&envoy).await
}

/// Whoever follows a stream is let go at its head, however many they are: one that streams takes nobody's turn.
#[tokio::test(flavor = "multi_thread")]
async fn followers_of_an_event_stream_have_their_own_at_once() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = patient(&json!({ "release_concurrency": 2 }));
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &section).await?);
    let mut clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    clients.push(envoy.client("ingress").await?);
    let endless = Behaviour::Sse { events: u64::MAX, every_ms: 20 };
    upstream.behave(endless.clone()).await?;
    upstream.behave_next(1, Behaviour::held(endless));
    let open = |number: usize| clients[number % 3].get("/events").header(NUMBER, number.to_string()).open();
    let all: Vec<_> = (0..20).map(|number| tokio::spawn(open(number))).collect();
    until_followers(&envoy, 19).await?;
    assert_eq!(upstream.count(), 1);
    upstream.release();
    let mut streams = Vec::new();
    for stream in all {
        let mut stream = tokio::time::timeout(wait::DEADLINE, stream).await???;
        let first = stream.next().await?.context("an event")?;
        assert!(first.starts_with(b"data: 0"), "{first:?}");
        streams.push(stream);
    }
    assert_eq!((upstream.count(), upstream.under_way()), (20, 20), "none has ended");
    let reason = coalesce_stat("coalesce_not_shared_total", &[("reason", "stream")]);
    envoy.wait_for_stat(&reason, |count| count == 1).await?;
    drop(streams);
    drop(clients);
    nothing_is_left(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_an_answer_does_not_fit_goes_on_at_its_head() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = patient(&json!({ "max_body_bytes": "8MiB" }));
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &section).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    let varies = |delay_ms| Behaviour::Answer {
        status: 200,
        headers: [("vary".to_owned(), "user-agent".to_owned())].into(),
        body: Some("s".repeat(3 << 20)),
        delay_ms,
    };
    // Its client reads nothing, so it is never whole.
    upstream.behave(Behaviour::body("own")).await?;
    upstream.behave_next(1, Behaviour::held(varies(0)));
    let slow = envoy.client("ingress").await?.with_small_buffers().get("/hot").open();
    let slow = tokio::spawn(slow);
    until_under_way(&envoy, upstream, 1).await?;
    let others = (0..4).map(|number| {
        tokio::spawn(clients[number % 2].get("/hot").header("user-agent", "de").header(NUMBER, "1").send())
    });
    let others: Vec<_> = others.collect();
    until_waiting(&envoy, 4).await?;
    upstream.release();
    assert!(answers(&envoy, others).await?.iter().all(|answer| answer.text() == "own"));
    let vary = coalesce_stat("coalesce_exits_total", &[("reason", "vary")]);
    envoy.wait_for_stat(&vary, |count| count == 4).await?;
    assert_eq!(slow.await??.rest().await?.body.len(), 3 << 20);
    nothing_is_left(&envoy).await
}
