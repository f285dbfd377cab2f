//! What followers may cost: how many there are, how many go upstream at a time when the answer was not for them,
//! how long they wait, and what copies take.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// An answer for one client only: it has this header.
fn own(name: &str, value: &str, delay_ms: u64) -> Behaviour {
    let headers = [(name.to_owned(), value.to_owned())].into();
    Behaviour::Answer { status: 200, headers, body: Some("own".to_owned()), delay_ms }
}

async fn until_stat(envoy: &Envoy, metric: &str, reason: &str, count: u64) -> Outcome {
    envoy.wait_for_stat(&coalesce_stat(metric, &[("reason", reason)]), |now| now == count).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_whose_answer_is_not_for_them_ask_eight_at_a_time_and_nobody_waits_after_them() -> Outcome
{
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 2, &json!({ "pass_ttl": "1h" })).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    let clients = [Client::to(address), Client::http2(address), Client::http2(address)];
    for (round, (name, value)) in
        [("cache-control", "no-store"), ("set-cookie", "id=1")].into_iter().enumerate()
    {
        let path = format!("/{name}");
        upstream.forget();
        upstream.behave(own(name, value, 2)).await?;
        upstream.behave_next(1, Behaviour::held(own(name, value, 0)));
        let waiting = together(500, |number| clients[number % 3].get(&path));
        until_followers(&envoy, 499 * (round as u64 + 1)).await?;
        assert_eq!(upstream.count(), 1);
        upstream.release();
        let all = answers(&envoy, waiting).await?;
        assert!(all.iter().all(|answer| answer.text() == "own" && answer.header("cache-status").is_empty()));
        assert_eq!(upstream.count(), 500, "each has one of its own");
        let most = upstream.most_at_a_time();
        assert!((2..=8).contains(&most), "{name}: {most} at a time");
        // Now it is known: they all go at once, whichever worker they come to.
        upstream.behave(Behaviour::held(own(name, value, 0))).await?;
        let passing = together(30, |number| clients[number % 3].get(&path));
        until_under_way(&envoy, upstream, 30).await?;
        upstream.release();
        answers(&envoy, passing).await?;
        until_stat(&envoy, "coalesce_passed_total", "hit_for_pass", 30 * (round as u64 + 1)).await?;
    }
    until_stat(&envoy, "coalesce_exits_total", "released", 2 * 499).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_passes_until_its_time_is_over() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, &json!({ "pass_ttl": "1s" })).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(own("cache-control", "no-store", 0))).await?;
    let waiting = together(3, |_| client.get("/"));
    until_followers(&envoy, 2).await?;
    upstream.behave(own("cache-control", "no-store", 0)).await?;
    upstream.release();
    answers(&envoy, waiting).await?;
    let leaders = coalesce_stat("coalesce_leaders_total", &[]);
    let led_again = async || {
        client.get("/").send().await?;
        Ok((envoy.stat(&leaders).await? > 1).then_some(()))
    };
    envoy.until("a request that leads again", led_again).await?;
    let passed = coalesce_stat("coalesce_passed_total", &[("reason", "hit_for_pass")]);
    envoy.wait_for_stat(&passed, |count| count > 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_all_ends_the_passing_early() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, &json!({ "pass_ttl": "1h" })).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(own("cache-control", "no-store", 0))).await?;
    let waiting = together(3, |_| client.get("/"));
    until_followers(&envoy, 2).await?;
    upstream.behave(own("cache-control", "no-store", 0)).await?;
    upstream.release();
    answers(&envoy, waiting).await?;
    let keys = coalesce_stat("coalesce_hit_for_pass_keys", &[]);
    envoy.wait_for_stat(&keys, |count| count == 1).await?;
    upstream.behave(Behaviour::body("for all")).await?;
    client.get("/").send().await?;
    until_stat(&envoy, "coalesce_passed_total", "hit_for_pass", 1).await?;
    envoy.wait_for_stat(&keys, |count| count == 0).await?;
    upstream.behave(Behaviour::held(Behaviour::body("for all"))).await?;
    let waiting = together(10, |_| client.get("/"));
    until_followers(&envoy, 2 + 9).await?;
    upstream.release();
    assert!(answers(&envoy, waiting).await?.iter().all(|answer| answer.text() == "for all"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_be_one_follower_or_one_flight_too_many_passes() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "max_followers": 3, "max_flights": 2 });
    let envoy = start_coalescing(&upstreams, 1, &section).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::default())).await?;
    let first = together(10, |_| client.get("/1"));
    until_under_way(&envoy, upstream, 7).await?;
    let second = together(2, |_| client.get("/2"));
    until_followers(&envoy, 3 + 1).await?;
    let third = together(2, |_| client.get("/3"));
    until_under_way(&envoy, upstream, 7 + 1 + 2).await?;
    until_stat(&envoy, "coalesce_passed_total", "max_followers", 6).await?;
    until_stat(&envoy, "coalesce_passed_total", "max_flights", 2).await?;
    upstream.release();
    answers(&envoy, first.into_iter().chain(second).chain(third).collect()).await?;
    assert_eq!(upstream.count(), 10);
    // There is room again.
    let fourth = together(4, |_| client.get("/4"));
    until_followers(&envoy, 4 + 3).await?;
    upstream.release();
    answers(&envoy, fourth).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_waited_too_long_for_his_turn_goes_by_himself() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "release_concurrency": 1, "max_wait": "2s" });
    let envoy = start_coalescing(&upstreams, 1, &section).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    upstream.behave(Behaviour::held(own("cache-control", "no-store", 0))).await?;
    let waiting = together(6, |_| client.get("/"));
    until_followers(&envoy, 5).await?;
    upstream.release();
    // One is let go and gets no answer; the others cannot wait for it.
    until_stat(&envoy, "coalesce_exits_total", "released", 1).await?;
    until_stat(&envoy, "coalesce_exits_total", "overdue", 4).await?;
    until_under_way(&envoy, upstream, 5).await?;
    upstream.release();
    assert_eq!(answers(&envoy, waiting).await?.len(), 6);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_clients_have_not_read_never_take_more_than_they_may() -> Outcome {
    const BODY: usize = 512 << 10;
    const MOST: u64 = 2 << 20;
    let upstreams = Upstreams::start(1).await?;
    let envoy =
        start_coalescing(&upstreams, 1, &json!({ "max_bytes_held": "2MiB", "max_wait": "1h" })).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    upstream.behave(Behaviour::held(Behaviour::body(&"b".repeat(BODY)))).await?;
    let leader = together(1, |_| Client::http2(address).get("/"));
    until_under_way(&envoy, upstream, 1).await?;
    let slow = || tokio::spawn(Client::http2(address).with_small_buffers().get("/").open());
    let slow: Vec<_> = (0..12).map(|_| slow()).collect();
    until_followers(&envoy, 12).await?;
    upstream.release();
    answers(&envoy, leader).await?;
    // The answer itself and three copies are all there is room for.
    let held = coalesce_stat("coalesce_bytes_held", &[]);
    envoy.wait_for_stat(&held, |bytes| bytes == MOST).await?;
    until_stat(&envoy, "coalesce_exits_total", "collapsed", 3).await?;
    let mut readers: tokio::task::JoinSet<_> =
        slow.into_iter().map(|slow| async { anyhow::Ok(slow.await??.rest().await?.body.len()) }).collect();
    while let Some(read) = readers.join_next().await {
        assert_eq!(read??, BODY);
        assert!(envoy.stat(&held).await? <= MOST);
    }
    envoy.wait_for_stat(&held, |bytes| bytes == 0).await?;
    assert_eq!(upstream.count(), 1);
    Ok(())
}

