//! Leaders that leave, are slow or read slowly: others lead in their place, in their worker or in another one.

use anyhow::Context as _;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
type Asked = JoinHandle<anyhow::Result<Response>>;

/// A header that is in no key, which tells requests of one from each other at the upstream.
const NUMBER: &str = "x-correlation-id";

/// Nobody is succeeded but for what a scenario does.
fn patient() -> Value {
    json!({ "max_wait": "60s", "max_leader_age": "60s", "stall_timeout": "1s" })
}

fn ask(client: &Client, number: usize) -> Asked {
    tokio::spawn(client.get("/hot").header(NUMBER, number.to_string()).send())
}

/// The number of the request that has come to the upstream last.
fn leader(upstream: &Upstream) -> anyhow::Result<usize> {
    let requests = upstream.requests();
    let last = requests.last().context("nobody has led")?;
    Ok(last.header(NUMBER).context("a number")?.parse()?)
}

/// Waits until so many requests have come to the upstream, and it is busy with the last one alone.
async fn until_led(envoy: &Envoy, upstream: &Upstream, times: u64) -> Outcome {
    let led = async || Ok((upstream.count() == times && upstream.under_way() == 1).then_some(()));
    let waited = envoy.until(&format!("leader {times}"), led).await;
    waited.with_context(|| format!("{} have led, {} do", upstream.count(), upstream.under_way()))
}

async fn succeeded(envoy: &Envoy, reason: &str, times: u64) -> Outcome {
    let name = coalesce_stat("coalesce_successions_total", &[("reason", reason)]);
    envoy.wait_for_stat(&name, |count| count == times).await.map(drop)
}

