//! Whether a request shares an answer (coalesce) or a call (batch) with others, its key, and what keeps it from sharing.
//!
//! Invariant: the filters' own order of questions (`filters/coalesce/src/stream.rs`, `filters/batch/src/stream.rs`), and the core's keys;
//! tests send the same requests through both filters. Trade-offs: which headers are in a key is found by changing them one by one; what
//! Envoy knows of who asks (tokens' claims, certificates) is not known here, so nobody's.

use super::Request;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use switchyard_core::RequestView as _;
use switchyard_core::batch::Settings as Batching;
use switchyard_core::coalesce::{Bypass, Settings as Coalescing};
use switchyard_core::http::{awaits_its_answer, content_length};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;

/// Why a request shares nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alone {
    /// The name that metrics have for it.
    pub reason: String,
    /// What that means.
    pub words: String,
}

/// What coalescing makes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coalesced {
    /// A hash of its key: two requests with one share an answer while the first is under way.
    pub key: Option<String>,
    /// Its headers that are in the key, besides method, scheme, authority and path.
    pub keyed_headers: Vec<String>,
    /// Its headers that change no answer.
    pub other_headers: Vec<String>,
    /// What keeps it from sharing.
    pub alone: Option<Alone>,
    /// It is counted, and nothing is shared.
    pub shadow: bool,
}

/// What batching makes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Batched {
    /// How requests are joined: `json_rpc`, `json_array`, `embeddings`, `id_list`.
    pub protocol: String,
    /// A hash of its key: two requests with one may go in one call.
    pub key: Option<String>,
    /// How many items it has.
    pub items: Option<usize>,
    /// What they weigh.
    pub weight: Option<u64>,
    /// Whether asking twice does what asking once does, as far as the protocol and the document know.
    pub is_repeatable: Option<bool>,
    /// Its headers that are in the key, besides method, scheme, authority and path.
    pub keyed_headers: Vec<String>,
    /// What keeps it from sharing.
    pub alone: Option<Alone>,
    /// It is counted, and nothing is held back.
    pub shadow: bool,
}

impl Alone {
    fn of(reason: &str, words: &str) -> Self {
        Self { reason: reason.to_owned(), words: words.to_owned() }
    }

    fn of_name(reason: &str) -> Self {
        Self::of(reason, words(reason))
    }
}

/// What the reasons of both filters mean.
fn words(reason: &str) -> &'static str {
    match reason {
        "method" => "its method is none that shares",
        "body" => "it has a body where there should be none, or one that is not in the key",
        "credentials" => "it has credentials or cookies, which are not in the key",
        "range" => "it asks for partial content",
        "conditional" => "its answer depends on what the client has",
        "upgrade" => "it asks for another protocol, or a tunnel",
        "no_store" => "it must not be stored: cache-control: no-store",
        "no_cache" => "it wants an answer of its own: no-cache, or max-age=0",
        "only_if_cached" => "it is for a cache only: only-if-cached",
        "key_too_long" => "its key would be too long",
        "grpc" => "it is gRPC's, whose outcome is in trailers",
        "content_encoding" => "its body is encoded",
        "expect" => "it waits to be told to go on",
        "signed" => "it is signed, or has a digest",
        "idempotency" => "it has a key that its repetitions are known by",
        "not_text" => "a header of it is not text",
        _ => "it cannot share",
    }
}

const STREAMS: &str = "the end of its body may be waiting for the answer: gRPC, Connect, or expect";

impl Coalesced {
    /// What these settings, of the route with this name, make of a request.
    pub fn of(settings: &Coalescing, route: &str, request: &Request) -> Self {
        let view = request.view();
        let key = coalesce_key(settings, route, &view, &request.body);
        let (keyed_headers, other_headers) = match &key {
            Ok(key) => {
                keyed(&view, |other| coalesce_key(settings, route, other, &request.body).as_ref() != Ok(key))
            }
            Err(_) => Default::default(),
        };
        Self {
            keyed_headers,
            other_headers,
            key: key.as_ref().ok().map(|key| fingerprint(key)),
            alone: key.err(),
            shadow: settings.shadow,
        }
    }

    /// Whether the request waits for the answer to one like it.
    pub fn shares(&self) -> bool {
        self.key.is_some() && !self.shadow
    }
}

