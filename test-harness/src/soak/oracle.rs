//! Which answers a request may have, under the weather of its phase.
//!
//! Invariant: an answer that says it is good has to be the right one, whatever the weather: of its own path, principal, body and item, whole, and not
//! from before its time. What the weather excuses is an error that says so, or an answer that visibly breaks off. In fine weather nothing is excused.

use hyper::header::HeaderMap;
use serde_json::{Value, json};

use super::ask::{Ask, Kind};
use super::truth::{self, Heard, LIE};
use super::weather::Fault;

/// How much older than its request an answer may be that was kept for nobody, in milliseconds: what leaders and followers, and a machine that does
/// other things, need.
const YOUNG_MS: u64 = 20_000;
/// The same for answers that are kept for worse times: what the document says of them, and that.
const STALE_MS: u64 = 60_000 + YOUNG_MS;

/// The body of what Envoy's overload manager refuses.
const OVERLOADED: &[u8] = b"envoy overloaded";

/// What retry and batch say to a request whose deadline is over.
const TOO_LATE: &str = "no answer in time";

/// What the phase excuses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Climate {
    /// Endpoints fail: an error that says so.
    pub fails: bool,
    /// Answers of endpoints break off.
    pub breaks: bool,
    /// Endpoints die: both, for any request.
    pub dies: bool,
    /// Endpoints say 200 to errors.
    pub lies: bool,
    /// Endpoints leave out items.
    pub loses: bool,
    /// Envoy refuses requests, and says that it is overloaded.
    pub overloads: bool,
    /// The clock leaps, and deadlines by the wall's are over with it.
    pub leaps: bool,
    /// Envoy fails by itself, and why: its clusters came anew, or a VM died.
    pub ails: Option<&'static str>,
    /// Listeners drain, or Envoy closes connections for another reason: no answer at all.
    pub drains: bool,
}

/// What a client has seen of its answer.
#[derive(Debug, Clone)]
pub enum Seen {
    /// All of it.
    Answer(Answer),
    /// It has left before that, after so much.
    Left(Option<Answer>),
    /// It broke off, or there was none: what was said of that.
    Broken(Option<Answer>, String),
    /// It did not end.
    Hung,
}

/// An answer, or the beginning of one.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body; of gRPC the message.
    pub body: Vec<u8>,
    /// The status of gRPC.
    pub grpc: Option<u8>,
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The right answer.
    Right,
    /// None, or another one, and the weather is why: in a word.
    Excused(&'static str),
    /// An error, an answer that breaks off, or none, and nothing in the phase is why. The machine may be: it stood still.
    Unexplained(String),
    /// What must not be, in whatever weather and on whatever machine.
    Wrong(String),
}

/// Judges what became of a request that began at this time of the soak's clock.
#[must_use]
pub fn judge(ask: &Ask, began_ms: u64, seen: &Seen, climate: &Climate) -> Verdict {
    match seen {
        Seen::Answer(answer) => whole(ask, began_ms, answer, climate),
        Seen::Left(Some(answer)) if answer.status == 200 && !ask.kind.is_grpc() => {
            begun(ask, answer, climate)
        }
        Seen::Left(_) => Verdict::Excused("left"),
        Seen::Hung => Verdict::Unexplained("no end of its answer".to_owned()),
        Seen::Broken(_, said) => match climate {
            Climate { breaks: true, .. } => Verdict::Excused("broken off"),
            Climate { dies: true, .. } => Verdict::Excused("an endpoint died"),
            Climate { drains: true, .. } => Verdict::Excused("drained"),
            Climate { ails: Some(why), .. } => Verdict::Excused(why),
            _ => Verdict::Unexplained(format!("it broke off in fine weather: {said}")),
        },
    }
}

/// Of an answer that its client did not wait for: it began like the right one. What is in JSON says so early.
fn begun(ask: &Ask, answer: &Answer, climate: &Climate) -> Verdict {
    let text = String::from_utf8_lossy(&answer.body);
    let foreign =
        ["user-1", "user-2", "user-3"].iter().any(|user| text.contains(user) && !ask.who.ends_with(user));
    match foreign && !climate.lies {
        true => Verdict::Wrong("the beginning of an answer to another principal".to_owned()),
        false => Verdict::Excused("left"),
    }
}

fn whole(ask: &Ask, began_ms: u64, answer: &Answer, climate: &Climate) -> Verdict {
    if let Some(length) = answer.headers.get("content-length").and_then(|length| length.to_str().ok())
        && !ask.kind.is_grpc()
        && length != answer.body.len().to_string()
    {
        return Verdict::Wrong(format!("{} bytes that say they are {length}", answer.body.len()));
    }
    if ask.kind.is_grpc() && answer.status == 200 {
        return match answer.grpc {
            Some(0) => right(ask, began_ms, answer, climate),
            // The overload manager's word is in a header, and not looked for.
            Some(14) if climate.overloads => Verdict::Excused("overloaded"),
            Some(code) => error(climate, &format!("gRPC status {code}")),
            None if climate.lies => Verdict::Excused("lied to"),
            None => Verdict::Wrong("no gRPC status".to_owned()),
        };
    }
    match answer.status {
        200 => right(ask, began_ms, answer, climate),
        404 if ask.kind == Kind::Items && climate.loses => Verdict::Excused("left out"),
        // Envoy's word for a request that stood still before it had come whole.
        408 if climate.ails.is_some() => Verdict::Excused("ended half sent"),
        504 if climate.leaps && String::from_utf8_lossy(&answer.body).contains(TOO_LATE) => {
            Verdict::Excused("the clock leapt")
        }
        503 if climate.overloads && answer.body == OVERLOADED => Verdict::Excused("overloaded"),
        500 | 502..=504 => error(climate, &format!("status {}", answer.status)),
        status => Verdict::Wrong(format!("status {status} is nobody's")),
    }
}

