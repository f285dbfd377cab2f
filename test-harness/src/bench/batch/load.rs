//! Clients that ask, and look at what they get.
//!
//! Invariant: every answer is held against the one that the request has by itself. Under open load a request counts from
//! the moment at which it was due, so that a sender which is late does not make answers look early.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::load::Client;

/// What a run of requests showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// How long each took that was answered, in ms.
    pub(super) took_ms: Vec<f64>,
    /// Answers that were not those that the requests have by themselves, and requests without one.
    pub(super) wrong: u64,
    /// How long the run took.
    pub(super) lasted: Duration,
}

impl Run {
    pub(super) fn merge(&mut self, other: Self) {
        self.took_ms.extend(other.took_ms);
        self.wrong += other.wrong;
        self.lasted += other.lasted;
    }

    pub(super) fn per_second(&self) -> f64 {
        self.took_ms.len() as f64 / self.lasted.as_secs_f64().max(f64::EPSILON)
    }

    /// What this share of the requests did not exceed, in ms; by nearest rank.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.took_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// How many took longer than so many ms, or had no right answer.
    pub(super) fn late(&self, limit_ms: f64) -> u64 {
        self.took_ms.iter().filter(|took| **took > limit_ms).count() as u64 + self.wrong
    }

    fn add(&mut self, begun: Instant, is_right: bool) {
        if is_right {
            self.took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        } else {
            self.wrong += 1;
        }
    }
}

/// So many clients, each of which asks again when it is answered, for so long.
pub(super) async fn closed(address: SocketAddr, clients: usize, lasting: Duration) -> anyhow::Result<Run> {
    let (begun, numbers, mut asking) = (Instant::now(), Arc::new(AtomicU64::new(0)), JoinSet::new());
    for _ in 0..clients {
        let (client, numbers) = (Client::to(address), Arc::clone(&numbers));
        asking.spawn(async move {
            let mut run = Run::default();
            while begun.elapsed() < lasting {
                let asked = Instant::now();
                let is_right = ask(&client, numbers.fetch_add(1, Ordering::Relaxed)).await;
                run.add(asked, is_right);
            }
            run
        });
    }
    let mut all = Run::default();
    while let Some(run) = asking.join_next().await {
        all.merge(run?);
    }
    Ok(Run { lasted: begun.elapsed(), ..all })
}

/// So many requests per second, whether those before have been answered or not, at each of the rates for so long.
pub(super) async fn open(address: SocketAddr, rates: &[(f64, Duration)]) -> anyhow::Result<Run> {
    let (client, begun, mut asking) = (Client::to(address), Instant::now(), JoinSet::new());
    for (rate, lasting) in rates {
        let every = Duration::from_secs_f64(1.0 / rate);
        let mut turns = interval(every);
        for _ in 0..(lasting.as_secs_f64() * rate) as u64 {
            let (due, client, number) = (turns.tick().await, client.clone(), asking.len() as u64);
            asking.spawn(async move {
                let mut run = Run::default();
                let is_right = ask(&client, number).await;
                run.add(due, is_right);
                run
            });
        }
    }
    let mut all = Run::default();
    while let Some(run) = asking.join_next().await {
        all.merge(run?);
    }
    Ok(Run { lasted: begun.elapsed(), ..all })
}

/// One call; whether its answer is right.
pub(super) async fn ask(client: &Client, number: u64) -> bool {
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
    let request = client.post("/rpc", call.to_string()).header("content-type", "application/json");
    let Ok(answer) = request.send().await else { return false };
    let right = json!({ "jsonrpc": "2.0", "id": number, "result": [number] });
    answer.status == 200 && serde_json::from_slice::<Value>(&answer.body).is_ok_and(|got| got == right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{Cost, Fault, Service, Victims};

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(flavor = "multi_thread")]
    async fn a_closed_load_has_as_many_under_way_as_clients_and_finds_wrong_answers() -> anyhow::Result<()> {
        let service = Service::start(Cost::new(MS * 5, Duration::ZERO)).await?;
        service.fails_next(1, Fault::BadItem, Victims::All);
        let run = closed(service.address(), 4, MS * 200).await?;
        assert_eq!((run.wrong, service.most_at_a_time()), (1, 4));
        assert!(run.percentile(0.5) >= 15.0 && run.per_second() <= 200.0, "{run:?}");
        assert_eq!(run.took_ms.len() as u64 + run.wrong, service.count());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_open_load_does_not_wait_for_answers() -> anyhow::Result<()> {
        let service = Service::start(Cost::new(MS * 20, Duration::ZERO)).await?;
        let run = open(service.address(), &[(100.0, MS * 100), (300.0, MS * 100)]).await?;
        assert_eq!((run.took_ms.len(), run.wrong), (40, 0));
        // The last of 40 that take 20 ms each, one at a time, all asked for within 200 ms.
        assert!(run.percentile(1.0) > 500.0, "{run:?}");
        assert_eq!(run.late(0.0), 40);
        Ok(())
    }
}
