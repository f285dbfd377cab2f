//! Which answers may be given to others than those who asked, and for how long.
//!
//! Invariants: what is private, must not be stored, sets a cookie, or is partial content, goes to its own client alone; what is
//! kept serves no longer than its server lets it. An answer that is stale at once may still go to those who waited for
//! it: it was made after they asked, so it is as new as one of their own would be; those who come later do not get it.
//! Trade-off: without a word from the server the operator's own time counts, as RFC 9111 lets a cache guess.
//! Source: RFC 9111, sections 3, 3.5, 4, 4.2 and 5.2.2. Varnish 8 and Squid share what is stale at once in the same
//! way.

use super::Settings;
use crate::RequestView;
use crate::http::caching::{
    OneClients, is_one_clients, is_useless_when_stale, is_validated_first, varies_by,
};
use crate::http::lists::{CACHE_CONTROL, says, seconds};
use crate::http::{decimal_or_most, is_stream, speaks_grpc};
use core::time::Duration;

/// The answer to a condition, in place of one with a body.
const NOT_MODIFIED: u16 = 304;

/// Why an answer goes to its own client alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotShared {
    /// Its status is none that is shared.
    Status,
    /// It says so.
    Private,
    /// It must not be stored.
    NoStore,
    /// It sets a cookie.
    SetCookie,
    /// It depends on more than the request (`vary: *`).
    Vary,
    /// It is partial content.
    Partial,
    /// It is longer than may be shared.
    TooLong,
    /// It has trailers, which no copy can have.
    Trailers,
    /// It is a stream: what comes of it is of use before its end.
    Stream,
    /// It broke off.
    Incomplete,
    /// There was no room for it.
    Memory,
}

impl NotShared {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Status,
        Self::Private,
        Self::NoStore,
        Self::SetCookie,
        Self::Vary,
        Self::Partial,
        Self::TooLong,
        Self::Trailers,
        Self::Stream,
        Self::Incomplete,
        Self::Memory,
    ];

    /// Its name; the label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Private => "private",
            Self::NoStore => "no_store",
            Self::SetCookie => "set_cookie",
            Self::Vary => "vary",
            Self::Partial => "partial",
            Self::TooLong => "too_long",
            Self::Trailers => "trailers",
            Self::Stream => "stream",
            Self::Incomplete => "incomplete",
            Self::Memory => "memory",
        }
    }
}

impl Settings {
    /// Whether an answer to `request` with this status and these headers may go to those who wait for it.
    ///
    /// # Errors
    /// Why not.
    pub fn may_share_answer_to(
        &self,
        request: &impl RequestView,
        status: u16,
        answer: &impl RequestView,
    ) -> Result<(), NotShared> {
        let conditional =
            ["if-none-match", "if-modified-since"].iter().any(|name| request.header(name).is_some());
        match () {
            // Whoever asked without a condition cannot do anything with it.
            () if status == NOT_MODIFIED && !conditional => Err(NotShared::Status),
            // What its length says is not sent.
            () if request.method() == b"HEAD" => self.may_share_without_body(status, answer),
            () => self.may_share(status, answer),
        }
    }

    /// Whether an answer with this status and these headers may go to those who wait for it.
    ///
    /// # Errors
    /// Why not.
    pub fn may_share(&self, status: u16, answer: &impl RequestView) -> Result<(), NotShared> {
        self.may_share_without_body(status, answer)?;
        if status == NOT_MODIFIED {
            // Its length is that of the body that its client has already.
            return Ok(());
        }
        let fits =
            |length: &[u8]| decimal_or_most(length).is_some_and(|length| length <= self.max_body_bytes);
        if answer.header_values("content-length").all(fits) { Ok(()) } else { Err(NotShared::TooLong) }
    }

    /// The same of an answer to HEAD, whose `content-length` is that of a body that does not come.
    ///
    /// # Errors
    /// Why not.
    pub fn may_share_without_body(&self, status: u16, answer: &impl RequestView) -> Result<(), NotShared> {
        if self.shares(status) { Self::is_for_others(status, answer) } else { Err(NotShared::Status) }
    }

