//! Whatever stages do, also what filters of their own cannot: nothing is lost, and all ends once.

use super::drawn::{BOTH, any_moves, is_answer, scripts, streams};
use super::envoy::Version;
use super::stage::Seen;
use super::world::{N, One, REPLY, Sent, World, happen, one, owned};
use proptest::prelude::*;
use switchyard_core::chain::Direction;

/// What a stage was given of a body, whose bytes are `of` these, in the order in which it saw each first.
fn first_seen(log: &[&Seen], of: &[u32]) -> Vec<u32> {
    let mut first = Vec::new();
    for seen in log {
        if let Seen::Body(_, bytes, _) = seen {
            first.extend(bytes.iter().copied().filter(|byte| of.contains(byte)));
        }
    }
    let mut known = Vec::new();
    first.retain(|byte| {
        !known.contains(byte) && {
            known.push(*byte);
            true
        }
    });
    first
}

fn each_is_given_what_the_one_before_let_go(
    chain: &One<N>,
    sent: &Sent,
    direction: Direction,
) -> Result<(), TestCaseError> {
    let way = usize::from(direction == Direction::Response);
    let directly = chain.client.bytes.iter().any(|byte| *byte >= REPLY);
    let answered = directly || (chain.responds() && !sent.headers[1]);
    // Whoever has got an answer of somebody else's, or none, need not have all.
    let untouched = !answered && !chain.client.reset && (0..N).all(|stage| !chain.stage(stage).replied);
    let mut order: Vec<usize> = (0..N).collect();
    if direction == Direction::Response {
        order.reverse();
    }
    let mut given = sent.bytes[way].clone();
    for stage in order {
        let stage = chain.stage(stage);
        let log: Vec<_> = stage.log.iter().filter(|seen| seen.direction() == Some(direction)).collect();
        if log.is_empty() {
            continue;
        }
        prop_assert!(matches!(log[0], Seen::Headers(..)));
        prop_assert_eq!(log.iter().filter(|seen| matches!(seen, Seen::Headers(..))).count(), 1);
        let ends = |seen: &&&Seen| {
            matches!(seen, Seen::Headers(_, true) | Seen::Body(_, _, true) | Seen::Trailers(_))
        };
        prop_assert!(log.iter().filter(ends).count() <= 1);
        if untouched {
            let seen = first_seen(&log, &given);
            prop_assert!(given.starts_with(&seen), "{:?} of {:?}", seen, given);
        }
        given.clone_from(&stage.let_go[way]);
    }
    let sink = if direction == Direction::Request { &chain.upstream } else { &chain.client };
    // A whole response ends the request.
    if untouched && sent.headers[way] && (direction == Direction::Response || !chain.responds()) {
        prop_assert_eq!(&sink.bytes, &given);
        prop_assert_eq!(sink.ended, sent.ended[way]);
        prop_assert_eq!(sink.trailers, sent.trailers[way]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn nothing_is_lost_doubled_or_moved_and_all_ends_once(
        scripts in scripts(any_moves()),
        events in streams(),
        stop_iteration in any::<bool>(),
        forwards in any::<bool>(),
        polite in any::<bool>(),
    ) {
        let mut chain = one::<N>(&scripts, Version { stop_iteration, as_it_is: true, forwards });
        chain.plugins[0].stages.iter_mut().for_each(|stage| stage.rude = !polite);
        let mut sent = Sent::default();
        for event in events {
            if is_answer(event) && chain.responds() && !sent.headers[1] {
                continue;
            }
            let given = sent.part(event, chain.upstream.headers && !chain.destroyed);
            happen(&mut chain, event, given);
            owned(&chain);
        }
        // Everybody lets go, in whichever order.
        for _ in 0..2 * N {
            for direction in BOTH {
                (0..N).for_each(|stage| chain.resume(direction, stage));
                chain.tick(direction);
            }
        }
        prop_assert!(BOTH.iter().all(|direction| chain.plugins[0].chain.borrow().holder(*direction).is_none()));
        BOTH.iter().try_for_each(|direction| each_is_given_what_the_one_before_let_go(&chain, &sent, *direction))?;
        let begun: Vec<usize> = (0..N).filter(|stage| !chain.stage(*stage).log.is_empty()).collect();
        chain.reset();
        chain.reset();
        for stage in begun {
            let log = &chain.stage(stage).log;
            prop_assert_eq!(log.last(), Some(&Seen::Done));
            prop_assert_eq!(log.iter().filter(|seen| **seen == Seen::Done).count(), 1);
            prop_assert!(!chain.plugins[0].chain.borrow_mut().reply(stage));
            BOTH.iter().for_each(|way| assert!(!chain.plugins[0].chain.borrow_mut().resume(*way, stage)));
        }
    }
}
