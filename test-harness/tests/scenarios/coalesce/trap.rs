//! A worker's VM dies: what becomes of those who wait in it, of those who wait for it, and of those who come after.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
type Asked = JoinHandle<anyhow::Result<Response>>;

/// Envoy with two workers, the coalesce filter that traps on `x-trap`, and an idle timeout of so many seconds.
async fn start(upstreams: &Upstreams, idle_seconds: u32) -> anyhow::Result<Envoy> {
    let section = json!({ "max_wait": "60s", "max_leader_age": "60s", "stall_timeout": "300ms" });
    let idle = |bootstrap: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let Some(manager) = bootstrap.pointer_mut(manager) else { return };
        manager["stream_idle_timeout"] = json!(format!("{idle_seconds}s"));
    };
    Envoy::start(alone(upstreams, &section).trapping("coalesce").edit(idle).concurrency(2)).await
}

fn ask(client: &Client) -> Asked {
    tokio::spawn(client.get("/hot").send())
}

async fn trap(client: &Client) -> Outcome {
    let trapped = client.get("/trap").header("x-trap", "1").send().await?;
    assert!(trapped.status.is_server_error(), "{trapped:?}");
    Ok(())
}

/// Who comes to the worker whose VM died is served by a new one, and what it asks is shared with the other worker. `lost`:
/// how many waited in the old one, which cannot count them out.
async fn all_is_well_again(envoy: &Envoy, upstream: &Upstream, clients: &[Client], lost: u64) -> Outcome {
    upstream.behave(Behaviour::default()).await?;
    let [trapped, other] = clients else { anyhow::bail!("not two workers") };
    let served = async || Ok((trapped.get("/again").send().await?.status == 200).then_some(()));
    envoy.until("a new VM", served).await?;
    for clients in [[trapped, other, trapped], [other, trapped, other]] {
        upstream.forget();
        upstream.behave_next(1, Behaviour::held(Behaviour::body("shared")));
        let mut asked = Vec::new();
        for (client, waiting) in clients.into_iter().zip(lost..) {
            asked.push(ask(client));
            until_under_way(envoy, upstream, 1).await?;
            until_waiting(envoy, waiting).await?;
        }
        upstream.release();
        let answered = answers(envoy, asked).await?;
        assert!(answered.iter().all(|answer| answer.text() == "shared"), "{answered:?}");
        assert_eq!(upstream.count(), 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_worker_that_dies_goes_on_and_who_waits_in_it_is_ended_by_envoy_alone() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams, 5).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave(Behaviour::body("next")).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::default()));
    let leader = ask(&clients[0]);
    until_under_way(&envoy, upstream, 1).await?;
    let inside: Vec<_> = (0..3).map(|_| ask(&clients[0])).collect();
    let outside: Vec<_> = (0..4).map(|_| ask(&clients[1])).collect();
    until_waiting(&envoy, 7).await?;
    trap(&clients[0]).await?;

    let answered = answers(&envoy, outside).await?;
    assert!(answered.iter().all(|answer| answer.text() == "next"), "{answered:?}");
    assert_eq!(upstream.count(), 2, "one led in place of the worker that was lost");
    let lost = coalesce_stat("coalesce_successions_total", &[("reason", "worker_lost")]);
    envoy.wait_for_stat(&lost, |count| count == 1).await?;

    // The leader goes on in the dead VM, and fails when its answer comes.
    upstream.release();
    let failed = answers(&envoy, vec![leader]).await?;
    assert!(failed[0].status.is_server_error(), "{failed:?}");
    // No filter can end these: their VM is gone, and the new one does not know them.
    all_is_well_again(&envoy, upstream, &clients, 3).await?;
    assert!(inside.iter().all(|request| !request.is_finished()), "they hang");
    assert_eq!(envoy.stat("http.ingress.downstream_rq_idle_timeout").await?, 0);
    let ended = answers(&envoy, inside).await?;
    assert!(ended.iter().all(|answer| answer.status.is_server_error()), "{ended:?}");
    assert_eq!(envoy.stat("http.ingress.downstream_rq_idle_timeout").await?, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_is_not_disturbed_when_those_who_wait_elsewhere_die() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams, 60).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    upstream.behave_next(1, Behaviour::held(Behaviour::body("shared")));
    let mut asked = vec![ask(&clients[1])];
    until_under_way(&envoy, upstream, 1).await?;
    asked.extend((0..2).map(|_| ask(&clients[1])));
    let inside: Vec<_> = (0..3).map(|_| ask(&clients[0])).collect();
    until_waiting(&envoy, 5).await?;
    trap(&clients[0]).await?;
    upstream.release();
    let answered = answers(&envoy, asked).await?;
    assert!(answered.iter().all(|answer| answer.text() == "shared"), "{answered:?}");
    assert_eq!(upstream.count(), 1);
    all_is_well_again(&envoy, upstream, &clients, 3).await?;
    // Their clients may leave whenever they like.
    inside.iter().for_each(JoinHandle::abort);
    envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_vms_death_gauges_are_what_the_living_hold() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    let (upstream, envoy) = (&upstreams[0], start(&upstreams, 60).await?);
    let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
    let private = Behaviour::Answer {
        status: 200,
        headers: [("cache-control".to_owned(), "no-store".to_owned())].into(),
        body: None,
        delay_ms: 0,
    };
    for (client, path) in clients.iter().zip(["/mine", "/yours"]) {
        upstream.behave(private.clone()).await?;
        upstream.behave_next(1, Behaviour::held(private.clone()));
        let mut asked = vec![tokio::spawn(client.get(path).send())];
        until_under_way(&envoy, upstream, 1).await?;
        asked.push(tokio::spawn(client.get(path).send()));
        until_waiting(&envoy, 1).await?;
        upstream.release();
        answers(&envoy, asked).await?;
    }
    let passes = coalesce_stat("coalesce_hit_for_pass_keys", &[]);
    envoy.wait_for_stat(&passes, |keys| keys == 2).await?;
    let drip = Behaviour::Drip { bytes: 16, every_ms: 20, total: 1 << 20 };
    upstream.behave_next(1, Behaviour::held(drip));
    let mut dripping = vec![ask(&clients[0])];
    until_under_way(&envoy, upstream, 1).await?;
    dripping.push(ask(&clients[0]));
    until_waiting(&envoy, 1).await?;
    upstream.release();
    let held = coalesce_stat("coalesce_bytes_held", &[]);
    envoy.wait_for_stat(&held, |bytes| bytes > 0).await?;
    trap(&clients[0]).await?;
    envoy.wait_for_stat(&held, |bytes| bytes == 0).await?;
    envoy.wait_for_stat(&passes, |keys| keys == 1).await?;
    dripping.iter().for_each(JoinHandle::abort);
    Ok(())
}
