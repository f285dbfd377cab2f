//! Bytes that tell requests apart.
//!
//! Invariant: two sequences of parts are written alike only if they are the same, byte by byte; nothing is decoded or
//! put in order. Trade-off: four bytes for every part, so that none of them can pretend to be the beginning of the
//! next. A list of headers can only know the usual ones; what else tells requests apart is for the operator to name.

use crate::RequestView;

/// A part, with its length in front; one that is missing differs from an empty one.
pub(crate) fn part(key: &mut Vec<u8>, value: Option<&[u8]>) {
    let length = value.map_or(u32::MAX, |value| u32::try_from(value.len()).unwrap_or(u32::MAX - 1));
    key.extend(length.to_le_bytes());
    key.extend(value.unwrap_or_default());
}

/// All values of a header, with their number in front.
pub(crate) fn values(key: &mut Vec<u8>, request: &impl RequestView, name: &str) {
    let count = request.header_values(name).count();
    key.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    request.header_values(name).for_each(|value| part(key, Some(value)));
}

/// Whether a request says that it has a body, which could tell it apart. One without a length is not known by its head.
pub(crate) fn announces_body(request: &impl RequestView) -> bool {
    request.header("transfer-encoding").is_some()
        || request.header_values("content-length").any(|length| length.trim_ascii() != b"0")
}

/// Whether answers depend on this header so often that it is in the key of every request that has it. All that begin with `accept`
/// are: servers choose by them, and do not always say so in `vary`.
pub(crate) fn shapes_answers(name: &[u8]) -> bool {
    name.starts_with(b"accept")
        || matches!(
            name,
            // `access-control-allow-origin` often repeats it.
            b"origin"
            // Servers build links, redirections and scripts' addresses out of these; that is how an answer gets poisoned.
            | b"forwarded"
            | b"x-forwarded-host"
            | b"x-forwarded-port"
            | b"x-forwarded-prefix"
            | b"x-forwarded-proto"
            | b"x-forwarded-scheme"
            | b"x-forwarded-server"
            | b"x-forwarded-ssl"
            | b"x-host"
            // Frameworks answer for this path instead of the request's own.
            | b"x-original-uri"
            | b"x-original-url"
            | b"x-rewrite-url"
            // Frameworks do this instead of the request's own method.
            | b"x-http-method"
            | b"x-http-method-override"
            | b"x-method-override"
            // It asks for another form of the answer (RFC 7240), as the next do: a fragment instead of a page, a prefetch.
            | b"prefer"
            | b"x-requested-with"
            | b"purpose"
            | b"sec-purpose"
        )
}

/// Whether this header says who asks, in other words than `authorization`: keys and tokens, who pays, and what a proxy in front
/// found out.
pub(crate) fn names_principal(name: &[u8]) -> bool {
    matches!(
        name,
        b"api-key"
            | b"cf-access-jwt-assertion"
            | b"ocp-apim-subscription-key"
            | b"openai-organization"
            | b"openai-project"
            | b"x-access-token"
            | b"x-amz-security-token"
            | b"x-amzn-oidc-data"
            | b"x-api-key"
            | b"x-auth-token"
            | b"x-forwarded-client-cert"
            | b"x-forwarded-email"
            | b"x-forwarded-user"
            | b"x-functions-key"
            | b"x-goog-api-key"
            | b"x-goog-iap-jwt-assertion"
            | b"x-goog-user-project"
            | b"x-jwt-assertion"
            | b"x-remote-user"
    )
}
