//! What clients see of what the filter did.

use super::{Request, Worker};
use switchyard_host::fake::Reply;

/// What became of a stream that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was answered.
    Answered { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// It went on.
    WentOn,
}

impl Fate {
    /// The body it was answered with; `None` if it went on.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        match self {
            Self::Answered { body, .. } => Some(body),
            Self::WentOn => None,
        }
    }

    /// All values of a header that it was answered with.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let Self::Answered { headers, .. } = self else { return Vec::new() };
        headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl Worker {
    /// What was done to this stream, once; nothing yet is `None`.
    pub(crate) fn fate(&self, request: &Request) -> Option<Fate> {
        let mut fates = self.done.iter().filter_map(|reply| match reply {
            Reply::Answered { context, status, headers, body } if *context == request.context => {
                Some(Fate::Answered { status: *status, headers: headers.clone(), body: body.clone() })
            }
            Reply::WentOn { context } if *context == request.context => Some(Fate::WentOn),
            _ => None,
        });
        let fate = fates.next();
        assert_eq!(fates.next(), None, "stream {} was touched twice", request.context);
        fate
    }

    /// The contexts that something was done to, in order.
    pub(crate) fn touched(&self) -> Vec<u32> {
        self.done.iter().map(context_of).collect()
    }

    /// The body that this stream was answered with.
    pub(crate) fn body_for(&self, request: &Request) -> Option<Vec<u8>> {
        self.fate(request)?.body().map(<[u8]>::to_vec)
    }

    /// Whether it was let go on.
    pub(crate) fn went_on(&self, request: &Request) -> bool {
        self.fate(request) == Some(Fate::WentOn)
    }

    /// Whether it still waits.
    pub(crate) fn waits(&self, request: &Request) -> bool {
        self.fate(request).is_none()
    }
}

/// The stream that it was done to.
pub(crate) fn context_of(reply: &Reply) -> u32 {
    match reply {
        Reply::Answered { context, .. } | Reply::Resumed { context } | Reply::WentOn { context } => *context,
    }
}
