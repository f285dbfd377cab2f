//! Answers whose head says nothing: those that must be read before they are judged.
//!
//! Invariant: an answer that streams is never held back for long. One that is longer than the policy keeps, takes longer than
//! [`Judging::patience`], or turns out to be a stream of messages goes on unjudged.

use super::verdict::{AnswerHead, by_body};
use super::world::World;
use crate::http::{content_length, is_grpc, is_json};
use crate::retry::attempts::Verdict;
use crate::retry::settings::Settings;
use crate::{HeadView, Timestamp};
use core::time::Duration;

/// What an answer is held back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judging {
    /// Its JSON body.
    Json {
        /// The status that came before it.
        status: u16,
        /// How long the endpoint asked to be left alone, if the answer is a failure.
        asked: Option<Duration>,
    },
    /// Its gRPC status, in the trailers.
    Grpc,
}

/// What a piece of the body says.
pub(super) enum Piece {
    /// Nothing yet.
    More,
    /// That the answer is a stream.
    Unjudged,
    /// All there is to say; with the whole body.
    Judged(Verdict, Vec<u8>),
}

impl Judging {
    /// What this answer must be held back for, if it must.
    pub(super) fn of(
        head: &AnswerHead<'_, impl HeadView>,
        settings: &Settings,
        ended: bool,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<Self> {
        if ended {
            return None;
        }
        let kind = head.headers.header("content-type").unwrap_or_default();
        if head.grpc && is_grpc(kind) {
            return (!settings.retry_on.grpc_statuses.is_empty()).then_some(Self::Grpc);
        }
        let readable = asks_json(head, settings) && !is_unreadable(head, settings);
        readable.then(|| Self::Json { status: head.status(), asked: head.asked(&settings.back_off, now) })
    }

    /// Whether it would be judged by its body if its head did not say that this is too long, or encoded.
    pub(super) fn is_out_of_reach(
        head: &AnswerHead<'_, impl HeadView>,
        settings: &Settings,
        ended: bool,
    ) -> bool {
        !ended && asks_json(head, settings) && is_unreadable(head, settings)
    }

    /// Whether it is no wonder that it was not there in time: it streams. A JSON answer of which not a byte has come is one
    /// that Envoy did not hold back as it was asked to, and the watchdog's business.
    pub(super) fn streams(self, has_data: bool) -> bool {
        has_data || self == Self::Grpc
    }

    /// How long the answer is held back at most.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Json { .. } => Duration::from_secs(5),
            // A call with one answer has its trailers at once; one that streams must not wait.
            Self::Grpc => Duration::from_secs(1),
        }
    }

    /// What is known with `size` bytes of the body there.
    pub(super) fn of_body<H>(
        self,
        size: usize,
        ended: bool,
        settings: &Settings,
        world: &mut impl World<H>,
    ) -> Piece {
        match self {
            Self::Json { .. } if !ended => Piece::More,
            Self::Json { status, asked } => {
                let body = world.response_body(size);
                let failed = settings.retry_on.says_failure(&body);
                Piece::Judged(if failed { by_body(status, asked) } else { Verdict::Final }, body)
            }
            // Without trailers there is no status; the client will say so.
            Self::Grpc if ended => Piece::Judged(Verdict::Final, Vec::new()),
            Self::Grpc => {
                let frame = world.response_body(5);
                if is_second_message(&frame, size) { Piece::Unjudged } else { Piece::More }
            }
        }
    }
}

fn asks_json(head: &AnswerHead<'_, impl HeadView>, settings: &Settings) -> bool {
    let kind = head.headers.header("content-type").unwrap_or_default();
    !settings.retry_on.body.is_empty() && is_json(kind)
}

/// Whether its body is longer than the policy reads, or encoded: nothing here decodes gzip and its like.
fn is_unreadable(head: &AnswerHead<'_, impl HeadView>, settings: &Settings) -> bool {
    let encoding = head.headers.header("content-encoding").unwrap_or_default().trim_ascii();
    let is_plain = encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
    !is_plain || content_length(head.headers).is_some_and(|length| length > settings.max_body)
}

/// Whether `size` bytes of a body that begins with this gRPC frame hold more than the frame.
fn is_second_message(frame: &[u8], size: usize) -> bool {
    let Some([_, length @ ..]) = frame.first_chunk::<5>() else { return false };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    size > length.saturating_add(5)
}
