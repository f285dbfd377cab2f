//! One request: which route's, whose, for what.
//!
//! Invariant: it is made from the seed, its phase and its number, and nothing else.

use bytes::Bytes;
use fastrand::Rng;
use serde_json::json;

use super::truth::{PRIVATE, mixed};
use crate::load::{Client, Request};

/// Keys that many ask for at the same time.
const HOT: u32 = 6;
/// Principals, besides nobody.
const PRINCIPALS: u32 = 3;
/// Kinds that meet each other: a phase has most of its requests of one of these, so that they do.
const TOGETHER: [&[Kind]; 4] = [
    &Kind::ALL,
    &[Kind::Crowd, Kind::Private, Kind::Kept, Kind::Search, Kind::Stale],
    &[Kind::Rpc, Kind::RpcOnce, Kind::Items, Kind::Embed],
    &[Kind::Router, Kind::Filter, Kind::Once, Kind::Stale, Kind::Grpc, Kind::GrpcOnce],
];

/// What a request is for: the route, and what may become of it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One attempt.
    Plain,
    /// Tried again by Envoy's router.
    Router,
    /// Tried again by the filter, or hedged.
    Filter,
    /// The filter's, and must not be made twice.
    Once,
    /// Shared with all who ask for the same.
    Crowd,
    /// The same, for an answer that is its own client's.
    Private,
    /// Shared, kept for a moment, and tried again.
    Kept,
    /// A POST that is shared by its body.
    Search,
    /// Tried again, and in the end answered by what was good before.
    Stale,
    /// A call that may be made twice, in a batch of JSON-RPC.
    Rpc,
    /// One that may not.
    RpcOnce,
    /// Objects by their ids, gathered by all workers together.
    Items,
    /// An embedding, in batches that are to keep a time.
    Embed,
    /// A gRPC call that may be made twice.
    Grpc,
    /// One that may not.
    GrpcOnce,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Plain,
        Self::Router,
        Self::Filter,
        Self::Once,
        Self::Crowd,
        Self::Private,
        Self::Kept,
        Self::Search,
        Self::Stale,
        Self::Rpc,
        Self::RpcOnce,
        Self::Items,
        Self::Embed,
        Self::Grpc,
        Self::GrpcOnce,
    ];

    /// How often endpoints may see it, where that can be counted: the whole of it, its connection included.
    #[must_use]
    pub fn most_attempts(self) -> Option<u32> {
        match self {
            Self::Plain
            | Self::Once
            | Self::Crowd
            | Self::Private
            | Self::Search
            | Self::RpcOnce
            | Self::GrpcOnce => Some(1),
            // One, and two retries, of which a hedge is one.
            Self::Router | Self::Filter | Self::Kept | Self::Stale | Self::Grpc => Some(3),
            // In a batch of 64: that, its halves down to one, once more where it reached nobody, and alone.
            Self::Rpc | Self::Embed => Some(9),
            Self::Items => None,
        }
    }

    /// Whether its answer names the request that it was made for.
    #[must_use]
    pub fn is_its_own(self) -> bool {
        !matches!(self, Self::Crowd | Self::Kept | Self::Search | Self::Stale)
    }

    /// Whether it is known which attempts were made for it.
    #[must_use]
    pub fn is_traceable(self) -> bool {
        self.is_its_own() && self != Self::Items
    }

    /// Whether it may go with others in one call, so that who is in a call is known by its body alone.
    #[must_use]
    pub fn is_gathered(self) -> bool {
        matches!(self, Self::Rpc | Self::RpcOnce | Self::Items | Self::Embed)
    }

    /// Whether it is gRPC.
    #[must_use]
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcOnce)
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its number, which no other request of the soak has.
    pub id: u64,
    /// What it is for.
    pub kind: Kind,
    /// Its credentials; empty: none.
    pub who: String,
    /// The method.
    pub method: hyper::Method,
    /// Path and query.
    pub path: String,
    /// The body; of gRPC, the message.
    pub body: Bytes,
}

