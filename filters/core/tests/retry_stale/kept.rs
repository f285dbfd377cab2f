//! How many answers are kept, and for how long.

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::retry::{StaleAnswers, StoredAnswer};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MINUTE: Duration = Duration::from_secs(60);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

/// An answer whose body has so many bytes.
fn answer(body: usize) -> StoredAnswer {
    StoredAnswer { status: 200, headers: Vec::new(), body: vec![b'x'; body].into(), at: at(0) }
}

/// What an answer of so many bytes takes under this key.
fn size(key: &str, body: usize) -> u64 {
    let mut answers = StaleAnswers::new(u64::MAX);
    answers.put(key.into(), answer(body));
    answers.bytes()
}

fn has(answers: &StaleAnswers, key: &str) -> bool {
    answers.get(key.as_bytes(), MINUTE, at(0)).is_some()
}

#[test]
fn an_answer_comes_back_as_it_went() {
    let headers =
        vec![("etag".into(), b"\"1\"".as_slice().into()), ("x-raw".into(), [0xff, 0].as_slice().into())];
    let kept = StoredAnswer { status: 404, headers, body: b"gone".as_slice().into(), at: at(5) };
    let mut answers = StaleAnswers::new(10_000);
    answers.put(b"a".to_vec(), kept.clone());
    assert_eq!(answers.get(b"a", MINUTE, at(5)), Some(&kept));
    assert_eq!(answers.get(b"b", MINUTE, at(5)), None);
    assert_eq!(answers.get(b"", MINUTE, at(5)), None);
}

#[test]
fn only_where_none_is_kept_there_is_none() {
    let mut answers = StaleAnswers::new(10_000);
    assert!(answers.is_empty());
    answers.put(b"a".to_vec(), answer(1));
    assert!(!answers.is_empty());
}

#[test]
fn there_is_an_answer_while_it_is_younger_than_allowed() {
    let mut answers = StaleAnswers::new(10_000);
    answers.put(b"a".to_vec(), answer(1));
    let young = |now| answers.get(b"a", MINUTE, at(now)).is_some();
    assert_eq!([0, 59_999, 60_000, 86_400_000].map(young), [true, true, false, false]);
    assert!(answers.get(b"a", Duration::ZERO, at(0)).is_none(), "nothing is younger than that");
    assert!(answers.get(b"a", Duration::MAX, at(86_400_000)).is_some());
    assert_eq!(answers.len(), 1, "it is not forgotten by being asked for");
}

#[test]
fn an_answer_from_the_future_has_no_age_and_is_not_given() {
    let mut answers = StaleAnswers::new(10_000);
    answers.put(b"a".to_vec(), StoredAnswer { at: at(1), ..answer(1) });
    assert!(answers.get(b"a", Duration::MAX, at(0)).is_none(), "the clock was set back: by how much?");
    assert!(answers.get(b"a", MINUTE, at(1)).is_some());
}

#[test]
fn the_oldest_go_first_and_no_more_of_them_than_must() {
    let mut answers = StaleAnswers::new(3 * size("a", 100));
    for key in ["a", "b", "c"] {
        answers.put(key.into(), answer(100));
    }
    assert_eq!(answers.len(), 3, "they fill it to the last byte");
    answers.put(b"d".to_vec(), answer(100));
    assert_eq!(["a", "b", "c", "d"].map(|key| has(&answers, key)), [false, true, true, true]);
    answers.put(b"e".to_vec(), answer(101));
    assert_eq!(["b", "c", "d", "e"].map(|key| has(&answers, key)), [false, false, true, true]);
}

#[test]
fn an_answer_that_is_kept_anew_is_the_youngest_and_counts_once() {
    let mut answers = StaleAnswers::new(2 * size("a", 100));
    for key in ["a", "b", "a", "c"] {
        answers.put(key.into(), answer(100));
    }
    assert_eq!(["a", "b", "c"].map(|key| has(&answers, key)), [true, false, true]);
    answers.put(b"a".to_vec(), answer(7));
    assert_eq!((answers.len(), answers.bytes()), (2, size("a", 7) + size("c", 100)));
    assert_eq!(answers.get(b"a", MINUTE, at(0)).map(|answer| answer.body.len()), Some(7));
}

#[test]
fn an_answer_that_is_too_large_is_not_kept_and_nobody_goes_for_it_but_its_predecessor() {
    let mut answers = StaleAnswers::new(2 * size("a", 100));
    answers.put(b"a".to_vec(), answer(100));
    answers.put(b"b".to_vec(), answer(100));
    answers.put(b"c".to_vec(), answer(1_000));
    assert_eq!(["a", "b", "c"].map(|key| has(&answers, key)), [true, true, false]);
    answers.put(b"a".to_vec(), answer(1_000));
    assert_eq!(
        ["a", "b", "c"].map(|key| has(&answers, key)),
        [false, true, false],
        "the old one is no longer true"
    );
    assert_eq!(answers.bytes(), size("b", 100));
}

