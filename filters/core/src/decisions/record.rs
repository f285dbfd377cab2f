//! What the notes of one request come to.
//!
//! Invariant: what is kept is bounded when it is taken in: so many letters of a text, so many members of a list, and of lists that are
//! cut how many there were.

use super::{Batched, Coalesced, FORM, Note, Retried, Routed};
use crate::json_writer::Json;
use core::time::Duration;

/// So many letters of a name or an id are kept.
const NAME: usize = 64;
/// Of an address: as many as one of IPv6 with its port has.
const ADDRESS: usize = 47;
/// Of a word, which is one of ours.
const WORD: usize = 28;
/// Candidates.
const CANDIDATES: usize = 6;
/// Endpoints of attempts of ours.
const ATTEMPTS: usize = 5;
/// Endpoints that were passed over.
const PASSED_OVER: usize = 4;
/// Reasons of retries, and of there being none.
const REASONS: usize = 4;

/// Everything that was decided for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    routing: Option<Routing>,
    coalescing: Option<Coalescing>,
    batching: Option<Batching>,
    retrying: Option<Retrying>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Routing {
    route: Box<str>,
    upstream: Box<str>,
    policy: Box<str>,
    hash: Option<u64>,
    candidates: List,
    passed_over: Vec<Box<str>>,
    passed_over_count: usize,
    fallback: Option<Box<str>>,
    is_trial: bool,
    in_panic: bool,
    is_shadow: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Coalescing {
    role: Option<&'static str>,
    why: Option<Box<str>>,
    result: Option<Box<str>>,
    with: Option<Box<str>>,
    waited: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Batching {
    result: Option<Box<str>>,
    why: Option<Box<str>>,
    size: Option<u32>,
    index: Option<u64>,
    waited: Option<Duration>,
    trace: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Retrying {
    granted: Option<u8>,
    attempts: u32,
    served: Option<u32>,
    to: List,
    reasons: List,
    denied: List,
    waited: Duration,
    is_hedged: bool,
    fallback: Option<Box<str>>,
    deadline_exceeded: bool,
}

/// The first few of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct List(Vec<Box<str>>);

impl List {
    /// `most` of these, `letters` of each.
    fn of<'a>(texts: impl Iterator<Item = &'a str>, most: usize, letters: usize) -> Self {
        Self(texts.take(most).map(|text| plain(text, letters)).collect())
    }

    fn push(&mut self, text: &str, most: usize, letters: usize) {
        if self.0.len() < most {
            self.0.push(plain(text, letters));
        }
    }

    /// The same, unless it is there.
    fn insert(&mut self, text: &str, most: usize, letters: usize) {
        let text = plain(text, letters);
        if self.0.len() < most && !self.0.contains(&text) {
            self.0.push(text);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|text| &**text)
    }
}

impl Record {
    /// Takes this in.
    pub fn add(&mut self, note: &Note<'_>) {
        match note {
            Note::Routed(routed) => self.routing = Some(Routing::of(routed)),
            Note::Coalesced(what) => self.coalescing.get_or_insert_default().add(*what),
            Note::Batched(what) => self.batching.get_or_insert_default().add(*what),
            Note::Retried(what) => self.retrying.get_or_insert_default().add(*what),
        }
    }

    /// All of it as one JSON object; `None`: there is no memory for it.
    pub fn to_json(&self) -> Option<Vec<u8>> {
        let mut all = Json::default();
        all.object(|all| {
            all.field("v").number(FORM.into());
            if let Some(routing) = &self.routing {
                routing.write(all);
            }
            if let Some(coalescing) = &self.coalescing {
                all.field("coalesce").object(|part| coalescing.write(part));
            }
            if let Some(batching) = &self.batching {
                all.field("batch").object(|part| batching.write(part));
            }
            if let Some(retrying) = &self.retrying {
                all.field("retry").object(|part| retrying.write(part));
            }
        });
        all.finish()
    }
}

impl Routing {
    fn of(routed: &Routed<'_>) -> Self {
        let candidates = routed.candidates.split(',').filter(|address| !address.is_empty());
        let (passed_over, count) = &routed.passed_over;
        let passed_over = passed_over.iter().take(PASSED_OVER);
        Self {
            route: plain(routed.route, NAME),
            upstream: plain(routed.upstream, NAME),
            policy: plain(routed.policy, WORD),
            hash: routed.hash,
            candidates: List::of(candidates, CANDIDATES, ADDRESS),
            passed_over: passed_over.map(|address| plain(address, ADDRESS)).collect(),
            passed_over_count: *count,
            fallback: routed.fallback.map(|why| plain(why, WORD)),
            is_trial: routed.is_trial,
            in_panic: routed.in_panic,
            is_shadow: routed.is_shadow,
        }
    }

    fn write(&self, to: &mut Json) {
        to.some_text("route", Some(&self.route));
        to.some_text("upstream", Some(&self.upstream));
        to.some_text("policy", Some(&self.policy));
        to.some_text("hash", self.hash.map(|hash| format!("{hash:x}")).as_deref());
        to.some_texts("candidates", self.candidates.iter());
        to.some_texts("passed_over", self.passed_over.iter().map(|address| &**address));
        let count = u64::try_from(self.passed_over_count).ok();
        to.some_number("passed_over_count", count.filter(|count| *count > 0));
        to.some_text("fallback", self.fallback.as_deref());
        to.some_flag("trial", self.is_trial);
        to.some_flag("panic", self.in_panic);
        to.some_flag("shadow", self.is_shadow);
    }
}

impl Coalescing {
    fn add(&mut self, what: Coalesced<'_>) {
        match what {
            Coalesced::Led => self.role = Some("led"),
            Coalesced::Followed => self.role = Some("followed"),
            Coalesced::Passed(why) => (self.role, self.why) = (Some("passed"), Some(plain(why, WORD))),
            Coalesced::Left(result, waited) => {
                (self.result, self.waited) = (Some(plain(result, WORD)), Some(waited));
            }
            Coalesced::Answered(result, with) => {
                self.result = Some(plain(result, WORD));
                self.with = with.map(|id| plain(id, NAME));
            }
        }
    }

    fn write(&self, part: &mut Json) {
        part.some_text("role", self.role);
        part.some_text("why", self.why.as_deref());
        part.some_text("result", self.result.as_deref());
        part.some_text("with", self.with.as_deref());
        part.some_number("waited_ms", self.waited.map(millis));
    }
}

impl Batching {
    fn add(&mut self, what: Batched<'_>) {
        match what {
            Batched::Passed(why) => {
                (self.result, self.why) = (Some("passed".into()), Some(plain(why, WORD)));
            }
            Batched::Alone => self.result = Some("alone".into()),
            Batched::Waited(waited) => self.waited = Some(waited),
            Batched::Share { size, index, trace } => {
                (self.size, self.index) = (Some(size), Some(index));
                self.trace = trace.map(|trace| plain(trace, NAME));
            }
            Batched::Ended(result) => self.result = Some(plain(result, WORD)),
        }
    }

    fn write(&self, part: &mut Json) {
        part.some_text("result", self.result.as_deref());
        part.some_text("why", self.why.as_deref());
        part.some_number("size", self.size.map(Into::into));
        part.some_number("index", self.index);
        part.some_number("waited_ms", self.waited.map(millis));
        part.some_text("traceparent", self.trace.as_deref());
    }
}

impl Retrying {
    fn add(&mut self, what: Retried<'_>) {
        match what {
            Retried::Granted(often) => self.granted = Some(often),
            Retried::Decided(why, wait) => {
                self.reasons.push(why, REASONS, WORD);
                self.waited = self.waited.saturating_add(wait);
            }
            Retried::Attempt(number, to) => {
                self.attempts = self.attempts.max(number);
                self.to.push(to, ATTEMPTS, ADDRESS);
            }
            Retried::Denied(why) => self.denied.insert(why, REASONS - 1, WORD),
            Retried::Hedged => self.is_hedged = true,
            Retried::Served(number) => self.served = Some(number),
            Retried::Fallback(what) => self.fallback = Some(plain(what, WORD)),
            Retried::DeadlineExceeded => self.deadline_exceeded = true,
        }
    }

    fn write(&self, part: &mut Json) {
        part.some_number("granted", self.granted.map(Into::into));
        part.some_number("attempts", (self.attempts > 0).then(|| self.attempts.into()));
        part.some_number("served", self.served.map(Into::into));
        part.some_texts("to", self.to.iter());
        part.some_texts("reasons", self.reasons.iter());
        part.some_texts("denied", self.denied.iter());
        part.some_number("waited_ms", (!self.waited.is_zero()).then(|| millis(self.waited)));
        part.some_flag("hedged", self.is_hedged);
        part.some_text("fallback", self.fallback.as_deref());
        part.some_flag("deadline_exceeded", self.deadline_exceeded);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is kept of a text: so many letters, those that would need an escape replaced.
fn plain(text: &str, most: usize) -> Box<str> {
    let letters = text.chars().take(most);
    let is_plain =
        |letter: &char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '<' | '>' | '&');
    letters.map(|letter| if is_plain(&letter) { letter } else { '?' }).collect::<String>().into()
}
