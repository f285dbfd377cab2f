//! When a filter traps.

/// A callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The request's headers.
    RequestHeaders,
    /// A piece of the request's body.
    RequestBody,
    /// The answer's headers.
    ResponseHeaders,
    /// A piece of the answer's body.
    ResponseBody,
    /// The end of the stream.
    Done,
    /// The root's next tick.
    Tick,
    /// The answer to the next call of the root's.
    Call,
}

impl Phase {
    /// The phase in which the filter of this name is told to trap, in words like `router:response-body`; a word without a name: every
    /// filter, at the headers.
    pub(crate) fn of(said: &[u8], filter: &str) -> Option<Self> {
        let said = core::str::from_utf8(said).ok()?;
        let Some((whom, phase)) = said.split_once(':') else { return Some(Self::RequestHeaders) };
        let phase = match phase {
            "request-headers" => Self::RequestHeaders,
            "request-body" => Self::RequestBody,
            "response-headers" => Self::ResponseHeaders,
            "response-body" => Self::ResponseBody,
            "done" => Self::Done,
            "tick" => Self::Tick,
            "call" => Self::Call,
            _ => return None,
        };
        (whom == filter).then_some(phase)
    }
}