#[test]
fn without_room_nothing_is_kept() {
    let mut answers = StaleAnswers::new(0);
    answers.put(b"a".to_vec(), answer(0));
    assert_eq!((answers.len(), answers.bytes(), answers.is_empty()), (0, 0, true));
    let mut answers = StaleAnswers::default();
    answers.put(Vec::new(), answer(0));
    assert!(answers.is_empty());
}

#[test]
fn keys_headers_and_bodies_count_and_each_answer_and_header_a_little_more() {
    let with = |headers: &[(&str, &str)], key: &str, body| {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().into()));
        let mut answers = StaleAnswers::new(u64::MAX);
        answers.put(key.into(), StoredAnswer { headers: headers.collect(), ..answer(body) });
        answers.bytes()
    };
    let empty = with(&[], "", 0);
    assert!(empty > 100, "{empty}: an answer takes more than its bytes");
    assert_eq!(with(&[], "", 10), empty + 10);
    assert_eq!(with(&[], "key", 0), empty + 6, "a key is there twice");
    let header = with(&[("a", "")], "", 0) - empty - 1;
    assert!(header >= 32, "{header}: two pointers and two lengths");
    assert_eq!(with(&[("name", "value"), ("b", "")], "", 0), empty + 2 * header + 10);
}

#[test]
fn what_is_forgotten_takes_nothing() {
    let mut answers = StaleAnswers::new(10_000);
    answers.put(b"a".to_vec(), answer(100));
    answers.put(b"b".to_vec(), answer(200));
    answers.forget(b"a");
    answers.forget(b"a");
    answers.forget(b"nobody");
    assert_eq!((answers.len(), answers.bytes()), (1, size("b", 200)));
    assert!(!has(&answers, "a") && has(&answers, "b"));
    answers.forget(b"b");
    assert_eq!((answers.is_empty(), answers.bytes()), (true, 0));
}

#[test]
fn a_key_that_was_forgotten_begins_anew() {
    let mut answers = StaleAnswers::new(2 * size("a", 100));
    answers.put(b"a".to_vec(), answer(100));
    answers.put(b"b".to_vec(), answer(100));
    answers.forget(b"a");
    answers.put(b"a".to_vec(), answer(100));
    answers.put(b"c".to_vec(), answer(100));
    assert_eq!(["a", "b", "c"].map(|key| has(&answers, key)), [true, false, true]);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// What happens to answers: one is kept (a key, its length, a body's length), or forgotten.
    #[derive(Clone, Debug)]
    enum Event {
        Put(u8, usize, usize),
        Forget(u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            6 => (0..12_u8, 1..40_usize, 0..900_usize).prop_map(|(key, long, body)| Event::Put(key, long, body)),
            1 => (0..12_u8).prop_map(Event::Forget),
        ]
    }

    /// Keys of several lengths, the same for the same number.
    fn key(number: u8) -> Vec<u8> {
        vec![number; 1 + usize::from(number) * 3]
    }

    /// The same in the plainest way: a list, oldest first.
    #[derive(Default)]
    struct Model {
        kept: Vec<(u8, StoredAnswer, u64)>,
    }

    impl Model {
        fn bytes(&self) -> u64 {
            self.kept.iter().map(|(_, _, size)| size).sum()
        }

        fn apply(&mut self, event: &Event, max: u64) {
            let (Event::Put(number, ..) | Event::Forget(number)) = event;
            self.kept.retain(|(other, ..)| other != number);
            let Event::Put(_, headers, body) = event else { return };
            let answer = stored(*headers, *body);
            let mut alone = StaleAnswers::new(u64::MAX);
            alone.put(key(*number), answer.clone());
            if alone.bytes() > max {
                return;
            }
            while self.bytes() + alone.bytes() > max {
                self.kept.remove(0);
            }
            self.kept.push((*number, answer, alone.bytes()));
        }
    }

    fn stored(header: usize, body: usize) -> StoredAnswer {
        StoredAnswer { headers: vec![("x".into(), vec![b'y'; header].into())], ..answer(body) }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn bytes_never_exceed_the_maximum_and_all_that_fits_is_there(
            max in 0..6_000_u64, events in prop::collection::vec(event(), 1..120),
        ) {
            let (mut answers, mut model) = (StaleAnswers::new(max), Model::default());
            for event in &events {
                match event {
                    Event::Put(number, headers, body) => answers.put(key(*number), stored(*headers, *body)),
                    Event::Forget(number) => answers.forget(&key(*number)),
                }
                model.apply(event, max);
                prop_assert!(answers.bytes() <= max);
                prop_assert_eq!((answers.len(), answers.bytes()), (model.kept.len(), model.bytes()));
                for number in 0..12 {
                    let expected = model.kept.iter().find(|(other, ..)| *other == number);
                    let found = answers.get(&key(number), MINUTE, at(0));
                    prop_assert_eq!(found, expected.map(|(_, answer, _)| answer));
                }
            }
        }
    }
}