fn error(climate: &Climate, what: &str) -> Verdict {
    match climate {
        Climate { fails: true, .. } => Verdict::Excused("failed"),
        Climate { dies: true, .. } => Verdict::Excused("an endpoint died"),
        Climate { ails: Some(why), .. } => Verdict::Excused(why),
        _ => Verdict::Unexplained(format!("{what} in fine weather")),
    }
}

/// Of an answer that says it is good.
fn right(ask: &Ask, began_ms: u64, answer: &Answer, climate: &Climate) -> Verdict {
    if answer.body == LIE.as_bytes() && climate.lies {
        return Verdict::Excused("lied to");
    }
    let Ok(got) = serde_json::from_slice::<Value>(&answer.body) else {
        return Verdict::Wrong("cut off, or no JSON, and it ended well".to_owned());
    };
    match ask.kind {
        Kind::Rpc | Kind::RpcOnce => call(ask, &got, climate),
        Kind::Items => objects(ask, &got, climate),
        Kind::Embed => vector(ask, &got),
        _ => echo(ask, began_ms, &got),
    }
}

fn wanted(ask: &Ask) -> Heard {
    Heard { path: ask.path.clone(), who: ask.who.clone(), by: ask.id, body: ask.body.to_vec() }
}

fn same(got: &Value, wanted: &Value) -> Verdict {
    match got == wanted {
        true => Verdict::Right,
        false => Verdict::Wrong(format!("not the right answer, which is {}", short(&wanted.to_string()))),
    }
}

fn echo(ask: &Ask, began_ms: u64, got: &Value) -> Verdict {
    let number = |name| got.get(name).and_then(Value::as_u64).unwrap_or_default();
    let mut heard = wanted(ask);
    if !ask.kind.is_its_own() {
        heard.by = number("by");
    }
    let verdict = same(got, &truth::echo(&heard, number("at")));
    let age = began_ms.saturating_sub(number("at"));
    let most = if ask.kind == Kind::Stale { STALE_MS } else { YOUNG_MS };
    match verdict {
        Verdict::Right if age > most => {
            Verdict::Unexplained(format!("an answer that is {age} ms older than its request"))
        }
        verdict => verdict,
    }
}

fn call(ask: &Ask, got: &Value, climate: &Climate) -> Verdict {
    if got.get("id") != Some(&json!(ask.id)) {
        return Verdict::Wrong("the answer to another call".to_owned());
    }
    if got.get("error").is_some() && got.get("result").is_none() {
        return error(climate, "an error of JSON-RPC");
    }
    same(got, &truth::reply(&wanted(ask), 0).body)
}

fn objects(ask: &Ask, got: &Value, climate: &Climate) -> Verdict {
    let wanted = truth::reply(&wanted(ask), 0).body;
    if let (Some(got), Some(wanted), true) = (got.as_array(), wanted.as_array(), climate.loses) {
        let ours = got.iter().all(|object| wanted.contains(object));
        if ours && got.len() < wanted.len() {
            return Verdict::Excused("left out");
        }
    }
    same(got, &wanted)
}

/// The figures of use are estimates, where a batch is shared out.
fn vector(ask: &Ask, got: &Value) -> Verdict {
    let wanted = truth::reply(&wanted(ask), 0).body;
    let part = |value: &Value| (value.get("data").cloned(), value.get("model").cloned());
    match part(got) == part(&wanted) && got.pointer("/usage/total_tokens").is_some_and(Value::is_u64) {
        true => Verdict::Right,
        false => same(got, &wanted),
    }
}

/// Judges how often endpoints have seen a request.
#[must_use]
pub fn judge_attempts(kind: Kind, attempts: u32) -> Verdict {
    match kind.most_attempts() {
        Some(most) if attempts > most => {
            Verdict::Wrong(format!("{attempts} attempts of {kind:?}, not {most} at most"))
        }
        _ => Verdict::Right,
    }
}

/// The beginning of something long.
#[must_use]
pub fn short(text: &str) -> String {
    text.chars().take(400).collect()
}

impl Climate {
    /// What it excuses of a request none of whose attempts a fault has struck.
    #[must_use]
    pub fn unstruck(&self) -> Self {
        Self { fails: false, breaks: false, lies: false, loses: false, ..self.clone() }
    }

    /// What these faults excuse.
    pub fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            self.fails |= !fault.is_harmless();
            self.breaks |= fault.breaks();
            self.lies |= fault == Fault::Lie;
            self.loses |= fault == Fault::Lost;
        }
    }
}

#[cfg(test)]
#[path = "oracle_tests.rs"]
mod tests;
