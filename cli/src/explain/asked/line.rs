//! A request line: `GET /cart?id=1`.

use crate::decision::Request;
use anyhow::{Context as _, Result, bail};

/// The request of this line: a method and a path or URL, or that alone; a protocol behind it is not looked at.
///
/// # Errors
/// When it is none.
pub fn from_line(line: &str) -> Result<Request> {
    let mut words: Vec<_> = line.split_whitespace().collect();
    if words.last().is_some_and(|word| word.starts_with("HTTP/")) {
        words.pop();
    }
    match words.as_slice() {
        [target] => of_target("GET", target),
        [method, target] => of_target(method, target),
        [] => bail!("is empty; write 'GET /path'"),
        [_, target, ..] => bail!("has a space in its path, {target:?} and what follows; write it as %20"),
    }
}

/// A request of this method to a path, or of CONNECT to a `host:port`, or to a URL with its scheme and host.
pub(super) fn of_target(method: &str, target: &str) -> Result<Request> {
    let is_method =
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if !is_method {
        bail!("{method:?} is no method; write 'GET /path'");
    }
    if method == "CONNECT" {
        return Request::connect(target).with_context(|| {
            format!("{target:?} is no host:port; a CONNECT has no path, write 'CONNECT shop.example:443'")
        });
    }
    if target.starts_with('/') || target == "*" {
        return Ok(Request::new(method, path_of(target)));
    }
    let Some((scheme, rest)) = target.split_once("://") else {
        bail!("{target:?} is neither a path, which begins with a slash, nor a URL");
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let request = Request::new(method, path_of(&path));
    Ok(request.with(":scheme", &scheme.to_ascii_lowercase()).with(":authority", host))
}

/// A target without its fragment, which no client sends.
fn path_of(target: &str) -> &str {
    target.split('#').next().unwrap_or(target)
}