/// Nobody waits, and nothing is held.
async fn nothing_is_left(envoy: &Envoy) -> Outcome {
    until_waiting(envoy, 0).await?;
    envoy.wait_for_stat(&coalesce_stat("coalesce_bytes_held", &[]), |bytes| bytes == 0).await?;
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_leaders_leave_one_after_the_other_and_everybody_else_is_answered() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &patient()).await?);
    let address = envoy.listener_address("ingress").await?;
    for (round, http2) in [(0, false), (1, true)] {
        upstreams.forget();
        let connect = || if http2 { Client::http2(address) } else { Client::to(address) };
        upstream.behave(Behaviour::held(Behaviour::body("at last"))).await?;
        let mut asked: Vec<_> = (0..30).map(|number| Some(ask(&connect(), number))).collect();
        until_waiting(&envoy, 29).await?;
        for left in 0..10 {
            until_led(&envoy, upstream, left + 1).await?;
            asked[leader(upstream)?].take().expect("it has not led before").abort();
            envoy
                .wait_for_stat("http.ingress.downstream_rq_rx_reset", |gone| gone == round * 10 + left + 1)
                .await?;
        }
        until_led(&envoy, upstream, 11).await?;
        upstream.release();
        let answered = answers(&envoy, asked.into_iter().flatten().collect()).await?;
        assert_eq!(answered.len(), 20);
        assert!(answered.iter().all(|answer| answer.status == 200 && answer.text() == "at last"));
        assert_eq!(upstream.count(), 11, "http2: {http2}");
        let led = coalesce_stat("coalesce_exits_total", &[("reason", "led")]);
        envoy.wait_for_stat(&led, |times| times == round * 10 + 10).await?;
        nothing_is_left(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_worker_the_oldest_leads() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 1, &patient()).await?);
    let client = Client::http2(envoy.listener_address("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::default())).await?;
    let mut asked = std::collections::VecDeque::from([ask(&client, 0)]);
    until_led(&envoy, upstream, 1).await?;
    for number in 1..6 {
        asked.push_back(ask(&client, number));
        until_waiting(&envoy, number as u64).await?;
    }
    // One of those who wait leaves first: it is passed over.
    asked.remove(2).expect("the second who waits").abort();
    until_waiting(&envoy, 4).await?;
    for (led, next) in [(2, 1), (3, 3), (4, 4)] {
        asked.pop_front().expect("the leader").abort();
        until_led(&envoy, upstream, led).await?;
        assert_eq!(leader(upstream)?, next);
    }
    upstream.release();
    assert_eq!(answers(&envoy, asked.into()).await?.len(), 2);
    let gone = coalesce_stat("coalesce_exits_total", &[("reason", "gone")]);
    assert_eq!((upstream.count(), envoy.stat(&gone).await?), (4, 1));
    nothing_is_left(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_leader_leaves_those_who_wait_in_the_other_worker_go_on() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &patient()).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    for (round, (one, other)) in [(0, 1), (1, 0)].into_iter().enumerate() {
        upstreams.forget();
        upstream.behave(Behaviour::held(Behaviour::body("at last"))).await?;
        let alone = ask(&clients[one], 0);
        until_led(&envoy, upstream, 1).await?;
        let asked: Vec<_> = (1..=5).map(|number| ask(&clients[other], number)).collect();
        until_waiting(&envoy, 5).await?;
        alone.abort();
        until_led(&envoy, upstream, 2).await?;
        upstream.release();
        let answered = answers(&envoy, asked).await?;
        assert!(answered.iter().all(|answer| answer.text() == "at last"));
        assert_eq!(upstream.count(), 2, "from worker {one} to worker {other}");
        succeeded(&envoy, "gone", round as u64 + 1).await?;
    }
    nothing_is_left(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_leads_whichever_worker_it_waits_in() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &patient()).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    for workers in [[0, 1, 0], [0, 0, 1]] {
        upstreams.forget();
        upstream.behave(Behaviour::held(Behaviour::default())).await?;
        let mut asked = Vec::new();
        for (number, worker) in workers.into_iter().enumerate() {
            asked.push(ask(&clients[worker], number));
            until_waiting(&envoy, number as u64).await?;
            until_led(&envoy, upstream, 1).await?;
        }
        asked.remove(0).abort();
        until_led(&envoy, upstream, 2).await?;
        assert_eq!(leader(upstream)?, 1, "{workers:?}");
        upstream.release();
        assert_eq!(answers(&envoy, asked).await?.len(), 2);
        assert_eq!(upstream.count(), 2, "{workers:?}");
    }
    nothing_is_left(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_takes_too_long_is_succeeded_and_keeps_its_own_answer() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "max_wait": "60s", "max_leader_age": "300ms" });
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &section).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    for (round, here) in [(1, 0), (2, 1)] {
        upstreams.forget();
        upstream.behave(Behaviour::body("quick")).await?;
        upstream.behave_next(1, Behaviour::held(Behaviour::body("slow")));
        let slow = ask(&clients[0], 0);
        until_led(&envoy, upstream, 1).await?;
        let asked = (1..=5).map(|number| ask(&clients[here], number)).collect();
        let answered = answers(&envoy, asked).await?;
        assert!(answered.iter().all(|answer| answer.text() == "quick"), "in worker {here}");
        assert_eq!((upstream.count(), upstream.under_way()), (2, 1), "the slow one goes on");
        succeeded(&envoy, "max_leader_age", round).await?;
        upstream.release();
        assert_eq!(answers(&envoy, vec![slow]).await?[0].text(), "slow");
    }
    nothing_is_left(&envoy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_long_enough_goes_on_by_itself() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "max_wait": "300ms", "max_leader_age": "300ms", "max_elections": 1 });
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &section).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    // Whoever were answered first would answer all who wait.
    upstream.behave(Behaviour::held(Behaviour::body("slow"))).await?;
    let slow = ask(&clients[0], 0);
    until_led(&envoy, upstream, 1).await?;
    let asked = (1..=6).map(|number| ask(&clients[number % 2], number)).collect::<Vec<_>>();
    // One leads anew and is as slow, and the others go on.
    let exits =
        ["max_wait", "overdue"].map(|reason| coalesce_stat("coalesce_exits_total", &[("reason", reason)]));
    let gone = async || {
        let stats = envoy.stats().await?;
        let gone: u64 = exits.iter().filter_map(|name| stats.get(name)).sum();
        Ok((gone == 5).then_some(()))
    };
    envoy.until("five to go on", gone).await?;
    until_under_way(&envoy, upstream, 7).await?;
    upstream.release();
    let texts: Vec<_> = answers(&envoy, asked).await?.iter().map(Response::text).collect();
    assert_eq!(texts.join(", "), "slow, slow, slow, slow, slow, slow");
    assert_eq!(answers(&envoy, vec![slow]).await?[0].text(), "slow");
    nothing_is_left(&envoy).await
}

