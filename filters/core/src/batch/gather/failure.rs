//! Why a batch has failed, and what that says: of its requests, of its caller, of its server.
//!
//! Invariants: nothing is said to be undone that an endpoint may have begun; what says something of the caller says nothing of an item.
//! Source: RFC 9110, sections 15.5 and 15.6.

use crate::batch::Broken;
use crate::batch::share::is_of_everybody;

/// Why a batch failed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The call could not be made.
    Call,
    /// The call reached no endpoint: no connection, or a refused stream.
    Unreached,
    /// There was no answer: reset, broken off.
    Reset,
    /// There was no answer in time.
    Timeout,
    /// The answer was encoded, though that was not asked for.
    Encoded,
    /// There is no room for the answer.
    Memory,
    /// The answer cannot be split.
    Broken(Broken),
}

impl Failure {
    /// Its name; the label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Unreached => "unreached",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Encoded => "encoded",
            Self::Memory => "memory",
            Self::Broken(broken) => broken.name(),
        }
    }

    /// Whether nothing of the batch was done: whoever asks again asks for the first time.
    pub(super) fn is_of_nothing_done(self) -> bool {
        matches!(self, Self::Call | Self::Unreached | Self::Broken(Broken::TooLarge | Broken::Refused))
    }

    /// Whether the server has shown that it cannot take what it was sent, or not say whose what is.
    pub(super) fn is_of_batching(self) -> bool {
        match self {
            // It, or what is in front of it, has too much to do, and would have more with single requests.
            Self::Broken(Broken::Status(408 | 425 | 502..)) | Self::Broken(Broken::TooLarge) => false,
            Self::Broken(Broken::Status(status)) => !is_of_everybody(status),
            Self::Encoded | Self::Broken(_) => true,
            Self::Call | Self::Unreached | Self::Reset | Self::Timeout | Self::Memory => false,
        }
    }

    /// The status that everybody gets, if it says something about all.
    pub(super) fn everybodys_status(self) -> Option<u16> {
        match self {
            Self::Broken(Broken::Status(status)) if is_of_everybody(status) => Some(status),
            _ => None,
        }
    }

    /// The status that the server said.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            Self::Broken(Broken::Status(status)) if status >= 400 => Some(status),
            _ => None,
        }
    }

    /// What a client is told about it.
    pub(super) fn explanation(self) -> String {
        match self {
            Self::Call => "the upstream could not be called".into(),
            Self::Unreached => "the upstream could not be reached".into(),
            Self::Reset => "the upstream ended the connection without an answer".into(),
            Self::Timeout => "there was no answer in time".into(),
            Self::Encoded => "the upstream's answer to the batch was encoded, which was not asked for".into(),
            Self::Memory => super::failures::NO_ROOM.into(),
            Self::Broken(Broken::Status(status)) => format!("the upstream answered {status} to the batch"),
            Self::Broken(Broken::TooLarge) => "the batch is too large for the upstream".into(),
            Self::Broken(Broken::Refused) => "the upstream does not take the batch".into(),
            Self::Broken(broken) => {
                format!("the upstream's answer to the batch cannot be split: {}", broken.name())
            }
        }
    }
}
