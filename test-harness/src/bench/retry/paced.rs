//! A paced load: one request every [`EVERY`], whether those before it have been answered or not.
//!
//! Invariant: each side is sent the same number of requests at the same pace, however quickly failures come back; a tick that
//! comes late is made up for. Trade-off: connections are as many as there are requests under way, not a fixed number.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::load::Client;

/// The time between two requests: sixteen in 20 ms.
const EVERY: Duration = Duration::from_micros(1_250);
/// Requests per second.
pub(super) const OFFERED: f64 = 1e6 / EVERY.as_micros() as f64;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// When it began, since the load did.
    pub(super) at: Duration,
    pub(super) took: Duration,
    /// It was answered, with a status below 500.
    pub(super) well: bool,
}

/// Sends to `address` for so long, and waits for the last answer.
pub(super) async fn run(address: SocketAddr, lasting: Duration) -> Vec<Sent> {
    let (client, begun) = (Client::to(address), Instant::now());
    let (mut turns, mut requests) = (interval(EVERY), JoinSet::new());
    for _ in 0..lasting.as_micros() / EVERY.as_micros() {
        turns.tick().await;
        requests.spawn(send(client.clone(), begun));
    }
    requests.join_all().await
}

async fn send(client: Client, begun: Instant) -> Sent {
    let at = begun.elapsed();
    let answer = client.get("/").send().await;
    let well = answer.is_ok_and(|answer| answer.status.as_u16() < 500);
    Sent { at, took: begun.elapsed().saturating_sub(at), well }
}