/// Envoy takes the whole of an HTTP/1.1 reply into its connection's buffer, and says no more of it: so only as many get a copy as
/// may be held unread, and the others ask for themselves.
#[tokio::test(flavor = "multi_thread")]
async fn of_clients_of_http1_only_as_many_get_copies_as_may_be_held_and_all_are_served() -> Outcome {
    const BODY: usize = 4 << 20;
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "max_body_bytes": "4MiB", "max_bytes_held": "12MiB" });
    let envoy = start_coalescing(&upstreams, 1, &section).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    let large = Behaviour::body(&"b".repeat(BODY));
    upstream.behave(large.clone()).await?;
    upstream.behave_next(1, Behaviour::held(large));
    let leader = together(1, |_| client.get("/"));
    until_under_way(&envoy, upstream, 1).await?;
    let slow = || tokio::spawn(client.clone().with_small_buffers().get("/").open());
    let slow: Vec<_> = (0..12).map(|_| slow()).collect();
    until_followers(&envoy, 12).await?;
    upstream.release();
    answers(&envoy, leader).await?;
    let mut readers: tokio::task::JoinSet<_> =
        slow.into_iter().map(|slow| async { anyhow::Ok(slow.await??.rest().await?.body.len()) }).collect();
    while let Some(read) = readers.join_next().await {
        assert_eq!(read??, BODY);
    }
    // The answer itself and two copies are all there is room for.
    until_stat(&envoy, "coalesce_exits_total", "collapsed", 2).await?;
    until_stat(&envoy, "coalesce_exits_total", "released", 10).await?;
    until_stat(&envoy, "coalesce_not_shared_total", "memory", 10).await?;
    assert!(upstream.most_at_a_time() <= 8, "{} at a time", upstream.most_at_a_time());
    envoy.wait_for_stat(&coalesce_stat("coalesce_bytes_held", &[]), |bytes| bytes == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_many_get_their_copies_others_of_the_worker_are_served() -> Outcome {
    const FOLLOWERS: u64 = 60;
    let upstreams = Upstreams::start(1).await?;
    let section = json!({ "max_body_bytes": "2MiB", "max_bytes_held": "256MiB" });
    let envoy = start_coalescing(&upstreams, 1, &section).await?;
    let (upstream, client) = (&upstreams[0], envoy.client("ingress").await?);
    let large = Behaviour::held(Behaviour::body(&"b".repeat(2 << 20)));
    upstream.behave_for("x-large", "1", large)?;
    let ask = || client.clone().with_small_buffers().get("/").header("x-large", "1");
    let slow: Vec<_> = (0..=FOLLOWERS).map(|_| tokio::spawn(ask().open())).collect();
    until_followers(&envoy, FOLLOWERS).await?;
    upstream.release();
    let mut seen = std::collections::BTreeSet::new();
    while !seen.contains(&0) {
        assert_eq!(client.get("/other").header("cookie", "a=1").send().await?.status, 200);
        seen.insert(envoy.stat("http.ingress.downstream_rq_active").await?);
    }
    // Another request was answered when some had their copies and others had not.
    let between = seen.range(1..FOLLOWERS).count();
    assert!(between > 0, "{seen:?}");
    for reading in slow {
        assert_eq!(reading.await??.rest().await?.body.len(), 2 << 20);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_shadow_mode_nobody_waits_and_what_would_have_been_collapsed_is_counted() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, &json!({ "mode": "shadow", "hold": "10s" })).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    let clients = [Client::to(address), Client::http2(address)];
    upstream.behave(Behaviour::held(Behaviour::body("own"))).await?;
    let all = together(10, |number| clients[number % 2].get("/"));
    until_under_way(&envoy, upstream, 10).await?;
    upstream.release();
    let all = answers(&envoy, all).await?;
    assert!(all.iter().all(|answer| answer.text() == "own" && answer.header("cache-status").is_empty()));
    until_stat(&envoy, "coalesce_passed_total", "shadow", 9).await?;
    upstream.behave(Behaviour::default()).await?;
    assert_eq!(clients[0].get("/").send().await?.header("cache-status"), "");
    assert_eq!(upstream.count(), 11, "nothing is kept");
    let stats = envoy.stats().await?;
    let held = stats.iter().filter(|(name, _)| name.contains("coalesce_") && !name.contains("_passed"));
    let held: Vec<_> =
        held.filter(|(name, value)| !name.contains(";coalesce_leaders") && **value > 0).collect();
    assert!(held.is_empty(), "{held:?}");
    Ok(())
}
