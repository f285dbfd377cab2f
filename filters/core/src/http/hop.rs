//! Headers that are meant for the next hop alone.
//!
//! Invariant: what is said to one connection is not said on another. Trade-offs: `proxy-authorization` is of one hop by its
//! definition, and yet is what some upstreams let a client in by; `te: trailers` is, too, and yet is what gRPC's servers ask for of
//! every call. A request that is made again has both.
//! Source: RFC 9110, sections 7.6.1, 10.1.4 and 11.7; gRPC over HTTP/2 (`te`).

use super::lists::members;

/// Headers about the connection that a message came by. None of them says what is asked, or what is answered.
pub const ABOUT_THE_CONNECTION: [&str; 8] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// One hop's credentials, and its wish for them.
const OF_A_PROXY: [&[u8]; 3] = [b"proxy-authenticate", b"proxy-authentication-info", b"proxy-authorization"];

/// Whether a header (in lower case) is about the connection that its message came by.
///
/// ```
/// assert!(switchyard_core::http::is_about_the_connection(b"keep-alive"));
/// ```
pub fn is_about_the_connection(name: &[u8]) -> bool {
    ABOUT_THE_CONNECTION.iter().any(|known| known.as_bytes() == name)
}

/// Whether a header (in lower case) of a message with these lines of `connection` goes no further than the next hop.
pub fn is_of_one_hop<'a>(name: &[u8], mut connection: impl Iterator<Item = &'a [u8]>) -> bool {
    is_about_the_connection(name)
        || OF_A_PROXY.contains(&name)
        || connection.any(|line| members(line).any(|option| option.eq_ignore_ascii_case(name)))
}

/// Whether a header of a request with these lines of `connection` is there again when the request is made again.
pub fn is_sent_on<'a>(name: &[u8], value: &[u8], connection: impl Iterator<Item = &'a [u8]>) -> bool {
    let is_kept = match name {
        b"proxy-authorization" => true,
        b"te" => value.trim_ascii().eq_ignore_ascii_case(b"trailers"),
        _ => false,
    };
    is_kept || !is_of_one_hop(name, connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_key::neutral::{NEUTRAL, Reason};

    #[test]
    fn what_is_about_the_connection_is_neutral_in_keys_and_nothing_else_is_for_that_reason() {
        let neutral = NEUTRAL.iter().filter(|(_, reason)| *reason == Reason::Connection);
        assert_eq!(neutral.map(|(name, _)| *name).collect::<Vec<_>>(), ABOUT_THE_CONNECTION);
    }

    #[test]
    fn a_request_made_again_has_its_credentials_and_its_wish_for_trailers() {
        let is_there =
            |name: &str, value: &str| is_sent_on(name.as_bytes(), value.as_bytes(), [].into_iter());
        assert!(is_there("proxy-authorization", "Basic eA=="));
        assert!(is_there("te", "trailers") && is_there("te", " Trailers "));
        assert!(!is_there("te", "gzip") && !is_there("te", "trailers, deflate;q=0.5"));
        assert!(!is_there("upgrade", "h2c") && is_there("accept", "*/*"));
        assert!(!is_sent_on(b"x-mine", b"1", [&b"close, X-Mine"[..]].into_iter()), "the connection names it");
    }

    #[test]
    fn of_an_answer_the_wishes_of_a_proxy_stay_with_it() {
        for name in OF_A_PROXY.into_iter().chain(ABOUT_THE_CONNECTION.map(str::as_bytes)) {
            assert!(is_of_one_hop(name, [].into_iter()), "{}", String::from_utf8_lossy(name));
        }
        assert!(!is_of_one_hop(b"content-type", [].into_iter()));
    }
}
