//! What a request's head says about sharing its answer, read in one pass: every request pays for it.
//!
//! Invariant: of headers with one name all count; one that the configuration has put into the key keeps no request from being
//! coalesced.

use crate::HeadView;

/// What a request's head says.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    /// What it is for: method, scheme, authority, and path with query; the first of each.
    pub(super) target: [Option<&'a [u8]>; 4],
    /// Headers that are in the key of every request that has them, by name; those of one name in the order that they came in.
    pub(super) always: Vec<(&'a [u8], &'a [u8])>,
    /// It asks for another protocol.
    pub(super) upgrade: bool,
    /// It says that it has a body.
    pub(super) body: bool,
    /// It says who asks, in a header that is not in the key.
    pub(super) credentials: bool,
    /// It asks for a part.
    pub(super) range: bool,
    /// It says what the client has already: an answer to that, 304, is of no use to another.
    pub(super) conditional: bool,
    /// It says something about caches.
    pub(super) caching: bool,
}

impl<'a> Head<'a> {
    /// The head of `request`; the headers of this configuration's keys are `keyed`.
    pub(super) fn read(request: &'a impl HeadView, keyed: &[Box<str>]) -> Self {
        let mut head = Self::default();
        for (name, value) in request.pairs() {
            head.take(name, value, keyed);
        }
        head.always.sort_by_key(|(name, _)| *name);
        head
    }

    /// The method, or nothing.
    pub(super) fn method(&self) -> &'a [u8] {
        let [method, ..] = self.target;
        method.unwrap_or_default()
    }

    fn take(&mut self, name: &'a [u8], value: &'a [u8], keyed: &[Box<str>]) {
        let counts = || !keyed.iter().any(|header| header.as_bytes() == name);
        let [method, scheme, authority, path] = &mut self.target;
        match name {
            b":method" => *method = method.or(Some(value)),
            b":scheme" => *scheme = scheme.or(Some(value)),
            b":authority" => *authority = authority.or(Some(value)),
            b":path" => *path = path.or(Some(value)),
            b"upgrade" => self.upgrade = true,
            b"transfer-encoding" => self.body = true,
            b"content-length" => self.body |= value.trim_ascii() != b"0",
            b"authorization" | b"proxy-authorization" | b"cookie" => self.credentials |= counts(),
            b"range" | b"if-range" => self.range |= counts(),
            b"if-match" | b"if-none-match" | b"if-modified-since" | b"if-unmodified-since" => {
                self.conditional |= counts();
            }
            b"cache-control" | b"pragma" => self.caching = true,
            _ if is_always_in_key(name) => self.always.push((name, value)),
            _ => {}
        }
    }
}

/// Whether a header is in the key of every request that has it. All that begin with `accept` are: servers choose by them, and
/// do not always say so in `vary`.
fn is_always_in_key(name: &[u8]) -> bool {
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
            // Who asks, in other words than `authorization`: keys and tokens, and what a proxy in front found out.
            | b"api-key"
            | b"cf-access-jwt-assertion"
            | b"x-access-token"
            | b"x-amzn-oidc-data"
            | b"x-api-key"
            | b"x-auth-token"
            | b"x-forwarded-client-cert"
            | b"x-forwarded-email"
            | b"x-forwarded-user"
            | b"x-goog-iap-jwt-assertion"
            | b"x-jwt-assertion"
            | b"x-remote-user"
        )
}
