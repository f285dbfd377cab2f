//! Whatever happens to a stream.

use super::envoy::{Sink, Version};
use super::stage::{Move, Seen};
use super::world::{Event, N, Sent, World, happen, one, owned, separate};
use proptest::prelude::*;
use switchyard_core::chain::{Direction, Flow};

const BOTH: [Direction; 2] = [Direction::Request, Direction::Response];
/// What Envoy means its filters to see.
const MEANT: Version = Version { stop_iteration: true, as_it_is: false, forwards: true };

fn directions() -> impl Strategy<Value = Direction> {
    prop::sample::select(&BOTH[..])
}

fn flows() -> impl Strategy<Value = Flow> {
    prop::sample::select(&[Flow::Continue, Flow::Pause][..])
}

/// What a filter of its own may do, too.
fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => Just(Move::Continue),
        10 => Just(Move::Pause),
        1 => flows().prop_map(Move::Reply),
        2 => (1..4_u8, flows()).prop_map(|(size, flow)| Move::Replace(size, flow)),
    ]
}

fn any_moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => moves(),
        2 => Just(Move::ResumeSelf),
        2 => (directions(), 0..4_u8).prop_map(|(direction, stage)| Move::ResumeOther(direction, stage)),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (directions(), 0..4_u8, prop::bool::weighted(0.2)).prop_map(|(way, size, ended)| Event::Next(way, size, ended)),
        2 => directions().prop_map(Event::Trailers),
        8 => (directions(), 0..N).prop_map(|(way, stage)| Event::Resume(way, stage)),
        1 => (0..N).prop_map(Event::Reply),
        4 => directions().prop_map(Event::Tick),
    ]
}

/// Events of which every twentieth stream's client leaves.
fn streams() -> impl Strategy<Value = Vec<Event>> {
    (prop::collection::vec(events(), 1..40), 0..60_usize).prop_map(|(mut events, leaves)| {
        if leaves < events.len() / 2 {
            events.insert(leaves, Event::Reset);
        }
        events
    })
}

fn scripts(one: impl Strategy<Value = Move>) -> impl Strategy<Value = Vec<Vec<Move>>> {
    prop::collection::vec(prop::collection::vec(one, 0..10), N)
}

/// The endpoint answers. It does no more when somebody else has.
fn is_answer(event: Event) -> bool {
    matches!(event, Event::Next(Direction::Response, ..) | Event::Trailers(Direction::Response))
}

