//! What a request gets: the page, the JSON, a word on what it should have been, or its way.
//!
//! Invariant: no answer may be kept, framed, or read by the script of another site, and the page may load nothing and run nothing but itself.

use crate::gather::gather;
use switchyard_core::local_reply::LocalReply;
use switchyard_host::{Flow, HeaderMap, Host};

/// The page, whole: it is the same for everybody, and asks for the JSON by itself.
pub const PAGE: &str = include_str!("page.html");

/// What the page may do: run the script and the style that stand in it, by their hashes, and ask where it came from. A test has the hashes of what
/// stands there now.
pub const CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ",
    "script-src 'sha256-mlB2omn8w7Bz75fD73sJyEM+Xx+5CpJOzN/bhliEUEs='; style-src 'sha256-iVb+a+hvSaOqzAn7w7SwpDfJQpwY3kE3QoPUBtEZvJY='; img-src data:"
);

/// Which of the two is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Json,
}

/// Answers a request whose headers have come, or lets it pass.
pub fn answer<H: Host>(host: &H) -> Flow {
    let Some(head) = host.request_headers().ok() else { return Flow::Continue };
    let Some(asked) = asked(&head) else { return Flow::Continue };
    let method = head.values(":method").next().unwrap_or_default();
    let sent = match (method, asked) {
        (b"GET" | b"HEAD", Asked::Page) => send(host, 200, "text/html; charset=utf-8", PAGE.as_bytes()),
        (b"GET" | b"HEAD", Asked::Json) => match gather(host) {
            Some(json) => send(host, 200, "application/json", &json),
            None => send(host, 503, "text/plain", b"no memory for it; ask again\n"),
        },
        _ => send(host, 405, "text/plain", b"GET and HEAD are all there is\n"),
    };
    // A request that cannot be answered goes where it would have gone without this filter.
    if sent { Flow::Pause } else { Flow::Continue }
}

fn asked(head: &HeaderMap) -> Option<Asked> {
    let path = head.values(":path").next()?;
    match path.split(|byte| matches!(byte, b'?' | b'#')).next()? {
        b"/status" => Some(Asked::Page),
        b"/status.json" => Some(Asked::Json),
        _ => None,
    }
}

fn send<H: Host>(host: &H, status: u16, kind: &str, body: &[u8]) -> bool {
    let headers = [
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("allow", "GET, HEAD"),
    ];
    // Only who was refused is told what there is.
    let told = if status == 405 {
        &headers[..]
    } else {
        headers.split_last().map_or(&headers[..], |(_, rest)| rest)
    };
    let told: Vec<_> = told.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    host.send_response(LocalReply::Status, status, &told, body).is_ok()
}

#[cfg(test)]
mod tests;
