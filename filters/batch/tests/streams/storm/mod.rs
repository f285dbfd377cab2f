//! Anything in any order, on several workers whose hosts fail: whoever is held is answered or goes on once, with an
//! answer that is for it and for nobody else, and not later than it may wait; and what must not be made twice is not.

mod ride;
mod sky;
mod upstream;

use crate::worker::{calls, items};
use proptest::prelude::*;
use ride::{Asks, Place, Ride};
use sky::Sky;
use switchyard_frame::fake::Roots;
use switchyard_host::Status;

/// What a host may fail at. That it refuses a stream's name, its going on or an answer means that the stream has ended.
const CALLS: [&str; 14] = [
    "proxy_get_header_map_pairs",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_http_call",
    "proxy_replace_header_map_value",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_get_property",
    "proxy_get_current_time_nanoseconds",
];
/// Those without which requests still get away in time.
const DISPENSABLE: usize = 13;

/// The longest that somebody may be held: the sections' timeout and what a call may be late, or what a body may take; in
/// milliseconds.
const MAX_WAIT: u64 = 2_000;

/// What a route may say.
fn sections() -> [String; 6] {
    const USUAL: &str = r#""timeout": "1s", "max_delay": "50ms", "deadline_header": "x-time-left""#;
    let with = |more: &str| format!("{USUAL}, {more}");
    [
        items(&with(r#""max_items": 3, "max_in_flight": 2"#)),
        items(&with(r#""scope": "proxy", "max_requests": 9"#)),
        calls(&with(r#""strict": true, "max_body": "64B", "on_failure": "singly""#)),
        calls(&with(r#""scope": "proxy", "max_in_flight": 1"#)),
        items(&with(r#""scope": "proxy", "leaves": "fixed_delay", "on_failure": "fail""#)),
        calls(&with(
            r#""leaves": "adaptive", "adaptive": {"target": "100ms"}, "short_deadline": "refuse", "tell": true"#,
        )),
    ]
}

#[derive(Clone, Debug)]
enum Event {
    Begin { side: usize, ids: Vec<usize>, single: bool, who: usize, left: usize },
    Upload { pick: usize, ended: bool },
    EndBody { pick: usize },
    Answer { pick: usize, status: usize, ended: bool },
    Body { pick: usize, ended: bool, trailers: bool },
    Else { pick: usize },
    End { pick: usize },
    Called { side: usize, pick: usize, kind: usize },
    Deliver { side: usize },
    Pass { millis: u64 },
    StepBack { millis: u64 },
    Fail { side: usize, call: usize },
    Recover { side: usize },
    Reload { side: usize },
    Die { side: usize },
    Garbage { side: usize, bytes: Vec<u8> },
}

fn event() -> impl Strategy<Value = Event> {
    let (side, pick, yes) = (|| 0..3_usize, || 0..1_000_usize, any::<bool>);
    let ids = prop::sample::subsequence(vec![0, 1, 2, 3, 4], 1..4).prop_shuffle();
    prop_oneof![
        14 => (side(), ids, yes(), 0..2_usize, 0..8_usize)
            .prop_map(|(side, ids, single, who, left)| Event::Begin { side, ids, single, who, left }),
        12 => (pick(), prop::bool::weighted(0.7)).prop_map(|(pick, ended)| Event::Upload { pick, ended }),
        1 => pick().prop_map(|pick| Event::EndBody { pick }),
        5 => (pick(), 0..3_usize, yes()).prop_map(|(pick, status, ended)| Event::Answer { pick, status, ended }),
        5 => (pick(), yes(), prop::bool::weighted(0.1))
            .prop_map(|(pick, ended, trailers)| Event::Body { pick, ended, trailers }),
        1 => pick().prop_map(|pick| Event::Else { pick }),
        5 => pick().prop_map(|pick| Event::End { pick }),
        10 => (side(), pick(), 0..upstream::KINDS)
            .prop_map(|(side, pick, kind)| Event::Called { side, pick, kind }),
        10 => side().prop_map(|side| Event::Deliver { side }),
        6 => (0..40_u64).prop_map(|fives| Event::Pass { millis: fives * 5 }),
        1 => (0..500_u64).prop_map(|millis| Event::StepBack { millis }),
        3 => (side(), 0..CALLS.len()).prop_map(|(side, call)| Event::Fail { side, call }),
        2 => side().prop_map(|side| Event::Recover { side }),
        1 => side().prop_map(|side| Event::Reload { side }),
        1 => side().prop_map(|side| Event::Die { side }),
        1 => (side(), prop::collection::vec(0..6_u8, 0..60)).prop_map(|(side, bytes)| Event::Garbage { side, bytes }),
    ]
}

/// The request that is meant, among those of a kind that are there.
fn picked(sky: &Sky, pick: usize, is: impl Fn(&Ride) -> bool) -> Option<usize> {
    let there = |at: &usize| sky.rides[*at].stream.is_some() && is(&sky.rides[*at]);
    let those: Vec<_> = (0..sky.rides.len()).filter(there).collect();
    those.get(pick.checked_rem(those.len())?).copied()
}

fn begin(sky: &mut Sky, side: usize, (ids, single): (Vec<usize>, bool), who: usize, left: usize) {
    let asks = match sky.section.contains("json_rpc") {
        false => Asks::Items(ids, single),
        // No two are called the same.
        true => Asks::Call(format!("{}-{}-", if single { "set" } else { "get" }, sky.rides.len())),
    };
    let left: &[(&str, &str)] = match left {
        0 => &[("x-time-left", "20")],
        1 => &[("x-time-left", "300")],
        2 => &[("range", "bytes=0-1")],
        _ => &[],
    };
    sky.begin(side, asks, ["me", "you"][who], left);
}

fn happen(sky: &mut Sky, event: Event) {
    let all = sky.sides.len();
    let uploads = |ride: &Ride| ride.body.is_some() && ride.place != Place::Ended;
    match event {
        Event::Begin { side, ids, single, who, left } => begin(sky, side % all, (ids, single), who, left),
        Event::Upload { pick, ended } => {
            picked(sky, pick, uploads).into_iter().for_each(|at| sky.upload(at, ended))
        }
        Event::EndBody { pick } => picked(sky, pick, uploads).into_iter().for_each(|at| sky.end_body(at)),
        Event::Called { side, pick, kind } => sky.answer_call(side % all, pick, kind),
        Event::Deliver { side } => drop(sky.deliver(side % all)),
        Event::Pass { millis } => sky.pass(millis),
        Event::StepBack { millis } => sky.step_back(millis),
        Event::Fail { side, call } => sky.sides[side % all].host.fail(CALLS[call], Status::InternalFailure),
        Event::Recover { side } => recover(sky, side % all),
        Event::Reload { side } => sky.reload(side % all),
        Event::Die { side } => sky.die(side % all),
        Event::Garbage { side, bytes } => sky.sides[side % all].enqueue(&bytes),
        Event::Answer { .. } | Event::Body { .. } | Event::Else { .. } | Event::End { .. } => {
            ends(sky, event)
        }
    }
}

/// What happens on the way back.
fn ends(sky: &mut Sky, event: Event) {
    let unanswered = |ride: &Ride| ride.place == Place::Upstream && !ride.is_answered && ride.body.is_none();
    let answered = |ride: &Ride| ride.place == Place::Upstream && ride.is_answered;
    match event {
        Event::Answer { pick, status, ended } => {
            let at = picked(sky, pick, unanswered);
            at.into_iter().for_each(|at| sky.answer(at, ["200", "404", "503"][status], ended));
        }
        Event::Body { pick, ended, trailers } => {
            picked(sky, pick, answered).into_iter().for_each(|at| sky.body(at, ended, trailers));
        }
        Event::Else { pick } => {
            picked(sky, pick, |ride| ride.place == Place::Waits)
                .into_iter()
                .for_each(|at| sky.answer(at, "408", true));
        }
        Event::End { pick } => picked(sky, pick, |_| true).into_iter().for_each(|at| sky.end(at)),
        _ => {}
    }
}

fn recover(sky: &mut Sky, side: usize) {
    CALLS.iter().for_each(|call| sky.sides[side].host.recover(call));
}

/// Nobody is held any more, once all that may be waited for has passed.
fn nobody_waits(sky: &mut Sky) {
    sky.pass(MAX_WAIT + sky.set_back);
    let held = sky.rides.iter().filter(|ride| ride.is_held());
    let held: Vec<_> = held.map(|ride| (ride.side, ride.context, &ride.asks, &ride.place)).collect();
    assert!(held.is_empty(), "{held:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_held_leaves_once_and_in_time_whatever_fails(
        sides in 1..=3_usize,
        section in 0..6_usize,
        events in prop::collection::vec(event(), 1..150),
    ) {
        let mut sky = Sky::new(sides, &sections()[section]);
        events.into_iter().for_each(|event| happen(&mut sky, event));
        (0..sides).for_each(|side| recover(&mut sky, side));
        nobody_waits(&mut sky);
        while let Some(at) = picked(&sky, 0, |_| true) {
            sky.end(at);
        }
        // What those have added to gauges that died is taken off.
        sky.pass(5_000);
        prop_assert!(sky.sides.iter().all(Roots::rests), "nothing is left to tick for");
    }

    #[test]
    fn a_host_that_always_fails_at_the_same_holds_nobody_longer_than_it_may(
        section in 0..6_usize,
        call in 0..DISPENSABLE,
        events in prop::collection::vec(event(), 1..100),
    ) {
        let mut sky = Sky::new(2, &sections()[section]);
        for event in events {
            sky.sides.iter().for_each(|side| side.host.fail(CALLS[call], Status::InternalFailure));
            if !matches!(event, Event::Fail { .. } | Event::Recover { .. }) {
                happen(&mut sky, event);
            }
        }
        sky.sides.iter().for_each(|side| side.host.fail(CALLS[call], Status::InternalFailure));
        nobody_waits(&mut sky);
    }

    #[test]
    fn at_the_end_nothing_is_held(
        sides in 1..=3_usize,
        section in 0..6_usize,
        events in prop::collection::vec(event(), 1..150),
    ) {
        let mut sky = Sky::new(sides, &sections()[section]);
        // A gauge that could not be written is right again only with something else to tell.
        let counts = |event: &Event| !matches!(event, Event::Fail { .. });
        events.into_iter().filter(counts).for_each(|event| happen(&mut sky, event));
        while let Some(at) = picked(&sky, 0, |_| true) {
            sky.end(at);
        }
        sky.pass(MAX_WAIT + sky.set_back);
        // Who looks at what the dead have left is who has something to do.
        for side in 0..sides {
            sky.begin(side, Asks::Items(vec![0], false), "me", &[("range", "bytes=0-1")]);
            sky.end(sky.rides.len() - 1);
        }
        sky.pass(5_000);
        for gauge in ["batch_active", "batch_bytes_held"] {
            let name = format!("switchyard.route=.=api;.;{gauge}");
            prop_assert_eq!(sky.sides[0].host.counter(&name), 0, "{}", gauge);
        }
    }
}