fn coalesce_key(
    settings: &Coalescing,
    route: &str,
    view: &PlainRequest,
    body: &[u8],
) -> Result<Vec<u8>, Alone> {
    const ANY: [u8; 32] = [0; 32];
    let key = |body: Option<&[u8; 32]>| {
        let key = settings.key(route, view, body, Known::nothing);
        key.map_err(|why| Alone::of_name(why.name()))
    };
    if body.is_empty() {
        return key(None);
    }
    let is_keyed = settings.key.body && view.method() == b"POST";
    key(is_keyed.then_some(&ANY))?;
    if !is_keyed || settings.shadow {
        return Err(Alone::of_name(Bypass::Body.name()));
    }
    if awaits_its_answer(view) {
        return Err(Alone::of("stream", STREAMS));
    }
    if length(body) > settings.key.max_body_bytes {
        let words = format!(
            "its body of {} bytes is longer than max_body_bytes, {}",
            body.len(),
            settings.key.max_body_bytes
        );
        return Err(Alone::of(Bypass::Body.name(), &words));
    }
    key(Some(&Sha256::digest(body).into()))
}

impl Batched {
    /// What these settings, of the route with this name, make of a request.
    pub fn of(settings: &Batching, route: &str, request: &Request) -> Self {
        let view = request.view();
        let read = batch_key(settings, route, &view, &request.body);
        let keyed_headers = match &read {
            Ok(read) => {
                let differs = |other: &PlainRequest| {
                    let other = batch_key(settings, route, other, &request.body);
                    other.is_ok_and(|other| other.key != read.key)
                };
                keyed(&view, differs).0
            }
            Err(_) => Vec::new(),
        };
        let read_part = read.as_ref().ok();
        Self {
            protocol: settings.protocol.name().to_owned(),
            key: read_part.map(|read| fingerprint(&read.key)),
            items: read_part.map(|read| read.items),
            weight: read_part.map(|read| read.weight),
            is_repeatable: read_part.map(|read| read.is_repeatable || settings.is_repeatable),
            keyed_headers,
            alone: read.err(),
            shadow: settings.shadow,
        }
    }

    /// Whether the request may wait for others and go with them.
    pub fn shares(&self) -> bool {
        self.key.is_some() && !self.shadow
    }
}

/// A request as its protocol reads it.
struct Read {
    key: Vec<u8>,
    items: usize,
    weight: u64,
    is_repeatable: bool,
}

fn batch_key(settings: &Batching, route: &str, view: &PlainRequest, body: &[u8]) -> Result<Read, Alone> {
    // The number of the configuration is in every key alike.
    let head = settings.key(route, 0, view).map_err(|why| Alone::of_name(why.name()))?;
    if !body.is_empty() {
        let announced = content_length(view).unwrap_or_default();
        if length(body).max(announced) > settings.max_body {
            let words =
                format!("its body of {} bytes is longer than max_body, {}", body.len(), settings.max_body);
            return Err(Alone::of("body", &words));
        }
        if awaits_its_answer(view) {
            return Err(Alone::of("stream", STREAMS));
        }
    }
    let part = settings.protocol.read(view.method(), view.path_and_query(), body).map_err(|flaw| {
        let protocol = settings.protocol.name();
        let answer = if settings.strict && flaw.is_malformed() && !settings.shadow {
            "; it is refused with 400"
        } else {
            ""
        };
        let words =
            format!("it is no request of {protocol}: {} at byte {}{answer}", flaw.why.name(), flaw.at);
        Alone::of("unbatchable", &words)
    })?;
    let (items, weight, is_repeatable) = (part.items(), part.weight, part.is_repeatable);
    let key = settings.complete(head, &part, Known::nothing).map_err(|why| Alone::of_name(why.name()))?;
    let limits = [
        ("max_items", u64::try_from(items).unwrap_or(u64::MAX), u64::from(settings.max_items)),
        ("max_weight", weight, settings.max_weight),
    ];
    if let Some((name, has, most)) = limits.into_iter().find(|(_, has, most)| has > most) {
        let words = format!("it is more by itself than a batch may be: {name} is {most}, and it has {has}");
        return Err(Alone::of("limit", &words));
    }
    Ok(Read { key, items, weight, is_repeatable })
}

/// The names of a request's headers that its key changes with, and of the others; pseudo-headers aside.
fn keyed(view: &PlainRequest, differs: impl Fn(&PlainRequest) -> bool) -> (Vec<String>, Vec<String>) {
    let names = view.headers.iter().enumerate().filter(|(_, (name, _))| !name.starts_with(':'));
    let (keyed, others): (Vec<_>, Vec<_>) = names.partition(|(index, _)| {
        let mut other = view.clone();
        if let Some((_, value)) = other.headers.get_mut(*index) {
            value.extend(b"-other");
        }
        differs(&other)
    });
    let names = |list: Vec<(usize, &(String, Vec<u8>))>| {
        let mut names: Vec<_> = list.into_iter().map(|(_, (name, _))| name.clone()).collect();
        names.sort();
        names.dedup();
        names
    };
    (names(keyed), names(others))
}

/// Eight bytes of a key's SHA-256, in hexadecimal digits.
fn fingerprint(key: &[u8]) -> String {
    Sha256::digest(key).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn length(body: &[u8]) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}
