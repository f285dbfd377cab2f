//! What must hold when nothing is under way: what was taken has been given back, and there is room for who comes.
//!
//! Invariant: at the end of a run it is looked at under the document that was in force last, before that goes: with a document everything
//! goes that was counted under it, whether or not it was given back. Trade-off: what leaked under one that went before is not seen.

use crate::process::Process;
use crate::stakes::Rule;
use switchyard_core::status::{Record, Snapshot};

/// All routes.
const ROUTES: [&str; 3] = ["items", "steered", "rpc"];
/// Gauges that are sums of what all workers hold.
const SUMS: [&str; 4] =
    ["batch_active", "batch_bytes_held", "coalesce_bytes_held", "coalesce_hit_for_pass_keys"];
/// Requests that went on by themselves because too much was under way.
const TURNED_AWAY: [&str; 4] = [
    "reason=.=max_flights;.;coalesce_passed_total",
    "reason=.=max_followers;.;coalesce_passed_total",
    "reason=.=max_requests;.;batch_passed_total",
    "reason=.=max_bytes_held;.;batch_passed_total",
];
/// So many come one after the other, and must all find room.
const GUESTS: u64 = 12;
/// What was counted is told by then.
const TOLD: u64 = 2_000;

impl Process {
    /// That nothing is under way, nor counts as if it were.
    pub(crate) fn is_quiet(&mut self) {
        self.gauges_are_back();
        self.accounts_are_paid();
        self.nothing_counts();
        self.guests_are_welcome();
    }

    /// What all workers say of this, of all routes together.
    fn sum(&self, name: &str) -> u64 {
        ROUTES.iter().map(|route| self.store.sum(&format!("switchyard.route=.={route};.;{name}"))).sum()
    }

    /// Takes down which gauges say something.
    pub(crate) fn see_gauges(&mut self) {
        let more: Vec<_> = SUMS.into_iter().filter(|name| self.sum(name) > 0).collect();
        self.gauges.extend(more);
    }

    /// Those that have ever said something say nothing any more.
    pub(crate) fn gauges_are_back(&self) {
        for name in &self.gauges {
            let left = self.sum(name);
            self.stakes.check(Rule::GaugesBack, left == 0, || format!("{name}: {left}"));
        }
    }

    /// Whoever has no requests has nobody whose answers could be unread.
    pub(crate) fn look_at_accounts(&self) {
        for (number, side) in self.sides.iter().enumerate() {
            if side.is_well_since(0, self.now) && !self.rides.values().any(|ride| ride.side == number) {
                let unread = side.worker.memory().unread.taken();
                self.stakes.check(Rule::MemoryPaid, unread == 0, || format!("{unread} bytes unread"));
            }
        }
    }

    /// Nothing is kept but answers for later, if the document wants any.
    fn accounts_are_paid(&self) {
        for side in &self.sides {
            let memory = side.worker.memory();
            let kept = if self.document.keeps_answers { 0 } else { memory.kept.taken() };
            let left = (kept, memory.unread.taken());
            self.stakes.check(Rule::MemoryPaid, left == (0, 0), || format!("{left:?}"));
        }
    }

    /// What each worker says of itself to who looks at the status page.
    fn nothing_counts(&mut self) {
        for side in &mut self.sides {
            let said = side.worker.looked_at();
            for record in said.iter().flat_map(Snapshot::records) {
                let left = match &record {
                    Record::Endpoint(endpoint) => u64::from(endpoint.in_flight),
                    Record::Amount(_, amount) => *amount,
                    _ => continue,
                };
                self.stakes.check(Rule::CountsBack, left == 0, || format!("{record:?}"));
            }
        }
    }

    /// Requests that come one at a time are not turned away because others were there before.
    pub(crate) fn guests_are_welcome(&mut self) {
        let turned_away = |process: &Self| TURNED_AWAY.map(|name| process.sum(name));
        let before = turned_away(self);
        for _ in 0..GUESTS {
            self.to_come = 1;
            self.begin();
            while !self.rides.is_empty() {
                self.pass(1);
                self.happen();
            }
        }
        self.pass_all(TOLD);
        let after = turned_away(self);
        self.stakes.check(Rule::Welcome, before == after, || format!("{before:?}, then {after:?}"));
    }
}
