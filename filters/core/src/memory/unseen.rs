//! Replies that nobody will know of whether they have been read: as many bytes of one answer as may be.
//!
//! An HTTP/1.1 stream ends when its reply is in its connection's buffer, and one of another worker ends elsewhere.
//!
//! Invariant: of one answer no more bytes are given out unseen than it may have, whatever the length of each reply, but for the first.
//! Trade-off: shorter ones are taken for unseen without asking, which would cost two host calls each, until there are too many.

/// It is worth asking of replies this long whether they are read unseen, in bytes.
const LARGE: u64 = 64 << 10;

/// The unseen bytes of one answer.
#[derive(Debug, Default)]
pub struct Unseen(u64);

impl Unseen {
    /// Whether a reply of so many bytes may be given out: it will be known when it has been read, or there are no more than `most`
    /// bytes with it. The first may be as long as it likes.
    pub fn reserve(&mut self, bytes: u64, most: u64, is_read_unseen: impl FnOnce() -> bool) -> bool {
        let unseen = self.0.saturating_add(bytes);
        let asks = bytes >= LARGE || unseen > most;
        if asks && !is_read_unseen() {
            return true;
        }
        let may = self.0 == 0 || unseen <= most;
        if may {
            self.0 = unseen;
        }
        may
    }
}
