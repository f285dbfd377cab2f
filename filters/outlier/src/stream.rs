//! One attempt: where it goes, what came back, and how it ended.
//!
//! Invariant: each attempt is judged at most once, and what was counted as in flight is taken back exactly once.
//!
//! The order of host calls is the budget: the address (1), the response's headers (2), the latency of a complete answer (3);
//! with gRPC, the trailers (4). Everything else is asked only of attempts that might count against their endpoint, or
//! of endpoints that something is known against. Source addresses are never read: on mirrored and callout
//! streams that crashes Envoy.

use crate::plan::{Place, Plan};
use crate::upstream::{Attempt, Observed, Upstream};
use crate::worker::Outlier;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANCELLED_PROPERTY, EXPECTED_TIMEOUT_HEADER, HEARTBEAT_HEADER};
use switchyard_core::http::{decimal, is_stream, speaks_grpc, status};
use switchyard_core::outlier::{Answer, Ending, Neutral, Origin, Outcome, Ticket};
use switchyard_frame as frame;
use switchyard_frame::shared::heartbeat_lease;
use switchyard_host::{Flow, HeaderMap, Host, Properties};

/// Response flags of a client that went away: HTTP/1 disconnect, HTTP/2 reset.
const CLIENT_GONE: u64 = 0x4000 | 0x1000_0000;

/// One attempt.
pub struct Stream {
    outlier: Rc<Outlier>,
    attempt: Option<Live>,
}

/// An attempt at an endpoint that we watch.
struct Live {
    /// What was watched when it began.
    plan: Rc<Plan>,
    place: Place,
    started: Timestamp,
    ticket: Option<Ticket>,
    /// What the request's headers said, if they were read.
    head: Option<AttemptHead>,
    answered: Option<Answered>,
}

#[derive(Clone, Copy, Default)]
struct AttemptHead {
    heartbeat: bool,
    shadow: bool,
    limit: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Answered {
    answer: Answer,
    at: Timestamp,
    grpc: bool,
    streaming: bool,
    complete: bool,
}

impl Stream {
    /// A stream that `outlier` judges.
    pub(crate) fn new(outlier: Rc<Outlier>) -> Self {
        Self { outlier, attempt: None }
    }

    /// The time, as of the last tick while there are any.
    fn now(&self, host: &impl Host) -> Timestamp {
        self.outlier.now(host)
    }

    /// Judges the head of an answer, or its trailers, if they decide.
    fn judge_answer(&mut self, host: &impl Host) {
        let Some(live) = &self.attempt else { return };
        let Some(answer) = live.answered.map(|answered| answered.answer) else { return };
        let outcome = live.with_upstream(|one| one.failure().judge_answer(&answer)).flatten();
        if let Some(outcome) = outcome
            && let Some(live) = self.attempt.take()
        {
            self.settle(&live, Observed { outcome, latency: None }, host);
        }
    }

    fn settle(&self, live: &Live, observed: Observed, host: &impl Host) {
        let Observed { mut outcome, latency } = observed;
        let heartbeat = live.head.is_some_and(|head| head.heartbeat);
        let well = live.answered.is_some_and(|one| (200..300).contains(&one.answer.status));
        let failed = matches!(outcome, Outcome::Failure(_));
        // A health path that answers 404 is no failure of a request, but one of a heartbeat.
        let watched = || live.with_upstream(|one| one.watches_all()) == Some(true);
        let ask = failed || (live.head.is_none() && live.answered.is_some() && !well && watched());
        let mut unread = false;
        if !heartbeat && ask && origin(live.head, host) == Origin::Mirror {
            (outcome, unread) = (Outcome::Neutral(Neutral::Mirror), live.head.is_none());
        }
        let attempt = Attempt {
            endpoint: live.place.endpoint,
            started: live.started,
            observed: Observed { outcome, latency },
            heartbeat: heartbeat.then_some(well && outcome == Outcome::Success),
            unread,
        };
        live.with_upstream(|one| one.settle(&attempt, &self.outlier.setup.vm, host));
    }
}

impl frame::Stream for Stream {
    /// An attempt begins.
    fn on_request_headers<H: Host>(&mut self, host: &H, _head: &frame::Head, _ended: bool) -> Flow {
        let plan = self.outlier.plan_now(host);
        let Some(place) = plan.place(host) else {
            if plan.has_met_strangers() {
                // A tick tells of them.
                self.now(host);
            }
            return Flow::Continue;
        };
        let now = self.now(host);
        let begun = plan.with_upstream(place.upstream, |upstream| {
            (upstream.start(place.endpoint, now), upstream.is_suspect(place.endpoint, now))
        });
        let Some((ticket, suspect)) = begun else { return Flow::Continue };
        let head = if suspect { read_head(host) } else { None };
        self.attempt = Some(Live { plan, place, started: now, ticket: Some(ticket), head, answered: None });
        Flow::Continue
    }

    /// The answer begins. A failing one is judged at once, and so is a signal.
    fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let Some(live) = &mut self.attempt else { return Flow::Continue };
        let (at, endpoint) = (self.outlier.now(host), live.place.endpoint);
        if let Some(ticket) = live.ticket.take() {
            live.with_upstream(|one| one.answered(endpoint, ticket, at));
        }
        // An answer that cannot be read is still one.
        let headers = host.response_headers().unwrap_or_default();
        let answered = read_answer(&headers, at, end_of_stream);
        live.answered = Some(answered);
        live.with_upstream(|one| one.signal(endpoint, &headers, &self.outlier.setup.vm, host));
        self.judge_answer(host);
        Flow::Continue
    }

