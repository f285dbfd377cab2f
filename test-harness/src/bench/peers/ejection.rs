//! One of five endpoints goes bad and is to be left out: errors that clients see, requests that it gets meanwhile, and the slowest of all requests.
//!
//! It is bad for longer than anybody keeps it out, so what it costs to try it again is in the figures. Requests at it are those of clients: HAProxy's own
//! checks have no user and do not count.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::job::{HOSTS, Job, KEY};
use super::pace;
use super::sides::{Running, Side};
use crate::bench::median;
use crate::upstream::{Behaviour, Upstream, Upstreams};

const WELL: Duration = Duration::from_millis(300);
/// Half as long again as it is kept out.
const BAD: Duration = Duration::from_secs(3);
/// How long an endpoint thinks.
const THINKS_MS: u64 = 2;

/// How it is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// It answers 500.
    Status500,
    /// It answers nothing.
    Hang,
}

impl Fault {
    pub(super) const ALL: [Self; 2] = [Self::Status500, Self::Hang];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status500 => "status_500",
            Self::Hang => "hang",
        }
    }

    fn behaviour(self) -> Behaviour {
        match self {
            Self::Status500 => {
                Behaviour::Answer { status: 500, headers: [].into(), body: None, delay_ms: THINKS_MS }
            }
            Self::Hang => Behaviour::Stall,
        }
    }
}

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    requests: u64,
    errors: u64,
    pub(super) at_bad: u64,
    p99_ms: f64,
}

/// Runs the script on a server of this side.
pub(super) async fn run(side: Side, fault: Fault) -> anyhow::Result<Seen> {
    let upstreams = Upstreams::start(HOSTS).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::slow(THINKS_MS)).await?;
    }
    let server = Running::start(side, Job::Ejection, &upstreams.addresses()).await?;
    let bad = upstreams.first().context("five upstreams")?;
    let script = async |begun| {
        pace::until(begun, WELL).await;
        bad.forget();
        bad.behave(fault.behaviour()).await?;
        let begins = begun.elapsed();
        pace::until(begun, WELL + BAD).await;
        anyhow::Ok((begins, of_clients(bad)))
    };
    let (sent, (begins, at_bad)) = pace::during(server.address, script).await?;
    let (well, rest): (Vec<_>, Vec<_>) = sent.into_iter().partition(|one| one.at < begins);
    // The last of them may be under way when it goes bad.
    let failed = pace::errors(&well);
    anyhow::ensure!(failed < 10, "{failed} of {} requests failed while all was well", well.len());
    let p99_ms = pace::quantile_ms(rest.iter().map(|one| one.took).collect(), 0.99);
    Ok(Seen { requests: rest.len() as u64, errors: pace::errors(&rest), at_bad, p99_ms })
}

/// Requests with a user.
fn of_clients(upstream: &Upstream) -> u64 {
    upstream.requests().iter().filter(|request| request.header(KEY).is_some()).count() as u64
}

impl Seen {
    /// The share of requests that the bad endpoint had; a fifth would be its own.
    pub(super) fn share_at_bad(&self) -> f64 {
        self.at_bad as f64 / self.requests.max(1) as f64
    }
}

/// Sums of counts over all runs, the median of times.
pub(super) fn figures(runs: &[Seen]) -> Value {
    let sum = |count: fn(&Seen) -> u64| runs.iter().map(count).sum::<u64>();
    json!({
        "requests": sum(|run| run.requests),
        "errors": sum(|run| run.errors),
        "bad_requests": sum(|run| run.at_bad),
        "p99_ms": median(&runs.iter().map(|run| run.p99_ms).collect::<Vec<_>>()),
    })
}
