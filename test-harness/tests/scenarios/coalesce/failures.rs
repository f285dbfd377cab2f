//! Leaders whose answers are failures or break off: who leads next, who gets the failure, and that all of it ends.

use anyhow::Context as _;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;
use tokio::task::JoinHandle;

type Outcome = anyhow::Result<()>;
type Asked = JoinHandle<anyhow::Result<Response>>;

/// Those who follow in each scenario; they and the leader are spread over two workers.
const FOLLOWERS: u64 = 11;

/// This policy, and nobody is succeeded for being slow.
fn on_error(more: &Value) -> Value {
    let mut section = json!({ "max_wait": "60s", "max_leader_age": "60s" });
    if let (Some(section), Some(more)) = (section.as_object_mut(), more.as_object()) {
        section.extend(more.clone());
    }
    section
}

/// One scenario's Envoy, upstream and clients, one of each worker.
struct Stage {
    upstreams: Upstreams,
    envoy: Envoy,
    clients: Vec<Client>,
}

impl Stage {
    async fn set(more: &Value) -> anyhow::Result<Self> {
        let upstreams = Upstreams::start(1).await?;
        let envoy = start_coalescing(&upstreams, 2, &on_error(more)).await?;
        let clients = client_of_each_worker(&envoy, &upstreams, 2).await?;
        Ok(Self { upstreams, envoy, clients })
    }

    fn upstream(&self) -> anyhow::Result<&Upstream> {
        self.upstreams.first().context("no upstream")
    }

    /// A leader that waits for its upstream, which will then do `first`, and those who follow it. Later requests are treated
    /// as the upstream was told before.
    async fn burst(&self, path: &str, first: Behaviour) -> anyhow::Result<(Asked, Vec<Asked>)> {
        self.upstreams.forget();
        self.upstream()?.behave_next(1, Behaviour::held(first));
        let mut asked = Vec::new();
        for client in self.clients.iter().cycle().take(1 + FOLLOWERS as usize) {
            asked.push(tokio::spawn(client.get(path).send()));
            until_under_way(&self.envoy, self.upstream()?, 1).await?;
        }
        until_waiting(&self.envoy, FOLLOWERS).await?;
        Ok((asked.remove(0), asked))
    }

    /// Waits until so many have been counted under this reason.
    async fn counted(&self, metric: &str, reason: &str, count: u64) -> Outcome {
        let name = coalesce_stat(metric, &[("reason", reason)]);
        self.envoy.wait_for_stat(&name, |now| now == count).await.map(drop)
    }

    /// Nobody waits, and nothing is held.
    async fn nothing_is_left(&self) -> Outcome {
        until_waiting(&self.envoy, 0).await?;
        self.envoy.wait_for_stat(&coalesce_stat("coalesce_bytes_held", &[]), |bytes| bytes == 0).await?;
        self.envoy.wait_for_stat("http.ingress.downstream_rq_active", |active| active == 0).await?;
        Ok(())
    }
}

