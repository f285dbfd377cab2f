//! How much time a request has: a route's timeout, and a header that says less.
//!
//! Invariant: a deadline leaves time for one attempt at least.

use super::check_header_name;
use crate::error::{Errors, Path, cut};
use crate::values::Duration;
use switchyard_core::deadline::Deadline;
use switchyard_core::retry::STEERING_HEADERS;

/// The deadline of a section with the fields `timeout`, `deadline_header` and `deadline_floor`, in this order; `bad` are
/// those of its fields that could not be read.
pub(super) fn resolve(
    (timeout, header, floor): (Option<Duration>, Option<&str>, Option<Duration>),
    bad: &[&str],
    at: &Path<'_>,
    errors: &mut Errors,
) -> Deadline {
    if let Some(name) = header {
        check_header(name, &at.field("deadline_header"), errors);
    }
    let default = Deadline::default();
    let timeout = timeout.map_or(default.timeout, |timeout| timeout.0);
    let floor = floor.map_or(default.floor, |floor| floor.0);
    let unknown = bad.contains(&"timeout") || bad.contains(&"deadline_floor");
    // A timeout of zero is none.
    if !timeout.is_zero() && floor >= timeout && !unknown {
        let problem = "leaves no time for an attempt within timeout (15s by default); lower it or raise that";
        errors.add(&at.field("deadline_floor"), problem);
    }
    Deadline { timeout, header: header.map(Into::into), floor }
}

fn check_header(name: &str, at: &Path<'_>, errors: &mut Errors) {
    if name.eq_ignore_ascii_case("grpc-timeout") {
        errors.add(at, "\"grpc-timeout\" is always heard; remove it");
    } else if STEERING_HEADERS.contains(&name) {
        errors.add(at, format!("{name:?} never counts when a client sends it; name another header"));
    } else if name.starts_with(':') {
        errors.add(at, format!("{:?} holds no time; name another header", cut(name)));
    } else {
        check_header_name(name, at, errors);
    }
}
