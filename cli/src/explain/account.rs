//! All that is told of one request.
//!
//! Invariant: every field is there in the JSON form, so that programs need not guess; what does not apply is `null` or empty.

use super::Asked;
use crate::decision::{
    Batched, Coalesced, Decider, Drawn, Explanation, Hashed, Outcome, Passed, Prepared, Request, Retrying,
    describe,
};
use anyhow::Result;
use serde::Serialize;
use switchyard_config::{Route, Upstream};

/// So many routes are shown that a request was not of.
const MOST_SHOWN: usize = 20;

/// What to know of a cluster that a section stands for among others.
const FOLLOWED: &str = "a section with cluster_pattern stands for this cluster: the first requests to it, until it has been taken in, go as \
                        Envoy's own route sends them";

/// What becomes of a request.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The request: method, path, host.
    pub request: [String; 3],
    /// What the router says; none if no route is for the request.
    pub explanation: Option<Explanation>,
    /// Its route's place in the document; none for one of Envoy's own.
    pub position: Option<usize>,
    /// Its route's condition in words.
    pub condition: Option<String>,
    /// The routes that it is not of.
    pub passed: Passed,
    /// Envoy's cluster.
    pub cluster: Option<String>,
    /// The route's split, if it has one.
    pub split: Option<Split>,
    /// What the upstream's hash is made of.
    pub hashed: Hashed,
    /// What is drawn.
    pub drawn: Drawn,
    /// Where the endpoints come from that are not known here: `envoy`, `etcd`, …; then the explanation has none, and a running Envoy's has.
    pub endpoints_from: Option<String>,
    /// Cookies that the client is given.
    pub cookies: Vec<String>,
    /// The status that the router answers with itself.
    pub answered: Option<u16>,
    /// How it would be tried again.
    pub retry: Option<Retrying>,
    /// What coalescing makes of it.
    pub coalesce: Option<Coalesced>,
    /// What batching makes of it.
    pub batch: Option<Batched>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// How a split chose.
#[derive(Clone, Debug, Serialize)]
pub struct Split {
    /// Upstreams and weights.
    pub shares: Vec<(String, u32)>,
    /// The key.
    pub hashed: Hashed,
}

impl Account {
    /// What becomes of this request under this document.
    ///
    /// # Errors
    /// When the router refuses the document.
    pub fn of(document: &Prepared, asked: &Asked, seed: u64) -> Result<Self> {
        let request = &asked.request;
        let outcome = Decider::new(document, seed)?.decide(request);
        let parts = Parts::of(document, &outcome, request);
        let mut account = parts.account(document, outcome, request);
        if account.cluster.as_deref().is_some_and(|cluster| document.follows(cluster)) {
            account.notes.push(FOLLOWED.to_owned());
        }
        account.notes.extend(rewritten(request).map(str::to_owned));
        account.notes.extend(asked.notes.iter().cloned());
        account.notes.extend(asked.went_to.as_ref().map(|address| account.went_to(address)));
        Ok(account)
    }

    /// What the endpoint that a log names was by this decision.
    fn went_to(&self, address: &str) -> String {
        let candidates = self.explanation.as_ref().map(|one| one.candidates.as_slice()).unwrap_or_default();
        if self.endpoints_from.is_some() {
            return format!("the log says that it went to {address}; the candidates are not known here");
        }
        match candidates.iter().position(|candidate| candidate == address) {
            Some(place) => format!("the log says that it went to {address}: candidate {}", place + 1),
            None => format!("the log says that it went to {address}, which is none of the candidates"),
        }
    }
}

/// The parts of the document that a request is about.
struct Parts<'a> {
    position: Option<usize>,
    route: Option<&'a Route>,
    upstream: Option<&'a Upstream>,
}

impl<'a> Parts<'a> {
    fn of(prepared: &'a Prepared, outcome: &Outcome, request: &Request) -> Self {
        let document = prepared.document();
        let position = document.table().find(&request.view());
        let explanation = outcome.explanation.as_ref();
        Self {
            position,
            route: explanation.and_then(|one| prepared.route(&one.route)),
            upstream: explanation.and_then(|one| prepared.upstream(&one.upstream)),
        }
    }

    fn account(&self, prepared: &Prepared, outcome: Outcome, request: &Request) -> Account {
        let document = prepared.document();
        let view = request.view();
        let target = [":method", ":path", ":authority"].map(|name| request.header(name).to_owned());
        let matcher = self.position.and_then(|position| document.matchers().get(position));
        let both = self.route.zip(self.upstream);
        // Coalesce and batch look at the document's own routes alone.
        let own = self.route.filter(|_| self.position.is_some());
        let name = own.map_or("", Route::name);
        Account {
            request: target,
            position: self.position,
            condition: matcher.map(describe),
            passed: Passed::of(document, self.position, &view, MOST_SHOWN),
            cluster: self.upstream.map(|upstream| upstream.cluster().to_owned()),
            split: self.route.and_then(|route| split(route, request)),
            hashed: self.upstream.map(|one| Hashed::of(one.hash_on(), request)).unwrap_or_default(),
            drawn: both.map(|(route, upstream)| Drawn::of(route, upstream, request)).unwrap_or_default(),
            endpoints_from: self.upstream.and_then(|upstream| prepared.source_of(upstream.name())),
            cookies: outcome.cookies,
            answered: outcome.answered,
            retry: both.and_then(|(route, upstream)| Retrying::of(document, route, upstream, request)),
            coalesce: own.and_then(Route::coalesce).map(|settings| Coalesced::of(settings, name, request)),
            batch: own.and_then(Route::batch).map(|one| Batched::of(one.settings(), name, request)),
            notes: notes(outcome.explanation.as_ref(), self.upstream),
            explanation: outcome.explanation,
        }
    }
}

/// What to know of a path that an Envoy may change before it is looked at.
fn rewritten(request: &Request) -> Option<&'static str> {
    let path = request.header(":path").split(['?', '#']).next().unwrap_or_default();
    let is_dots =
        |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    match (path.split('/').any(is_dots), path.contains("//")) {
        (true, _) => Some(
            "the path has . or .. in it: with normalize_path Envoy takes them out first; here it is taken as it is",
        ),
        (_, true) => Some(
            "the path has // in it: with merge_slashes Envoy makes it one slash first; here it is taken as it is",
        ),
        _ => None,
    }
}

fn split(route: &Route, request: &Request) -> Option<Split> {
    let shares = route.targets().iter().map(|target| (target.name().to_owned(), target.weight()));
    let shares: Vec<_> = shares.collect();
    (shares.len() > 1).then(|| Split { shares, hashed: Hashed::of(route.split_on(), request) })
}

fn notes(explanation: Option<&Explanation>, upstream: Option<&Upstream>) -> Vec<String> {
    let mut notes = Vec::new();
    if explanation.is_some_and(|one| one.shadow) {
        notes.push("mode: shadow: this is decided and counted, and Envoy goes its own way".to_owned());
    }
    if explanation.is_some_and(|one| one.panic) {
        notes.push("too few endpoints are in rotation (panic)".to_owned());
    }
    if upstream.is_some_and(|one| one.outlier().is_some()) {
        notes.push(
            "endpoints that outlier has ejected are left out in a running Envoy; here all are well"
                .to_owned(),
        );
    }
    if upstream.is_some_and(|one| one.zone_aware().is_some()) {
        notes.push("where the proxy is, is not known here: no zone is preferred".to_owned());
    }
    notes
}
