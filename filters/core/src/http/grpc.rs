//! Which messages are gRPC's.
//!
//! Two questions. Whose outcome is in `grpc-status`, as a trailer of HTTP, or as a header where there is nothing else: [`is_grpc`],
//! which says what Envoy's `Grpc::Common::hasGrpcContentType` says. And who speaks gRPC at all, in whichever framing: [`speaks_grpc`],
//! gRPC-Web among it, whose trailers are the last frame of its body, unless it has no body.
//!
//! Invariant: every message of the first kind is one of the second. Trade-off: a media type has no case, so neither question
//! has, though gRPC's own clients write theirs in lower case.
//! Source: "gRPC over HTTP/2" (`Content-Type → "content-type" "application/grpc" [("+proto" / "+json" / {custom})]`) and "gRPC Web"
//! (`application/grpc-web`, `application/grpc-web-text`, each with a suffix); RFC 9110, section 8.3.1.

use super::media::essence;

const GRPC: &[u8] = b"application/grpc";
const WEB: [&[u8]; 2] = [b"-web", b"-web-text"];

/// Whether a message of this content type has its outcome in `grpc-status`, and its end in trailers.
///
/// ```
/// use switchyard_core::http::{is_grpc, speaks_grpc};
/// assert!(is_grpc(b"application/grpc+proto"));
/// assert!(!is_grpc(b"application/grpc-web") && speaks_grpc(b"application/grpc-web"));
/// ```
pub fn is_grpc(kind: &[u8]) -> bool {
    subtype(kind).is_some_and(<[u8]>::is_empty)
}

/// Whether a message of this content type is gRPC's or gRPC-Web's: a call that may stream, and has a status of its own.
pub fn speaks_grpc(kind: &[u8]) -> bool {
    subtype(kind).is_some_and(|rest| rest.is_empty() || WEB.iter().any(|web| rest.eq_ignore_ascii_case(web)))
}

/// What follows `application/grpc` up to the message's own format; `None` for what is not gRPC's.
fn subtype(kind: &[u8]) -> Option<&[u8]> {
    let (begins, rest) = essence(kind).split_at_checked(GRPC.len())?;
    let is_ours = begins.eq_ignore_ascii_case(GRPC);
    is_ours.then(|| rest.split(|byte| *byte == b'+').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_grpc_and_what_is_its_form_for_the_web() {
        let both =
            ["", "+proto", "+json", "+", "+x+y", ";charset=utf-8", " ; a=b", "+proto; a=b", "+proto;a"];
        for rest in both {
            let kind = format!("application/grpc{rest}");
            assert!(is_grpc(kind.as_bytes()) && speaks_grpc(kind.as_bytes()), "{kind}");
        }
        let web = ["-web", "-web+proto", "-web-text", "-web-text+proto", "-web;a=b", "-web-text; a=b"];
        for rest in web {
            let kind = format!("application/grpc{rest}");
            assert!(!is_grpc(kind.as_bytes()) && speaks_grpc(kind.as_bytes()), "{kind}");
        }
        let neither = ["x", "-webx", "-web-", "-website", "-web-texts", "/", ",", "-"]
            .map(|rest| format!("application/grpc{rest}"));
        let others = ["", "application", "application/json", "text/grpc", "grpc", "a; application/grpc"]
            .map(str::to_owned);
        for kind in neither.into_iter().chain(others) {
            assert!(!is_grpc(kind.as_bytes()) && !speaks_grpc(kind.as_bytes()), "{kind}");
        }
    }

    #[test]
    fn a_media_type_has_no_case_and_no_spaces_around_it() {
        assert!(is_grpc(b"Application/GRPC+Proto") && is_grpc(b"  application/grpc\t"));
        assert!(speaks_grpc(b"APPLICATION/GRPC-WEB-TEXT") && !is_grpc(b"APPLICATION/GRPC-WEB-TEXT"));
    }
}
