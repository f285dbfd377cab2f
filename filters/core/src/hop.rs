//! Headers that are meant for the next hop alone.
//!
//! Invariant: what is said to one connection is not said on another. Trade-off: `proxy-authorization` is of one hop by its
//! definition, and yet is what some upstreams let a client in by; a request's is not for this list to drop.
//! Source: RFC 9110, sections 7.6.1 and 11.7.

use crate::directives::members;

/// Headers about one connection, or one hop's credentials.
const HOP_BY_HOP: [&[u8]; 11] = [
    b"connection",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];

/// Whether a header of a message with these lines of `connection` goes no further than the next hop.
pub(crate) fn is_of_one_hop<'a>(name: &[u8], mut connection: impl Iterator<Item = &'a [u8]>) -> bool {
    HOP_BY_HOP.contains(&name)
        || connection.any(|line| members(line).any(|option| option.eq_ignore_ascii_case(name)))
}
