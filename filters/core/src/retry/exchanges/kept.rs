//! What is kept of messages: a request's body for another attempt, a good answer for worse times.
//!
//! Invariant: a body that cannot be kept whole is not kept at all, and the request streams on; all that is kept is paid for before
//! it is there.

use super::Policy;
use super::verdict::number;
use super::world::{RetryHead, World};
use crate::HeadView;
use crate::http::content_length;
use crate::memory::{Account, Reservation, append, length};
use crate::retry::attempts::Denied;
use crate::retry::stale::StoredAnswer;

/// The longest answer that is kept for worse times; held in the VM while it passes.
const MOST_OF_AN_ANSWER: usize = 1 << 20;

/// The body of a request.
#[derive(Debug, Default)]
pub(super) struct Body {
    bytes: Vec<u8>,
    paid: Option<Reservation>,
    whole: bool,
    dropped: bool,
}

impl Body {
    /// That of a request with this head: it has just begun, or there is none.
    pub(super) fn new(whole: bool, head: &impl HeadView, most: u64) -> Self {
        let dropped = !whole && content_length(head).is_some_and(|length| length > most);
        Self { whole, dropped, ..Self::default() }
    }

    /// It is there from the first byte to the last.
    pub(super) fn is_whole(&self) -> bool {
        self.whole && !self.dropped
    }

    /// It is kept no more, nor will be.
    pub(super) fn drop_it(&mut self) {
        (self.bytes, self.paid, self.dropped) = (Vec::new(), None, true);
    }

    /// It cannot be kept, which was counted when that was seen.
    pub(super) fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// Its bytes, if it has any.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        Some(self.bytes.as_slice()).filter(|bytes| !bytes.is_empty())
    }

    /// A piece of `size` bytes passes, of `most` that may be kept; why the body is kept no more, if that is so from now on.
    pub(super) fn pass<H>(
        &mut self,
        (size, ended): (usize, bool),
        most: u64,
        account: &Account,
        world: &mut impl World<H>,
    ) -> Option<Denied> {
        if self.dropped {
            return None;
        }
        let kept = self.keep(size, most, account, world);
        self.whole = ended;
        kept.err().inspect(|_| self.drop_it())
    }

    fn keep<H>(
        &mut self,
        size: usize,
        most: u64,
        account: &Account,
        world: &mut impl World<H>,
    ) -> Result<(), Denied> {
        let more = length(size);
        if length(self.bytes.len()).saturating_add(more) > most {
            return Err(Denied::BodySize);
        }
        if size == 0 {
            return Ok(());
        }
        let is_paid = match self.paid.as_mut() {
            Some(paid) => paid.grow(more),
            None => {
                self.paid = account.reserve(more);
                self.paid.is_some()
            }
        };
        if !is_paid {
            return Err(Denied::Memory);
        }
        let piece = world.request_body(size);
        if piece.len() != size {
            return Err(Denied::BodySize);
        }
        let fits = append(&mut self.bytes, &piece, usize::try_from(most).unwrap_or(usize::MAX));
        if fits { Ok(()) } else { Err(Denied::Memory) }
    }
}

/// A good answer that passes and may be kept.
#[derive(Debug)]
pub(super) struct Capture {
    key: Vec<u8>,
    answer: StoredAnswer,
    body: Vec<u8>,
    most: usize,
    paid: Reservation,
}

impl Capture {
    /// The answer with these headers to the request with this key, if there is one, this answer may be kept, and there is room.
    pub(super) fn of<H: RetryHead>(
        policy: &Policy,
        kept: &Account,
        key: Option<&[u8]>,
        answer: &H,
        world: &mut impl World<H>,
    ) -> Option<Self> {
        let (stale, key) = (policy.keeps_answers()?, key?);
        let status = number(answer.header(":status"))?;
        if !stale.may_store(status, answer) {
            return None;
        }
        let headers = world.reply_headers(answer);
        let paid = kept.reserve(length(key.len()))?;
        let answer = StoredAnswer { status, headers, body: Box::default(), at: world.recently() };
        let most = usize::try_from(stale.max_bytes).unwrap_or(usize::MAX).min(MOST_OF_AN_ANSWER);
        Some(Self { key: key.to_vec(), answer, body: Vec::new(), most, paid })
    }

    /// A piece of the answer's body; `false` if it has become too long, or there is no room for it.
    pub(super) fn append(&mut self, piece: &[u8]) -> bool {
        self.paid.grow(length(piece.len())) && append(&mut self.body, piece, self.most)
    }

    /// The answer is whole.
    pub(super) fn keep(self, policy: &Policy) {
        let Self { key, mut answer, body, paid, .. } = self;
        answer.body = body.into();
        // It is paid for anew.
        drop(paid);
        if let Ok(mut stale) = policy.stale.try_borrow_mut() {
            stale.put(key, answer);
        }
    }
}
