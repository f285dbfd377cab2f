//! One attempt: where it goes, when its request is whole, what came back, and how it ended.
//!
//! Invariant: each attempt is judged at most once, what was counted as in flight is taken back exactly once, and an endpoint's time begins
//! when it has the whole request.
//!
//! The order of host calls is the budget: the address (1), the response's headers (2), the latency of a complete answer (3);
//! with gRPC, the trailers (4). Everything else is asked only of attempts that might count against their endpoint, or
//! of endpoints that something is known against. The pieces of a request's body cost a callback each and no host call. Source addresses
//! are never read: on mirrored and callout streams that crashes Envoy.

use crate::plan::{Place, Plan};
use crate::upstream::{Attempt, Observed, Upstream};
use crate::worker::Outlier;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::contract::{
    CANCELLED_PROPERTY, CLIENT_LIMIT_HEADER, CLIENT_LIMIT_PROPERTY, EXPECTED_TIMEOUT_HEADER, HEARTBEAT_HEADER,
};
use switchyard_core::deadline::{GRPC_TIMEOUT, grpc_timeout};
use switchyard_core::http::{decimal, is_stream, speaks_grpc, status};
use switchyard_core::outlier::{
    Answer, EndedBy, Ending, Neutral, Origin, Outcome, RouteLimit, Ticket, Timeline, limit_has_passed,
};
use switchyard_frame as frame;
use switchyard_frame::shared::heartbeat_lease;
use switchyard_host::{Flow, HeaderMap, Host, Properties};

/// Response flags of a client that went away: HTTP/1 disconnect, HTTP/2 reset.
const CLIENT_GONE: u64 = 0x4000 | 0x1000_0000;

/// One attempt.
pub struct Stream {
    outlier: Rc<Outlier>,
    context: u32,
    attempt: Option<Live>,
}

/// An attempt at an endpoint that we watch.
struct Live {
    /// What was watched when it began.
    plan: Rc<Plan>,
    place: Place,
    times: Timeline,
    /// It waits for response headers.
    ticket: Option<Ticket>,
    /// What the request's headers said, if they were read.
    head: Option<AttemptHead>,
    answered: Option<Answered>,
}

#[derive(Clone, Copy, Default)]
struct AttemptHead {
    heartbeat: bool,
    shadow: bool,
    limit: RouteLimit,
    /// Of a call: what its client gives it.
    clients_limit: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Answered {
    answer: Answer,
    grpc: bool,
    streaming: bool,
    complete: bool,
}

impl Stream {
    /// A stream that `outlier` judges.
    pub(crate) fn new(outlier: Rc<Outlier>, context: u32) -> Self {
        Self { outlier, context, attempt: None }
    }

    /// The time, as of the last tick while there are any.
    fn now(&self, host: &impl Host) -> Timestamp {
        self.outlier.now(host)
    }

    /// Judges the head of an answer, or its trailers, if they decide.
    fn judge_answer(&mut self, host: &impl Host) {
        let Some(live) = &self.attempt else { return };
        let Some(answer) = live.answered.map(|answered| answered.answer) else { return };
        let outcome = live
            .with_upstream(|one| one.failure().judge_answer(&answer, || live.clients_limit_has_passed(host)));
        let outcome = outcome.flatten();
        if let Some(outcome) = outcome
            && let Some(live) = self.attempt.take()
        {
            self.settle(&live, Observed { outcome, latency: None }, host);
        }
    }

    fn settle(&self, live: &Live, observed: Observed, host: &impl Host) {
        let Observed { mut outcome, latency } = observed;
        let heartbeat = live.head.is_some_and(|head| head.heartbeat);
        let status = live.answered.map(|one| one.answer.status);
        let well = live.with_upstream(|one| one.expects_of_heartbeats(status)) == Some(true);
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
            started: live.times.started,
            observed: Observed { outcome, latency },
            heartbeat: heartbeat.then_some(well && outcome == Outcome::Success),
            unread,
        };
        live.with_upstream(|one| one.settle(&attempt, &self.outlier.setup.vm, host));
    }
}

impl frame::Stream for Stream {
    /// An attempt begins.
    fn on_request_headers<H: Host>(&mut self, host: &H, _head: &frame::Head, ended: bool) -> Flow {
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
            upstream.start();
            upstream.is_suspect(place.endpoint, now)
        });
        let Some(suspect) = begun else { return Flow::Continue };
        let head = if suspect { read_head(host) } else { None };
        let times = Timeline { started: now, ..Timeline::default() };
        self.attempt = Some(Live { plan, place, times, ticket: None, head, answered: None });
        if ended {
            self.on_request_end(host);
        }
        Flow::Continue
    }

    /// The request has come to its end: from now on it is the endpoint who is waited for.
    fn on_request_end<H: Host>(&mut self, host: &H) {
        let now = self.now(host);
        let Some(live) = self.attempt.as_mut().filter(|live| live.times.asked.is_none()) else { return };
        live.times.asked = Some(now);
        if live.answered.is_none() {
            let (endpoint, context) = (live.place.endpoint, self.context);
            live.ticket = live.with_upstream(|one| one.wait(endpoint, context, now));
        }
    }

    /// The answer begins. A failing one is judged at once, and so is a signal.
    fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let Some(live) = &mut self.attempt else { return Flow::Continue };
        let (at, endpoint) = (self.outlier.now(host), live.place.endpoint);
        let ticket = live.ticket.take();
        live.times.answered = Some(at);
        live.with_upstream(|one| one.answered(endpoint, ticket, at));
        // An answer that cannot be read is still one.
        let headers = host.response_headers().unwrap_or_default();
        let answered = read_answer(&headers, end_of_stream);
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
        let Some(mut live) = self.attempt.take() else { return };
        let now = self.now(host);
        let ticket = live.ticket.take();
        live.with_upstream(|one| one.finish(ticket));
        let whole = live.answered.and_then(|_| backend_latency(host));
        let complete = live.answered.is_some_and(|answered| answered.complete) || whole.is_some();
        let ending = if complete {
            // When the first byte of a stream comes is when there is something to tell.
            let whole = whole.filter(|_| live.answered.is_some_and(|one| !one.streaming));
            let latency = whole.and_then(|whole| live.times.first_byte(whole, now));
            Ending { answered: true, complete, latency, ..Ending::default() }
        } else {
            live.look_closer(now, host)
        };
        let outcome = live.with_upstream(|one| one.failure().judge_ending(&ending));
        let Some(outcome) = outcome else { return };
        let latency = match outcome {
            // An attempt that lost a race, or a client's patience, took at least as long as it was let.
            Outcome::Neutral(Neutral::Cancelled | Neutral::ClientLimit) if !ending.answered => ending.waited,
            _ => ending.latency,
        };
        self.settle(&live, Observed { outcome, latency }, host);
    }
}

