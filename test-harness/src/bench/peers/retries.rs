//! Four endpoints fail, and nobody is ejected: how many requests succeed, and what the endpoints have to bear for it.
//!
//! Invariant: all try twice again, elsewhere. Ours alone has a budget here, which is what shows in a total outage.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::job::Job;
use super::pace;
use super::sides::{Running, Side};
use crate::upstream::{Behaviour, Upstreams};

const HOSTS: usize = 4;
const WELL: Duration = Duration::from_millis(200);
const BAD: Duration = Duration::from_millis(1_200);

/// How they fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Script {
    /// One of four answers 500.
    OneOfFour,
    /// Each answers one request of ten with 503.
    TenPercent,
    /// All answer 503.
    Outage,
}

impl Script {
    pub(super) const ALL: [Self; 3] = [Self::OneOfFour, Self::TenPercent, Self::Outage];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneOfFour => "one_of_four_fails",
            Self::TenPercent => "ten_percent_fail",
            Self::Outage => "outage",
        }
    }

    async fn hit(self, upstreams: &Upstreams) -> anyhow::Result<()> {
        let behaviour = match self {
            Self::OneOfFour => {
                return upstreams.first().context("four upstreams")?.behave(Behaviour::status(500)).await;
            }
            Self::TenPercent => Behaviour::FailShare { percent: 10, status: 503 },
            Self::Outage => Behaviour::status(503),
        };
        for upstream in upstreams.iter() {
            upstream.behave(behaviour.clone()).await?;
        }
        Ok(())
    }
}

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    requests: u64,
    errors: u64,
    attempts: u64,
}

/// Runs a script on a server of this side.
pub(super) async fn run(side: Side, script: Script) -> anyhow::Result<Seen> {
    let upstreams = Upstreams::start(HOSTS).await?;
    let server = Running::start(side, Job::Retries, &upstreams.addresses()).await?;
    let hit = async |begun| {
        pace::until(begun, WELL).await;
        upstreams.forget();
        script.hit(&upstreams).await?;
        let hit = begun.elapsed();
        pace::until(begun, WELL + BAD).await;
        anyhow::Ok(hit)
    };
    let (mut sent, hit) = pace::during(server.address, hit).await?;
    sent.retain(|one| one.at >= hit);
    let attempts = upstreams.counts().values().sum();
    Ok(Seen { requests: sent.len() as u64, errors: pace::errors(&sent), attempts })
}

impl Seen {
    pub(super) fn success_rate(&self) -> f64 {
        1.0 - self.errors as f64 / self.requests.max(1) as f64
    }
}

/// Sums over all runs.
pub(super) fn figures(runs: &[Seen]) -> Value {
    let sum = |count: fn(&Seen) -> u64| runs.iter().map(count).sum::<u64>();
    let (requests, errors, attempts) =
        (sum(|run| run.requests), sum(|run| run.errors), sum(|run| run.attempts));
    let all = Seen { requests, errors, attempts };
    json!({
        "requests": requests,
        "success_rate": all.success_rate(),
        "attempts_per_request": attempts as f64 / requests.max(1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_summed() {
        let one = Seen { requests: 100, errors: 10, attempts: 120 };
        let figures = figures(&[one, Seen { errors: 0, ..one }]);
        assert_eq!(figures, json!({ "requests": 200, "success_rate": 0.95, "attempts_per_request": 1.2 }));
    }
}
