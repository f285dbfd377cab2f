//! One of five endpoints dies and comes back, while users are to stay at theirs: what clients see of it, and which users move that had no need to.
//!
//! Invariant: a user's home is the endpoint that answered while all was well; a server under which that differs from one request to the next is an error
//! and no figure. Users of the endpoint that died must move, and are not counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::job::{HOSTS, Job};
use super::pace::{self, KEYS, Sent};
use super::sides::{Running, Side};
use crate::bench::median;
use crate::upstream::{Behaviour, Upstreams};

/// Long enough for every user to come twice.
const WELL: Duration = Duration::from_millis(700);
const DEAD: Duration = Duration::from_secs(2);
/// Longer than it is kept out.
const AFTER: Duration = Duration::from_secs(4);

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    requests: u64,
    /// While it was dead, and after.
    errors: u64,
    /// Users of living endpoints that were answered elsewhere, ever.
    pub(super) moved: u64,
    /// From its return until the last answer that was not from home.
    home_ms: f64,
}

/// Runs the script on a server of this side, with these times dead and after.
pub(super) async fn run(side: Side, dead: Duration, after: Duration) -> anyhow::Result<Seen> {
    let upstreams = Upstreams::start(HOSTS).await?;
    let server = Running::start(side, Job::Hashing, &upstreams.addresses()).await?;
    let victim = upstreams.first().context("five upstreams")?;
    let script = async |begun| {
        pace::until(begun, WELL).await;
        victim.behave(Behaviour::Refuse).await?;
        pace::until(begun, WELL + dead).await;
        victim.behave(Behaviour::default()).await?;
        let back = begun.elapsed();
        pace::until(begun, WELL + dead + after).await;
        anyhow::Ok(back)
    };
    let (sent, back) = pace::during(server.address, script).await?;
    let (well, rest): (Vec<_>, Vec<_>) =
        sent.into_iter().partition(|one| one.at + Duration::from_millis(20) < WELL);
    seen(&homes(&well)?, &rest, back, victim.name())
}

/// The usual times.
pub(super) async fn whole(side: Side) -> anyhow::Result<Seen> {
    run(side, DEAD, AFTER).await
}

/// Each user's endpoint while all is well.
fn homes(well: &[Sent]) -> anyhow::Result<BTreeMap<u64, String>> {
    let mut homes: BTreeMap<u64, String> = BTreeMap::new();
    for one in well {
        let by = one.by.clone().context("a request failed while all was well")?;
        let home = homes.entry(one.key).or_insert_with(|| by.clone());
        anyhow::ensure!(*home == by, "this is no hash: user {} was at {home} and then at {by}", one.key);
    }
    anyhow::ensure!(homes.len() as u64 == KEYS, "{} of {KEYS} users came", homes.len());
    let used: BTreeSet<&String> = homes.values().collect();
    anyhow::ensure!(used.len() == HOSTS, "of {HOSTS} endpoints only {used:?} had users");
    Ok(homes)
}

fn seen(homes: &BTreeMap<u64, String>, rest: &[Sent], back: Duration, victim: &str) -> anyhow::Result<Seen> {
    let away = |one: &&Sent| {
        let home = homes.get(&one.key);
        one.by.as_ref().is_some_and(|by| home != Some(by))
    };
    let at_victim = |one: &&Sent| homes.get(&one.key).is_some_and(|home| home == victim);
    let moved: BTreeSet<u64> =
        rest.iter().filter(away).filter(|one| !at_victim(one)).map(|one| one.key).collect();
    let rerouted = rest.iter().filter(away).filter(at_victim).count();
    anyhow::ensure!(rerouted > 0, "nobody took over the users of the dead endpoint");
    let last = rest.iter().filter(away).map(|one| one.at.saturating_sub(back)).max().unwrap_or_default();
    Ok(Seen {
        requests: rest.len() as u64,
        errors: pace::errors(rest),
        moved: moved.len() as u64,
        home_ms: last.as_secs_f64() * 1e3,
    })
}

/// Sums of counts over all runs, the median of times.
pub(super) fn figures(runs: &[Seen]) -> Value {
    let sum = |count: fn(&Seen) -> u64| runs.iter().map(count).sum::<u64>();
    json!({
        "requests": sum(|run| run.requests),
        "errors": sum(|run| run.errors),
        "keys_moved": sum(|run| run.moved),
        "home_ms": median(&runs.iter().map(|run| run.home_ms).collect::<Vec<_>>()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(at: u64, key: u64, by: Option<&str>) -> Sent {
        let (at, took) = (Duration::from_millis(at), Duration::ZERO);
        Sent { at, took, key, by: by.map(str::to_owned) }
    }

    #[test]
    fn only_users_of_living_endpoints_move_without_need() {
        let homes = [(1, "a".to_owned()), (2, "b".to_owned()), (3, "b".to_owned())].into();
        let rest = [
            sent(800, 1, None),
            sent(900, 1, Some("b")),
            sent(950, 2, Some("c")),
            sent(960, 2, Some("c")),
            sent(970, 3, Some("b")),
            sent(1_500, 1, Some("b")),
            sent(1_600, 1, Some("a")),
        ];
        let seen = seen(&homes, &rest, Duration::from_millis(1_000), "a").unwrap();
        assert_eq!((seen.requests, seen.errors, seen.moved), (7, 1, 1));
        assert_eq!(seen.home_ms, 500.0);
    }

    #[test]
    fn what_is_no_hash_is_an_error() {
        let wanders = [sent(0, 1, Some("a")), sent(1, 1, Some("b"))];
        assert!(format!("{:#}", homes(&wanders).unwrap_err()).contains("no hash"));
        assert!(homes(&[sent(0, 1, Some("a"))]).is_err(), "not all users came");
    }
}
