//! Any sequence of events, against the plainest cache that there is.

use super::{answer, at, get};
use proptest::prelude::*;
use std::rc::Rc;
use switchyard_core::coalesce::{Answer, Cache};

/// What happens to answers: one is kept (a key, its body's length, and how long it is fresh and serves), looked for, or
/// forgotten.
#[derive(Clone, Debug)]
enum Event {
    Put(u8, usize, u64, u64),
    Fresh(u8),
    Stale(u8),
    Forget(u8),
}

/// An event, and by how much the clock goes on before it, or back.
fn event() -> impl Strategy<Value = (i64, Event)> {
    let key = || 0..8_u8;
    let event = prop_oneof![
        4 => (key(), 0..900_usize, 0..60_u64, 0..60_u64)
            .prop_map(|(key, body, fresh, stale)| Event::Put(key, body, fresh, stale)),
        3 => key().prop_map(Event::Fresh),
        3 => key().prop_map(Event::Stale),
        1 => key().prop_map(Event::Forget),
    ];
    (prop_oneof![9 => 0..20_i64, 1 => -30..0_i64], event)
}

/// Keys of several lengths, the same for the same number.
fn key(number: u8) -> Vec<u8> {
    vec![number; 1 + usize::from(number) * 3]
}

struct Kept {
    number: u8,
    size: u64,
    at: u64,
    fresh_until: u64,
    stale_until: u64,
}

/// A list, the one that was asked for least recently first.
#[derive(Default)]
struct Model(Vec<Kept>);

impl Model {
    fn bytes(&self) -> u64 {
        self.0.iter().map(|kept| kept.size).sum()
    }

    fn put(&mut self, kept: Kept, max: u64) {
        self.0.retain(|other| other.number != kept.number);
        if kept.size > max {
            return;
        }
        while self.bytes() + kept.size > max {
            self.0.remove(0);
        }
        self.0.push(kept);
    }

    fn find(&mut self, number: u8, now: u64, until: impl Fn(&Kept) -> u64) -> bool {
        self.0.retain(|kept| kept.stale_until > now && (kept.number != number || kept.at <= now));
        let Some(found) = self.0.iter().position(|kept| kept.number == number && now < until(kept)) else {
            return false;
        };
        let kept = self.0.remove(found);
        self.0.push(kept);
        true
    }
}

/// Does the same to both; whether they say the same.
fn agree(cache: &mut Cache, model: &mut Model, event: &Event, now: u64, max: u64) -> bool {
    match *event {
        Event::Put(number, body, fresh, stale) => {
            let (fresh_until, stale_until) = (now + fresh, now + fresh + stale);
            let complete = Rc::new(Answer { at: at(now), ..(*answer(body)).clone() });
            let mut alone = Cache::new(u64::MAX);
            alone.put(key(number), Rc::clone(&complete), at(fresh_until), at(stale_until));
            model.put(Kept { number, size: alone.bytes(), at: now, fresh_until, stale_until }, max);
            cache.put(key(number), complete, at(fresh_until), at(stale_until));
            true
        }
        Event::Fresh(number) => {
            let found = cache.fresh(&key(number), &get(), at(now)).is_some();
            found == model.find(number, now, |kept| kept.fresh_until)
        }
        Event::Stale(number) => {
            let found = cache.stale(&key(number), &get(), at(now)).is_some();
            found == model.find(number, now, |kept| kept.stale_until)
        }
        Event::Forget(number) => {
            cache.forget(&key(number));
            model.0.retain(|kept| kept.number != number);
            true
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn bytes_never_exceed_the_maximum_and_whatever_fits_and_is_not_over_is_there(
        max in 0..8_000_u64, events in prop::collection::vec(event(), 1..120),
    ) {
        let (mut cache, mut model, mut now) = (Cache::new(max), Model::default(), 1_000_u64);
        for (step, event) in &events {
            now = now.saturating_add_signed(*step);
            prop_assert!(agree(&mut cache, &mut model, event, now, max), "{event:?}");
            prop_assert!(cache.bytes() <= max);
            prop_assert_eq!((cache.len(), cache.bytes()), (model.0.len(), model.bytes()));
        }
    }
}