/// How a leader's answer may fail before it has begun: what the upstream does, and what the leader's client gets.
fn failures() -> [(Behaviour, u16); 3] {
    [(Behaviour::Reset, 503), (Behaviour::status(500), 500), (Behaviour::status(503), 503)]
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_leader_fails_the_next_one_leads_and_its_answer_is_shared() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    stage.upstream()?.behave(Behaviour::body("well")).await?;
    for ((failure, status), times) in failures().into_iter().zip(1..) {
        let (leader, followers) = stage.burst("/hot", failure).await?;
        stage.upstream()?.release();
        assert_eq!(answers(&stage.envoy, vec![leader]).await?[0].status, status);
        let answered = answers(&stage.envoy, followers).await?;
        assert!(answered.iter().all(|answer| answer.text() == "well"), "{answered:?}");
        assert_eq!(stage.upstream()?.count(), 2, "after {status}");
        stage.counted("coalesce_successions_total", "failed", times).await?;
        stage.nothing_is_left().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_for_its_own_client_and_the_next_one_leads() -> Outcome {
    let stage = Stage::set(&json!({})).await?;
    let whole = "w".repeat(100_000);
    stage.upstream()?.behave(Behaviour::body(&whole)).await?;
    for sent in [0, 50_000] {
        let (leader, followers) =
            stage.burst("/hot", Behaviour::Truncate { promised: 100_000, sent }).await?;
        stage.upstream()?.release();
        // Envoy 1.36 resets the stream without an error: HTTP/2 clients must count.
        let is_broken = leader.await?.map_or(true, |answer| answer.body.len() < whole.len());
        assert!(is_broken, "it sees that its answer is not whole");
        assert!(answers(&stage.envoy, followers).await?.iter().all(|answer| answer.text() == whole));
        assert_eq!(stage.upstream()?.count(), 2, "after {sent} bytes");
        stage.nothing_is_left().await?;
    }
    stage.counted("coalesce_not_shared_total", "incomplete", 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn released_followers_go_on_by_themselves_a_few_at_a_time() -> Outcome {
    let stage = Stage::set(&json!({ "on_error": "release", "release_concurrency": 4 })).await?;
    for ((failure, status), rounds) in failures().into_iter().zip(1..) {
        stage.upstream()?.behave(Behaviour::held(Behaviour::body("well"))).await?;
        let (leader, followers) = stage.burst("/hot", failure).await?;
        stage.upstream()?.release();
        assert_eq!(answers(&stage.envoy, vec![leader]).await?[0].status, status);
        until_under_way(&stage.envoy, stage.upstream()?, 4).await?;
        // From here on all that is under way was released.
        let followed = tokio::spawn(async move {
            let mut statuses = Vec::new();
            for one in followers {
                statuses.push(one.await??.text());
            }
            anyhow::Ok(statuses)
        });
        let all_done = async || {
            assert!(stage.upstream()?.under_way() <= 4, "the cap holds");
            stage.upstream()?.release();
            Ok(followed.is_finished().then_some(()))
        };
        stage.envoy.until("all to be answered", all_done).await?;
        assert!(followed.await??.iter().all(|text| text == "well"));
        assert_eq!(stage.upstream()?.count(), 1 + FOLLOWERS, "after {status}");
        assert!(stage.upstream()?.most_at_a_time() <= 5, "the cap, and a leader that is about to end");
        stage.counted("coalesce_exits_total", "released", rounds * FOLLOWERS).await?;
        stage.nothing_is_left().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_shared_is_everybodys_and_was_asked_for_once() -> Outcome {
    let stage = Stage::set(&json!({ "on_error": "share", "share_errors": [500, 503] })).await?;
    stage.upstream()?.behave(Behaviour::body("nobody asks again")).await?;
    for ((failure, status), rounds) in failures().into_iter().zip(1..) {
        let (leader, mut followers) = stage.burst("/hot", failure).await?;
        stage.upstream()?.release();
        followers.push(leader);
        let answered = answers(&stage.envoy, followers).await?;
        assert!(answered.iter().all(|answer| answer.status == status), "{answered:?}");
        assert!(answered.iter().all(|answer| answer.text() == answered[0].text()));
        assert_eq!(stage.upstream()?.count(), 1);
        stage.counted("coalesce_exits_total", "shared_error", rounds * FOLLOWERS).await?;
        stage.nothing_is_left().await?;
    }
    // A failure that is not among them is succeeded as ever.
    let (leader, followers) = stage.burst("/hot", Behaviour::status(502)).await?;
    stage.upstream()?.release();
    assert_eq!(answers(&stage.envoy, vec![leader]).await?[0].status, 502);
    assert!(answers(&stage.envoy, followers).await?.iter().all(|answer| answer.status == 200));
    assert_eq!(stage.upstream()?.count(), 2);
    stage.nothing_is_left().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_everything_fails_elections_end_and_the_rest_is_released() -> Outcome {
    let stage = Stage::set(&json!({ "max_elections": 2, "release_concurrency": 4 })).await?;
    for ((failure, status), rounds) in failures().into_iter().zip(1..) {
        stage.upstream()?.behave(failure.clone()).await?;
        let (leader, mut followers) = stage.burst("/hot", failure).await?;
        stage.upstream()?.release();
        followers.push(leader);
        let answered = answers(&stage.envoy, followers).await?;
        assert!(answered.iter().all(|answer| answer.status == status), "{answered:?}");
        assert_eq!(stage.upstream()?.count(), 1 + FOLLOWERS, "each asked for itself");
        stage.nothing_is_left().await?;
        stage.counted("coalesce_exits_total", "led", rounds * 2).await?;
        stage.counted("coalesce_exits_total", "released", rounds * (FOLLOWERS - 2)).await?;
        assert!(stage.upstream()?.most_at_a_time() <= 5, "{} at a time", stage.upstream()?.most_at_a_time());
    }
    Ok(())
}
