//! A source that misbehaves, and a poller that asks it.

use super::{START, source, wanted};
use core::time::Duration;
use fastrand::Rng;
use std::collections::BTreeSet;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Answer, News, Poller, Refusal, Source, State};

/// What a source does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    Answers,
    Fails,
    /// Later than anybody waits, if at all.
    IsSlow,
    TellsNobody,
    TellsGarbage,
    /// Half of the truth, broken off.
    BreaksOff,
}

pub(crate) const MOODS: [Mood; 6] =
    [Mood::Answers, Mood::Fails, Mood::IsSlow, Mood::TellsNobody, Mood::TellsGarbage, Mood::BreaksOff];

/// What is to happen.
#[derive(Debug)]
struct Event {
    at: Timestamp,
    number: u64,
    /// `None`: the call breaks off.
    body: Option<(u16, String)>,
}

pub(crate) struct World {
    pub(crate) poller: Poller,
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    pub(crate) mood: Mood,
    pub(crate) truth: Vec<u32>,
    pub(crate) asks: usize,
    pub(crate) news: Vec<News>,
    /// Every list that the source has told.
    told: BTreeSet<Vec<u32>>,
    events: Vec<Event>,
    open: Option<u64>,
    told_states: Vec<State>,
}

impl World {
    pub(crate) fn new(seed: u64, of: impl FnOnce(Source) -> Source) -> Self {
        let poller = Poller::of(vec![wanted(0, "web", of(source()))]).pop().expect("one");
        Self {
            poller,
            now: START,
            rng: Rng::with_seed(seed),
            mood: Mood::Answers,
            truth: vec![1, 2, 3],
            asks: 0,
            news: Vec::new(),
            told: BTreeSet::new(),
            events: Vec::new(),
            open: None,
            told_states: Vec::new(),
        }
    }

    fn body(&self) -> String {
        let addresses: Vec<_> = self.truth.iter().map(|number| format!("\"10.0.0.{number}:80\"")).collect();
        format!("[{}]", addresses.join(","))
    }

    fn answer(&mut self, number: u64) {
        let whole = self.body();
        let (millis, body) = match self.mood {
            Mood::Answers => {
                self.told.insert(self.truth.clone());
                (self.rng.u64(1..900), Some((200, whole)))
            }
            Mood::Fails => (self.rng.u64(0..900), Some((503, whole)).filter(|_| self.rng.bool())),
            Mood::IsSlow => {
                self.told.insert(self.truth.clone());
                (self.rng.u64(2_001..200_000), Some((200, whole)))
            }
            Mood::TellsNobody => (5, Some((200, "[]".to_owned()))),
            Mood::TellsGarbage => (5, Some((200, "<html>503</html>".to_owned()))),
            Mood::BreaksOff => (5, Some((200, whole[..self.rng.usize(..whole.len())].to_owned()))),
        };
        self.events.push(Event { at: self.now.plus(Duration::from_millis(millis)), number, body });
    }

    /// Until then.
    pub(crate) fn run(&mut self, until: Timestamp, mut each: impl FnMut(&mut Self)) {
        while self.now < until {
            each(self);
            let now = self.now;
            let due: Vec<_> = self.events.extract_if(.., |event| event.at <= now).collect();
            for event in due {
                self.take(event);
            }
            let before = self.open;
            if let Some(ask) = self.poller.poll(self.now, &mut self.rng, &mut self.news) {
                assert!(before.is_none() || self.is_given_up(), "one ask is under way at most");
                self.open = Some(ask.number);
                self.asks += 1;
                self.answer(ask.number);
            }
            self.check();
            let next = self.events.iter().map(|event| event.at).min().unwrap_or(until);
            let step = self.poller.due_in(self.now).max(Duration::from_millis(1));
            self.now = self.now.plus(step).min(next.max(self.now.plus(Duration::from_millis(1)))).min(until);
        }
    }

    fn is_given_up(&self) -> bool {
        let last = self.news.iter().rev().find(|one| matches!(one, News::Refused { .. }));
        matches!(last, Some(News::Refused { why: Refusal::Timeout, .. }))
    }

    fn take(&mut self, event: Event) {
        let Event { number, body, .. } = event;
        let before = self.news.len();
        match &body {
            Some((status, body)) => {
                let answer = Answer { status: *status, etag: None, index: None, body: body.as_bytes() };
                self.poller.answered(number, answer, self.now, &mut self.rng, &mut self.news);
            }
            None => {
                self.poller.failed(number, Refusal::Unreachable, self.now, &mut self.rng, &mut self.news);
            }
        }
        if self.open == Some(number) {
            self.open = None;
        } else {
            assert_eq!(self.news.len(), before, "what was given up says nothing");
        }
    }

    pub(crate) fn members(&self) -> Vec<u32> {
        let members = self.poller.lists()[0].roster.members().iter();
        let number = |address: &str| address.strip_prefix("10.0.0.")?.strip_suffix(":80")?.parse().ok();
        members.map(|member| number(&member.address).expect("one of ours")).collect()
    }

    pub(crate) fn state(&self) -> State {
        self.poller.lists()[0].state
    }

    /// What must hold at any time.
    fn check(&mut self) {
        if self.open.is_some() && self.is_given_up() {
            self.open = None;
        }
        let members = self.members();
        assert!(
            members.is_empty() == (self.poller.lists()[0].roster.version == 0),
            "nobody is never believed"
        );
        let mut sorted: Vec<_> = self.told.iter().cloned().collect();
        sorted.iter_mut().for_each(|list| list.sort_by_key(|number| format!("10.0.0.{number}:80")));
        assert!(members.is_empty() || sorted.contains(&members), "only what was told is believed");
        let states = self.news.iter().filter_map(|one| match one {
            News::State { state, .. } => Some(*state),
            _ => None,
        });
        self.told_states.extend(states);
        let kind = core::mem::discriminant::<State>;
        let repeats = self.told_states.windows(2).any(|pair| kind(&pair[0]) == kind(&pair[1]));
        assert!(!repeats, "a state is told once: {:?}", self.told_states);
        self.told_states.drain(..self.told_states.len().saturating_sub(1));
        if let Some(last) = self.told_states.last() {
            assert_eq!(*last, self.state());
        }
        self.news.clear();
    }
}
