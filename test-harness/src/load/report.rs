//! What a run of load saw.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Response;

/// Milliseconds in one entry of a [`Report::timeline`].
pub const TIMELINE_MS: u64 = 100;

/// Counts, latencies, and the upstream of every key. Answers of Envoy itself have the upstream name `""`.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Answers per upstream name.
    pub by_upstream: BTreeMap<String, u64>,
    /// Answers per status code.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests without a complete answer.
    pub errors: u64,
    /// Complete answers with a status below 500 whose `grpc-status`, in trailers or headers, is not 0.
    pub grpc_errors: u64,
    /// The first request without an answer, in words.
    pub first_error: Option<String>,
    /// The upstream that answered each key last.
    pub upstream_of_key: HashMap<String, String>,
    /// Keys that were answered by more than one upstream.
    pub wandering_keys: u64,
    /// Requests that ended well and failures, as [`Report::failures`] has them, of every 100 ms since the start.
    pub timeline: Vec<(u64, u64)>,
    /// How long the whole run took.
    pub elapsed: Duration,
    latencies: Vec<Duration>,
    latencies_of: BTreeMap<String, Vec<Duration>>,
}

impl Report {
    /// Adds a request that took `latency` and ended `at` that time since the start.
    pub(super) fn add(
        &mut self,
        key: Option<String>,
        latency: Duration,
        at: Duration,
        outcome: anyhow::Result<Response>,
    ) {
        self.latencies.push(latency);
        let ended = if self.count(key, latency, outcome) { (1, 0) } else { (0, 1) };
        self.ended((at.as_millis() / u128::from(TIMELINE_MS)) as usize, ended);
    }

    /// Adds to one entry of the timeline, which grows as far as that.
    fn ended(&mut self, slot: usize, (well, failed): (u64, u64)) {
        if self.timeline.len() <= slot {
            self.timeline.resize(slot + 1, (0, 0));
        }
        if let Some(entry) = self.timeline.get_mut(slot) {
            *entry = (entry.0 + well, entry.1 + failed);
        }
    }

    /// Whether it ended well.
    fn count(&mut self, key: Option<String>, latency: Duration, outcome: anyhow::Result<Response>) -> bool {
        let response = match outcome {
            Ok(response) => response,
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert_with(|| format!("{error:#}"));
                return false;
            }
        };
        let broken = response.status.as_u16() >= 500;
        let grpc_error = !broken && !matches!(response.grpc_status(), None | Some(0));
        self.grpc_errors += u64::from(grpc_error);
        let upstream = response.upstream();
        *self.by_status.entry(response.status.as_u16()).or_default() += 1;
        match self.latencies_of.get_mut(upstream) {
            Some(latencies) => latencies.push(latency),
            None => drop(self.latencies_of.insert(upstream.to_owned(), vec![latency])),
        }
        match self.by_upstream.get_mut(upstream) {
            Some(count) => *count += 1,
            None => drop(self.by_upstream.insert(upstream.to_owned(), 1)),
        }
        if let Some(key) = key {
            self.answered(key, upstream.to_owned());
        }
        !broken && !grpc_error
    }

    fn answered(&mut self, key: String, upstream: String) {
        if self.upstream_of_key.get(&key).is_some_and(|before| *before != upstream) {
            self.wandering_keys += 1;
        }
        self.upstream_of_key.insert(key, upstream);
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (name, count) in other.by_upstream {
            *self.by_upstream.entry(name).or_default() += count;
        }
        for (status, count) in other.by_status {
            *self.by_status.entry(status).or_default() += count;
        }
        for (key, upstream) in other.upstream_of_key {
            self.answered(key, upstream);
        }
        for (slot, ended) in other.timeline.into_iter().enumerate() {
            self.ended(slot, ended);
        }
        self.errors += other.errors;
        self.grpc_errors += other.grpc_errors;
        self.wandering_keys += other.wandering_keys;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latencies.extend(other.latencies);
        for (name, latencies) in other.latencies_of {
            self.latencies_of.entry(name).or_default().extend(latencies);
        }
    }

    pub(super) fn finish(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
        self.latencies.sort_unstable();
        self.latencies_of.values_mut().for_each(|latencies| latencies.sort_unstable());
    }

    /// All requests of the run, failed ones too.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.latencies.len() as u64
    }

    /// What a client would call a failure: no complete answer, a status of 500 or more, or a gRPC status but 0.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.errors + self.grpc_errors + self.by_status.range(500..).map(|(_, count)| count).sum::<u64>()
    }

    /// Answers with status 200 to 299.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.by_status.range(200..300).map(|(_, count)| count).sum()
    }

    /// The latency that `percent` of the requests did not exceed; zero for a run without requests.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Duration {
        nearest_rank(&self.latencies, percent)
    }

    /// The same of the answers of one upstream.
    #[must_use]
    pub fn percentile_of(&self, upstream: &str, percent: f64) -> Duration {
        self.latencies_of.get(upstream).map_or(Duration::ZERO, |latencies| nearest_rank(latencies, percent))
    }

    /// Half of the requests were faster.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.percentile(50.0)
    }

    /// One in a hundred was slower.
    #[must_use]
    pub fn p99(&self) -> Duration {
        self.percentile(99.0)
    }

    /// Requests per second over the whole run.
    #[must_use]
    pub fn requests_per_second(&self) -> f64 {
        self.requests() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// Keys that another run sent elsewhere: (key, here, there), sorted. Keys of one run only are left out.
    #[must_use]
    pub fn moved_keys(&self, other: &Self) -> Vec<(String, String, String)> {
        let mut moved: Vec<_> = self
            .upstream_of_key
            .iter()
            .filter_map(|(key, here)| {
                let there = other.upstream_of_key.get(key)?;
                (here != there).then(|| (key.clone(), here.clone(), there.clone()))
            })
            .collect();
        moved.sort_unstable();
        moved
    }
}

