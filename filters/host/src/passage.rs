//! Whether a message goes on.

/// What a stream says to the headers or the body of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It goes on.
    On,
    /// It is held back.
    Held,
}
