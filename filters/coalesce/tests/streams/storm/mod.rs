//! Anything in any order, on several workers whose hosts fail: whoever is held is answered or goes on once, with an
//! answer that is for it, and not later than it may wait.

mod ride;
mod sky;

use crate::worker::{FAILED, GET, HEAD, Head, OK, POST, PRIVATE, with};
use proptest::prelude::*;
use ride::{Place, Ride};
use sky::Sky;
use switchyard_frame::fake::Roots;
use switchyard_host::Status;

/// What a host may fail at. That it refuses a stream's name or its going on means that the stream has ended.
const CALLS: [&str; 14] = [
    "proxy_get_header_map_pairs",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_send_local_response",
    "proxy_replace_header_map_value",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_get_current_time_nanoseconds",
    "proxy_set_tick_period_milliseconds",
];
/// Those without which requests still get away in time.
const DISPENSABLE: usize = 12;

/// The longest that somebody may be held: twice the sections' `max_wait`, or a second and three quarters for a body; in
/// milliseconds.
const MAX_WAIT: u64 = 2_000;

const SECTIONS: [&str; 4] = [
    r#"{"max_wait": "800ms", "max_leader_age": "300ms", "stall_timeout": "100ms", "key": {"body": true},
        "pass_ttl": "50ms", "release_concurrency": 1}"#,
    r#"{"scope": "worker", "max_wait": "500ms", "hold": "100ms", "key": {"body": true}, "on_error": "release"}"#,
    r#"{"max_wait": "1s", "max_elections": 1, "hold": "50ms", "stale_if_error": "10s", "key": {"body": true},
        "max_followers": 3, "max_flights": 2, "max_body_bytes": "12B", "max_bytes_held": "24B"}"#,
    r#"{"max_wait": "300ms", "on_error": "share", "share_errors": [503], "key": {"body": true}, "pass_ttl": "0s"}"#,
];

#[derive(Clone, Debug)]
enum Event {
    Begin { side: usize, page: usize, method: usize, language: usize },
    Upload { pick: usize, ended: bool },
    EndBody { pick: usize },
    Answer { pick: usize, kind: usize, ended: bool },
    Body { pick: usize, ended: bool },
    Trailers { pick: usize },
    End { pick: usize },
    Deliver { side: usize },
    Pass { millis: u64 },
    StepBack { millis: i64 },
    Fail { side: usize, call: usize },
    Recover { side: usize },
    Reload { side: usize },
    Die { side: usize },
    Garbage { side: usize, bytes: Vec<u8> },
}

fn event() -> impl Strategy<Value = Event> {
    let (side, pick) = (|| 0..3_usize, || 0..1_000_usize);
    prop_oneof![
        12 => (side(), 0..2_usize, 0..4_usize, 0..2_usize)
            .prop_map(|(side, page, method, language)| Event::Begin { side, page, method, language }),
        3 => (pick(), any::<bool>()).prop_map(|(pick, ended)| Event::Upload { pick, ended }),
        1 => pick().prop_map(|pick| Event::EndBody { pick }),
        6 => (pick(), 0..6_usize, any::<bool>())
            .prop_map(|(pick, kind, ended)| Event::Answer { pick, kind, ended }),
        6 => (pick(), any::<bool>()).prop_map(|(pick, ended)| Event::Body { pick, ended }),
        1 => pick().prop_map(|pick| Event::Trailers { pick }),
        6 => pick().prop_map(|pick| Event::End { pick }),
        8 => side().prop_map(|side| Event::Deliver { side }),
        6 => (0..30_u64).prop_map(|tens| Event::Pass { millis: tens * 10 }),
        1 => (0..2_000_i64).prop_map(|millis| Event::StepBack { millis }),
        3 => (side(), 0..CALLS.len()).prop_map(|(side, call)| Event::Fail { side, call }),
        2 => side().prop_map(|side| Event::Recover { side }),
        1 => side().prop_map(|side| Event::Reload { side }),
        1 => side().prop_map(|side| Event::Die { side }),
        1 => (side(), prop::collection::vec(0..6_u8, 0..60))
            .prop_map(|(side, bytes)| Event::Garbage { side, bytes }),
    ]
}

/// The request that is meant, among those of a kind.
fn picked(sky: &Sky, pick: usize, is: impl Fn(&Ride) -> bool) -> Option<usize> {
    let those: Vec<_> = (0..sky.rides.len()).filter(|at| is(&sky.rides[*at])).collect();
    those.get(pick.checked_rem(those.len())?).copied()
}

