//! switchyard.wasm, and coalesce.wasm by itself, against nginx's `proxy_cache_lock` and Varnish: bursts of two hundred clients on one key, in front
//! of the same upstream, and what it costs while there is nothing to collapse.
//!
//! A follower's delay counts from the moment at which the first of the answers is complete at its client. Every burst
//! has a key of its own, so that nobody has the answer yet. The upstream holds its answer for a time that differs
//! from round to round, the same for all sides: nginx looks twice a second whether an answer has come, and one fixed
//! time would make it look quick, or slow.

mod burst;
mod cost;
mod peer;
mod sides;
mod sockets;
mod summary;

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::others::Accounts;
use super::progress;
use crate::upstream::{Behaviour, Upstreams};
use burst::Burst;
use sides::{Running, Side};

const CLIENTS: usize = 200;
const BODY_BYTES: usize = 4 << 10;
/// The shortest time for which an answer is held. Nobody is still on the way by then.
const HELD_AT_LEAST: Duration = Duration::from_millis(150);
/// nginx's own period; what rounds add to the shortest time is spread over it.
const HELD_SPREAD: Duration = Duration::from_millis(500);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds; every side has one burst in each.
    pub rounds: usize,
}

/// Measures; returns the report's object.
///
/// # Errors
/// If Envoy, nginx or Varnish does not start, or a request of theirs fails.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let before = Accounts::now()?;
    let upstreams = Upstreams::start(1).await?;
    let mut running = Vec::new();
    for side in Side::ALL {
        let one = Running::start(side, &upstreams, CLIENTS).await;
        running.push(one.with_context(|| format!("starting {}", side.name()))?);
    }
    let bursts = rounds(size.rounds, &mut running, &upstreams).await?;
    let mut report = summary::of(&bursts);
    for one in running.drain(..) {
        let name = match one.side {
            Side::Switchyard => "envoy",
            Side::Single => continue,
            peer => peer.name(),
        };
        report.insert(format!("{name}_version"), one.version);
    }
    report.insert("rounds".to_owned(), json!(size.rounds));
    report.insert("clients".to_owned(), json!(CLIENTS));
    cost::measure(&mut report).await?;
    report.insert("cpu_of_others".to_owned(), json!(Accounts::now()?.others_since(before)));
    summary::judge(&mut report);
    Ok(Value::Object(report))
}

/// Round 0 warms up.
async fn rounds(
    rounds: usize,
    running: &mut [Running],
    upstreams: &Upstreams,
) -> anyhow::Result<Vec<(Side, Burst)>> {
    let upstream = upstreams.iter().next().context("no upstream")?;
    upstream.behave(Behaviour::held(Behaviour::body(&"x".repeat(BODY_BYTES)))).await?;
    let bar = progress("bursts on each side", ((rounds + 1) * running.len()) as u64);
    let mut bursts = Vec::new();
    for round in 0..=rounds {
        running.rotate_left(1);
        for one in running.iter_mut() {
            let path = format!("/burst-{round}");
            let burst = one.clients.burst(&path, upstream, held(round, rounds)).await;
            let burst = burst.with_context(|| format!("a burst on {}", one.side.name()))?;
            if round > 0 {
                bursts.push((one.side, burst));
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    upstream.behave(Behaviour::default()).await?;
    Ok(bursts)
}

/// For how long the answer of a round's bursts is held.
fn held(round: usize, rounds: usize) -> Duration {
    HELD_AT_LEAST + HELD_SPREAD.mul_f64(round.saturating_sub(1) as f64 / rounds.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_for_which_answers_are_held_spread_over_a_period() {
        let times: Vec<u128> = (0..=5).map(|round| held(round, 5).as_millis()).collect();
        assert_eq!(times, [150, 150, 250, 350, 450, 550]);
        assert_eq!(held(1, 0), HELD_AT_LEAST);
    }
}
