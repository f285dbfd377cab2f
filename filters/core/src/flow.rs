//! Whether a message goes on.

/// What is said to the headers, the body or the trailers of a message, as proxy-wasm's `Action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on, and all that was held of it.
    Continue,
    /// It is held from here on.
    Pause,
}