    /// Whether an answer is for others, whatever its status.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn is_for_others(status: u16, answer: &impl RequestView) -> Result<(), NotShared> {
        let grpc = || answer.header_values("content-type").any(speaks_grpc);
        match is_one_clients(status, answer) {
            Some(OneClients::Private) => Err(NotShared::Private),
            Some(OneClients::NoStore) => Err(NotShared::NoStore),
            Some(OneClients::SetCookie) => Err(NotShared::SetCookie),
            _ if varies_by_more(answer) => Err(NotShared::Vary),
            Some(OneClients::Partial) => Err(NotShared::Partial),
            None if answer.header("trailer").is_some() || grpc() => Err(NotShared::Trailers),
            None if is_stream(answer) => Err(NotShared::Stream),
            None => Ok(()),
        }
    }

    /// Whether answers of this status are shared. The conditions of a request are in its key, so what answers one of them answers all.
    fn shares(&self, status: u16) -> bool {
        let status = if status == NOT_MODIFIED { 200 } else { status };
        self.share_status.contains(&status)
    }

    /// For how long an answer that [may be shared](Self::may_share) may serve requests that come after it: as long as
    /// the operator says, and not longer than it is fresh. Zero: not at all.
    pub fn hold_for(&self, answer: &impl RequestView, request: &impl RequestView) -> Duration {
        if !self.may_reuse(answer, request) {
            return Duration::ZERO;
        }
        let Some(lifetime) = lifetime(answer) else { return self.hold };
        self.hold.min(Duration::from_secs(lifetime.saturating_sub(age(answer))))
    }

    /// Whether an answer that [may be shared](Self::may_share) may serve requests that come after it, if only for a
    /// moment.
    pub fn may_hold(&self, answer: &impl RequestView, request: &impl RequestView) -> bool {
        !self.hold_for(answer, request).is_zero()
    }

    /// Whether an answer that [may be shared](Self::may_share) may serve in place of a failure once it is stale (RFC
    /// 9111, section 4.2.4).
    pub fn may_serve_stale(&self, answer: &impl RequestView, request: &impl RequestView) -> bool {
        self.may_reuse(answer, request) && !is_useless_when_stale(answer)
    }

    /// Whether later requests may have an answer without the server being asked. Who sends credentials that are not in
    /// the key gets answers for himself, unless the server says that they are anyone's (RFC 9111, section 3.5).
    fn may_reuse(&self, answer: &impl RequestView, request: &impl RequestView) -> bool {
        const ANYONES: [&str; 3] = ["public", "s-maxage", "must-revalidate"];
        let personal = request.header("authorization").is_some() && !self.has_in_key("authorization");
        !is_validated_first(answer)
            && (!personal || ANYONES.iter().any(|word| says(answer, CACHE_CONTROL, word)))
    }
}

/// The seconds that an upstream says an answer has been under way or kept; zero if it says nothing that can be read.
pub(super) fn age(answer: &impl RequestView) -> u64 {
    answer.header("age").and_then(decimal_or_most).unwrap_or(0)
}

/// For how many seconds after it was made an answer is fresh; `None` if it does not say (RFC 9111, section 4.2.1).
fn lifetime(answer: &impl RequestView) -> Option<u64> {
    let said = |directive| seconds(answer, CACHE_CONTROL, directive);
    said("s-maxage").or_else(|| said("max-age")).or_else(|| {
        let expires = answer.header("expires")?;
        // In doubt it is over: `0` and `-1` are no dates, but often sent to say that.
        let seconds = date(Some(expires))
            .zip(date(answer.header("date")))
            .map(|(expires, date)| expires.duration_since(date).map_or(0, |left| left.as_secs()));
        Some(seconds.unwrap_or(0))
    })
}

fn date(value: Option<&[u8]>) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(str::from_utf8(value?).ok()?.trim()).ok()
}

/// Whether no other request can be told to get the same answer. A name that is no text cannot be looked up.
fn varies_by_more(answer: &impl RequestView) -> bool {
    varies_by(answer).any(|name| name == b"*" || !name.is_ascii())
}