impl Live {
    /// Runs `change` on the live state of its upstream.
    fn with_upstream<R>(&self, change: impl FnOnce(&mut Upstream) -> R) -> Option<R> {
        self.plan.with_upstream(self.place.upstream, change)
    }

    /// What only an attempt that might count against its endpoint is asked.
    fn look_closer(&self, tick: Timestamp, host: &impl Host) -> Ending {
        let (answered, flags) = (self.answered.is_some(), integer(host, &["response", "flags"]));
        let mut ending = Ending { answered, ..Ending::default() };
        let details = host.property(&["response", "code_details"]).ok().flatten().unwrap_or_default();
        let ended_by = EndedBy::of(&details, answered);
        ending.client_gone = flags.unwrap_or_default() & CLIENT_GONE != 0 || ended_by == EndedBy::Client;
        if ending.client_gone {
            return ending;
        }
        let now = host.now().unwrap_or(tick);
        ending.age = now.since(self.times.started);
        ending.waited = self.times.waited(now);
        ending.limit = self.head.map_or(RouteLimit::Unread, |head| head.limit);
        ending.stream_limit = ended_by == EndedBy::StreamLimit;
        ending.cancelled = ended_by == EndedBy::OtherAttempt || is_set(host, &[CANCELLED_PROPERTY]);
        if ending.cancelled {
            return ending;
        }
        if answered {
            ending.discarded = integer(host, &["response", "code"]).is_none();
        } else {
            ending.connect_failure = is_set(host, &["upstream", "transport_failure_reason"]);
        }
        ending.client_limit = self.clients_limit_has_passed(host);
        ending
    }

    /// Whether the time is over that the client itself gave the request: as the router said, or, of a call of one of our filters, as it was
    /// told the endpoint.
    fn clients_limit_has_passed(&self, host: &impl Host) -> bool {
        let said = host.property(&[CLIENT_LIMIT_PROPERTY]).ok().flatten();
        let said = said.as_deref().and_then(decimal).map(Duration::from_millis);
        let told = || self.head?.clients_limit.filter(|_| !has_client(host));
        let Some(limit) = said.or_else(told) else { return false };
        let begun = integer(host, &["request", "time"]).map_or(self.times.started, Timestamp::from_nanos);
        host.now().is_ok_and(|now| limit_has_passed(limit, now.since(begun)))
    }
}

fn read_head(host: &impl Host) -> Option<AttemptHead> {
    let headers = host.request_headers().ok()?;
    let mark = headers.values(HEARTBEAT_HEADER).next();
    let limit = headers.values(EXPECTED_TIMEOUT_HEADER).next().and_then(decimal);
    let limit = limit.filter(|millis| *millis > 0).map(Duration::from_millis);
    Some(AttemptHead {
        heartbeat: mark.is_some_and(|mark| heartbeat_lease::is_mark(host, mark)),
        shadow: headers.values(":authority").next().is_some_and(is_shadow),
        limit: limit.map_or(RouteLimit::Unlimited, RouteLimit::Of),
        clients_limit: clients_limit_of_call(&headers),
    })
}

/// The time that its client gives a call of one of our filters: as that filter says, or as a gRPC call says itself.
fn clients_limit_of_call(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.values(CLIENT_LIMIT_HEADER).next().and_then(decimal).map(Duration::from_millis);
    said.or_else(|| headers.values(GRPC_TIMEOUT).next().and_then(grpc_timeout))
}

/// Envoy adds `-shadow` to the host of a mirrored request, before the port.
fn is_shadow(authority: &[u8]) -> bool {
    let host = authority.rsplitn(2, |byte| *byte == b':').last().unwrap_or(authority);
    host.ends_with(b"-shadow") || authority.ends_with(b"-shadow")
}

fn read_answer(headers: &HeaderMap, end_of_stream: bool) -> Answered {
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

/// Time from the first byte of the request to the last of a complete answer; only complete ones have it.
fn backend_latency(host: &impl Properties) -> Option<Duration> {
    integer(host, &["response", "backend_latency"]).map(Duration::from_nanos)
}

/// Whether the request came over a client's connection.
fn has_client(host: &impl Properties) -> bool {
    integer(host, &["connection", "id"]).is_some() || integer(host, &["connection_id"]).is_some()
}

/// Who sent the request. One that has no connection was sent by Envoy itself: a mirror, or a callout; without its
/// headers nobody can say which.
fn origin(head: Option<AttemptHead>, host: &impl Properties) -> Origin {
    if has_client(host) {
        return Origin::Client;
    }
    match head {
        Some(head) if !head.shadow => Origin::Client,
        _ => Origin::Mirror,
    }
}
