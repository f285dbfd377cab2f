//! Many clients, one key, and how many requests that makes.

use crate::SEED;
use crate::asked::Event;
use crate::proxy::Proxy;
use crate::shapes::Shape;
use crate::simulation::draws::{one, seed};
use crate::simulation::{START, State};
use crate::upstream::Kind;
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::Settings;
use switchyard_core::request::PlainRequest;

const BURSTS: usize = 300;
/// An upstream's answer begins so long after the request at the earliest.
const FIRST_BYTE: Duration = Duration::from_millis(10);
/// A message is under way for less than that.
const SOON: Duration = Duration::from_millis(1);

fn request() -> PlainRequest {
    PlainRequest::get("/0").with(":scheme", "https").with(":authority", "a.test")
}

/// A proxy whose upstream always answers this way.
fn proxy(kind: Kind, workers: usize, settings: &Settings, rng: &mut Rng) -> Proxy {
    let mut proxy = Proxy::new(Shape::calm(workers, settings.clone()), rng.fork());
    proxy.moods = vec![kind];
    proxy
}

/// One client at the start, and `count` more within the time, at any workers.
fn crowd(proxy: &mut Proxy, count: usize, within: Duration) {
    let workers = proxy.workers.len();
    for number in 0..=count {
        let after = if number == 0 { Duration::ZERO } else { within.mul_f64(proxy.outside.rng.f64()) };
        let worker = proxy.outside.rng.usize(0..workers);
        proxy.outside.plan(after, Event::Comes(worker, request()));
    }
}

/// How many are under way that were let go, in all workers.
fn released(proxy: &Proxy) -> u32 {
    proxy.workers.iter().flat_map(|worker| worker.exits.released.values()).sum()
}

/// Lets everything happen; the most that were let go and under way at a time.
fn most_released(proxy: &mut Proxy) -> u32 {
    let mut most = 0;
    while proxy.step() {
        most = most.max(released(proxy));
    }
    proxy.run();
    most
}

#[test]
fn all_who_come_before_the_answer_begins_make_one_request() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS {
        let workers = rng.usize(1..=5);
        let mut proxy = proxy(Kind::Shareable, workers, &Settings::default(), &mut rng);
        let count = one(&[1, 5, 60, 200], &mut rng);
        crowd(&mut proxy, count, FIRST_BYTE - SOON);
        proxy.run();
        let tally = &proxy.outside.tally;
        let counts = (tally.of("asked"), tally.of("Left(Answered(Collapsed))"));
        assert_eq!(counts, (1, u64::try_from(count).unwrap_or(0)));
    }
}

#[test]
fn no_two_requests_of_a_key_are_under_way_if_anybody_waited_for_the_first() {
    let mut rng = Rng::with_seed(seed(SEED));
    let mut followed = 0;
    for _ in 0..BURSTS {
        let workers = rng.usize(1..=5);
        let mut proxy = proxy(Kind::Shareable, workers, &Settings::default(), &mut rng);
        crowd(&mut proxy, 100, FIRST_BYTE * 20);
        proxy.run();
        let streams = &proxy.streams;
        for (number, pair) in proxy.asked.windows(2).enumerate() {
            let (began, answered) = (pair[0].began, pair[0].answered.unwrap_or_default());
            let in_time = |at: Timestamp| at > began && at.plus(SOON) <= answered;
            if streams.iter().any(|stream| in_time(stream.arrived)) {
                let complete = pair[0].complete.expect("upstreams answer");
                assert!(complete <= pair[1].began);
                let next = streams.iter().find(|stream| stream.exchange == Some(number + 1));
                assert!(next.is_some_and(|next| next.arrived >= complete), "who came before got that answer");
                followed += 1;
            }
        }
    }
    assert!(followed > BURSTS, "{followed}");
}

#[test]
fn a_leader_whose_client_leaves_costs_one_request_more() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS {
        let workers = rng.usize(1..=5);
        let mut proxy = proxy(Kind::Shareable, workers, &Settings::default(), &mut rng);
        crowd(&mut proxy, 60, Duration::from_millis(5));
        let leaving = rng.usize(1..=10);
        let mut left = 0;
        while proxy.step() {
            let later = proxy.outside.now > START.plus(Duration::from_millis(6));
            let leader = proxy.streams.iter().position(|stream| stream.state == State::Upstream);
            if let Some(leader) = leader.filter(|_| later && left < leaving) {
                left += 1;
                proxy.ends(leader);
            }
        }
        proxy.run();
        assert_eq!(proxy.asked.len(), 1 + leaving, "{workers} workers");
    }
}

#[test]
fn a_vm_that_dies_with_the_leader_costs_one_request_more() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS {
        let workers = rng.usize(2..=5);
        let mut proxy = proxy(Kind::Shareable, workers, &Settings::default(), &mut rng);
        crowd(&mut proxy, 60, Duration::from_millis(5));
        while proxy.outside.now < START.plus(Duration::from_millis(6)) && proxy.step() {}
        let leader = proxy.streams.iter().find(|stream| stream.state == State::Upstream);
        let worker = leader.map(|leader| leader.worker).unwrap_or_default();
        proxy.dies(worker);
        let others = proxy.streams.iter().any(|stream| stream.state == State::Paused);
        proxy.run();
        assert_eq!(proxy.asked.len(), 1 + usize::from(others), "{workers} workers");
        let latest = START.plus(Duration::from_millis(1_050));
        assert!(proxy.asked.last().is_some_and(|last| last.began < latest), "after a second's silence");
    }
}

