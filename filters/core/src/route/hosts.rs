//! For which hosts a route is.
//!
//! Names and order are those of Envoy's virtual-host `domains`: a name, `*.example.com` or `*-api.example.com` for all that end so,
//! `example.*` for all that begin so, `*` for all; a star stands for one letter at least. Of those that match, a name is nearer than an end, an end
//! nearer than a beginning, that nearer than any host, and of ends or beginnings the longest is nearest.
//! Invariant: patterns and hosts are in lower case, and no port is compared ([`RequestView::host`](crate::RequestView::host)).

use core::cmp::Reverse;

/// A host, or many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exact(Box<str>),
    /// Hosts that end so, and are longer.
    Suffix(Box<str>),
    /// Hosts that begin so, and are longer.
    Prefix(Box<str>),
    /// Every host, and none.
    Any,
}

/// How near to a host a pattern is that matches it; the least is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nearness(u8, Reverse<usize>);

impl HostPattern {
    /// The pattern of this text; one with a star elsewhere than at its beginning or its end matches nothing but itself.
    ///
    /// ```
    /// use switchyard_core::route::HostPattern;
    /// assert!(HostPattern::new("*.Example.com").nearness(b"shop.example.com").is_some());
    /// assert!(HostPattern::new("*.example.com").nearness(b"example.com").is_none());
    /// ```
    pub fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(""), _) => Self::Any,
            (Some(end), _) => Self::Suffix(end.into()),
            (None, Some(start)) => Self::Prefix(start.into()),
            (None, None) => Self::Exact(text.into()),
        }
    }

    /// How near this is to `host`; `None`: it is for others.
    pub fn nearness(&self, host: &[u8]) -> Option<Nearness> {
        let longer = |text: &str| host.len() > text.len();
        let (matches, kind, length) = match self {
            Self::Exact(name) => (host == name.as_bytes(), 0, name.len()),
            Self::Suffix(end) => (longer(end) && host.ends_with(end.as_bytes()), 1, end.len()),
            Self::Prefix(start) => (longer(start) && host.starts_with(start.as_bytes()), 2, start.len()),
            Self::Any => (true, 3, 0),
        };
        matches.then_some(Nearness(kind, Reverse(length)))
    }
}
