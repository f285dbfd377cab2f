//! The document in a store: what each store is asked, what is handed on of its answer, and when it is asked again.

use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Answer, Ask, Brought, Keeper, Refusal, Store, StoredDocument};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SECOND: Duration = Duration::from_secs(1);

struct Asked {
    keeper: Keeper,
    rng: Rng,
    now: Timestamp,
}

impl Asked {
    fn of(store: Store) -> Self {
        let stored = StoredDocument {
            cluster: "store".into(),
            host: None,
            interval: 5 * SECOND,
            timeout: SECOND,
            max_body: 1024,
            store,
        };
        Self { keeper: Keeper::new(stored), rng: Rng::with_seed(1), now: Timestamp::from_millis(1_000_000) }
    }

    /// The next ask, whenever it is due.
    fn ask(&mut self) -> Ask {
        self.now = self.now.plus(self.keeper.due_in(self.now));
        self.keeper.poll(self.now).expect("it is due")
    }

    fn answer(&mut self, answer: Answer<'_>) -> Result<Brought, Refusal> {
        let ask = self.ask();
        self.keeper.answered(ask.number, answer, self.now, &mut self.rng).expect("it waits for that")
    }
}

fn plain(status: u16, body: &[u8]) -> Answer<'_> {
    Answer { status, etag: None, index: None, body }
}

fn text(text: &[u8], revision: u64) -> Result<Brought, Refusal> {
    Ok(Brought::Text { text: text.to_vec(), revision })
}

fn etcd() -> Asked {
    Asked::of(Store::Etcd { key: "/switchyard".into() })
}

