//! What clients and endpoints see of what the filter did.

use super::{Request, Worker};
use switchyard_host::fake::{Called, Reply};
use switchyard_host::{HeaderMap, ResponseHeaders};

/// An answer in the endpoint's place.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// All values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        values(&self.headers, name)
    }
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

/// Names and values as text.
pub(crate) fn pairs(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    map.iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// All values of a header of a call.
pub(crate) fn sent<'a>(call: &'a Called, name: &str) -> Vec<&'a str> {
    values(&call.request.headers, name)
}

impl Worker {
    /// The reply that this request got; `None` if its own answer went on.
    pub(crate) fn substitute_for(&self, request: &Request) -> Option<Answer> {
        self.reply_in(request, self.host.take_replies())
    }

    fn reply_in(&self, request: &Request, mut replies: Vec<Reply>) -> Option<Answer> {
        assert_eq!(replies.len(), 1, "{replies:?}");
        match replies.remove(0) {
            Reply::Answered { context, status, headers, body } if context == request.context => {
                Some(Answer { status, headers, body })
            }
            Reply::Resumed { context } if context == request.context => None,
            other => panic!("nothing was done to {}: {other:?}", request.context),
        }
    }

    /// The only thing that was done to streams since the last look: this request got another answer, in a reply or in the
    /// place of the one that was held back.
    pub(crate) fn answer_to(&self, request: &Request) -> Answer {
        self.answer_in(request, self.host.take_replies())
    }

    /// The same of these replies.
    pub(crate) fn answer_in(&self, request: &Request, replies: Vec<Reply>) -> Answer {
        self.reply_in(request, replies).unwrap_or_else(|| {
            assert_ne!(self.head(), request.answer, "it is the one that was held back");
            self.replaced()
        })
    }

    /// The only thing that was done to streams since the last look: this one's answer went on as it was.
    pub(crate) fn was_let_go(&self, request: &Request) -> bool {
        self.host.take_replies() == [Reply::Resumed { context: request.context }]
            && self.head() == request.answer
    }

    /// The head of the answer that passes, as it is now.
    pub(crate) fn head(&self) -> Vec<(String, String)> {
        pairs(&self.host.response_headers().expect("headers"))
    }

    fn replaced(&self) -> Answer {
        let mut headers = self.head();
        let status = values(&headers, ":status").concat().parse().expect("a status");
        headers.retain(|(name, _)| name != ":status");
        Answer { status, headers, body: self.host.current_response_body() }
    }

    /// Nothing was sent, answered or let go since the last look.
    pub(crate) fn is_quiet(&self) -> bool {
        let (calls, replies) = (self.host.take_called(), self.host.take_replies());
        assert!(calls.is_empty() && replies.is_empty(), "{calls:?} {replies:?}");
        true
    }
}
