//! A paced load of requests with keys: one every [`EVERY`], whether those before it have been answered or not.
//!
//! Invariant: every side is sent the same requests at the same pace, however quickly failures come back; a tick that comes late is made up for. Trade-off:
//! connections are as many as there are requests under way, not a fixed number.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval, interval_at};

use super::job::KEY;
use crate::load::Client;

/// A thousand a second.
const EVERY: Duration = Duration::from_millis(1);
/// Different keys; they come in turn.
pub(super) const KEYS: u64 = 300;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// When it began, since the load did.
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) key: u64,
    /// The endpoint that answered; none if it was not answered, or with a status of 500 or more.
    pub(super) by: Option<String>,
}

/// Sends to an address for as long as `script` runs, and waits for the last answer; what was sent, in order of its beginning, and what the script says. The
/// script is given the moment at which the load began.
pub(super) async fn during<T>(
    address: SocketAddr,
    script: impl AsyncFnOnce(Instant) -> anyhow::Result<T>,
) -> anyhow::Result<(Vec<Sent>, T)> {
    let (client, begun) = (Client::to(address), Instant::now());
    let (mut turns, mut requests) = (interval(EVERY), JoinSet::new());
    let mut script = std::pin::pin!(script(begun));
    let mut number = 0;
    let said = loop {
        tokio::select! {
            biased;
            said = &mut script => break said?,
            _ = turns.tick() => {
                requests.spawn(send(client.clone(), begun, number % KEYS));
                number += 1;
            }
        }
    };
    let mut sent = requests.join_all().await;
    sent.sort_by_key(|one| one.at);
    Ok((sent, said))
}

fn send(client: Client, begun: Instant, key: u64) -> impl Future<Output = Sent> {
    let at = begun.elapsed();
    async move {
        let answer = client.get("/").header(KEY, format!("user-{key}")).send().await;
        let good = answer.ok().filter(|answer| answer.status.as_u16() < 500);
        let by = good.map(|answer| answer.upstream().to_owned());
        Sent { at, took: begun.elapsed().saturating_sub(at), key, by }
    }
}

/// Waits until so long after the load began. The load goes on meanwhile, so this is a script's clock and no wait for a condition.
pub(super) async fn until(begun: Instant, after: Duration) {
    interval_at(begun + after, after.max(EVERY)).tick().await;
}

/// Those that clients saw fail.
pub(super) fn errors(sent: &[Sent]) -> u64 {
    sent.iter().filter(|one| one.by.is_none()).count() as u64
}

/// The time in ms that this share of the requests did not exceed, by nearest rank.
pub(super) fn quantile_ms(mut took: Vec<Duration>, share: f64) -> f64 {
    took.sort_unstable();
    let rank = (share * took.len() as f64).ceil() as usize;
    took.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{Behaviour, Upstreams};

    #[tokio::test]
    async fn requests_come_at_their_pace_and_say_who_answered() -> anyhow::Result<()> {
        let upstreams = Upstreams::start(1).await?;
        let lasting = Duration::from_millis(50);
        let script = async |begun| {
            until(begun, lasting).await;
            upstreams[0].behave(Behaviour::status(500)).await?;
            until(begun, 2 * lasting).await;
            anyhow::Ok(7)
        };
        let (sent, said) = during(upstreams.addresses()[0], script).await?;
        assert_eq!(said, 7);
        assert!((20..=101).contains(&sent.len()), "{}", sent.len());
        assert_eq!(sent[0].by.as_deref(), Some("upstream-1"));
        assert_eq!(sent.last().and_then(|last| last.by.clone()), None);
        assert!(errors(&sent) > 0 && sent.is_sorted_by_key(|one| one.at));
        Ok(())
    }

    #[test]
    fn a_quantile_is_by_nearest_rank() {
        let took = [3, 1, 2].map(Duration::from_millis).to_vec();
        assert_eq!(
            [quantile_ms(took.clone(), 0.5), quantile_ms(took, 0.99), quantile_ms(vec![], 0.5)],
            [2.0, 3.0, 0.0]
        );
    }
}
