//! What clients see of what the filter did.

use super::{Request, Worker};
use serde_json::Value;
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
    /// The status that it was answered with; none if it went on.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::WentOn => None,
        }
    }

    /// The document that it was answered with; null if it was none.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Answered { body, .. } => serde_json::from_slice(body).unwrap_or_default(),
            Self::WentOn => Value::Null,
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

    /// Status and document that this stream was answered with.
    pub(crate) fn answer_to(&self, request: &Request) -> Option<(u16, Value)> {
        let fate = self.fate(request)?;
        Some((fate.status()?, fate.json()))
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