/// Nine requests wait while a client leads that reads nothing; they have their answers.
async fn behind_a_slow_reader(
    envoy: &Envoy,
    upstream: &Upstream,
    slow: &Client,
    clients: &[Client],
) -> anyhow::Result<(Reading, Vec<Response>)> {
    upstream.forget();
    let slow = slow.clone().with_small_buffers().get("/hot").header(NUMBER, "0").open();
    let slow = tokio::spawn(slow);
    until_led(envoy, upstream, 1).await?;
    let fast = clients.iter().cycle().zip(1..=9).map(|(client, number)| ask(client, number)).collect();
    until_waiting(envoy, 9).await?;
    upstream.release();
    let answered = answers(envoy, fast).await?;
    Ok((slow.await??, answered))
}

/// HTTP/1.1, and HTTP/2 to each of two workers.
async fn all_clients(envoy: &Envoy, upstreams: &Upstreams) -> anyhow::Result<Vec<Client>> {
    let mut clients = client_of_each_worker(envoy, upstreams, 2).await?;
    clients.push(envoy.client("ingress").await?);
    Ok(clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_does_not_hold_up_those_who_follow_it_to_200_kilobytes() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &patient()).await?);
    let clients = all_clients(&envoy, &upstreams).await?;
    let body = "s".repeat(200 << 10);
    upstream.behave(Behaviour::held(Behaviour::body(&body))).await?;
    for slow in &clients[1..] {
        let (slow, answered) = behind_a_slow_reader(&envoy, upstream, slow, &clients).await?;
        assert!(answered.iter().all(|answer| answer.text() == body));
        assert_eq!(upstream.count(), 1, "nobody led in its place");
        assert_eq!(slow.rest().await?.text(), body);
        nothing_is_left(&envoy).await?;
    }
    Ok(())
}

/// Envoy keeps a megabyte for a client that does not read, and in HTTP/2 a stream's window.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_five_megabytes_is_succeeded_and_gets_all_when_it_reads_on() -> Outcome {
    const LARGE: usize = 5 << 20;
    let upstreams = Upstreams::start(1).await?;
    let section = json!({
        "max_wait": "60s", "max_leader_age": "60s", "stall_timeout": "300ms",
        "max_body_bytes": "8MiB", "max_bytes_held": "128MiB",
    });
    let small_windows = |bootstrap: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        if let Some(manager) = bootstrap.pointer_mut(manager) {
            manager["http2_protocol_options"] = json!({ "initial_stream_window_size": 1 << 20 });
        }
    };
    let bootstrap = alone(&upstreams, &section).edit(small_windows).concurrency(2);
    let (upstream, envoy) = (&upstreams[0], Envoy::start(bootstrap).await?);
    let clients = all_clients(&envoy, &upstreams).await?;
    let dripping = Behaviour::Drip { bytes: 64 << 10, every_ms: 1, total: LARGE };
    upstream.behave(dripping.clone()).await?;
    for (slow, times) in clients[1..].iter().zip(1..) {
        upstream.behave_next(1, Behaviour::held(dripping.clone()));
        let (slow, answered) = behind_a_slow_reader(&envoy, upstream, slow, &clients).await?;
        assert!(answered.iter().all(|answer| answer.status == 200 && answer.body.len() == LARGE));
        assert_eq!(upstream.count(), 2, "one led in its place");
        succeeded(&envoy, "stall", times).await?;
        assert_eq!(slow.rest().await?.body.len(), LARGE);
        nothing_is_left(&envoy).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_it_waits_leaves_nothing_behind() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start_coalescing(&upstreams, 2, &patient()).await?);
    let address = envoy.listener_address("ingress").await?;
    for (round, http2) in [(0, false), (1, true)] {
        upstreams.forget();
        let connect = || if http2 { Client::http2(address) } else { Client::to(address) };
        upstream.behave(Behaviour::held(Behaviour::body("at last"))).await?;
        let leads = ask(&connect(), 0);
        until_led(&envoy, upstream, 1).await?;
        let mut asked: Vec<_> = (1..=12).map(|number| ask(&connect(), number)).collect();
        until_waiting(&envoy, 12).await?;
        asked.drain(..6).for_each(|gone| gone.abort());
        until_waiting(&envoy, 6).await?;
        upstream.release();
        asked.push(leads);
        assert!(answers(&envoy, asked).await?.iter().all(|answer| answer.text() == "at last"));
        let gone = coalesce_stat("coalesce_exits_total", &[("reason", "gone")]);
        assert_eq!((upstream.count(), envoy.stat(&gone).await?), (1, round * 6 + 6), "http2: {http2}");
        nothing_is_left(&envoy).await?;
    }
    Ok(())
}