fn begin(sky: &mut Sky, side: usize, (page, method, language): (usize, usize, usize)) {
    let head = [GET, HEAD, POST, GET][method];
    let language = ["de", "fr"][language];
    let mut head = with(head, &[("x-language", language)]);
    head[3].1 = ["/soup", "/wine"][page];
    sky.begin(side, &head, language, method == 2);
}

fn answer(sky: &mut Sky, pick: usize, kind: usize, ended: bool) {
    let varies = with(OK, &[("vary", "x-language")]);
    let kinds: [Head<'_>; 6] = [OK, OK, &varies, PRIVATE, FAILED, FAILED];
    let waits = |ride: &Ride| ride.place == Place::Upstream && ride.answer.is_none() && ride.body.is_none();
    if let Some(at) = picked(sky, pick, waits) {
        sky.answer(at, kinds[kind], ended);
    }
}

fn happen(sky: &mut Sky, event: Event) {
    let all = sky.sides.len();
    let uploads = |ride: &Ride| ride.stream.is_some() && ride.body.is_some();
    let answered = |ride: &Ride| ride.place == Place::Upstream && ride.answer.is_some();
    match event {
        Event::Begin { side, page, method, language } => begin(sky, side % all, (page, method, language)),
        Event::Upload { pick, ended } => {
            picked(sky, pick, uploads).into_iter().for_each(|at| sky.upload(at, ended));
        }
        Event::EndBody { pick } => {
            picked(sky, pick, uploads).into_iter().for_each(|at| sky.end_body(at));
        }
        Event::Answer { pick, kind, ended } => answer(sky, pick, kind, ended),
        Event::Body { pick, ended } => {
            picked(sky, pick, answered).into_iter().for_each(|at| sky.body(at, ended));
        }
        Event::Trailers { pick } => picked(sky, pick, answered).into_iter().for_each(|at| sky.trailers(at)),
        Event::End { pick } => {
            let there = picked(sky, pick, |ride| ride.stream.is_some());
            there.into_iter().for_each(|at| sky.end(at));
        }
        Event::Deliver { side } => sky.deliver(side % all),
        Event::Pass { millis } => sky.pass(millis),
        Event::StepBack { millis } => sky.step_clock(-millis),
        Event::Fail { side, call } => sky.sides[side % all].host.fail(CALLS[call], Status::InternalFailure),
        Event::Recover { side } => recover(sky, side % all),
        Event::Reload { side } => {
            let section = sky.section;
            sky.sides[side % all].reload(section);
        }
        Event::Die { side } => sky.die(side % all),
        Event::Garbage { side, bytes } => sky.sides[side % all].enqueue(&bytes),
    }
}

fn recover(sky: &mut Sky, side: usize) {
    CALLS.iter().for_each(|call| sky.sides[side].host.recover(call));
}

/// Nobody is held any more.
fn nobody_waits(sky: &Sky) {
    let held = sky.rides.iter().filter(|ride| ride.is_held());
    let held: Vec<_> = held.map(|ride| (ride.side, ride.context, &ride.key, &ride.place)).collect();
    assert!(held.is_empty(), "{held:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_held_leaves_once_and_in_time_whatever_fails(
        sides in 1..=3_usize,
        section in 0..SECTIONS.len(),
        events in prop::collection::vec(event(), 1..150),
    ) {
        let mut sky = Sky::new(sides, SECTIONS[section]);
        events.into_iter().for_each(|event| happen(&mut sky, event));
        for side in 0..sides {
            recover(&mut sky, side);
            // A host that refused to tick is asked again with the next request.
            begin(&mut sky, side, (0, 0, 0));
        }
        sky.pass(MAX_WAIT + 20);
        nobody_waits(&sky);
        while let Some(at) = picked(&sky, 0, |ride| ride.stream.is_some()) {
            sky.end(at);
        }
        // Keys that pass have had their time, and what those have added to gauges that died is taken off.
        sky.pass(13_000);
        prop_assert!(sky.sides.iter().all(Roots::rests), "nothing is left to tick for");
    }

    #[test]
    fn a_host_that_always_fails_at_the_same_holds_nobody_longer_than_it_may(
        section in 0..SECTIONS.len(),
        call in 0..DISPENSABLE,
        events in prop::collection::vec(event(), 1..100),
    ) {
        let mut sky = Sky::new(2, SECTIONS[section]);
        for event in events {
            sky.sides.iter().for_each(|side| side.host.fail(CALLS[call], Status::InternalFailure));
            if !matches!(event, Event::Fail { .. }) {
                happen(&mut sky, event);
            }
        }
        sky.sides.iter().for_each(|side| side.host.fail(CALLS[call], Status::InternalFailure));
        sky.pass(MAX_WAIT + 20);
        nobody_waits(&sky);
    }
}