#[test]
fn etcd_is_asked_for_a_key_and_another_revision_with_the_same_text_is_no_news() {
    let mut asked = etcd();
    let ask = asked.ask();
    assert_eq!((&*ask.path, &*ask.body), ("/v3/kv/range", &br#"{"key":"L3N3aXRjaHlhcmQ="}"#[..]));
    asked.keeper.failed(ask.number, Refusal::Unreachable, asked.now, &mut asked.rng);
    let with = |revision: u64| {
        format!(
            r#"{{"header":{{}},"kvs":[{{"key":"L3N3","mod_revision":"{revision}","value":"e30="}}],"count":"1"}}"#
        )
    };
    assert_eq!(asked.answer(plain(200, with(7).as_bytes())), text(b"{}", 7));
    assert_eq!(asked.answer(plain(200, with(8).as_bytes())), Ok(Brought::Nothing));
    assert_eq!(asked.answer(plain(200, br#"{"header":{}}"#)), Err(Refusal::NoKey));
    let bad = br#"{"header":{},"kvs":[{"value":"{}"}]}"#;
    assert_eq!(asked.answer(plain(200, bad)), Err(Refusal::Shape("has a value that is no base64")));
    assert!(matches!(asked.answer(plain(200, b"<html>")), Err(Refusal::Syntax { .. })));
    assert_eq!(asked.answer(plain(200, &[b' '; 1025])), Err(Refusal::TooLong { most: 1024 }));
    assert_eq!(
        asked.answer(plain(200, with(9).as_bytes())),
        Ok(Brought::Nothing),
        "it is the same after all"
    );
}

#[test]
fn consul_holds_an_ask_until_its_index_is_another() {
    let store =
        Store::Consul { key: "switchyard/a b".into(), datacenter: Some("east".into()), wait: 30 * SECOND };
    let mut asked = Asked::of(store);
    let ask = asked.ask();
    assert_eq!((&*ask.path, ask.timeout), ("/v1/kv/switchyard/a%20b?raw&dc=east", SECOND));
    asked.keeper.failed(ask.number, Refusal::Unreachable, asked.now, &mut asked.rng);
    assert_eq!(asked.answer(Answer { index: Some(7), ..plain(200, b"{}") }), text(b"{}", 7));
    let ask = asked.ask();
    assert!(ask.path.ends_with("&index=7&wait=30000ms"), "{}", ask.path);
    assert!(ask.timeout > 31 * SECOND);
    let back = Answer { index: Some(3), ..plain(200, b"{ }") };
    let read = asked.keeper.answered(ask.number, back, asked.now, &mut asked.rng);
    assert_eq!(read, Some(text(b"{ }", 0)), "an index that goes back is none");
    assert!(!asked.ask().path.contains("index="));
}

#[test]
fn a_key_that_consul_does_not_have_is_no_empty_document() {
    let mut asked = Asked::of(Store::Consul { key: "a".into(), datacenter: None, wait: Duration::ZERO });
    assert_eq!(asked.answer(plain(404, b"")), Err(Refusal::NoKey));
}

#[test]
fn http_is_asked_whether_something_has_changed() {
    let mut asked = Asked::of(Store::Http { path: "/a?b".into() });
    assert_eq!(asked.answer(Answer { etag: Some("\"1\""), ..plain(200, b"{}") }), text(b"{}", 0));
    let ask = asked.ask();
    assert!(ask.pairs().any(|pair| pair == ("if-none-match", "\"1\"")) && &*ask.path == "/a?b");
    let unchanged = asked.keeper.answered(ask.number, plain(304, b""), asked.now, &mut asked.rng);
    assert_eq!(unchanged, Some(Ok(Brought::Nothing)));
    assert_eq!(asked.answer(plain(500, b"{ }")), Err(Refusal::Status(500)));
    assert!(!asked.ask().pairs().any(|(name, _)| name == "if-none-match"), "what failed begins anew");
}

#[test]
fn an_ask_that_nobody_answers_is_given_up_and_says_nothing_any_more() {
    let mut asked = etcd();
    let ask = asked.ask();
    assert_eq!((asked.keeper.overdue(asked.now), asked.keeper.poll(asked.now)), (None, None));
    asked.now = asked.now.plus(2 * SECOND);
    assert_eq!(asked.keeper.overdue(asked.now), Some(ask.number));
    let why = asked.keeper.failed(ask.number, Refusal::Timeout, asked.now, &mut asked.rng);
    assert_eq!(why, Some(Refusal::Timeout));
    let late = asked.keeper.answered(ask.number, plain(200, b"{}"), asked.now, &mut asked.rng);
    assert_eq!(late, None);
    assert_ne!(asked.ask().number, ask.number);
}

#[test]
fn what_another_worker_has_read_is_no_news() {
    let mut asked = Asked::of(Store::Http { path: "/".into() });
    asked.keeper.adopt(b"{}");
    assert_eq!(asked.answer(plain(200, b"{}")), Ok(Brought::Nothing));
    assert_eq!(asked.answer(Answer { etag: Some("\"2\""), ..plain(200, b"{ }") }), text(b"{ }", 0));
    // One that was slower tells of the older text after all: the newer one is asked for whole.
    asked.keeper.adopt(b"{}");
    let ask = asked.ask();
    assert!(!ask.pairs().any(|(name, _)| name == "if-none-match"));
    let read = asked.keeper.answered(ask.number, plain(200, b"{ }"), asked.now, &mut asked.rng);
    assert_eq!(read, Some(text(b"{ }", 0)));
}

#[test]
fn it_says_whom_it_asks_and_how_long_an_answer_may_be() {
    let keeper = etcd().keeper;
    assert_eq!((keeper.cluster(), keeper.max_body()), ("store", 1024));
}

#[test]
fn an_ask_that_is_broken_off_when_its_time_is_over_has_timed_out_and_nothing_else_has() {
    let why = |why, after: Duration| {
        let mut asked = etcd();
        let ask = asked.ask();
        asked.keeper.failed(ask.number, why, asked.now.plus(after), &mut asked.rng)
    };
    let early = SECOND - Duration::from_millis(1);
    assert_eq!(why(Refusal::Unreachable, early), Some(Refusal::Unreachable));
    assert_eq!(why(Refusal::Unreachable, SECOND), Some(Refusal::Timeout));
    assert_eq!(why(Refusal::Memory, early), Some(Refusal::Memory));
    assert_eq!(why(Refusal::Memory, SECOND), Some(Refusal::Memory));
}

#[test]
fn a_504_when_its_time_is_over_is_envoys_and_before_that_the_stores() {
    let read = |status, after: Duration| {
        let mut asked = etcd();
        let ask = asked.ask();
        asked.now = asked.now.plus(after);
        asked.keeper.answered(ask.number, plain(status, b""), asked.now, &mut asked.rng)
    };
    let early = SECOND - Duration::from_millis(1);
    assert_eq!(read(504, early), Some(Err(Refusal::Status(504))));
    assert_eq!(read(504, SECOND), Some(Err(Refusal::Timeout)));
    assert_eq!(read(503, SECOND), Some(Err(Refusal::Status(503))));
}

#[test]
fn consuls_answers_are_waited_for_a_sixteenth_longer_than_it_holds_them() {
    let mut asked = Asked::of(Store::Consul { key: "a".into(), datacenter: None, wait: 32 * SECOND });
    assert_eq!(asked.answer(Answer { index: Some(7), ..plain(200, b"{}") }), text(b"{}", 7));
    assert_eq!(asked.ask().timeout, 35 * SECOND);
}

#[test]
fn that_nothing_has_changed_is_no_answer_to_who_did_not_ask_whether_it_has() {
    let stores = [
        Store::Etcd { key: "a".into() },
        Store::Consul { key: "a".into(), datacenter: None, wait: SECOND },
        Store::Http { path: "/".into() },
    ];
    for store in stores {
        assert_eq!(Asked::of(store).answer(plain(304, b"")), Err(Refusal::Status(304)));
    }
}

#[test]
fn an_answer_may_be_exactly_as_long_as_is_read() {
    let mut asked = Asked::of(Store::Http { path: "/".into() });
    assert_eq!(asked.answer(plain(200, &[b' '; 1024])), text(&[b' '; 1024], 0));
    assert_eq!(asked.answer(plain(200, &[b' '; 1025])), Err(Refusal::TooLong { most: 1024 }));
}
