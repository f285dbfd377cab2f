//! What a request gets: the page, the JSON, a word on what it should have been, or its way.
//!
//! Invariants: no answer may be kept, framed, or read by the script of another site, and the page may load nothing and run nothing but itself. However many ask for the
//! JSON, it is made ten times a second at most: in between it is the last one again, which is what is kept.

use crate::gather::gather;
use core::cell::RefCell;
use switchyard_core::Timestamp;
use switchyard_core::local_reply::LocalReply;
use switchyard_core::status::{Asking, SHORTEST_LOOK};
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

/// What looks have in common in one VM.
#[derive(Debug, Default)]
pub struct Looks {
    asking: RefCell<Asking>,
    /// The JSON that was made last, and when.
    last: RefCell<Option<(Timestamp, Vec<u8>)>>,
}

impl Looks {
    /// Answers a request whose headers have come, or lets it pass.
    pub fn answer<H: Host>(&self, host: &H) -> Flow {
        let Some(head) = host.request_headers().ok() else { return Flow::Continue };
        let Some(asked) = asked(&head) else { return Flow::Continue };
        let method = head.values(":method").next().unwrap_or_default();
        let sent = match (method, asked) {
            (b"GET" | b"HEAD", Asked::Page) => send(host, 200, "text/html; charset=utf-8", PAGE.as_bytes()),
            (b"GET" | b"HEAD", Asked::Json) => self.answer_json(host),
            _ => send(host, 405, "text/plain", b"GET and HEAD are all there is\n"),
        };
        // A request that cannot be answered goes where it would have gone without this filter.
        if sent { Flow::Pause } else { Flow::Continue }
    }

    fn answer_json<H: Host>(&self, host: &H) -> bool {
        let (Ok(mut last), Ok(mut asking)) = (self.last.try_borrow_mut(), self.asking.try_borrow_mut())
        else {
            return false;
        };
        // Without a clock nobody knows how old the last one is.
        let now = host.now().ok();
        let made = last.take().filter(|(at, _)| now.is_some_and(|now| !now.is_due(*at, SHORTEST_LOOK)));
        let now = now.unwrap_or_default();
        let made = made.or_else(|| gather(&mut asking, now, host).map(|json| (now, json)));
        *last = made;
        match &*last {
            Some((_, json)) => send(host, 200, "application/json", json),
            None => send(host, 503, "text/plain", b"no memory for it; ask again\n"),
        }
    }
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
