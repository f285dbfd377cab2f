//! What must hold, each with how often it was at stake: nothing is proof unless it happened.
//!
//! Invariant: a rule is looked at only where it could be broken, so that a count says what a run has shown; one that was never at stake in
//! a whole run fails it, as a broken one does. Trade-off: a rule is broken by a panic, whose words begin with the rule's, so that whoever
//! shrinks a run knows whether it still fails for the same reason.

use core::cell::Cell;

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    EndsOnce,
    AnsweredOnce,
    WasHeld,
    HasOwner,
    InTime,
    OwnAnswer,
    AnswersWhole,
    BodiesWhole,
    MidBody,
    NoSteering,
    AttemptsBounded,
    Budget,
    ForTheLiving,
    HarmOnce,
    LosersInnocent,
    EjectedUnnamed,
    Evidence,
    MostEjected,
    EjectionsEnd,
    ListsWhole,
    LeftUnnamed,
    OwnStream,
    OwnName,
    RefusedNothing,
    SharedBounded,
    QueuesBounded,
    MemoryBounded,
    MemoryPaid,
    CountsBack,
    Welcome,
    GaugesBack,
    Rests,
}

/// Each rule in the words of the table; in the order of the enumeration.
pub(crate) const RULES: [(Rule, &str); 32] = [
    (Rule::EndsOnce, "each request ends exactly once, and nothing is done to it afterwards"),
    (Rule::AnsweredOnce, "nobody is answered twice, nor after an answer has begun"),
    (Rule::WasHeld, "only what is held is let go"),
    (Rule::HasOwner, "who is held has something that will wake its worker"),
    (Rule::InTime, "who is held is let go or answered within the sum of its limits"),
    (Rule::OwnAnswer, "an answer that a filter gives is to what was asked, and to who asked"),
    (Rule::AnswersWhole, "an endpoint's answer that a filter held arrives whole, at who asked"),
    (Rule::BodiesWhole, "a request's body arrives whole, whoever held it"),
    (Rule::MidBody, "after a body was let go in the middle, the next piece is held"),
    (Rule::NoSteering, "a client's own steering goes no further"),
    (Rule::AttemptsBounded, "no request has more attempts than its route allows"),
    (Rule::Budget, "no more is tried again than the budget has"),
    (Rule::ForTheLiving, "nothing is tried again for a request that has ended"),
    (Rule::HarmOnce, "what may do harm, and may have been done, is not sent again"),
    (Rule::LosersInnocent, "an attempt that is given up for another says so first"),
    (Rule::EjectedUnnamed, "who is ejected is not named"),
    (Rule::Evidence, "nobody is ejected without evidence"),
    (Rule::MostEjected, "no more are ejected than max_ejection_percent allows"),
    (Rule::EjectionsEnd, "every ejection ends, though nothing comes"),
    (Rule::ListsWhole, "of a list that broke off nobody is named"),
    (Rule::LeftUnnamed, "who has left the list is not named"),
    (Rule::OwnStream, "a stream's callback touches no other stream, and makes no call"),
    (Rule::OwnName, "a root's calls are in its own name, whomever it has answered"),
    (Rule::RefusedNothing, "a configuration that is refused changes nothing"),
    (Rule::SharedBounded, "shared data stays within its bounds"),
    (Rule::QueuesBounded, "queues are bounded in number"),
    (Rule::MemoryBounded, "a VM keeps no more than it may"),
    (Rule::MemoryPaid, "all that was kept is paid back"),
    (Rule::CountsBack, "nothing counts as under way when nothing is"),
    (Rule::Welcome, "nobody is turned away for want of room when nothing is under way"),
    (Rule::GaugesBack, "gauges are back at nothing"),
    (Rule::Rests, "nothing ticks when nothing is left to do"),
];

/// How often each rule was at stake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stakes([Cell<u64>; RULES.len()]);

impl Stakes {
    /// The rule is at stake, and holds.
    #[track_caller]
    pub(crate) fn check(&self, rule: Rule, holds: bool, tell: impl FnOnce() -> String) {
        self.count(rule, 1);
        let words = RULES[rule as usize].1;
        assert!(holds, "broken: {words}: {}", tell());
    }

    fn count(&self, rule: Rule, more: u64) {
        let count = &self.0[rule as usize];
        count.set(count.get() + more);
    }

    /// Adds what was at stake elsewhere.
    pub(crate) fn add(&self, other: &Self) {
        RULES.iter().for_each(|(rule, _)| self.count(*rule, other.of(*rule)));
    }

    pub(crate) fn of(&self, rule: Rule) -> u64 {
        self.0[rule as usize].get()
    }

    /// Those that never were.
    pub(crate) fn never(&self) -> Vec<&'static str> {
        RULES.iter().filter(|(rule, _)| self.of(*rule) == 0).map(|(_, words)| *words).collect()
    }

    /// All of them, as Markdown has tables.
    pub(crate) fn table(&self) -> String {
        let line = |(rule, words): &(Rule, &str)| format!("| {words} | {} |\n", grouped(self.of(*rule)));
        let lines: String = RULES.iter().map(line).collect();
        format!("| invariant | times at stake |\n| --- | ---: |\n{lines}")
    }
}

/// A number with commas.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let starts = |index: usize| index > 0 && (digits.len() - index).is_multiple_of(3);
    digits
        .chars()
        .enumerate()
        .flat_map(|(index, digit)| starts(index).then_some(',').into_iter().chain([digit]))
        .collect()
}
