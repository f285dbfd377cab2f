//! What workers say to each other, for the targets of `cargo fuzz` to read and write.
//!
//! Trade-off: a door to what is otherwise nobody's business; it is there with the feature `fuzzing` alone.

use super::message::Message;

/// A message to another worker, read and written again; `None`: these bytes are none.
pub fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    Message::decode(bytes)?.encode()
}