impl Ask {
    /// Request number `number` of a phase.
    #[must_use]
    pub fn drawn(seed: u64, phase: u32, number: u64) -> Self {
        let id = (u64::from(phase) << 32) | number;
        let mut rng = Rng::with_seed(mixed(&[seed, id]));
        let most = TOGETHER.get(mixed(&[seed, phase.into(), 3]) as usize % TOGETHER.len());
        let kinds = most.copied().filter(|_| rng.u8(..4) > 0).unwrap_or(&Kind::ALL);
        let kind = kinds.get(rng.usize(..kinds.len())).copied().unwrap_or(Kind::Plain);
        let who = match rng.u32(..=PRINCIPALS).min(rng.u32(..=PRINCIPALS)) {
            0 => String::new(),
            principal => format!("Bearer user-{principal}"),
        };
        let (method, path, body) = asked(kind, id, &mut rng);
        Self { id, kind, who, method, path, body: body.into() }
    }

    /// As it is sent.
    pub fn request(&self, client: &Client) -> Request {
        let request = match self.kind.is_grpc() {
            true => client.grpc(&self.path, &self.body),
            false => client.request(self.method.clone(), &self.path).body(self.body.clone()),
        };
        let headers = self.headers();
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Its headers, but for those of its protocol.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-correlation-id", self.id.to_string())];
        if !self.who.is_empty() {
            headers.push(("authorization", self.who.clone()));
        }
        match self.kind {
            Kind::Plain | Kind::Router | Kind::Filter | Kind::Once => {
                headers.push(("x-user", (self.id % 97).to_string()));
            }
            Kind::Rpc | Kind::RpcOnce | Kind::Embed | Kind::Search => {
                headers.push(("content-type", "application/json".to_owned()));
            }
            Kind::Grpc => headers.push(("idempotency-key", self.id.to_string())),
            _ => {}
        }
        headers
    }
}

fn asked(kind: Kind, id: u64, rng: &mut Rng) -> (hyper::Method, String, String) {
    use hyper::Method;
    let hot = rng.u32(..HOT).min(rng.u32(..HOT));
    let get = |path: String| (Method::GET, path, String::new());
    match kind {
        Kind::Plain | Kind::Router | Kind::Filter => {
            let path = format!("/{}/{id}", format!("{kind:?}").to_lowercase());
            match rng.bool() {
                true => get(path),
                false => (Method::PUT, path, text(rng)),
            }
        }
        Kind::Once => (Method::POST, format!("/filter/{id}"), text(rng)),
        Kind::Crowd => get(format!("/crowd/{hot}")),
        Kind::Private => get(format!("{PRIVATE}/{hot}")),
        Kind::Kept => get(format!("/kept/{hot}")),
        Kind::Stale => get(format!("/stale/{hot}")),
        Kind::Search => (Method::POST, "/search".to_owned(), json!({ "query": hot }).to_string()),
        Kind::Rpc | Kind::RpcOnce => {
            let method = if kind == Kind::Rpc { "get_it" } else { "set_it" };
            let call =
                json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [format!("item-{id}")] });
            (Method::POST, "/rpc".to_owned(), call.to_string())
        }
        Kind::Items if rng.bool() => get(format!("/items/{}", rng.u8(..40))),
        Kind::Items => {
            let first = rng.u8(..40);
            get(format!("/items?ids={first},{}", 40 + rng.u8(..40)))
        }
        Kind::Embed => {
            let model = if rng.bool() { "small" } else { "large" };
            let body = json!({ "model": model, "input": format!("item-{id}") });
            (Method::POST, "/v1/embeddings".to_owned(), body.to_string())
        }
        Kind::Grpc | Kind::GrpcOnce => (Method::POST, "/soak.Echo/Say".to_owned(), format!("say {id}")),
    }
}

/// Most are short; one in 32 is longer than what filters keep.
fn text(rng: &mut Rng) -> String {
    let length = if rng.u8(..32) == 0 { rng.usize(60_000..200_000) } else { rng.usize(..2_000) };
    "b".repeat(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_made_from_the_seed_its_phase_and_its_number() {
        let told = |seed, phase, number| format!("{:?}", Ask::drawn(seed, phase, number));
        assert_eq!(told(1, 2, 3), told(1, 2, 3));
        assert!([told(2, 2, 3), told(1, 3, 3), told(1, 2, 4)].iter().all(|other| *other != told(1, 2, 3)));
    }

    #[test]
    fn every_kind_is_asked_for() {
        for phase in 0..8 {
            let kinds = (0..2000).map(|number| Ask::drawn(1, phase, number).kind);
            assert_eq!(kinds.collect::<std::collections::BTreeSet<_>>().len(), Kind::ALL.len());
        }
    }
}
