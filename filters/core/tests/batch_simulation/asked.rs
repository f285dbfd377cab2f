//! What clients ask for, and the truth about it.

use fastrand::Rng;
use switchyard_core::batch::{Protocol, Sends};

/// The paths of the routes: calls, and items of an array.
pub(crate) const PATHS: [&str; 2] = ["/rpc", "/items"];

/// A client's request. Whatever it asks for says whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) serial: usize,
    pub(crate) route: usize,
    /// Who asks.
    pub(crate) who: usize,
    /// The id of each call as its client writes it; none for a notification. Items of an array have none.
    ids: Vec<Option<String>>,
    is_list: bool,
    method: &'static str,
    /// Which of those that clients use it has.
    filling: usize,
}

/// One thing that a service is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) serial: usize,
    pub(crate) place: usize,
    pub(crate) who: usize,
}

impl Asked {
    pub(crate) fn any(serial: usize, route: usize, protocol: &Protocol, whos: usize, rng: &mut Rng) -> Self {
        let is_list = match protocol {
            Protocol::JsonArray(array) => array.sends == Sends::Items,
            _ => rng.u8(0..3) == 0,
        };
        let count = if is_list { rng.usize(1..=3) } else { 1 };
        let id = |place: usize| match rng.u8(0..8) {
            0 => None,
            1 if !is_list => Some("null".to_owned()),
            2 => Some(format!(r#""x\"{place}""#)),
            3 => Some(format!("{place}.50")),
            _ => Some(format!("{}", 1_000 + place)),
        };
        let ids = (0..count).map(id).collect();
        let method = if rng.bool() { "get_it" } else { "put_it" };
        let filling = [0, 0, 0, 0, 0, 40, 40, 900][rng.usize(0..8)];
        Self { serial, route, who: rng.usize(0..whos), ids, is_list, method, filling }
    }

    fn is_rpc(&self) -> bool {
        self.route == 0
    }

    /// The request's body.
    pub(crate) fn body(&self) -> String {
        let filling = ".".repeat(self.filling);
        let one = |(place, id): (usize, &Option<String>)| {
            let thing = format!(r#""{}.{place}.{}","{filling}""#, self.serial, self.who);
            let id = id.as_ref().map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
            match self.is_rpc() {
                true => format!(r#"{{"jsonrpc":"2.0",{id}"method":"{}","params":[{thing}]}}"#, self.method),
                false => format!("[{thing}]"),
            }
        };
        self.listed(self.ids.iter().enumerate().map(one))
    }

    fn listed(&self, all: impl Iterator<Item = String>) -> String {
        let all = all.collect::<Vec<_>>().join(",");
        if self.is_list { format!("[{all}]") } else { all }
    }

    /// What a service would say to it alone: a status, and what its body may be, by place.
    pub(crate) fn truth(&self) -> (u16, Vec<String>) {
        let thing = |place| Thing { serial: self.serial, place, who: self.who };
        let answers: Vec<_> = match self.is_rpc() {
            true => {
                let calls = self.ids.iter().enumerate();
                calls.filter_map(|(place, id)| Some(thing(place).answer(id.as_deref()?))).collect()
            }
            false => (0..self.ids.len()).map(|place| thing(place).answered_item()).collect(),
        };
        (if answers.is_empty() { 204 } else { 200 }, answers)
    }

    /// Whether that is the truth, all of it.
    pub(crate) fn is_truth(&self, status: u16, body: &str) -> bool {
        let (expected, answers) = self.truth();
        let nothing = answers.is_empty() && body.is_empty();
        status == expected && (nothing || body == self.listed(answers.into_iter()))
    }

    /// Whether that is the truth but for some that the service left out, about which it says so.
    pub(crate) fn is_truth_with_gaps(&self, status: u16, body: &str) -> bool {
        let parsed: Result<Vec<serde_json::Value>, _> = serde_json::from_str(body);
        let Ok(found) = parsed else { return false };
        let (expected, answers) = self.truth();
        let is_gap =
            |found: &serde_json::Value| [-32000, -32003].iter().any(|code| found["error"]["code"] == *code);
        let same = |(found, answer): (&serde_json::Value, &String)| {
            serde_json::from_str::<serde_json::Value>(answer)
                .is_ok_and(|answer| *found == answer || is_gap(found) && found["id"] == answer["id"])
        };
        self.is_rpc()
            && self.is_list
            && status == expected
            && found.len() == answers.len()
            && found.iter().zip(&answers).all(same)
    }

    /// Whether that is an error in the form of the protocol, and says of which calls.
    pub(crate) fn is_error(&self, status: u16, body: &str) -> bool {
        let allowed = [502, 503, 504, 401, 429];
        let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
        let answers = self.truth().1;
        if self.is_rpc() && answers.is_empty() {
            let is_nobodys =
                parsed.is_some_and(|found| found["error"]["code"] == -32000 && found["id"].is_null());
            return allowed.contains(&status) && is_nobodys;
        }
        let Some(found) = parsed.filter(|_| allowed.contains(&status)) else { return false };
        if !self.is_rpc() {
            return found["error"]["status"] == status;
        }
        let all = if self.is_list { found.as_array().cloned().unwrap_or_default() } else { vec![found] };
        let mut ids =
            answers.iter().filter_map(|answer| serde_json::from_str::<serde_json::Value>(answer).ok());
        all.len() == answers.len()
            && all.iter().all(|found| {
                found["error"]["code"] == -32000
                    && ids.next().is_some_and(|answer| answer["id"] == found["id"])
            })
    }
}

impl Thing {
    /// The thing of which a request says this.
    pub(crate) fn read(text: &str) -> Self {
        let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
        let mut next = || parts.next().expect("three numbers");
        Self { serial: next(), place: next(), who: next() }
    }

    fn is_refused(&self) -> bool {
        (self.serial + self.place).is_multiple_of(13)
    }

    /// What a service says to a call; some are refused one by one.
    pub(crate) fn answer(&self, id: &str) -> String {
        let says = match self.is_refused() {
            true => format!(r#""error":{{"code":7,"message":{}}}"#, self.answered_item()),
            false => format!(r#""result":{}"#, self.answered_item()),
        };
        format!(r#"{{"jsonrpc":"2.0",{says},"id":{id}}}"#)
    }

    pub(crate) fn answered_item(&self) -> String {
        format!(r#""of {}.{}.{}""#, self.serial, self.place, self.who)
    }
}
