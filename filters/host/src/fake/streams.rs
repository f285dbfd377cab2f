//! What the host has of each stream, for tests in which a callback of the root reads and changes several.
//!
//! Trade-off: most tests have one stream at a time, whose messages are the host's; those that need more say so.

use super::FakeHost;

type Headers = Vec<(String, Vec<u8>)>;

/// Headers and bodies of one stream, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Messages {
    request_headers: Headers,
    response_headers: Headers,
    response_trailers: Headers,
    request_body: Vec<u8>,
    response_body: Vec<u8>,
}

impl FakeHost {
    /// From now on each context has messages of its own, until it ends: those of the context in whose name calls are made.
    pub fn keep_streams_apart(&self) {
        self.apart.set(true);
    }

    /// Calls are made in this context's name.
    pub(super) fn turn_to(&self, context: u32) {
        let before = self.context.replace(context);
        if self.apart.get() && before != context {
            let mut streams = self.streams.borrow_mut();
            let next = streams.remove(&context).unwrap_or_default();
            streams.insert(before, self.exchange(next));
        }
    }

    fn exchange(&self, next: Messages) -> Messages {
        Messages {
            request_headers: self.request_headers.replace(next.request_headers),
            response_headers: self.response_headers.replace(next.response_headers),
            response_trailers: self.response_trailers.replace(next.response_trailers),
            request_body: self.request_body.replace(next.request_body),
            response_body: self.response_body.replace(next.response_body),
        }
    }
}