fn begins(less: &Sink, more: &Sink) -> bool {
    more.bytes.starts_with(&less.bytes)
        && less.headers <= more.headers
        && less.trailers <= more.trailers
        && less.ended <= more.ended
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn stages_see_in_a_chain_what_filters_see(
        scripts in scripts(moves()),
        events in streams(),
        forwards in any::<bool>(),
    ) {
        let mut filters = separate(&scripts, MEANT);
        let mut chain = one::<N>(&scripts, Version { stop_iteration: true, as_it_is: true, forwards });
        let mut sent = Sent::default();
        for event in events {
            let answers = chain.upstream.headers && !filters.destroyed;
            if is_answer(event) && filters.responds() && !sent.headers[1] {
                continue;
            }
            let given = sent.part(event, answers);
            happen(&mut filters, event, given.clone());
            happen(&mut chain, event, given);
            // A reply in mid-response is a reset if the head has gone.
            chain.tick(Direction::Response);
            for stage in 0..N {
                prop_assert_eq!(&chain.stage(stage).log, &filters.stage(stage).log, "stage {}", stage);
            }
            // A chain holds what comes before what a stage holds, if that has not gone yet. So a reply may come before the head has
            // gone, and be told to the client, where a filter's would come too late.
            if filters.client.reset && !chain.client.reset && chain.destroyed {
                return Ok(());
            }
            prop_assert!(begins(&chain.upstream, &filters.upstream), "{:?} {:?}", chain.upstream, filters.upstream);
            prop_assert!(begins(&chain.client, &filters.client), "{:?} {:?}", chain.client, filters.client);
            prop_assert_eq!(chain.destroyed, filters.destroyed);
            owned(&chain);
        }
        for (direction, stage) in (0..12).flat_map(|_| BOTH).flat_map(|one| (0..N).map(move |stage| (one, stage))) {
            filters.resume(direction, stage);
            chain.resume(direction, stage);
            chain.tick(direction);
        }
        for stage in 0..N {
            prop_assert_eq!(&chain.stage(stage).log, &filters.stage(stage).log, "stage {} in the end", stage);
        }
        if filters.client.reset {
            return Ok(());
        }
        prop_assert_eq!(&chain.client, &filters.client);
        if !filters.destroyed && !filters.responds() {
            prop_assert_eq!(&chain.upstream, &filters.upstream);
        }
    }

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
        let replied = (0..N).any(|stage| chain.stage(stage).replied);
        let was_answered = chain.responds() && !sent.headers[1];
        if !replied && !was_answered && !chain.destroyed && sent.headers[0] {
            prop_assert!(!chain.is_stopped(Direction::Request) || chain.responds());
        }
        // Each is given what the one before has let go.
        for (direction, way) in [(Direction::Request, 0), (Direction::Response, 1)] {
            let mut order: Vec<usize> = (0..N).collect();
            if way == 1 {
                order.reverse();
            }
            let sink = if way == 0 { &chain.upstream } else { &chain.client };
            let untouched = !replied && !was_answered && !chain.client.reset;
            let mut given = sent.bytes[way].clone();
            for stage in order {
                let stage = chain.stage(stage);
                let log: Vec<_> = stage.log.iter().filter(|seen| seen.direction() == Some(direction)).collect();
                if log.is_empty() {
                    continue;
                }
                prop_assert!(matches!(log[0], Seen::Headers(..)));
                prop_assert_eq!(log.iter().filter(|seen| matches!(seen, Seen::Headers(..))).count(), 1);
                let ends = log.iter().filter(|seen| {
                    matches!(seen, Seen::Headers(_, true) | Seen::Body(_, _, true) | Seen::Trailers(_))
                });
                prop_assert!(ends.count() <= 1);
                let mut new: Vec<u32> = log
                    .iter()
                    .filter_map(|seen| match seen {
                        Seen::Body(_, bytes, _) => Some(bytes.iter().copied()),
                        _ => None,
                    })
                    .flatten()
                    .filter(|byte| given.contains(byte))
                    .collect();
                new.dedup();
                let mut once = new.clone();
                once.sort_unstable();
                once.dedup();
                // In order, and nothing in between is left out.
                let mut order = Vec::new();
                for byte in new {
                    if !order.contains(&byte) {
                        order.push(byte);
                    }
                }
                if untouched {
                    prop_assert!(given.starts_with(&order), "{:?} of {:?}", order, given);
                }
                given.clone_from(&stage.let_go[way]);
            }
            if untouched && (way == 1 || !chain.responds()) && sent.headers[way] && !chain.destroyed {
                prop_assert_eq!(&sink.bytes, &given);
                prop_assert_eq!(sink.ended, sent.ended[way]);
                prop_assert_eq!(sink.trailers, sent.trailers[way]);
            }
        }
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

    #[test]
    fn where_envoy_gives_no_body_of_a_paused_message_stages_see_the_same_later(
        scripts in scripts(prop::sample::select(&[Move::Continue, Move::Pause][..])),
        events in streams(),
        forwards in any::<bool>(),
    ) {
        let mut filters = separate(&scripts, Version { stop_iteration: false, ..MEANT });
        let mut chain = one::<N>(&scripts, Version { stop_iteration: false, as_it_is: true, forwards });
        filters.plugins.iter_mut().for_each(|stage| stage.at_headers_only = true);
        chain.plugins[0].stages.iter_mut().for_each(|stage| stage.at_headers_only = true);
        let mut sent = Sent::default();
        let begins = |less: &(bool, Vec<u32>, bool, bool), more: &(bool, Vec<u32>, bool, bool)| {
            more.1.starts_with(&less.1) && less.0 == more.0 && less.2 <= more.2 && less.3 <= more.3
        };
        let replies = events.iter().any(|event| matches!(event, Event::Reply(_) | Event::Reset));
        for event in events {
            if is_answer(event) && filters.responds() && !sent.headers[1] {
                continue;
            }
            let given = sent.part(event, chain.upstream.headers && !filters.destroyed);
            happen(&mut filters, event, given.clone());
            happen(&mut chain, event, given);
            for (direction, stage) in BOTH.iter().flat_map(|one| (0..N).map(move |stage| (*one, stage))) {
                let (less, more) = (chain.stage(stage).seen(direction), filters.stage(stage).seen(direction));
                prop_assert!(begins(&less, &more), "{:?} {}: {:?} {:?}", direction, stage, less, more);
            }
            owned(&chain);
        }
        for (direction, stage) in (0..N).flat_map(|_| BOTH).flat_map(|one| (0..N).map(move |stage| (one, stage))) {
            filters.resume(direction, stage);
            chain.resume(direction, stage);
        }
        for (direction, stage) in BOTH.iter().flat_map(|one| (0..N).map(move |stage| (*one, stage))) {
            if !replies && (direction == Direction::Response || !filters.responds()) {
                prop_assert_eq!(chain.stage(stage).seen(direction), filters.stage(stage).seen(direction));
            }
        }
        if !replies {
            prop_assert_eq!(&chain.client, &filters.client);
            if !filters.responds() {
                prop_assert_eq!(&chain.upstream, &filters.upstream);
            }
        }
    }

    #[test]
    fn a_chain_of_one_stage_is_that_stage(
        scripts in scripts(moves()),
        events in streams(),
        stop_iteration in any::<bool>(),
        forwards in any::<bool>(),
    ) {
        let scripts = &scripts[..1];
        let mut filter = separate(scripts, Version { stop_iteration, ..MEANT });
        let mut chain = one::<1>(scripts, Version { stop_iteration, as_it_is: true, forwards });
        let mut sent = Sent::default();
        for event in events {
            if is_answer(event) && filter.responds() && !sent.headers[1] {
                continue;
            }
            let given = sent.part(event, chain.upstream.headers && !filter.destroyed);
            let event = match event {
                Event::Resume(direction, _) => Event::Resume(direction, 0),
                Event::Reply(_) => Event::Reply(0),
                event => event,
            };
            happen(&mut filter, event, given.clone());
            happen(&mut chain, event, given);
            BOTH.iter().for_each(|direction| chain.tick(*direction));
            prop_assert_eq!(&chain.stage(0).log, &filter.stage(0).log);
            prop_assert_eq!(&chain.upstream, &filter.upstream);
            prop_assert_eq!(&chain.client, &filter.client);
            prop_assert_eq!(chain.destroyed, filter.destroyed);
            owned(&chain);
        }
    }
}
