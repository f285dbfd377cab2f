//! Whatever happens to a stream, its stages see what they would see as filters of their own.

use super::drawn::{BOTH, MEANT, is_answer, moves, scripts, streams};
use super::envoy::{Sink, Version};
use super::stage::Move;
use super::world::{Event, N, Sent, World, happen, one, owned, separate};
use proptest::prelude::*;
use switchyard_core::chain::Direction;

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