fn nearest_rank(sorted: &[Duration], percent: f64) -> Duration {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::StatusCode;
    use hyper::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut report = Report::default();
        assert_eq!(report.p99(), Duration::ZERO);
        report.latencies = (1..=200).rev().map(Duration::from_millis).collect();
        report.finish(Duration::from_secs(2));
        assert_eq!(report.p50(), Duration::from_millis(100));
        assert_eq!(report.p99(), Duration::from_millis(198));
        assert!((report.requests_per_second() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_key_answered_by_two_upstreams_wanders_and_has_moved() {
        let (mut one, mut two) = (Report::default(), Report::default());
        one.answered("k".to_owned(), "a".to_owned());
        one.answered("k".to_owned(), "a".to_owned());
        two.answered("k".to_owned(), "b".to_owned());
        assert_eq!(one.moved_keys(&two), [("k".to_owned(), "a".to_owned(), "b".to_owned())]);
        one.merge(two);
        assert_eq!(one.wandering_keys, 1);
    }

    #[test]
    fn the_timeline_has_every_request_in_its_tenth_of_a_second() {
        let answer = |status, grpc| {
            let headers = [("grpc-status", grpc)].into_iter();
            let headers =
                headers.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            let (headers, status) = (headers.collect(), StatusCode::from_u16(status).unwrap());
            Ok(Response { status, headers, body: Bytes::new(), trailers: HeaderMap::new() })
        };
        let ms = Duration::from_millis;
        let (mut one, mut two) = (Report::default(), Report::default());
        one.add(None, ms(1), ms(99), answer(404, "0"));
        one.add(None, ms(1), ms(310), answer(503, "14"));
        two.add(None, ms(1), ms(100), answer(200, "14"));
        two.add(None, ms(1), ms(0), Err(anyhow::anyhow!("reset")));
        one.merge(two);
        assert_eq!(one.timeline, [(1, 1), (0, 1), (0, 0), (0, 1)]);
        assert_eq!(one.failures(), one.timeline.iter().map(|entry| entry.1).sum::<u64>());
    }
}