#[test]
fn an_upstream_that_takes_seconds_is_asked_once() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS / 10 {
        let workers = rng.usize(2..=5);
        let minute = Duration::from_secs(60);
        let settings = Settings { max_leader_age: minute, max_wait: minute, ..Settings::default() };
        let mut proxy = proxy(Kind::Shareable, workers, &settings, &mut rng);
        proxy.shape.latency = Duration::from_secs(3);
        crowd(&mut proxy, 60, Duration::from_secs(1));
        proxy.run();
        assert_eq!(proxy.asked.len(), 1);
    }
}

#[test]
fn followers_of_a_private_answer_go_a_few_at_a_time_in_all_workers_together() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS {
        let workers = rng.u32(1..=5);
        let settings = Settings { release_concurrency: one(&[1, 3, 8, 20], &mut rng), ..Settings::default() };
        let kind = one(&[Kind::Private, Kind::SetsCookie, Kind::HasTrailers], &mut rng);
        let mut proxy = proxy(kind, usize::try_from(workers).unwrap_or(1), &settings, &mut rng);
        crowd(&mut proxy, 60, FIRST_BYTE - SOON);
        let most = most_released(&mut proxy);
        assert!(most <= settings.release_concurrency.max(workers), "{most} of {settings:?}");
        assert!(most > 0 && proxy.asked.len() == 61);
    }
}

#[test]
fn leaders_that_fail_are_succeeded_so_often_and_then_the_others_go_a_few_at_a_time() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS {
        let workers = rng.u32(1..=5);
        let settings = Settings { max_elections: rng.u32(0..=4), ..Settings::default() };
        let mut proxy = proxy(Kind::Fails, usize::try_from(workers).unwrap_or(1), &settings, &mut rng);
        crowd(&mut proxy, 60, FIRST_BYTE - SOON);
        let most = most_released(&mut proxy);
        let led = proxy.outside.tally.of("Left(Led)");
        assert!(led <= u64::from(settings.max_elections), "{led} led, {workers} workers, {settings:?}");
        assert!(most <= settings.release_concurrency.max(workers), "{most} of {settings:?}");
    }
}

/// How many the upstream works at: those whose answers have not begun.
fn under_way(proxy: &Proxy) -> usize {
    proxy.asked.iter().filter(|asked| asked.answered.is_none()).count()
}

/// Who leads, and who was elected because that took too long, and who was let go.
fn may_be_under_way(settings: &Settings, workers: usize) -> usize {
    let released = usize::try_from(settings.release_concurrency).unwrap_or(1).max(workers);
    usize::try_from(settings.max_elections).unwrap_or(0) + 1 + released
}

#[test]
fn of_a_key_never_more_than_leaders_and_released_are_under_way_and_the_first_answer_is_all_the_crowds() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS / 20 {
        let workers = rng.usize(1..=4);
        let settings = Settings { release_concurrency: one(&[1, 3, 8], &mut rng), ..Settings::default() };
        let mut proxy = proxy(Kind::TakesLong, workers, &settings, &mut rng);
        proxy.shape.latency = Duration::from_millis(600);
        crowd(&mut proxy, 400, Duration::from_millis(5));
        let mut most = 0;
        while proxy.step() {
            most = most.max(under_way(&proxy));
        }
        proxy.run();
        assert!(most <= may_be_under_way(&settings, workers), "{most} of {settings:?}, {workers} workers");
        assert!(proxy.asked.len() <= 100, "{} asked", proxy.asked.len());
    }
}

#[test]
fn a_crowd_whose_upstream_is_stuck_goes_in_turn_then_evenly_and_nobody_waits_for_longer_than_twice() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS / 20 {
        let workers = rng.usize(1..=4);
        let settings = Settings::default();
        let mut proxy = proxy(Kind::NeverComes, workers, &settings, &mut rng);
        crowd(&mut proxy, 400, Duration::from_millis(5));
        let (mut most, mut before) = (0, (0, START));
        let evenly = START.plus(settings.max_wait * 3 / 2);
        while proxy.step() {
            let (now, asked) = (proxy.outside.now, proxy.asked.len());
            if now < evenly {
                most = most.max(under_way(&proxy));
            }
            if now.since(before.1) >= Duration::from_millis(100) {
                // Four hundred in five seconds, rounded up in every tick of every worker.
                assert!(asked - before.0 <= 20 * workers, "{} at once", asked - before.0);
                before = (asked, now);
            }
        }
        proxy.run();
        assert!(most <= may_be_under_way(&settings, workers), "{most}, {workers} workers");
        let last = proxy.asked.last().map(|last| last.began).unwrap_or_default();
        let latest = START.plus(settings.longest_wait() + Duration::from_millis(50));
        assert!(proxy.asked.len() == 401 && last < latest, "{} by {last:?}", proxy.asked.len());
    }
}

#[test]
fn whoever_follows_a_stream_is_let_go_at_its_headers() {
    let mut rng = Rng::with_seed(seed(SEED));
    for _ in 0..BURSTS / 10 {
        let workers = rng.usize(1..=5);
        let mut proxy = proxy(Kind::Streams, workers, &Settings::default(), &mut rng);
        crowd(&mut proxy, 7, FIRST_BYTE - SOON);
        while proxy.outside.now < START.plus(Duration::from_millis(300)) && proxy.step() {}
        let waits = proxy.streams.iter().filter(|stream| stream.state == State::Paused).count();
        assert_eq!(waits, 0, "{workers} workers");
        proxy.run();
    }
}
