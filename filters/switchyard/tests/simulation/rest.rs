//! The end of a request, and of all of them: nothing is left.

use crate::attempts::Ends;
use crate::document::Document;
use crate::process::Process;
use crate::ride::Answer;
use crate::stakes::Rule;
use switchyard_frame::Stream as _;

/// All that is kept for a while is over by then.
const REST: u64 = 30_000;

impl Process {
    /// A request ends, if it has not.
    pub(crate) fn ends(&mut self, id: u64, how: &str) {
        let Some(ride) = self.rides.get_mut(&id) else { return };
        self.tally.count(how);
        self.tally.count("ended");
        if let Some(attempt) = ride.attempt.take() {
            let side = ride.side;
            let ends = match (how, ride.answers) {
                ("left", _) => Ends::Client,
                (_, Answer::Local) => Ends::Cancelled,
                _ => Ends::BreaksOff,
            };
            self.attempt_ends(side, attempt, ends);
        }
        let attempts = self.rng.u64(1..4);
        self.host(id).set_property("upstream.request_attempt_count", &attempts.to_le_bytes());
        let ((), replies) = self.callback(id, |stream, host| stream.on_done(host));
        self.stakes.check(Rule::EndsOnce, replies.is_empty(), || format!("{id} has ended: {replies:?}"));
        let ride = self.rides.remove(&id).expect("it is there");
        self.by_context.remove(&(ride.side, ride.context));
        let side = &mut self.sides[ride.side];
        side.worker.host.end_context(ride.context);
        side.worker.host.take_marks();
        side.worker.host.take_details();
        self.drop_old(ride.side);
    }

    /// Roots end with their last stream.
    pub(crate) fn drop_old(&mut self, side: usize) {
        if self.sides[side].worker.is_alone() {
            return;
        }
        let own = self.rides.values().filter(|ride| ride.side == side);
        let mut in_use: Vec<_> = own.map(|ride| ride.root).collect();
        in_use.dedup();
        self.sides[side].worker.drop_old(&in_use);
    }

    /// Nothing ticks any more; and nothing is kept when no route wants anything kept.
    pub(crate) fn comes_to_rest(&mut self) {
        let (begun, ended) = (self.requests, self.tally.of("ended"));
        self.stakes.check(Rule::EndsOnce, begun == ended, || format!("{begun} began, {ended} ended"));
        (0..self.sides.len()).for_each(|side| self.recover(side));
        self.endpoints.recover();
        self.pass_all(REST);
        self.is_quiet();
        // What is kept for later hides what is not paid back.
        self.document = Document::lean(&mut self.rng);
        self.reload();
        self.guests_are_welcome();
        self.pass_all(REST);
        self.is_quiet();
        self.document.at_rest();
        self.reload();
        self.pass_all(REST);
        self.ejections_have_ended();
        self.rests();
        self.gauges_are_back();
        self.document.empty();
        self.reload();
        self.pass_all(REST);
        self.rests();
        for side in &self.sides {
            let memory = side.worker.memory();
            let left = (memory.kept.taken(), memory.unread.taken());
            self.stakes.check(Rule::MemoryPaid, left == (0, 0), || format!("{left:?}"));
        }
    }

    pub(crate) fn pass_all(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.pass(10);
            self.happen();
        }
    }

    fn rests(&self) {
        for side in &self.sides {
            self.stakes.check(Rule::Rests, side.worker.rests(), || "switchyard.wasm ticks".to_owned());
            self.stakes.check(Rule::Rests, side.judge.rests(), || "outlier.wasm ticks".to_owned());
        }
    }

    fn ejections_have_ended(&mut self) {
        self.look_at_ejections();
        if self.endpoints.ejections > 0 {
            let left = &self.endpoints.ejected;
            self.stakes.check(Rule::EjectionsEnd, left.is_empty(), || format!("{left:?}"));
        }
    }
}
