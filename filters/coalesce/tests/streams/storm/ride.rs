//! One request from its head to its end, and what may happen to it when.

use hashbrown::HashMap;
use switchyard_coalesce::{Flow, Stream};
use switchyard_host::fake::Reply;

/// Where a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is held until its body is there.
    AwaitsBody,
    /// It is held.
    Waits,
    /// It is at the upstream.
    Upstream,
    /// The same, but a piece of its body is held until the next tick.
    Relayed,
    /// It was answered by the filter.
    Answered(u16, Vec<u8>),
    /// It has ended, or its VM has.
    Ended,
}

/// One request.
pub(super) struct Ride {
    pub(super) side: usize,
    pub(super) root: u32,
    pub(super) context: u32,
    pub(super) stream: Option<Stream>,
    pub(super) place: Place,
    /// The tick has let it go before its body was whole.
    pub(super) in_mid_body: bool,
    /// What tells it from others.
    pub(super) key: String,
    pub(super) language: &'static str,
    /// What there is of its own body; none if it has none.
    pub(super) body: Option<Vec<u8>>,
    /// How it was answered upstream, from the headers on: the answer's name, and its body so far.
    pub(super) answer: Option<(String, Vec<u8>)>,
}

/// Answers that were complete, by name.
pub(super) type Complete = HashMap<String, Vec<u8>>;

impl Ride {
    pub(super) fn is_held(&self) -> bool {
        matches!(self.place, Place::AwaitsBody | Place::Waits | Place::Relayed)
    }

    /// A piece of its body comes when its head is upstream: it passes, or is held if the tick has let the request go in mid-body.
    pub(super) fn relay(&mut self, flow: Flow) {
        assert!(
            flow == Flow::Continue || self.in_mid_body && self.place == Place::Upstream,
            "{:?}",
            self.place
        );
        if self.place == Place::Upstream || self.place == Place::Relayed {
            self.place = if flow == Flow::Pause { Place::Relayed } else { Place::Upstream };
        }
    }

    /// The root or its own callback did this to it: for the first time, while it was held, and with an answer that
    /// was for it.
    pub(super) fn receives(&mut self, reply: &Reply, complete: &Complete) {
        match reply {
            Reply::WentOn { .. } => {
                assert!(self.is_held(), "{} went on and was {:?}", self.key, self.place);
                let before = core::mem::replace(&mut self.place, Place::Upstream);
                self.in_mid_body |= before == Place::AwaitsBody;
            }
            Reply::Answered { status, headers, body, .. } => {
                assert_eq!(self.place, Place::Waits, "{} was answered", self.key);
                self.place = Place::Answered(*status, body.clone());
                let header = |wanted: &str| {
                    let found = headers.iter().find(|(name, _)| name == wanted);
                    found.map(|(_, value)| value.as_str())
                };
                let name = header("x-name").expect("answers have names");
                assert_eq!(name.split('#').next(), Some(self.key.as_str()), "an answer to another key");
                assert_eq!(complete.get(name), Some(body), "{name} was complete and is whole");
                assert!(header("vary").is_none() || header("content-language") == Some(self.language));
                assert_ne!(header("cache-control"), Some("private"));
            }
            Reply::Resumed { .. } => panic!("no response is held"),
        }
    }
}
