//! The hash of a request: which of its parts make it, and Envoy's way of combining them.

mod source;

pub use source::{Cookie, HashOn, Source};
