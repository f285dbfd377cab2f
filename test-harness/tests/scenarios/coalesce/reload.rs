//! A new configuration while requests wait: everybody is answered, and workers hear of each other before, while and after the
//! old listener drains.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
type Asked = JoinHandle<anyhow::Result<Response>>;

/// Nobody is succeeded for being slow; `followers` tells configurations apart.
fn patient(followers: u32) -> Value {
    json!({ "max_wait": "60s", "max_leader_age": "60s", "max_followers": followers })
}

fn ask(client: &Client, path: &str) -> Asked {
    tokio::spawn(client.get(path).send())
}

/// Another configuration is in force for new connections.
async fn reconfigure(envoy: &Envoy, upstreams: &Upstreams, followers: u32) -> Outcome {
    let listener = alone(upstreams, &patient(followers)).listener_named("ingress")?;
    assert_eq!(envoy.update_listener(&listener).await?, Ok(()));
    Ok(())
}

/// The first client leads, the others follow; all get the answer to one request.
async fn one_answer(envoy: &Envoy, upstream: &Upstream, path: &str, clients: &[&Client]) -> Outcome {
    upstream.forget();
    upstream.behave_next(1, Behaviour::held(Behaviour::body(path)));
    let mut asked = Vec::new();
    for (client, waiting) in clients.iter().zip(0..) {
        asked.push(ask(client, path));
        until_under_way(envoy, upstream, 1).await?;
        until_waiting(envoy, waiting).await?;
    }
    upstream.release();
    let answered = answers(envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.text() == path), "{answered:?}");
    assert_eq!(upstream.count(), 1, "{path}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_are_answered_although_the_configuration_changes() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = alone(&upstreams, &patient(100)).live_listeners().concurrency(2);
    let (upstream, envoy) = (&upstreams[0], Envoy::start(bootstrap).await?);
    let old = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::body("of the old")));
    let mut asked = vec![ask(&old[0], "/hot")];
    until_under_way(&envoy, upstream, 1).await?;
    asked.extend([0, 1, 0, 1].map(|worker| ask(&old[worker], "/hot")));
    until_waiting(&envoy, 4).await?;
    reconfigure(&envoy, &upstreams, 50).await?;
    // Nothing but the update has happened to them; and those who come under the new configuration join them.
    until_waiting(&envoy, 4).await?;
    let new = client_of_each_worker(&envoy, &upstreams, 2).await?;
    asked.extend([0, 1, 0, 1].map(|worker| ask(&new[worker], "/hot")));
    until_waiting(&envoy, 8).await?;
    upstream.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.text() == "of the old"), "{answered:?}");
    assert_eq!(upstream.count(), 0, "none was made after the first");
    // Old and new connections lead for each other, in one worker and across.
    one_answer(&envoy, upstream, "/new-first", &[&new[0], &old[0], &old[1], &new[1]]).await?;
    one_answer(&envoy, upstream, "/old-first", &[&old[1], &new[1], &new[0], &old[0]]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_hear_of_each_other_after_the_old_listener_has_drained() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = alone(&upstreams, &patient(100)).live_listeners().drain_seconds(1).concurrency(2);
    let (upstream, envoy) = (&upstreams[0], Envoy::start(bootstrap).await?);
    let drained = async || {
        envoy.wait_for_stat("listener_manager.total_filter_chains_draining", |count| count == 0).await
    };
    let old = client_of_each_worker(&envoy, &upstreams, 2).await?;
    one_answer(&envoy, upstream, "/old", &[&old[0], &old[1]]).await?;
    // Both workers have served under the new configuration before the old one goes.
    reconfigure(&envoy, &upstreams, 50).await?;
    let new = client_of_each_worker(&envoy, &upstreams, 2).await?;
    drained().await?;
    one_answer(&envoy, upstream, "/new", &[&new[0], &new[1], &new[0]]).await?;
    // The old one goes before any has.
    reconfigure(&envoy, &upstreams, 25).await?;
    drained().await?;
    let newest = client_of_each_worker(&envoy, &upstreams, 2).await?;
    one_answer(&envoy, upstream, "/newest", &[&newest[1], &newest[0], &newest[1]]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_ends_with_its_listener_is_succeeded() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let bootstrap = alone(&upstreams, &patient(100)).live_listeners().drain_seconds(1).concurrency(2);
    let (upstream, envoy) = (&upstreams[0], Envoy::start(bootstrap).await?);
    let old = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let mut gone = vec![ask(&old[0], "/hot")];
    until_under_way(&envoy, upstream, 1).await?;
    gone.extend([ask(&old[0], "/hot"), ask(&old[1], "/hot")]);
    until_waiting(&envoy, 2).await?;
    reconfigure(&envoy, &upstreams, 50).await?;
    let new = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave(Behaviour::body("of the new")).await?;
    let asked = [0, 1, 0, 1].map(|worker| ask(&new[worker], "/hot"));
    for ended in gone {
        assert!(ended.await?.is_err(), "Envoy closes the old connections");
    }
    let answered = answers(&envoy, asked.into()).await?;
    assert!(answered.iter().all(|answer| answer.text() == "of the new"), "{answered:?}");
    until_waiting(&envoy, 0).await?;
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(())
}
