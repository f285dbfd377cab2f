//! The host that a request is for, written in the one way in which names are compared.
//!
//! Invariant: `Example.com`, `example.com:8443` and `example.com.` are one host, `[::1]:80` and `[::1]` too.
//! Trade-off: what is compared is the name alone. Where an answer may depend on how the client wrote it (the keys of coalescing,
//! batching and old answers), the authority counts as it stands: whoever could choose a port that is not compared would choose the
//! links in another client's answer.
//! Source: RFC 3986, sections 3.2.2 and 6.2.3; RFC 9110, section 4.2.3.

use std::borrow::Cow;

/// The host in `authority`: without its port and the dot at its end, in lower case.
pub(super) fn host(authority: &[u8]) -> Cow<'_, [u8]> {
    let name = without_port(authority);
    let name = name.strip_suffix(b".").unwrap_or(name);
    match name.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// A port is digits, or nothing, after the last colon that stands behind any bracket.
fn without_port(authority: &[u8]) -> &[u8] {
    let colon = authority.iter().rposition(|byte| matches!(byte, b':' | b']'));
    let (name, port) = authority.split_at(colon.unwrap_or(authority.len()));
    match port.strip_prefix(b":") {
        Some(port) if port.iter().all(u8::is_ascii_digit) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::host;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn spellings_of_a_host_are_one() {
        for (authority, name) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com", "example.com"),
            ("example.com:8080", "example.com"),
            ("example.com:", "example.com"),
            ("example.com.", "example.com"),
            ("Example.com.:443", "example.com"),
            ("[::1]", "[::1]"),
            ("[::A]:80", "[::a]"),
            ("10.0.0.7:80", "10.0.0.7"),
            ("", ""),
            (":80", ""),
            (".", ""),
            // No ports: they stay what they are, and are no known host.
            ("example.com:http", "example.com:http"),
            ("a:1:x", "a:1:x"),
        ] {
            assert_eq!(*host(authority.as_bytes()), *name.as_bytes(), "{authority}");
        }
        assert_eq!(*host(b"\xff:1"), *b"\xff");
    }
}
