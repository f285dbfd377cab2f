//! What Envoy makes of what a filter does to a stream: lets it go, or answers it.

use crate::attempts::Ends;
use crate::flow::texts;
use crate::process::{Event, Process};
use crate::ride::{Answer, Ride};
use crate::stakes::Rule;
use switchyard_core::contract::{CANCELLED_PROPERTY, FALLBACK_HEADER};
use switchyard_frame::Stream as _;
use switchyard_host::Flow;
use switchyard_host::fake::Reply;

impl Process {
    /// The attempt of a request that a filter answers is given up; one that another overtook says so before. One whose time was over, and whose
    /// client gets something in its place, does not: that is the endpoint's fault.
    fn attempt_is_given_up(&mut self, id: u64, overtaken: bool) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let (side, context) = (ride.side, ride.context);
        if let Some(attempt) = ride.attempt.take() {
            self.attempt_ends(side, attempt, Ends::Cancelled);
        }
        if overtaken {
            let marks = self.sides[side].worker.host.take_marks();
            let says = marks.iter().any(|(of, name, _)| *of == context && name == CANCELLED_PROPERTY);
            self.stakes.check(Rule::LosersInnocent, says, || self.rides[&id].story());
        }
    }

    /// Its answer has come, whoever holds it.
    pub(crate) fn attempt_ends_if_whole(&mut self, id: u64) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        if !ride.answer.is_whole || ride.answers != Answer::Endpoint {
            return;
        }
        let (side, Some(attempt)) = (ride.side, ride.attempt.take()) else { return };
        self.attempt_ends(side, attempt, Ends::Whole);
    }

    pub(crate) fn serve_if_whole(&mut self, id: u64) {
        let whole = |ride: &&Ride| ride.answer.is_whole && ride.answer.held.is_none();
        let Some(ride) = self.rides.get(&id).filter(whole).filter(|ride| ride.answers == Answer::Endpoint)
        else {
            return;
        };
        if ride.answer.was_held {
            ride.is_served(Rule::AnswersWhole, &self.stakes);
        }
        self.tally.count("whole, of an endpoint");
        self.ends(id, "served");
    }

    /// The filter does something to a stream.
    pub(crate) fn receives(&mut self, side: usize, reply: &Reply) {
        let context = reply.context();
        let found = self.by_context.get(&(side, context)).copied();
        self.stakes.check(Rule::EndsOnce, found.is_some(), || format!("{context} has ended: {reply:?}"));
        let Some(id) = found else { return };
        match reply {
            Reply::WentOn { .. } => self.request_is_let_go(id),
            Reply::Resumed { .. } => self.answer_is_let_go(id),
            Reply::Answered { status, headers, body, .. } => {
                let is_old = headers.iter().any(|(name, value)| name == FALLBACK_HEADER && value == "stale");
                (0..usize::from(is_old)).for_each(|_| self.tally.count("old answers"));
                self.answer_locally(id, *status, headers, body);
            }
        }
    }

    fn request_is_let_go(&mut self, id: u64) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let waits = ride.request.held.is_some() && ride.answers != Answer::Local;
        self.stakes.check(Rule::WasHeld, waits, || format!("went on: {}", ride.story()));
        let (first, in_mid_body) =
            (!ride.request.has_gone, ride.request.keeps_body && !ride.request.is_whole);
        ride.trail.push((self.now, "is let go"));
        ride.request.was_let_go = in_mid_body;
        let buffer = core::mem::take(&mut ride.request.buffer);
        ride.request.goes_on(buffer);
        self.tally.count(if in_mid_body { "request let go in mid-body" } else { "request let go" });
        if first {
            self.goes_up(id);
        }
        self.is_asked_if_whole(id);
    }

    fn answer_is_let_go(&mut self, id: u64) {
        let body = self.host(id).current_response_body();
        let status = self.host(id).response_header(":status").concat().parse();
        let ride = self.rides.get_mut(&id).expect("it is there");
        let waits = ride.answer.held.is_some() && ride.answers == Answer::Endpoint;
        self.stakes.check(Rule::WasHeld, waits, || format!("its answer went on: {}", ride.story()));
        let in_mid_body = ride.answer.keeps_body && !ride.answer.is_whole;
        ride.trail.push((self.now, "its answer is let go"));
        ride.answer.was_let_go = in_mid_body;
        ride.status = status.expect("a status");
        ride.answer.goes_on(body);
        let what = if in_mid_body { "answer let go in mid-body" } else { "answer replaced, or let go" };
        self.tally.count(what);
        self.serve_if_whole(id);
    }

    /// A local reply, which those that have seen the request see, unless an answer has come; then its client alone does.
    pub(crate) fn answer_locally(&mut self, id: u64, status: u16, headers: &[(String, String)], body: &[u8]) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        let before = core::mem::replace(&mut ride.answers, Answer::Local);
        let is_first = before != Answer::Local && !ride.answer.has_gone;
        let failing = self.sides[ride.side].failing;
        self.stakes.check(Rule::AnsweredOnce, is_first, || {
            format!("{failing:?}, {status} {headers:?}: {}", ride.story())
        });
        ride.trail.push((self.now, "is answered"));
        let overtaken = before == Answer::None && ride.request.has_gone;
        (ride.request.held, ride.answer.held) = (None, None);
        self.tally.count(if overtaken { "an attempt overtook its request" } else { "answered by a filter" });
        let is_fallback = headers.iter().any(|(name, _)| name == FALLBACK_HEADER);
        self.attempt_is_given_up(id, overtaken && status == 200 && !is_fallback);
        if before == Answer::None
            && let Some(better) = self.reply_passes(id, status, headers, body)
        {
            let Reply::Answered { status, body, .. } = better else { panic!("a reply goes on: {better:?}") };
            self.tally.count("a reply took the place of another");
            return self.serve_by_filter(id, status, body);
        }
        self.serve_by_filter(id, status, body.to_vec());
    }

    /// Those that have seen the request see a local reply, and may have a better one, which its client alone sees.
    fn reply_passes(
        &mut self,
        id: u64,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Option<Reply> {
        let (status, ended) = (status.to_string(), body.is_empty());
        let head = [vec![(":status", &*status)], texts(headers)].concat();
        self.host(id).answer(&head);
        self.host(id).set_property("response.code_details", b"switchyard");
        let (flow, mut better) = self.callback(id, |stream, host| stream.on_response_headers(host, ended));
        let is_held = better.len() != usize::from(flow == Flow::Pause);
        self.stakes.check(Rule::AnsweredOnce, !is_held, || format!("a reply is held: {better:?}"));
        if !ended && better.is_empty() {
            self.host(id).answer_body(body);
            let passes = self.callback(id, |stream, host| stream.on_response_body(host, body.len(), true));
            let is_held = passes != (Flow::Continue, Vec::new());
            self.stakes.check(Rule::AnsweredOnce, !is_held, || format!("a reply is held: {passes:?}"));
        }
        better.pop()
    }

    fn serve_by_filter(&mut self, id: u64, status: u16, body: Vec<u8>) {
        let ride = self.rides.get_mut(&id).expect("it is there");
        ride.status = status;
        (ride.answer.gone, ride.answer.has_gone) = (body, true);
        let ride = &self.rides[&id];
        let others = || self.rides.values().any(|other| other.asks.is_the_same_of_another(&ride.asks));
        let truth = ride.status != 200 || ride.asks.is_answered_by(&ride.answer.gone);
        // Whose answer it could have been: somebody else asks for the same, or this is not what is asked for at all.
        if others() || !truth {
            ride.is_served(Rule::OwnAnswer, &self.stakes);
        }
        self.tally.count("whole, of a filter");
        let after = self.rng.u64(0..60);
        self.plan(after, Event::End(id));
    }
}
