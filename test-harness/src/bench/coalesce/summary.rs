//! From bursts to the report: of requests the mean, so that one too many in one burst shows; of delays the median of
//! the bursts' own quantiles, since a shared machine disturbs some of them.

use serde_json::{Map, Value, json};

use super::burst::Burst;
use super::sides::Side;
use crate::bench::aims::{self, Aim};
use crate::bench::median;

type All = [(Side, Burst)];

/// What each figure ought to be, and whether that is a least or a most.
const AIMS: [Aim; 6] = [
    ("upstream_per_burst", "<=", 1.0),
    ("follower_p99_ms", "<=", 5.0),
    ("follower_p99_vs_best_peer", "<=", 1.0),
    ("unique_vs_noop", ">=", 0.85),
    // Two of them ask who asks.
    ("host_calls_per_request", "<=", 4.0),
    ("host_calls_per_request_proxy", "<=", 7.0),
];

/// One side, over all rounds.
#[derive(Debug, Clone, Copy)]
struct Figures {
    bursts: usize,
    upstream_per_burst: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// The last follower of the worst burst.
    worst_ms: f64,
}

fn figures(all: &All, side: Side) -> Figures {
    let bursts: Vec<&Burst> = all.iter().filter(|(one, _)| *one == side).map(|(_, burst)| burst).collect();
    let of = |share| median(&bursts.iter().map(|burst| rank(&burst.delays_ms, share)).collect::<Vec<_>>());
    let requests: u64 = bursts.iter().map(|burst| burst.upstream).sum();
    Figures {
        bursts: bursts.len(),
        upstream_per_burst: requests as f64 / bursts.len().max(1) as f64,
        p50_ms: of(0.5),
        p99_ms: of(0.99),
        worst_ms: bursts.iter().map(|burst| rank(&burst.delays_ms, 1.0)).fold(0.0, f64::max),
    }
}

/// The value that this share of the sorted ones does not exceed, by nearest rank; 0 without values.
fn rank(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The report, without what is measured apart. The keys of our own side have no prefix.
pub(super) fn of(all: &All) -> Map<String, Value> {
    let mut report = Map::new();
    for side in Side::ALL {
        let figures = figures(all, side);
        let prefix = if side == Side::Switchyard { String::new() } else { format!("{}_", side.name()) };
        let mut add = |key: &str, value| report.insert(format!("{prefix}{key}"), value);
        add("upstream_per_burst", json!(figures.upstream_per_burst));
        add("follower_p50_ms", json!(figures.p50_ms));
        add("follower_p99_ms", json!(figures.p99_ms));
        add("follower_worst_ms", json!(figures.worst_ms));
    }
    let p99 = |side| figures(all, side).p99_ms;
    let best_peer = p99(Side::Nginx).min(p99(Side::Varnish)).max(f64::EPSILON);
    for (key, side) in
        [("follower_p99_vs_best_peer", Side::Switchyard), ("single_follower_p99_vs_best_peer", Side::Single)]
    {
        report.insert(key.to_owned(), json!(p99(side) / best_peer));
    }
    report.insert("bursts".to_owned(), json!(figures(all, Side::Switchyard).bursts));
    report
}

/// Adds `aims`: of every figure that has one, whether it was reached.
pub(super) fn judge(report: &mut Map<String, Value>) {
    aims::judge(report, &AIMS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(side: Side, upstream: u64, delays_ms: &[f64]) -> (Side, Burst) {
        (side, Burst { upstream, delays_ms: delays_ms.to_vec() })
    }

    fn bursts() -> Vec<(Side, Burst)> {
        vec![
            burst(Side::Switchyard, 1, &[1.0, 2.0, 3.0]),
            burst(Side::Switchyard, 2, &[1.0, 2.0, 90.0]),
            burst(Side::Switchyard, 1, &[1.0, 1.5, 2.0]),
            burst(Side::Single, 1, &[9.0]),
            burst(Side::Nginx, 1, &[300.0]),
            burst(Side::Varnish, 1, &[6.0]),
        ]
    }

    #[test]
    fn one_request_too_many_shows_and_one_disturbed_burst_does_not() {
        let report = of(&bursts());
        let figure = |key: &str| report.get(key).and_then(Value::as_f64).unwrap();
        assert!((figure("upstream_per_burst") - 4.0 / 3.0).abs() < 1e-9);
        assert_eq!((figure("follower_p50_ms"), figure("follower_p99_ms")), (2.0, 3.0));
        assert_eq!((figure("follower_worst_ms"), figure("bursts")), (90.0, 3.0));
        assert_eq!((figure("nginx_follower_p99_ms"), figure("varnish_follower_p99_ms")), (300.0, 6.0));
        assert_eq!(figure("follower_p99_vs_best_peer"), 0.5);
        assert_eq!(figure("single_follower_p99_vs_best_peer"), 1.5);
    }

    #[test]
    fn an_aim_is_met_at_its_bound_and_not_beyond() {
        let mut report = of(&bursts());
        report.insert("unique_vs_noop".to_owned(), json!(0.85));
        judge(&mut report);
        let aims = &report["aims"];
        assert_eq!(aims["unique_vs_noop"], "met: >= 0.85");
        assert_eq!(aims["upstream_per_burst"], "missed: <= 1");
        assert_eq!(aims.get("host_calls_per_request"), None, "it was not measured");
    }
}
