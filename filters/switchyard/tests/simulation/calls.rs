//! Calls of roots, and what is answered to them: attempts of retry's own, batches, heartbeats, and questions for endpoints.

use crate::attempts::Ends;
use crate::endpoints::{candidates, chosen};
use crate::process::{Event, Outcome, Process};
use crate::stakes::Rule;
use crate::truth::{ERROR, Headers, answer, harmful, value};
use switchyard_core::contract::{ATTEMPT_COUNT_HEADER, HEARTBEAT_HEADER, keys};
use switchyard_core::discovery::Roster;
use switchyard_host::SharedData as _;
use switchyard_host::fake::Called;

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Attempt,
    Batch,
    Heartbeat,
    List,
}

/// For so long hosts must have been well, and the clock steady, for a look at the budget.
const WELL: u64 = 3_000;
const STEADY: u64 = 5_000;

fn kind(call: &Called) -> Kind {
    let has = |name| !value(&call.request.headers, name).is_empty();
    match () {
        () if call.request.cluster == "registry" => Kind::List,
        () if has(HEARTBEAT_HEADER) => Kind::Heartbeat,
        () if has(ATTEMPT_COUNT_HEADER) => Kind::Attempt,
        () => Kind::Batch,
    }
}

impl Process {
    /// A root makes a call.
    pub(crate) fn take_call(&mut self, side: usize, call: &Called) {
        let (headers, kind) = (&call.request.headers, kind(call));
        let mut outcome = self.any_outcome(&chosen(candidates(headers)));
        match kind {
            Kind::Attempt => self.take_attempt(headers),
            Kind::Batch => self.tally.count("batches"),
            Kind::Heartbeat => self.tally.count("heartbeats"),
            Kind::List => self.tally.count("asks for a list"),
        }
        if kind != Kind::Attempt && outcome == Outcome::BreaksOff {
            outcome = Outcome::Truncated;
        }
        if kind == Kind::List && matches!(outcome, Outcome::Failed | Outcome::Error) && self.rng.bool() {
            outcome = Outcome::Truncated;
        }
        for id in harmful(call.body.as_deref().unwrap_or_default()) {
            self.may_harm(id, outcome);
        }
        if kind != Kind::List {
            let mut attempt = self.attempt_begins(side, &chosen(candidates(headers)), headers, false);
            self.attempt_is_asked(side, &mut attempt);
            self.sides[side].attempts.insert(call.number, attempt);
        }
        let timeout = u64::try_from(call.request.timeout.as_millis()).expect("short");
        let after = if outcome == Outcome::TimesOut { timeout } else { self.latency().min(timeout) };
        let vm = self.sides[side].vm;
        self.plan(after, Event::Call(side, vm, call.number, outcome));
    }

    /// One more attempt, which its route and the budget must have, of a request that is there.
    fn take_attempt(&mut self, headers: &Headers) {
        self.tally.count("retries");
        let id: u64 = value(headers, "x-request-id").parse().expect("the number of a request");
        let ride = self.rides.get_mut(&id);
        self.stakes.check(Rule::ForTheLiving, ride.is_some(), || format!("{id} has ended: {headers:?}"));
        if let Some(ride) = ride {
            ride.attempts += 1;
            let (had, most) = (ride.attempts, ride.most_attempts);
            self.stakes
                .check(Rule::AttemptsBounded, had <= most, || format!("{had} of {most}: {}", ride.story()));
        }
        let used = self.budgets.is_tried_again(value(headers, ":path"), self.document.budget, self.now);
        let is_well =
            self.is_well_since(WELL) && self.is_steady_since(STEADY) && self.reloaded + WELL < self.now;
        if let Some(used) = used.filter(|used| *used > 0.5 && is_well) {
            self.stakes.check(Rule::Budget, used <= 1.0, || format!("{used} of it is used"));
        }
    }

    /// What may do harm is sent; `outcome`: what comes of it, of which one kind alone says that it was not done.
    pub(crate) fn may_harm(&mut self, id: u64, outcome: Outcome) {
        let is_first = !self.harm.contains_key(&id);
        if outcome != Outcome::Local {
            *self.harm.entry(id).or_default() += 1;
        }
        let times = self.harm.get(&id).copied().unwrap_or_default();
        if outcome != Outcome::Good || !is_first {
            self.stakes
                .check(Rule::HarmOnce, times <= 1, || format!("{id} may have been done {times} times"));
        }
    }

    /// A call is answered, if anybody hears it.
    pub(crate) fn answer_call(&mut self, side: usize, vm: u32, number: u32, outcome: Outcome) {
        let this = &mut self.sides[side];
        let waits = |call: &&Called| call.number == number && this.vm == vm;
        let call = this.worker.called.iter().find(waits).cloned();
        let attempt = if this.vm == vm { this.attempts.remove(&number) } else { None };
        let Some(call) = call else {
            // The root is gone that made it.
            return attempt.into_iter().for_each(|attempt| self.attempt_ends(side, attempt, Ends::Cancelled));
        };
        let (what, status, body) = self.answer_to(&call, outcome);
        if let Some(mut attempt) = attempt {
            match status.parse() {
                Ok(status) => {
                    self.attempt_is_answered(side, &mut attempt, status);
                    self.attempt_ends(side, attempt, Ends::Whole);
                }
                Err(_) => self.attempt_breaks_off(side, attempt),
            }
        }
        self.tally.count(what);
        let head = [(":status", status), ("content-type", "application/json")];
        let head = if status.is_empty() { &[][..] } else { &head[..] };
        let done = self.sides[side].worker.answer(&call, head, &body);
        self.take(side, done);
        // Who has the role of asking no more takes no answer.
        if kind(&call) == Kind::List && outcome == Outcome::Good && self.has_taken_the_list() {
            self.endpoints.is_told(self.now);
        }
    }

    /// Whether workers find the list that there is now in shared data.
    fn has_taken_the_list(&self) -> bool {
        let key = keys::roster("two", 0);
        let all = self.store.keys(key.trim_end_matches('0'));
        all.iter().any(|key| {
            let shared = self.onlooker.shared_data(key).ok().flatten();
            shared.and_then(|shared| Roster::decode(&shared.value)).is_some_and(|it| self.endpoints.are(&it))
        })
    }

    /// What is answered to a call.
    fn answer_to(&mut self, call: &Called, outcome: Outcome) -> (&'static str, &'static str, Vec<u8>) {
        let (kind, headers) = (kind(call), &call.request.headers);
        let good = || match kind {
            Kind::List => self.endpoints.list(),
            Kind::Heartbeat => Vec::new(),
            _ => answer(headers, call.body.as_deref().unwrap_or_default()),
        };
        match outcome {
            Outcome::Good => ("call good", "200", good()),
            Outcome::Truncated if kind == Kind::List => {
                ("lists that break off", "200", self.endpoints.half_a_list())
            }
            Outcome::Truncated => {
                let mut half = good();
                half.truncate(half.len() / 2);
                ("call truncated", "200", half)
            }
            Outcome::Error => ("call failed", "200", ERROR.as_bytes().to_vec()),
            Outcome::Failed => ("call failed", "503", b"sorry".to_vec()),
            Outcome::TimesOut => ("call timed out", "", Vec::new()),
            Outcome::Local | Outcome::BreaksOff => ("call not answered", "", Vec::new()),
        }
    }
}
