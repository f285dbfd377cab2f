//! One ask after the other.

use super::{SECOND, START, source, wanted};
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Answer, News, Poller, Reason, Refusal, Roster, Source, State};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

struct Steps {
    poller: Poller,
    now: Timestamp,
    rng: Rng,
}

impl Steps {
    fn new(source: Source) -> Self {
        let poller = Poller::of(vec![wanted(3, "web", source)]).pop().expect("one");
        Self { poller, now: START, rng: Rng::with_seed(5) }
    }

    /// Waits until the next ask, and makes it. Its number, what it holds of an etag, and the news of that.
    fn ask(&mut self) -> (u64, Option<String>) {
        self.now = self.now.plus(self.poller.due_in(self.now));
        let ask = self.poller.poll(self.now, &mut self.rng, &mut Vec::new()).expect("due");
        let etag = ask.pairs().find(|(name, _)| *name == "if-none-match").map(|(_, value)| value.to_owned());
        (ask.number, etag)
    }

    fn answer(&mut self, number: u64, status: u16, etag: Option<&str>, body: &str) -> Vec<News> {
        let mut news = Vec::new();
        let answer = Answer { status, etag, index: None, body: body.as_bytes() };
        self.poller.answered(number, answer, self.now, &mut self.rng, &mut news);
        news
    }

    fn round(&mut self, body: &str) -> Vec<News> {
        let (number, _) = self.ask();
        self.answer(number, 200, None, body)
    }

    fn members(&self) -> Vec<&str> {
        self.poller.lists()[0].roster.members().iter().map(|member| &*member.address).collect()
    }

    fn state(&self) -> State {
        self.poller.lists()[0].state
    }
}

const ONE: &str = r#"["10.0.0.1:80"]"#;
const TWO: &str = r#"["10.0.0.1:80", "10.0.0.2:80"]"#;

fn read(changed: bool) -> News {
    News::Read { upstream: 3, changed }
}

#[test]
fn a_state_is_told_once_and_what_was_read_stays() {
    let mut steps = Steps::new(source());
    let why = Refusal::Syntax { at: 0 };
    let refused = News::Refused { upstream: 3, why };
    let told = |state| News::State { upstream: 3, state, why: Some(why) };
    assert_eq!(steps.round("<html>"), [refused, told(State::NeverRead)]);
    assert_eq!(steps.round("<html>"), [refused]);
    let current = News::State { upstream: 3, state: State::Current, why: None };
    assert_eq!(steps.round(TWO), [read(true), current]);
    let since = steps.now;
    assert_eq!(steps.round("<html>"), [refused, told(State::Stale { since })]);
    assert_eq!(steps.round("<html>"), [refused]);
    assert_eq!(steps.members().len(), 2);
    assert_eq!(steps.round(TWO), [read(false), current]);
    assert_eq!(steps.round(ONE), [read(true)]);
    let list = &steps.poller.lists()[0];
    assert_eq!((list.roster.version, list.tally.changes), (2, 2));
    let errors: Vec<_> = list.tally.errors().filter(|(_, count)| *count > 0).collect();
    assert_eq!(errors, [(Reason::Malformed, 4)]);
}

