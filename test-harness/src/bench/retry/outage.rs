//! A total outage and the recovery from it, as attempts per tenth of a second at the endpoints.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::paced::{self, OFFERED, Sent};
use super::scripts::{Script, healthy};
use super::{Seen, summary};
use crate::upstream::Upstreams;

/// All is well for so long,
pub(super) const BEFORE: Duration = Duration::from_secs(1);
/// then nothing,
pub(super) const DOWN: Duration = Duration::from_secs(3);
/// and then all is again.
pub(super) const AFTER: Duration = Duration::from_secs(2);
/// The time that is one point of the line.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// Attempts in every [`STEP`] from [`BEFORE`] the outage on.
pub(super) type Timeline = Vec<u64>;

/// Runs it; `started` is when the upstreams' clock began.
pub(super) async fn run(
    address: SocketAddr,
    upstreams: &Upstreams,
    started: Instant,
) -> anyhow::Result<(Seen, Timeline)> {
    let begun = tokio::time::Instant::now();
    let (sent, down) = tokio::join!(paced::run(address, BEFORE + DOWN + AFTER), async {
        tokio::time::sleep_until(begun + BEFORE).await;
        let down = (started.elapsed(), begun.elapsed());
        Script::Outage.hit(upstreams).await?;
        tokio::time::sleep_until(begun + BEFORE + DOWN).await;
        healthy(upstreams).await?;
        anyhow::Ok(down)
    });
    let (down_at, down_in_load) = down?;
    let arrivals = upstreams.iter().flat_map(|upstream| upstream.requests()).map(|request| request.at_ms);
    let arrivals: Vec<u64> = arrivals.collect();
    let timeline = timeline(arrivals.iter().copied(), down_at);
    let pace: Vec<u64> = sent.iter().map(|one| one.at.as_millis() as u64).collect();
    let peak_vs_load = peak_vs_load((&arrivals, down_at), (&pace, down_in_load));
    let pace = self::timeline(pace.into_iter(), BEFORE);
    let disturbed = !keeps_pace(&pace) || !keeps_pace(timeline.get(..steps(BEFORE)).unwrap_or_default());
    let seen = Seen { disturbed, peak_vs_load, ..seen(&sent, down_in_load, &timeline) };
    Ok((seen, timeline))
}

/// Arrivals, in milliseconds of the clock by which the outage began at `down`.
fn timeline(arrivals: impl Iterator<Item = u64>, down: Duration) -> Timeline {
    let mut steps = vec![0; steps(BEFORE + DOWN + AFTER)];
    for at in arrivals {
        let since = (Duration::from_millis(at) + BEFORE).checked_sub(down);
        if let Some(step) = since.and_then(|since| steps.get_mut(self::steps(since))) {
            *step += 1;
        }
    }
    steps
}

fn steps(time: Duration) -> usize {
    usize::try_from(time.as_millis() / STEP.as_millis()).unwrap_or(usize::MAX)
}

