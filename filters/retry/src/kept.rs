//! What is kept of messages: a request's body for another attempt, a good answer for worse times.
//!
//! Invariant: a body that cannot be kept whole is not kept at all, and the request streams on; what all bodies of a VM take is
//! counted in its [`Worker`].

use crate::plan::Route;
use crate::verdict::number;
use crate::worker::Worker;
use switchyard_core::Timestamp;
use switchyard_core::memory::{Account, Reservation, append, length};
use switchyard_core::retry::{Denied, StoredAnswer};
use switchyard_host::{Bodies, HeaderMap};

/// The longest answer that is kept for worse times; held in the VM while it passes.
const MOST_OF_AN_ANSWER: usize = 1 << 20;

/// The body of a request.
#[derive(Default)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    whole: bool,
    dropped: bool,
}

impl Body {
    /// A body that has just begun, or none.
    pub(crate) fn new(whole: bool) -> Self {
        Self { whole, ..Self::default() }
    }

    /// It is there from the first byte to the last.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole && !self.dropped
    }

    /// It was too large to be kept.
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// Its bytes, if it has any.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        Some(self.bytes.as_slice()).filter(|bytes| !bytes.is_empty())
    }

    /// How many bytes are kept.
    pub(crate) fn kept(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// A piece of `size` bytes passes; why the body is kept no more, if that is so from now on.
    pub(crate) fn pass(
        &mut self,
        size: usize,
        ended: bool,
        most: u64,
        worker: &Worker,
        host: &impl Bodies,
    ) -> Option<Denied> {
        if self.dropped {
            return None;
        }
        let more = u64::try_from(size).unwrap_or(u64::MAX);
        if self.kept().saturating_add(more) > most {
            return Some(self.drop_it(Denied::BodySize, worker));
        }
        if size > 0 {
            if !worker.keep(more) {
                return Some(self.drop_it(Denied::Memory, worker));
            }
            let piece = host.request_body(size).unwrap_or_default();
            if piece.len() != size {
                worker.let_go(more);
                return Some(self.drop_it(Denied::BodySize, worker));
            }
            if !append(&mut self.bytes, &piece, usize::try_from(most).unwrap_or(usize::MAX)) {
                worker.let_go(more);
                return Some(self.drop_it(Denied::Memory, worker));
            }
        }
        self.whole = ended;
        None
    }

    fn drop_it(&mut self, why: Denied, worker: &Worker) -> Denied {
        self.forget(worker);
        why
    }

    /// It will not be sent again.
    pub(crate) fn forget(&mut self, worker: &Worker) {
        worker.let_go(self.kept());
        self.bytes = Vec::new();
        self.dropped = true;
    }
}

/// A good answer that passes and may be kept.
pub(crate) struct Capture {
    key: Vec<u8>,
    answer: StoredAnswer,
    body: Vec<u8>,
    most: usize,
    paid: Reservation,
}

impl Capture {
    /// The answer with these headers to the request with this key, if there is one, this answer may be kept, and there is room.
    pub(crate) fn of(
        route: &Route,
        kept: &Account,
        key: Option<&[u8]>,
        answer: &HeaderMap,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<Self> {
        let (policy, key) = (route.keeps_answers()?, key?);
        let status = number(answer.values(":status").next())?;
        if !policy.may_store(status, answer) {
            return None;
        }
        let headers = crate::replay::reply_headers(answer)
            .filter_map(|(name, value)| Some((core::str::from_utf8(name).ok()?.into(), value.into())));
        let paid = kept.reserve(length(key.len()))?;
        let answer = StoredAnswer { status, headers: headers.collect(), body: Box::default(), at: now() };
        let most = usize::try_from(policy.max_bytes).unwrap_or(usize::MAX).min(MOST_OF_AN_ANSWER);
        Some(Self { key: key.to_vec(), answer, body: Vec::new(), most, paid })
    }

    /// A piece of the answer's body; `false` if it has become too long, or there is no room for it.
    pub(crate) fn append(&mut self, piece: &[u8]) -> bool {
        self.paid.grow(length(piece.len())) && append(&mut self.body, piece, self.most)
    }

    /// The answer is whole.
    pub(crate) fn keep(self, route: &Route) {
        let Self { key, mut answer, body, paid, .. } = self;
        answer.body = body.into();
        // It is paid for anew.
        drop(paid);
        if let Ok(mut stale) = route.stale.try_borrow_mut() {
            stale.put(key, answer);
        }
    }
}
