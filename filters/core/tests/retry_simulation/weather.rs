//! How endpoints fare: each by itself for a while, and now and then all of them at once.

use core::ops::Range;
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::retry::Failure;
use switchyard_core::{EndpointIndex, Timestamp};

/// How an endpoint fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Up,
    Slow,
    Flapping,
    Failing,
    Down,
    Hanging,
    /// It asks to be left alone.
    Busy,
}

const MOODS: [Mood; 12] = [
    Mood::Up,
    Mood::Up,
    Mood::Up,
    Mood::Up,
    Mood::Up,
    Mood::Up,
    Mood::Slow,
    Mood::Flapping,
    Mood::Failing,
    Mood::Down,
    Mood::Hanging,
    Mood::Busy,
];

/// What came of an attempt: an answer, or a failure and how long the endpoint asked to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    Bad(Failure, Option<Duration>),
    /// A 200 whose body says that it failed.
    Says,
}

impl Outcome {
    /// The same as a request sees it that is gRPC, or is not.
    pub(crate) fn seen_by(self, grpc: bool) -> Self {
        match self {
            Self::Bad(Failure::Grpc(14), asked) if !grpc => Self::Bad(Failure::Status(502), asked),
            Self::Bad(Failure::Grpc(_), asked) if !grpc => Self::Bad(Failure::Status(500), asked),
            other => other,
        }
    }
}

/// All endpoints of an upstream.
pub(crate) struct Weather {
    /// The mood of each, and until when.
    endpoints: Vec<(Mood, Timestamp)>,
    outages: Vec<(Range<Timestamp>, Mood)>,
    changes: bool,
}

impl Weather {
    /// Endpoints whose moods change, and outages of all of them.
    pub(crate) fn changing(endpoints: usize, outages: Vec<(Range<Timestamp>, Mood)>) -> Self {
        let endpoints = vec![(Mood::Up, Timestamp::default()); endpoints];
        Self { endpoints, outages, changes: true }
    }

    /// Endpoints that are up but for these outages, and never fail at random.
    pub(crate) fn fair(endpoints: usize, outages: Vec<(Range<Timestamp>, Mood)>) -> Self {
        Self { changes: false, ..Self::changing(endpoints, outages) }
    }

    pub(crate) fn len(&self) -> usize {
        self.endpoints.len()
    }

    fn mood(&mut self, endpoint: EndpointIndex, now: Timestamp, rng: &mut Rng) -> Mood {
        if let Some((_, mood)) = self.outages.iter().find(|(time, _)| time.contains(&now)) {
            return *mood;
        }
        if !self.changes {
            return Mood::Up;
        }
        let (mood, until) = &mut self.endpoints[endpoint];
        if *until <= now {
            *mood = MOODS[rng.usize(0..MOODS.len())];
            *until = now.plus(Duration::from_millis(rng.u64(50..3_000)));
        }
        *mood
    }

    /// What comes of an attempt that is sent now, and after how long; `None`: nothing ever does.
    pub(crate) fn attempt(
        &mut self,
        endpoint: EndpointIndex,
        now: Timestamp,
        rng: &mut Rng,
    ) -> (Option<Duration>, Outcome) {
        let mood = self.mood(endpoint, now, rng);
        let soon = Duration::from_micros(rng.u64(100..3_000));
        let latency = heavy_tail(rng);
        let bad = |failure| Outcome::Bad(failure, None);
        match mood {
            Mood::Up if self.changes && rng.f64() < 0.01 => (Some(latency), bad(any_failure(rng))),
            // In fair weather nothing takes long enough to be tried again.
            Mood::Up if !self.changes => (Some(latency.min(Duration::from_millis(100))), Outcome::Good),
            Mood::Up => (Some(latency), Outcome::Good),
            Mood::Slow => (Some(latency * rng.u32(10..60)), Outcome::Good),
            Mood::Flapping if rng.bool() => (Some(latency), bad(any_failure(rng))),
            Mood::Flapping => (Some(latency), Outcome::Good),
            Mood::Failing => (Some(soon), bad(Failure::Status(503))),
            Mood::Down => (Some(soon), bad(Failure::ConnectFailure)),
            Mood::Hanging => (None, bad(Failure::Timeout)),
            Mood::Busy => {
                let asked = Duration::from_secs(rng.u64(0..3) * rng.u64(0..3));
                (Some(soon), Outcome::Bad(Failure::Status(503), Some(asked)))
            }
        }
    }
}

/// Mostly about 5 ms; one in a hundred takes twenty times as long (Pareto).
fn heavy_tail(rng: &mut Rng) -> Duration {
    let stretch = (1.0 - rng.f64()).powf(-0.66).min(200.0);
    Duration::from_secs_f64(0.003 * stretch)
}

fn any_failure(rng: &mut Rng) -> Failure {
    let all = [
        Failure::Status(502),
        Failure::Status(500),
        Failure::Grpc(14),
        Failure::Grpc(13),
        Failure::ConnectFailure,
        Failure::RefusedStream,
        Failure::Reset,
        Failure::Timeout,
    ];
    all[rng.usize(0..all.len())]
}
