//! Which parts of a request its hash is made of, and what of a decision is drawn at random.
//!
//! Invariant: parts are found by leaving the later ones out and looking whether the hash stays, so that the core alone says what
//! counts. Values of cookies are not shown: they are credentials more often than not.

use super::Request;
use serde::Serialize;
use switchyard_config::{Document, Route, Upstream};
use switchyard_core::hash::{HashOn, RequestHash, Source};

/// A hash and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hashed {
    /// In hexadecimal digits; none if the request has none of the parts.
    pub hash: Option<String>,
    /// The parts that are in it.
    pub parts: Vec<Part>,
    /// What is looked at, in order: `header x-user`, `cookie sid`.
    pub looks_at: Vec<String>,
    /// A cookie is made, with a value drawn at random, so that the client comes back with this hash.
    pub makes_cookie: bool,
}

/// A part of a request that is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is: `header x-user`, `cookie sid`, `source_ip`, `host`, `path`, `query y`.
    pub from: String,
    /// Its value, unless it is a cookie's.
    pub value: Option<String>,
}

/// What of a decision is drawn, or taken in turn, so that the next request like it may have another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drawn {
    /// The upstream of a split.
    pub upstream: bool,
    /// The hash, with a cookie that is made.
    pub hash: bool,
    /// The order of the endpoints.
    pub candidates: bool,
}

impl Hashed {
    /// What this list makes of a request.
    pub fn of(entries: &[HashOn], request: &Request) -> Self {
        let view = request.view();
        let evaluate = |count: usize| {
            // Only a cookie that is made draws, and that is said.
            let mut random = fastrand::Rng::with_seed(0);
            let entries = entries.get(..count).unwrap_or_default().to_vec();
            RequestHash::new(entries).evaluate(&view, &mut random)
        };
        let whole = evaluate(entries.len());
        let parts = entries.iter().enumerate().filter(|(index, _)| {
            let (before, after) = (evaluate(*index).hash, evaluate(index + 1).hash);
            before != after
        });
        Self {
            parts: parts.map(|(_, entry)| Part::of(&entry.source, request)).collect(),
            hash: whole.hash.map(|hash| format!("{hash:x}")),
            looks_at: entries.iter().map(|entry| name(&entry.source)).collect(),
            makes_cookie: whole.set_cookie.is_some(),
        }
    }
}

impl Part {
    fn of(source: &Source, request: &Request) -> Self {
        let view = request.view();
        let value = value(source, &view);
        Self { from: name(source), value: value.map(|value| String::from_utf8_lossy(&value).into_owned()) }
    }
}

/// A header of these names is the host, as the core has it.
fn is_host(name: &str) -> bool {
    matches!(name, "host" | ":authority")
}

fn value(source: &Source, request: &impl switchyard_core::RequestView) -> Option<Vec<u8>> {
    match source {
        Source::Cookie(_) => None,
        Source::Header(name) if is_host(name) => Some(request.host().into_owned()),
        Source::Header(header) => {
            let values: Vec<_> = request.header_values(header).filter(|value| !value.is_empty()).collect();
            Some(values.join(&b','))
        }
        Source::Host => Some(request.host().into_owned()),
        Source::QueryParameter(name) => {
            request.query_values(name).find(|value| !value.is_empty()).map(<[u8]>::to_vec)
        }
        Source::SourceIp => request.source_ip(),
        Source::Path => Some(request.path().to_vec()),
    }
}

fn name(source: &Source) -> String {
    match source {
        Source::Header(name) if is_host(name) => "host".to_owned(),
        Source::Header(name) => format!("header {name}"),
        Source::Host => "host".to_owned(),
        Source::Cookie(cookie) => format!("cookie {}", cookie.name),
        Source::QueryParameter(name) => format!("query {name}"),
        Source::SourceIp => "source_ip".to_owned(),
        Source::Path => "path".to_owned(),
    }
}

impl Drawn {
    /// What is drawn for a request of this route that goes to this upstream.
    pub fn of(route: &Route, upstream: &Upstream, request: &Request) -> Self {
        let with_weight = route.targets().iter().filter(|target| target.weight() > 0).count();
        let split = Hashed::of(route.split_on(), request);
        let hashed = Hashed::of(upstream.hash_on(), request);
        let by_hash = upstream.policy().needs_hash() && hashed.hash.is_some();
        Self {
            upstream: with_weight > 1 && (split.hash.is_none() || split.makes_cookie),
            hash: hashed.makes_cookie,
            candidates: upstream.endpoints().len() > 1 && (!by_hash || hashed.makes_cookie),
        }
    }

    /// The same, of the document's parts by their names.
    pub fn of_names(document: &Document, (route, upstream): (&str, &str), request: &Request) -> Option<Self> {
        let route = document.routes().iter().find(|one| one.name() == route)?;
        let upstream = document.upstreams().iter().find(|one| one.name() == upstream)?;
        Some(Self::of(route, upstream, request))
    }
}
