//! What an operator may say about keys, in every section that has one.

use crate::read::{section, words};

/// Names in a list, each of which may have been unreadable.
pub(crate) type Names = [Option<String>];

/// What all keys have in common, as it is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub(crate) headers: &'a Names,
    pub(crate) ignore_headers: &'a Names,
    pub(crate) ignore_cookies: &'a Names,
    pub(crate) ignore_query: &'a Names,
    pub(crate) query_in_any_order: bool,
    pub(crate) accept_language: Option<AcceptLanguage>,
    pub(crate) ignore_attributes: &'a Names,
}

words! {
    /// How much of accept-language tells requests apart.
    AcceptLanguage {
        /// All of it, as it is written.
        Whole = "whole",
        /// The first language of it: for services that look at no more.
        First = "first",
    }
}

/// Declares the section of a key: what all have in common, and what is its own.
macro_rules! key_section {
    ($(#[$meta:meta])* $name:ident { $(#[$headers:meta])* headers, $( $(#[$own_meta:meta])* $own:ident : $type:ty, )* }) => {
        section! {
            $(#[$meta])*
            $name {
                required {}
                optional {
                    $(#[$headers])*
                    headers: Vec<Option<String>>,
                    /// Request headers, in lower case, that answers do not depend on; `x-client-*` is all that begin so, but for
                    /// those that are known to say who asks: name these in full. With `["*"]` the key has the headers of
                    /// `headers` alone, and who asks. Default: none but those that are known to change no answer.
                    ignore_headers: Vec<Option<String>>,
                    /// Cookies that answers do not depend on, as in `["_ga*", "consent"]`; a request that has no others is taken
                    /// for one without cookies. Default: none.
                    ignore_cookies: Vec<Option<String>>,
                    /// How much of accept-language tells requests apart. Default: whole.
                    accept_language: AcceptLanguage,
                    /// What Envoy knows of who asks, and answers do not depend on: `metadata.` and a filter's name, as in
                    /// `metadata.envoy.filters.http.ext_proc`, or `connection.sha256_peer_certificate_digest`; with `*` at its
                    /// end all that begin so. Default: none.
                    ignore_attributes: Vec<Option<String>>,
                    $( $(#[$own_meta])* $own: $type, )*
                }
            }
        }

        impl $name {
            /// What it has in common with all keys.
            pub(crate) fn said(&self) -> Said<'_> {
                Said {
                    headers: self.headers.as_deref().unwrap_or_default(),
                    ignore_headers: self.ignore_headers.as_deref().unwrap_or_default(),
                    ignore_cookies: self.ignore_cookies.as_deref().unwrap_or_default(),
                    accept_language: self.accept_language,
                    ignore_attributes: self.ignore_attributes.as_deref().unwrap_or_default(),
                    ..Said::default()
                }
            }
        }
    };
}

key_section! {
    /// What tells requests apart that share an answer. Every request header does that is not known to change no answer.
    Key {
        /// Request headers, in lower case, that tell requests apart in any case. Requests with authorization, proxy-authorization or
        /// cookie, with range, if-range, if-match or if-unmodified-since are coalesced only if those headers are among them.
        /// Default: none.
        headers,
        /// Parameters of the query that answers do not depend on, as in `["utm_*", "gclid"]`. Default: none.
        ignore_query: Vec<Option<String>>,
        /// The order of the query's parameters does not matter; those of one name keep theirs. Default: false.
        query_in_any_order: bool,
        /// A POST is coalesced, too, with its body as a part of the key; for POSTs that only ask, as searches do.
        /// The plugin must be configured with allow_on_headers_stop_iteration: true. Default: false, only GET and
        /// HEAD are.
        body: bool,
        /// The longest body that is made part of a key, 1 to 1MiB; a POST with a longer one goes on by itself (body
        /// true). Default: 64KiB.
        max_body_bytes: crate::values::ByteSize,
    }
}

key_section! {
    /// What tells requests apart that may not share a call. Every request header does that is not known to change no answer.
    BatchKey {
        /// Request headers, in lower case, whose values must be equal within a batch in any case. Default: none.
        headers,
        /// Request headers, in lower case, that say who asks, in place of credentials and of what Envoy knows; requests that differ in
        /// one never share a call. Where a request has none of them, the default stands in. Default: authorization,
        /// proxy-authorization, cookie, x-api-key and their kinds, the metadata of Envoy's filters, and the client's certificate.
        #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
        principal: Vec<Option<String>>,
    }
}

key_section! {
    /// What tells requests apart that share an old answer. Every request header does that is not known to change no answer.
    StaleKey {
        /// Request headers, in lower case, that tell requests apart in any case. Answers to requests with authorization,
        /// proxy-authorization or cookie are kept only if those headers are among them. Default: none.
        headers,
        /// Parameters of the query that answers do not depend on, as in `["utm_*", "gclid"]`. Default: none.
        ignore_query: Vec<Option<String>>,
        /// The order of the query's parameters does not matter; those of one name keep theirs. Default: false.
        query_in_any_order: bool,
    }
}

macro_rules! with_query {
    ($name:ident) => {
        impl $name {
            /// All that it says of requests' heads.
            pub(crate) fn head(&self) -> Said<'_> {
                Said {
                    ignore_query: self.ignore_query.as_deref().unwrap_or_default(),
                    query_in_any_order: self.query_in_any_order == Some(true),
                    ..self.said()
                }
            }
        }
    };
}

with_query!(Key);
with_query!(StaleKey);