#[test]
fn an_empty_list_is_believed_only_where_it_may_be() {
    let mut steps = Steps::new(source());
    steps.round(ONE);
    let since = steps.now;
    assert_eq!(steps.round("[]")[0], News::Refused { upstream: 3, why: Refusal::Empty });
    assert_eq!((steps.members(), steps.state()), (vec!["10.0.0.1:80"], State::Stale { since }));
    let mut steps = Steps::new(Source { allow_empty: true, ..source() });
    steps.round(ONE);
    assert_eq!(steps.round("[]"), [read(true)]);
    assert_eq!((steps.members().len(), steps.state()), (0, State::Current));
    let names = steps.round(r#"["web:80"]"#);
    assert_eq!(
        names[0],
        News::Refused { upstream: 3, why: Refusal::NoneUsable { skipped: 1 } },
        "that is not none"
    );
    assert_eq!(steps.round(r#"["web:80", "10.0.0.1:80"]"#)[0], read(true));
    assert_eq!(steps.poller.lists()[0].skipped.host_names, 1);
}

#[test]
fn an_answer_that_was_given_up_says_nothing_any_more() {
    let mut steps = Steps::new(source());
    let (late, _) = steps.ask();
    let mut news = Vec::new();
    assert_eq!(steps.poller.due_in(steps.now), 2 * SECOND, "Envoy's own limit comes first");
    steps.now = steps.now.plus(2 * SECOND);
    assert_eq!(steps.poller.poll(steps.now, &mut steps.rng, &mut news), None, "a pause comes first");
    assert_eq!(news[0], News::Refused { upstream: 3, why: Refusal::Timeout });
    assert_eq!(steps.answer(late, 200, None, ONE), []);
    let (number, _) = steps.ask();
    assert_ne!(number, late);
    assert_eq!(steps.answer(late, 200, None, ONE), [], "another one is under way");
    assert_eq!(steps.answer(number, 200, None, TWO)[0], read(true));
    assert_eq!(steps.answer(number, 200, None, ONE), [], "an ask has one answer");
}

/// Envoy answers for a call whose time is over: 504.
#[test]
fn a_504_when_the_time_is_over_is_envoys_own() {
    let answered = |after: Duration| {
        let mut steps = Steps::new(source());
        let (number, _) = steps.ask();
        steps.now = steps.now.plus(after);
        steps.answer(number, 504, None, "")[0]
    };
    let refused = |why| News::Refused { upstream: 3, why };
    assert_eq!(answered(SECOND / 2), refused(Refusal::Status(504)));
    assert_eq!(answered(SECOND), refused(Refusal::Timeout));
}

#[test]
fn a_call_that_breaks_off_when_its_time_is_over_was_too_late() {
    let failed = |after: Duration, why| {
        let mut steps = Steps::new(source());
        let (number, _) = steps.ask();
        let mut news = Vec::new();
        steps.poller.failed(number, why, steps.now.plus(after), &mut steps.rng, &mut news);
        news[0]
    };
    let refused = |why| News::Refused { upstream: 3, why };
    assert_eq!(failed(SECOND / 2, Refusal::Unreachable), refused(Refusal::Unreachable));
    assert_eq!(failed(SECOND, Refusal::Unreachable), refused(Refusal::Timeout));
    let long = Refusal::TooLong { most: 7 };
    assert_eq!(failed(SECOND, long), refused(long));
}

#[test]
fn what_is_new_is_asked_for_since_what_is_in_force() {
    let mut steps = Steps::new(source());
    let (number, etag) = steps.ask();
    assert_eq!(etag, None);
    steps.answer(number, 200, Some("\"a\""), ONE);
    let (number, etag) = steps.ask();
    assert_eq!(etag.as_deref(), Some("\"a\""));
    assert_eq!(steps.answer(number, 304, None, ""), [read(false)]);
    assert_eq!(steps.poller.lists()[0].roster.read_at, steps.now);
    let (number, _) = steps.ask();
    steps.answer(number, 200, Some("\"b\""), "[]");
    let (number, etag) = steps.ask();
    assert_eq!(etag, None, "what was not believed is not what is in force");
    steps.answer(number, 200, Some("\"a\""), ONE);

    // Another worker has read something else since.
    let mut theirs = Steps::new(source());
    theirs.now = steps.now.plus(SECOND);
    theirs.round(TWO);
    let roster = theirs.poller.lists()[0].roster.clone();
    assert!(!steps.poller.adopt(4, roster.clone()), "of an upstream that is not asked for");
    assert!(steps.poller.adopt(3, roster.clone()) && !steps.poller.adopt(3, roster), "once");
    assert_eq!(steps.members().len(), 2);
    assert_eq!(steps.ask().1, None, "what was new to us is not new since theirs");
}

#[test]
fn a_roster_of_before_is_gone_on_from() {
    let mut before = Steps::new(source());
    for body in [ONE, TWO, ONE, TWO] {
        before.round(body);
    }
    let roster = before.poller.lists()[0].roster.clone();
    let mut steps = Steps::new(source());
    assert!(!steps.poller.adopt(3, Roster::default()), "nothing was read");
    assert!(steps.poller.adopt(3, roster));
    assert_eq!((steps.state(), steps.members().len()), (State::Current, 2));
    steps.now = before.now;
    assert_eq!(steps.round(TWO), [read(false)], "it is the same list");
    assert_eq!(steps.round(ONE), [read(true)]);
    assert_eq!(steps.poller.lists()[0].roster.version, 5);
}

#[test]
fn a_clock_that_steps_back_stops_nothing() {
    let mut steps = Steps::new(source());
    steps.round(ONE);
    steps.now = Timestamp::from_millis(5);
    steps.round(TWO);
    let (_, _) = steps.ask();
    steps.now = Timestamp::from_millis(1);
    assert_eq!(steps.poller.due_in(steps.now), Duration::ZERO);
    assert_eq!(
        steps.poller.poll(steps.now, &mut steps.rng, &mut Vec::new()),
        None,
        "it was given up, and there is a pause"
    );
}

#[test]
fn hints_bring_an_ask_forward() {
    let mut steps = Steps::new(source());
    steps.round(ONE);
    assert!(steps.poller.due_in(steps.now) > 4 * SECOND);
    steps.poller.hint();
    assert_eq!(steps.poller.due_in(steps.now), SECOND / 4);
    let (number, _) = steps.ask();
    steps.poller.hint();
    steps.answer(number, 200, None, TWO);
    assert_eq!(steps.poller.due_in(steps.now), SECOND / 4, "what it answered may be from before");
}
