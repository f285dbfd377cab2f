//! What may happen. Numbers are taken by what there is: a stream is one of those that are under way.

use arbitrary::Arbitrary;

/// One event.
#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Event {
    /// A request comes to a worker.
    Begins { worker: u8, asks: Asks },
    /// More of a request's body, or its end.
    MoreComes { stream: u8, piece: u8 },
    /// An endpoint answers a stream that has gone on.
    Answers { stream: u8, with: Outcome },
    /// More of that answer, or its end.
    MoreOfAnswer { stream: u8, piece: u8 },
    /// A call is answered.
    CallReturns { worker: u8, call: u8, with: Outcome },
    /// A call is answered by anything.
    CallReturnsAnything { worker: u8, call: u8, status: u8, body: Vec<u8> },
    /// Time passes; what is due is done.
    Passes { millis: u8, times: u8 },
    /// The clock on the wall is set.
    ClockIsSet { by: i16 },
    /// A client leaves, or an answer breaks off.
    Leaves { stream: u8 },
    /// The first message of a worker is lost, is there twice, or is another one.
    Message { worker: u8, becomes: Change },
    /// Somebody writes anything to a worker.
    Forged { worker: u8, message: Vec<u8> },
    /// Somebody overwrites a value of shared data.
    Overwritten { key: u8, change: Change },
    /// Another document.
    Reloads { document: u8 },
    /// A host fails at something from now on, or at nothing any more.
    Fails { worker: u8, at: Option<u8> },
    /// A worker's VM dies and another takes its place.
    Dies { worker: u8 },
}

/// What a client asks for.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Asks {
    /// Which of the things that there are.
    pub(super) what: u8,
    /// Who.
    pub(super) who: u8,
    /// Whether the body ends with trailers.
    pub(super) trailers: bool,
}

/// What comes of a request or a call.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What was asked for.
    Good,
    /// A 200 that tells of an error.
    Error,
    /// A 503.
    Failed,
    /// No endpoint.
    Local,
    /// Its time is over.
    TimesOut,
    /// What was asked for, less its end.
    BrokenOff,
    /// What was asked for, with trailers.
    Trailers,
}

/// What becomes of bytes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Change {
    /// They are gone.
    Gone,
    /// They are there once more.
    Twice,
    /// One of them is another.
    Flipped { at: u8, to: u8 },
    /// Their end is.
    Short { by: u8 },
}

impl Change {
    /// What is in their place.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut changed = bytes.to_vec();
        match self {
            Self::Gone => return Vec::new(),
            Self::Twice => return vec![changed.clone(), changed],
            Self::Flipped { at, to } => {
                let place = usize::from(at) % changed.len().max(1);
                changed.iter_mut().skip(place).take(1).for_each(|byte| *byte = to);
            }
            Self::Short { by } => changed.truncate(changed.len().saturating_sub(usize::from(by) + 1)),
        }
        vec![changed]
    }
}
