//! Which part of a request is hashed.

use core::time::Duration;

/// One entry of `hash_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashOn {
    /// The part that is hashed.
    pub source: Source,
    /// If this entry yields a hash, the later ones are not looked at (Envoy's `terminal`).
    pub terminal: bool,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// All values of this header (lower case) that are not empty, sorted.
    Header(Box<str>),
    /// The host, as [`RequestView::host`](crate::RequestView::host) has it.
    Host,
    /// The value of a cookie.
    Cookie(Cookie),
    /// The first value of this query parameter that is not empty, as it stands in the path (not decoded), as Envoy does.
    QueryParameter(Box<str>),
    /// The client's address without its port.
    SourceIp,
    /// The path without its query.
    Path,
}

/// A cookie that carries the key, made for clients that come without it when `ttl` is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: Box<str>,
    /// Lifetime of a cookie that we make; `None`: make none; zero: a session cookie.
    pub ttl: Option<Duration>,
    /// `Path` attribute of a cookie that we make.
    pub path: Option<Box<str>>,
    /// `Domain` attribute of a cookie that we make.
    pub domain: Option<Box<str>>,
    /// `SameSite` attribute of a cookie that we make.
    pub same_site: Option<SameSite>,
    /// Whether a cookie that we make is for TLS alone, `Secure`.
    pub secure: bool,
}

/// With which requests a browser sends a cookie to another site (RFC 6265bis, section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// With none.
    Strict,
    /// When its user follows a link.
    Lax,
    /// With all; browsers take it only with `Secure`.
    None,
}

impl SameSite {
    /// Its word in a header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
