//! What the router says of a decision, in the header `x-switchyard-explain`.
//!
//! Invariant: the text is the router's, byte for byte; the fields are read from it.

use serde::Serialize;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The header's value.
    pub text: String,
    /// The route's name; `cluster:…` for one of Envoy's own.
    pub route: String,
    /// The upstream's name.
    pub upstream: String,
    /// The policy that chose the endpoints: the upstream's, or the one for requests that have nothing to hash.
    pub policy: String,
    /// The hash, in hexadecimal digits; none if the request has nothing to hash.
    pub hash: Option<String>,
    /// The endpoints, best first.
    pub candidates: Vec<String>,
    /// Too few endpoints are in rotation.
    pub panic: bool,
    /// It was decided and not carried out.
    pub shadow: bool,
}

impl Explanation {
    /// What the header says.
    pub fn parse(text: &str) -> Self {
        let field = |name: &str| {
            text.split("; ").find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let says = |word: &str| text.split("; ").any(|field| field == word);
        let candidates = Some(field("candidates")).filter(|list| *list != "none");
        Self {
            route: field("route").to_owned(),
            upstream: field("upstream").to_owned(),
            policy: field("policy").to_owned(),
            hash: Some(field("hash")).filter(|hash| *hash != "none").map(str::to_owned),
            candidates: candidates.into_iter().flat_map(|list| list.split(',')).map(str::to_owned).collect(),
            panic: says("panic"),
            shadow: says("shadow"),
            text: text.to_owned(),
        }
    }
}
