//! Documents, requests and answers of the tests.

use switchyard_frame::fake::Head;

pub(crate) const GET: Head<'static> =
    &[(":method", "GET"), (":scheme", "http"), (":authority", "shop"), (":path", "/menu")];
pub(crate) const HEAD: Head<'static> =
    &[(":method", "HEAD"), (":scheme", "http"), (":authority", "shop"), (":path", "/menu")];
pub(crate) const POST: Head<'static> =
    &[(":method", "POST"), (":scheme", "http"), (":authority", "shop"), (":path", "/search")];

pub(crate) const OK: Head<'static> = &[(":status", "200"), ("content-type", "text/plain"), ("etag", "7")];
/// An answer for its own client alone.
pub(crate) const PRIVATE: Head<'static> = &[(":status", "200"), ("cache-control", "private")];
pub(crate) const FAILED: Head<'static> = &[(":status", "503")];

/// The same request with more headers.
pub(crate) fn with<'a>(head: Head<'a>, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [head, more].concat()
}

/// A GET of another page.
pub(crate) fn page(path: &str) -> Vec<(&str, &str)> {
    let mut head = GET.to_vec();
    head[3].1 = path;
    head
}

/// A document whose only route, `api`, coalesces as this section says.
pub(crate) fn document(section: &str) -> String {
    format!(
        r#"{{
            "upstreams": [{{"name": "web", "endpoints": [{{"address": "10.0.0.1:80"}}]}}],
            "routes": [{{"name": "api", "match": {{}}, "upstream": "web", "coalesce": {section}}}]
        }}"#
    )
}

/// A section whose flights stay within their workers; `more` are further fields.
pub(crate) fn within(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    format!(r#"{{"scope": "worker"{comma}{more}}}"#)
}
