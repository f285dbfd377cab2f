//! What is said between Envoy, the chain and its stages.

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client: stages in their order.
    Request,
    /// To the client: stages in reverse.
    Response,
}

impl Direction {
    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Request => Self::Response,
            Self::Response => Self::Request,
        }
    }
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its headers.
    Headers {
        /// Nothing follows.
        ended: bool,
    },
    /// Some of its body. To a stage that holds the message, all that it holds; to another, what is new.
    Body {
        /// Where it begins in the buffer that the host lets the context see, in bytes.
        start: usize,
        /// How long it is, in bytes.
        size: usize,
        /// Nothing follows.
        ended: bool,
    },
    /// Its trailers, which end it.
    Trailers,
}

/// A callback of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A part of a message is there.
    Message(Direction, Part),
    /// The stream has ended, however; what is answered does not matter.
    Done,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This stage is to be called, and [`Chain::answer`](super::Chain::answer) told what it says.
    Call(usize, Call),
    /// Envoy is to be told that the message goes on: `resume_request` or `resume_response`.
    Resume(Direction),
}

/// Who keeps a message from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A stage, whose deadline it is. If several hold, the one that the message comes to first: those behind it wait for it, too.
    Stage(usize),
    /// The chain, until the next piece of the body or until [`Chain::let_go`](super::Chain::let_go).
    Chain,
}

/// Which callbacks a stage wants of this stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interests(u8);

impl Interests {
    /// None: the stage has no part in this stream.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0x7f);
    /// The headers of the request.
    pub const REQUEST_HEADERS: Self = Self(1);
    /// The body of the request.
    pub const REQUEST_BODY: Self = Self(1 << 1);
    /// The trailers of the request.
    pub const REQUEST_TRAILERS: Self = Self(1 << 2);
    /// The headers of the response.
    pub const RESPONSE_HEADERS: Self = Self(1 << 3);
    /// The body of the response.
    pub const RESPONSE_BODY: Self = Self(1 << 4);
    /// The trailers of the response.
    pub const RESPONSE_TRAILERS: Self = Self(1 << 5);
    /// The end of the stream.
    pub const DONE: Self = Self(1 << 6);

    /// These and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are among these.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// What a call is wanted as.
    pub(super) const fn of(call: Call) -> Self {
        match call {
            Call::Message(Direction::Request, Part::Headers { .. }) => Self::REQUEST_HEADERS,
            Call::Message(Direction::Request, Part::Body { .. }) => Self::REQUEST_BODY,
            Call::Message(Direction::Request, Part::Trailers) => Self::REQUEST_TRAILERS,
            Call::Message(Direction::Response, Part::Headers { .. }) => Self::RESPONSE_HEADERS,
            Call::Message(Direction::Response, Part::Body { .. }) => Self::RESPONSE_BODY,
            Call::Message(Direction::Response, Part::Trailers) => Self::RESPONSE_TRAILERS,
            Call::Done => Self::DONE,
        }
    }
}
