//! Attempts under way: tickets that are taken back once, and endpoints that answer none.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::outlier::{InFlight, Reason, StallPolicy};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const POLICY: StallPolicy = StallPolicy { limit: Duration::from_secs(5), requests: 3, enforcing: 100 };

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + seconds * 1000)
}

fn start_three(attempts: &mut InFlight, now: Timestamp) {
    (0..3).for_each(|_| {
        attempts.start(0, 7, now);
    });
}

/// Those that are stalled, none of which asks for a stream.
fn stalled(attempts: &mut InFlight, now: Timestamp, answered: Option<Timestamp>) -> Vec<usize> {
    attempts.leave_streams_out(POLICY.limit, now, |_| answered, |_| false);
    attempts.stalled(POLICY, now, |_| answered).into_iter().map(|(index, _)| index).collect()
}

#[test]
fn enough_attempts_without_an_answer_for_long_enough_are_a_stall() {
    let mut attempts = InFlight::default();
    attempts.start(4, 7, at(0));
    attempts.start(4, 7, at(0));
    assert_eq!(stalled(&mut attempts, at(100), None), [0; 0], "two are too few");
    attempts.start(4, 7, at(1));
    assert_eq!(stalled(&mut attempts, Timestamp::from_millis(at(6).as_millis() - 1), None), [0; 0]);
    assert_eq!(stalled(&mut attempts, at(6), None), [4]);
    let found = attempts.stalled(POLICY, at(6), |_| None);
    assert_eq!(found[0].1.reason, Reason::Stall);
    assert_eq!(found[0].1.evidence, "3 requests without an answer for 5000 ms");
}

#[test]
fn an_endpoint_that_has_answered_since_is_slow_and_not_stalled() {
    let mut attempts = InFlight::default();
    start_three(&mut attempts, at(10));
    assert_eq!(stalled(&mut attempts, at(20), Some(at(9))), [0]);
    assert_eq!(stalled(&mut attempts, at(20), Some(at(10))), [0], "at the moment they began");
    assert_eq!(stalled(&mut attempts, at(20), Some(at(11))), [0; 0]);
    start_three(&mut attempts, at(12));
    assert_eq!(stalled(&mut attempts, at(20), Some(at(11))), [0], "what began after that answer waits still");
}

#[test]
fn endpoints_are_told_apart() {
    let mut attempts = InFlight::default();
    for index in [7, 1, 7, 1, 7] {
        attempts.start(index, 7, at(0));
    }
    assert_eq!(stalled(&mut attempts, at(60), None), [7]);
    attempts.start(1, 7, at(0));
    let mut both = stalled(&mut attempts, at(60), None);
    both.sort_unstable();
    assert_eq!(both, [1, 7]);
    let answered = attempts.stalled(POLICY, at(60), |index| (index == 7).then_some(at(1)));
    assert_eq!(answered.into_iter().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_has_ended_does_not_wait() {
    let mut attempts = InFlight::default();
    let tickets = [0, 0, 0].map(|index| attempts.start(index, 7, at(0)));
    attempts.finish(tickets[1]);
    assert_eq!(attempts.len(), 2);
    assert_eq!(stalled(&mut attempts, at(60), None), [0; 0]);
}

#[test]
fn a_ticket_is_taken_back_once() {
    let mut attempts = InFlight::default();
    let first = attempts.start(0, 7, at(0));
    let second = attempts.start(0, 7, at(0));
    attempts.finish(first);
    attempts.finish(first);
    assert_eq!(attempts.len(), 1);
    attempts.finish(second);
    attempts.finish(first);
    assert!(attempts.is_empty());
}

#[test]
fn an_old_ticket_does_not_touch_the_new_owner_of_its_place() {
    let mut attempts = InFlight::default();
    let old = attempts.start(0, 7, at(0));
    attempts.finish(old);
    let new = attempts.start(1, 7, at(1));
    assert_ne!(old, new);
    attempts.finish(old);
    assert_eq!(attempts.len(), 1);
    attempts.finish(new);
    assert!(attempts.is_empty());
}

#[test]
fn a_ticket_of_nobody_is_ignored() {
    let mut others = InFlight::default();
    let tickets: Vec<_> = (0..10).map(|_| others.start(0, 7, at(0))).collect();
    let mut attempts = InFlight::default();
    tickets.into_iter().for_each(|ticket| attempts.finish(ticket));
    assert!(attempts.is_empty());
}

#[test]
fn a_clock_that_steps_back_stalls_nobody() {
    let mut attempts = InFlight::default();
    start_three(&mut attempts, at(100));
    assert_eq!(stalled(&mut attempts, at(0), None), [0; 0]);
}

#[test]
fn what_asks_for_a_stream_may_be_silent_and_is_asked_once() {
    let mut attempts = InFlight::default();
    for context in 1..=6 {
        attempts.start(0, context, at(0));
    }
    let mut asked = Vec::new();
    let mut ask = |attempts: &mut InFlight, now| {
        attempts.leave_streams_out(
            POLICY.limit,
            now,
            |_| None,
            |context| {
                asked.push(context);
                context % 2 == 0
            },
        );
    };
    ask(&mut attempts, at(4));
    assert_eq!(attempts.len(), 6, "before the limit nobody is asked");
    ask(&mut attempts, at(5));
    assert_eq!(attempts.len(), 3, "streams are waited for no more");
    ask(&mut attempts, at(6));
    assert_eq!(asked, [1, 2, 3, 4, 5, 6], "once each");
    assert_eq!(attempts.stalled(POLICY, at(6), |_| None).len(), 1, "three others are a stall");
}

#[test]
fn nothing_is_stalled_before_it_was_asked_and_a_few_are_asked_at_a_time() {
    let mut attempts = InFlight::default();
    (0..200).for_each(|context| {
        attempts.start(0, context, at(0));
    });
    assert!(attempts.stalled(POLICY, at(60), |_| None).is_empty());
    let mut counts = Vec::new();
    while counts.last() != Some(&0) && counts.len() < 100 {
        let mut count = 0;
        attempts.leave_streams_out(
            POLICY.limit,
            at(60),
            |_| None,
            |_| {
                count += 1;
                true
            },
        );
        counts.push(count);
    }
    assert_eq!(counts, [64, 64, 64, 8, 0]);
    assert!(attempts.is_empty());
}

#[test]
fn what_an_endpoint_has_answered_since_is_not_even_asked() {
    let mut attempts = InFlight::default();
    start_three(&mut attempts, at(0));
    let mut asked = 0;
    attempts.leave_streams_out(
        POLICY.limit,
        at(60),
        |_| Some(at(1)),
        |_| {
            asked += 1;
            true
        },
    );
    assert_eq!((asked, attempts.len()), (0, 3));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Starts (`true`) and ends of any ticket ever given, again too.
        #[test]
        fn as_many_wait_as_began_and_have_not_ended(steps in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 0..200)) {
            let mut attempts = InFlight::default();
            let mut tickets = Vec::new();
            for (start, which) in steps {
                if start || tickets.is_empty() {
                    tickets.push((attempts.start(0, 7, at(0)), true));
                } else {
                    let place = which.index(tickets.len());
                    attempts.finish(tickets[place].0);
                    tickets[place].1 = false;
                }
                prop_assert_eq!(attempts.len(), tickets.iter().filter(|(_, waits)| *waits).count());
            }
        }
    }
}
