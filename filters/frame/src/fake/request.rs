//! Requests of a worker, from their heads to their ends.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use super::{Head, StreamOf, Subject, Worker};
use crate::{Head as Decoded, Stream as _};
use switchyard_host::Flow;

/// A request on its way.
pub struct Request<S: Subject> {
    /// Its context.
    pub context: u32,
    /// What the filter keeps of it.
    pub stream: StreamOf<S>,
    /// What became of its head, or of all of it if it came at once.
    pub flow: Flow,
}

impl<S: Subject> Worker<S> {
    /// A request begins; `ended`: it has no body.
    pub fn begin(&mut self, head: Head<'_>, ended: bool) -> Request<S> {
        self.context += 1;
        let (context, stream) = (self.context, self.root.stream(self.context).expect("a configuration"));
        let mut request = Request { context, stream, flow: Flow::Continue };
        self.host.receive(head);
        request.flow = self.of_stream(&mut request, |stream, host| {
            stream.on_request_headers(host, &Decoded::default(), ended)
        });
        request
    }

    /// A request without a body.
    pub fn send(&mut self, head: Head<'_>) -> Request<S> {
        self.begin(head, true)
    }

    /// A request without a body, which goes on.
    pub fn send_on(&mut self, head: Head<'_>) -> Request<S> {
        let request = self.send(head);
        assert_eq!(request.flow, Flow::Continue, "{head:?}");
        request
    }

    /// A request without a body, which waits.
    pub fn send_held(&mut self, head: Head<'_>) -> Request<S> {
        let request = self.send(head);
        assert_eq!(request.flow, Flow::Pause, "{head:?}");
        assert!(self.waits(&request));
        request
    }

    /// A request whose whole body comes at once.
    pub fn post(&mut self, head: Head<'_>, body: &str) -> Request<S> {
        let mut request = self.begin(head, false);
        request.flow = self.upload(&mut request, body.as_bytes(), true);
        request
    }

    /// All that is there of its body, while it is held; the next piece of it, while it passes.
    pub fn upload(&mut self, request: &mut Request<S>, piece: &[u8], ended: bool) -> Flow {
        self.host.receive_body(piece);
        self.of_stream(request, |stream, host| stream.on_request_body(host, piece.len(), ended))
    }

    /// Its body ends with trailers.
    pub fn request_trailers(&mut self, request: &mut Request<S>) {
        self.of_stream(request, |stream, host| stream.on_request_trailers(host));
    }

    /// Its answer begins. Whether it goes on.
    pub fn answer(&mut self, request: &mut Request<S>, head: Head<'_>, ended: bool) -> Flow {
        self.host.answer(head);
        self.of_stream(request, |stream, host| stream.on_response_headers(host, ended))
    }

    /// A piece of its answer's body.
    pub fn body(&mut self, request: &mut Request<S>, piece: &[u8], ended: bool) {
        self.host.answer_body(piece);
        self.of_stream(request, |stream, host| {
            stream.on_response_body(host, piece.len(), ended);
        });
        assert_eq!(self.host.current_response_body(), piece, "an answer passes untouched");
    }

    /// Its answer's trailers.
    pub fn trailers(&mut self, request: &mut Request<S>) {
        self.host.end_with(&[("checksum", "5")]);
        self.of_stream(request, |stream, host| stream.on_response_trailers(host));
    }

    /// A whole answer, which goes on.
    pub fn respond(&mut self, request: &mut Request<S>, head: Head<'_>, body: &[u8]) {
        assert_eq!(self.answer(request, head, body.is_empty()), Flow::Continue);
        if !body.is_empty() {
            self.body(request, body, true);
        }
    }

    /// The stream ends: the answer is complete, or the client has left.
    pub fn end(&mut self, mut request: Request<S>) {
        self.of_stream(&mut request, |stream, host| stream.on_done(host));
        self.host.end_context(request.context);
    }
}
