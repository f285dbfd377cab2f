//! Why an answer, or a list in it, is not believed.

use core::fmt;

/// What was wrong, in words for one log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody answered: the call could not be made, or broke off.
    Unreachable,
    /// Nobody answered in time.
    Timeout,
    /// The answer is not one of success.
    Status(u16),
    /// The body is longer than what is read.
    TooLong {
        /// The longest that is read, in bytes.
        most: usize,
    },
    /// There is no room for the body in what a worker may keep.
    Memory,
    /// The body is no JSON; after so many bytes it stops being that.
    Syntax {
        /// Bytes before what is wrong.
        at: usize,
    },
    /// The body is JSON, but not what this source answers.
    Shape(&'static str),
    /// Envoy does not have the cluster.
    NoCluster,
    /// The store has nothing under the key.
    NoKey,
    /// The list is empty, and an empty list is not believed.
    Empty,
    /// The list has entries, and none of them is an address that Envoy could be given.
    NoneUsable {
        /// How many there are.
        skipped: u32,
    },
}

/// A refusal as a metric counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// [`Refusal::Unreachable`].
    Unreachable,
    /// [`Refusal::Timeout`].
    Timeout,
    /// [`Refusal::Status`].
    Status,
    /// [`Refusal::TooLong`].
    TooLong,
    /// [`Refusal::Memory`].
    Memory,
    /// [`Refusal::Syntax`] and [`Refusal::Shape`].
    Malformed,
    /// [`Refusal::NoCluster`].
    NoCluster,
    /// [`Refusal::Empty`], [`Refusal::NoneUsable`] and [`Refusal::NoKey`].
    Empty,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Status,
        Self::TooLong,
        Self::Memory,
        Self::Malformed,
        Self::NoCluster,
        Self::Empty,
    ];

    /// Its word in a metric's name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::TooLong => "too_long",
            Self::Memory => "memory",
            Self::Malformed => "malformed",
            Self::NoCluster => "no_cluster",
            Self::Empty => "empty",
        }
    }
}

impl Refusal {
    /// How it is counted.
    pub fn reason(self) -> Reason {
        match self {
            Self::Unreachable => Reason::Unreachable,
            Self::Timeout => Reason::Timeout,
            Self::Status(_) => Reason::Status,
            Self::TooLong { .. } => Reason::TooLong,
            Self::Memory => Reason::Memory,
            Self::Syntax { .. } | Self::Shape(_) => Reason::Malformed,
            Self::NoCluster => Reason::NoCluster,
            Self::Empty | Self::NoneUsable { .. } | Self::NoKey => Reason::Empty,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => formatter.write_str("nobody answered"),
            Self::Timeout => formatter.write_str("nobody answered in time"),
            Self::Status(status) => write!(formatter, "the answer has status {status}"),
            Self::TooLong { most } => write!(formatter, "the answer is longer than max_body ({most} bytes)"),
            Self::Memory => formatter.write_str("there is no room for the answer"),
            Self::Syntax { at } => write!(formatter, "the answer is no JSON from byte {at} on"),
            Self::Shape(what) => write!(formatter, "the answer {what}"),
            Self::NoCluster => formatter.write_str("Envoy has no such cluster"),
            Self::NoKey => formatter.write_str("the store has nothing under the key"),
            Self::Empty => formatter.write_str("the list is empty, and allow_empty is false"),
            Self::NoneUsable { skipped } => {
                write!(formatter, "none of the {skipped} entries is an ip:port that Envoy could be given")
            }
        }
    }
}
