//! One request from its head to its end, and what may happen to it when.

use serde_json::Value;
use switchyard_batch::{Flow, Stream};
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
    /// It has ended, or its VM has, or somebody else has answered it.
    Ended,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(super) enum Asks {
    /// Objects by their ids; the only one, or a list.
    Items(Vec<usize>, bool),
    /// A call of this method.
    Call(String),
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
    pub(super) asks: Asks,
    /// Who asks.
    pub(super) who: &'static str,
    /// How much of its body has been sent; none if that is over, or there is none.
    pub(super) body: Option<usize>,
    /// Its answer from upstream has begun.
    pub(super) is_answered: bool,
    /// How often it was made upstream.
    pub(super) made: usize,
}

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

    /// Whether asking twice does harm.
    pub(super) fn is_once(&self) -> bool {
        matches!(&self.asks, Asks::Call(method) if method.starts_with("set"))
    }

    /// The path that is asked for.
    pub(super) fn path(&self) -> String {
        match &self.asks {
            Asks::Items(ids, true) => format!("/items/{}", ids[0]),
            Asks::Items(ids, false) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                format!("/items?ids={}", ids.join(","))
            }
            Asks::Call(_) => "/rpc".into(),
        }
    }

    /// Its body; empty if it has none.
    pub(super) fn whole_body(&self) -> String {
        match &self.asks {
            Asks::Items(..) => String::new(),
            Asks::Call(method) => crate::worker::rpc(method, 7),
        }
    }

    /// It is made upstream once more.
    pub(super) fn is_made(&mut self) {
        self.made += 1;
        assert!(!self.is_once() || self.made == 1, "{:?} was made twice", self.asks);
    }

    /// The root or its own callback did this to it: for the first time, while it was held, and with an answer that
    /// is for it; `missing`: what the upstream has left out.
    pub(super) fn receives(&mut self, reply: &Reply, missing: &[usize]) {
        match reply {
            Reply::WentOn { .. } => {
                assert!(self.is_held(), "{:?} went on and was {:?}", self.asks, self.place);
                let before = core::mem::replace(&mut self.place, Place::Upstream);
                self.in_mid_body |= before == Place::AwaitsBody;
                if before != Place::Relayed {
                    self.is_made();
                }
            }
            Reply::Answered { status, body, .. } => {
                assert_eq!(self.place, Place::Waits, "{:?} was answered", self.asks);
                self.place = Place::Answered(*status, body.clone());
                let body: Value = serde_json::from_slice(body).expect("a document");
                match &self.asks {
                    Asks::Items(ids, is_single) => self.has_items(*status, &body, (ids, *is_single), missing),
                    Asks::Call(method) => self.has_result(*status, &body, method),
                }
            }
            Reply::Resumed { .. } => panic!("no response is held"),
        }
    }

    fn has_items(&self, status: u16, body: &Value, (ids, is_single): (&[usize], bool), missing: &[usize]) {
        let object = |id: &usize| super::upstream::object(&id.to_string(), self.who);
        match status {
            404 => assert!(is_single && missing.contains(&ids[0]), "{ids:?} are there"),
            200 if is_single => assert_eq!(*body, object(&ids[0])),
            200 => {
                let found = body.as_array().expect("a list");
                let there: Vec<_> = ids.iter().filter(|id| found.contains(&object(id))).collect();
                assert_eq!(found.len(), there.len(), "in {body} is what is not in {ids:?}");
                let left_out = ids.iter().filter(|id| !there.contains(id));
                assert!(left_out.into_iter().all(|id| missing.contains(id)), "{body} is not {ids:?}");
                assert_eq!(*found, there.into_iter().map(object).collect::<Vec<_>>(), "in its own order");
            }
            502 | 504 | 429 | 500 => assert!(body["error"].is_object()),
            _ => panic!("{status} {body}"),
        }
    }

    fn has_result(&self, status: u16, body: &Value, method: &str) {
        if body["error"].is_object() {
            return assert!(body["id"] == 7 || status == 400, "{status} {body}");
        }
        assert_eq!((status, body), (200, &super::upstream::result(7, method, self.who)));
    }
}