/// Requests, failures and times of the outage alone; attempts and the first peak, too.
fn seen(sent: &[Sent], down: Duration, timeline: &[u64]) -> Seen {
    let during: Vec<&Sent> = sent.iter().filter(|one| one.at >= down && one.at < down + DOWN).collect();
    let mut times: Vec<f64> = during.iter().map(|one| one.took.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let up = steps(BEFORE + DOWN);
    let outage = timeline.get(steps(BEFORE)..up).unwrap_or_default();
    Seen {
        requests: during.len() as u64,
        failures: during.iter().filter(|one| !one.well).count() as u64,
        attempts: outage.iter().sum(),
        p50_ms: summary::rank(&times, 0.5),
        p99_ms: summary::rank(&times, 0.99),
        peak: Some(peak(outage)),
        // What was under way when the endpoints came back is the outage's.
        peak_after: Some(peak(timeline.get(up + 1..).unwrap_or_default())),
        peak_vs_load: None,
        disturbed: false,
    }
}

/// The most attempts in any [`STEP`] of the outage, over the requests sent in it; both in milliseconds of a clock by which it began then. A step in
/// which less than half of what was offered was sent says nothing.
fn peak_vs_load(attempts: (&[u64], Duration), requests: (&[u64], Duration)) -> Option<f64> {
    const EVERY: usize = 10;
    let step = STEP.as_millis() as u64;
    let within = |(times, down): (&[u64], Duration), from: u64| {
        let from = down.as_millis() as u64 + from;
        times.iter().filter(|at| (from..from + step).contains(*at)).count() as f64
    };
    let least = OFFERED * STEP.as_secs_f64() / 2.0;
    let steps = (0..=DOWN.as_millis() as u64 - step).step_by(EVERY);
    let loaded = steps.map(|from| (within(attempts, from), within(requests, from)));
    loaded.filter(|(_, sent)| *sent >= least).map(|(attempts, sent)| attempts / sent).reduce(f64::max)
}

/// Whether every step has what was offered, give or take a half. Asked of what the load sent, and of what arrived while all was
/// well: nothing that a side does with failures shows there, only a machine that has other work.
fn keeps_pace(steps: &[u64]) -> bool {
    let offered = OFFERED * STEP.as_secs_f64();
    steps.iter().all(|count| (0.5..=1.5).contains(&(*count as f64 / offered)))
}

/// Attempts per second in the worst of these steps.
fn peak(steps: &[u64]) -> f64 {
    steps.iter().max().copied().unwrap_or(0) as f64 / STEP.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN_AT: Duration = Duration::from_millis(1_730);

    #[test]
    fn a_timeline_begins_a_second_before_the_outage_and_counts_by_tenths() {
        // Too early, first step, last step before the outage, first of it, last of all, too late.
        let arrivals = [729, 730, 829, 1_729, 1_730, 6_729, 6_730];
        let timeline = timeline(arrivals.into_iter(), DOWN_AT);
        let counted: Vec<_> = timeline.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        assert_eq!(counted, [(0, &2), (9, &1), (10, &1), (59, &1)]);
        assert_eq!(timeline.len(), 60);
    }

    #[test]
    fn peaks_are_those_of_the_outage_and_of_what_follows_it() {
        let mut timeline = vec![80; 60];
        // Before it; the worst of it; what was under way at its end; the worst after it.
        for (step, count) in [(9, 999), (10, 240), (40, 500), (50, 90)] {
            timeline[step] = count;
        }
        let sent = |at_ms, took_ms, well| Sent {
            at: Duration::from_millis(at_ms),
            took: Duration::from_millis(took_ms),
            well,
        };
        let sent = [sent(999, 1, true), sent(1_000, 5, false), sent(3_999, 7, true), sent(4_000, 1, true)];
        let seen = seen(&sent, BEFORE, &timeline);
        assert_eq!([seen.peak, seen.peak_after], [Some(2_400.0), Some(900.0)]);
        assert_eq!([seen.requests, seen.failures, seen.attempts], [2, 1, 29 * 80 + 240]);
        assert_eq!([seen.p50_ms, seen.p99_ms], [5.0, 7.0]);
        assert_eq!(peak(&[]), 0.0);
    }

    #[test]
    fn the_worst_tenth_of_a_second_is_told_in_requests_of_that_time() {
        // 80 requests in each, 120 attempts in one that begins in the middle of two.
        let requests: Vec<u64> = (0..4_800).map(|number| number * 5 / 4).collect();
        let retries = (0..40).map(|number| 2_050 + number * 2);
        let attempts: Vec<u64> =
            requests.iter().map(|at| at + 700).chain(retries.map(|at| at + 700)).collect();
        let down = |after: u64| Duration::from_millis(1_000 + after);
        assert_eq!(peak_vs_load((&attempts, down(700)), (&requests, down(0))), Some(1.5));
        assert_eq!(peak_vs_load((&[], down(0)), (&requests, down(0))), Some(0.0));
        assert_eq!(peak_vs_load((&attempts, down(0)), (&[], down(0))), None, "nothing was sent");
    }

    #[test]
    fn a_pace_is_kept_when_every_step_has_about_what_was_offered() {
        assert!(keeps_pace(&[80, 60, 110, 40, 120]));
        assert!(!keeps_pace(&[80, 39, 121]));
        assert!(!keeps_pace(&[80, 121]));
    }
}
