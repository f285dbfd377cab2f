//! What clients see of what a filter did to their requests.

use super::{Request, Subject, Worker};
use switchyard_host::fake::Reply;

/// What became of a stream that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was answered.
    Answered {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// It went on.
    WentOn,
}

impl Fate {
    /// The status that it was answered with; `None` if it went on.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::WentOn => None,
        }
    }

    /// The body that it was answered with; `None` if it went on.
    pub fn body(&self) -> Option<&[u8]> {
        match self {
            Self::Answered { body, .. } => Some(body),
            Self::WentOn => None,
        }
    }

    /// All values of a header that it was answered with.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let Self::Answered { headers, .. } = self else { return Vec::new() };
        headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl<S: Subject> Worker<S> {
    /// What was done to this stream, once; nothing yet is `None`.
    pub fn fate(&self, request: &Request<S>) -> Option<Fate> {
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
    pub fn touched(&self) -> Vec<u32> {
        self.done.iter().map(Reply::context).collect()
    }

    /// The body that this stream was answered with.
    pub fn body_for(&self, request: &Request<S>) -> Option<Vec<u8>> {
        self.fate(request)?.body().map(<[u8]>::to_vec)
    }

    /// Whether it was let go on.
    pub fn went_on(&self, request: &Request<S>) -> bool {
        self.fate(request) == Some(Fate::WentOn)
    }

    /// Whether it still waits.
    pub fn waits(&self, request: &Request<S>) -> bool {
        self.fate(request).is_none()
    }
}