    /// The answer ends with trailers.
    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        let Some(answered) = self.attempt.as_mut().and_then(|live| live.answered.as_mut()) else {
            return Flow::Continue;
        };
        answered.complete = true;
        if answered.grpc {
            let trailers = host.response_trailers().unwrap_or_default();
            answered.answer.grpc_status = grpc_status(&trailers).or(answered.answer.grpc_status);
            self.judge_answer(host);
        }
        Flow::Continue
    }

    /// The attempt is over, in whichever way.
    fn on_done<H: Host>(&mut self, host: &H) {
        let Some(live) = self.attempt.take() else { return };
        let now = self.now(host);
        if let Some(ticket) = live.ticket {
            live.with_upstream(|one| one.finish(ticket));
        }
        let latency = live.answered.and_then(|_| backend_latency(host));
        let complete = live.answered.is_some_and(|answered| answered.complete) || latency.is_some();
        let mut ending = Ending {
            answered: live.answered.is_some(),
            complete,
            latency,
            age: now.since(live.started),
            limit: live.head.and_then(|head| head.limit),
            ..Ending::default()
        };
        if !complete {
            look_closer(&mut ending, host);
        }
        let measured =
            latency.filter(|latency| live.answered.is_some_and(|one| !one.is_streaming(*latency, now)));
        let outcome = live.with_upstream(|one| one.failure().judge_ending(&ending));
        let Some(outcome) = outcome else { return };
        let observed = Observed {
            outcome,
            // An attempt that lost a race took at least as long as it was allowed to.
            latency: if outcome == Outcome::Neutral(Neutral::Cancelled) {
                Some(ending.age)
            } else {
                measured
            },
        };
        self.settle(&live, observed, host);
    }
}

impl Live {
    /// Runs `change` on the live state of its upstream.
    fn with_upstream<R>(&self, change: impl FnOnce(&mut Upstream) -> R) -> Option<R> {
        self.plan.with_upstream(self.place.upstream, change)
    }
}

impl Answered {
    /// Whether the answer was a stream, whose time to the last byte says nothing about the endpoint: by its type, or
    /// without a length and with a body that took a second and most of the time.
    fn is_streaming(&self, latency: Duration, now: Timestamp) -> bool {
        let body = now.since(self.at);
        self.streaming || (body >= Duration::from_secs(1) && body * 2 > latency)
    }
}

fn read_head(host: &impl Host) -> Option<AttemptHead> {
    let headers = host.request_headers().ok()?;
    let mark = headers.values(HEARTBEAT_HEADER).next();
    let limit = headers.values(EXPECTED_TIMEOUT_HEADER).next().and_then(decimal);
    Some(AttemptHead {
        heartbeat: mark.is_some_and(|mark| heartbeat_lease::is_mark(host, mark)),
        shadow: headers.values(":authority").next().is_some_and(is_shadow),
        limit: limit.filter(|millis| *millis > 0).map(Duration::from_millis),
    })
}

/// Envoy adds `-shadow` to the host of a mirrored request, before the port.
fn is_shadow(authority: &[u8]) -> bool {
    let host = authority.rsplitn(2, |byte| *byte == b':').last().unwrap_or(authority);
    host.ends_with(b"-shadow") || authority.ends_with(b"-shadow")
}

fn read_answer(headers: &HeaderMap, at: Timestamp, end_of_stream: bool) -> Answered {
    // One of gRPC-Web that is its trailers alone has its status in its head, too.
    let grpc = headers.values("content-type").any(speaks_grpc);
    let status = status(headers);
    let answer = Answer {
        status: status.unwrap_or_default(),
        grpc_status: if grpc { grpc_status(headers) } else { None },
        retry_after: headers.contains("retry-after"),
    };
    Answered {
        answer,
        at,
        grpc,
        streaming: is_stream(headers),
        // Switching protocols is all that HTTP will say.
        complete: end_of_stream || status == Some(101),
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<u32> {
    headers.values("grpc-status").next().and_then(decimal)
}

fn integer(host: &impl Properties, path: &[&str]) -> Option<u64> {
    let bytes = host.property(path).ok().flatten()?;
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn is_set(host: &impl Properties, path: &[&str]) -> bool {
    host.property(path).ok().flatten().is_some_and(|value| !value.is_empty())
}

/// Time from the request to the end of a complete answer; only complete ones have it.
fn backend_latency(host: &impl Properties) -> Option<Duration> {
    integer(host, &["response", "backend_latency"]).map(Duration::from_nanos)
}

/// What only an attempt that might count against its endpoint is asked.
fn look_closer(ending: &mut Ending, host: &impl Properties) {
    let flags = integer(host, &["response", "flags"]).unwrap_or_default();
    ending.client_gone = flags & CLIENT_GONE != 0;
    if ending.client_gone {
        return;
    }
    ending.cancelled = is_set(host, &[CANCELLED_PROPERTY]);
    if ending.answered {
        ending.discarded = integer(host, &["response", "code"]).is_none();
        return;
    }
    ending.connect_failure = is_set(host, &["upstream", "transport_failure_reason"]);
    if !ending.cancelled && !ending.connect_failure {
        // The loser of Envoy's own hedge sees the winner's details.
        let details = host.property(&["response", "code_details"]).ok().flatten().unwrap_or_default();
        ending.cancelled = details == b"via_upstream";
    }
}

/// Who sent the request. One that has no connection was sent by Envoy itself: a mirror, or a callout; without its
/// headers nobody can say which.
fn origin(head: Option<AttemptHead>, host: &impl Properties) -> Origin {
    if integer(host, &["connection", "id"]).is_some() || integer(host, &["connection_id"]).is_some() {
        return Origin::Client;
    }
    match head {
        Some(head) if !head.shadow => Origin::Client,
        _ => Origin::Mirror,
    }
}
