//! Streams and stages that are drawn.

use super::envoy::Version;
use super::stage::Move;
use super::world::{Event, N};
use proptest::prelude::*;
use switchyard_core::chain::{Direction, Flow};

pub(super) const BOTH: [Direction; 2] = [Direction::Request, Direction::Response];
/// What Envoy means its filters to see.
pub(super) const MEANT: Version = Version { stop_iteration: true, as_it_is: false, forwards: true };

pub(super) fn directions() -> impl Strategy<Value = Direction> {
    prop::sample::select(&BOTH[..])
}

pub(super) fn flows() -> impl Strategy<Value = Flow> {
    prop::sample::select(&[Flow::Continue, Flow::Pause][..])
}

/// What a filter of its own may do, too.
pub(super) fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => Just(Move::Continue),
        10 => Just(Move::Pause),
        1 => flows().prop_map(Move::Reply),
        2 => (1..4_u8, flows()).prop_map(|(size, flow)| Move::Replace(size, flow)),
    ]
}

pub(super) fn any_moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        10 => moves(),
        2 => Just(Move::ResumeSelf),
        2 => (directions(), 0..4_u8).prop_map(|(direction, stage)| Move::ResumeOther(direction, stage)),
    ]
}

pub(super) fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (directions(), 0..4_u8, prop::bool::weighted(0.2)).prop_map(|(way, size, ended)| Event::Next(way, size, ended)),
        2 => directions().prop_map(Event::Trailers),
        8 => (directions(), 0..N).prop_map(|(way, stage)| Event::Resume(way, stage)),
        1 => (0..N).prop_map(Event::Reply),
        4 => directions().prop_map(Event::Tick),
    ]
}

/// Events of which every twentieth stream's client leaves.
pub(super) fn streams() -> impl Strategy<Value = Vec<Event>> {
    (prop::collection::vec(events(), 1..40), 0..60_usize).prop_map(|(mut events, leaves)| {
        if leaves < events.len() / 2 {
            events.insert(leaves, Event::Reset);
        }
        events
    })
}

pub(super) fn scripts(one: impl Strategy<Value = Move>) -> impl Strategy<Value = Vec<Vec<Move>>> {
    prop::collection::vec(prop::collection::vec(one, 0..10), N)
}

/// The endpoint answers. It does no more when somebody else has.
pub(super) fn is_answer(event: Event) -> bool {
    matches!(event, Event::Next(Direction::Response, ..) | Event::Trailers(Direction::Response))
}
