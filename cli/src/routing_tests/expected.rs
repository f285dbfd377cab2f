//! What is expected of a request beside what it became.
//!
//! Invariant: nothing that is drawn at random is compared, but whether the draw may be what is expected: a split without a key may go to
//! every upstream that has a share, so all of them must be expected.

use super::case::{Case, Kind, Relation};
use crate::decision::{
    Batched, Coalesced, Decider, Drawn, Explanation, Outcome, Prepared, Repeats, Retrying,
};
use std::collections::BTreeMap;
use switchyard_config::{Route, Upstream};

/// What a request became.
pub(super) struct Seen<'a> {
    /// The place of its route, if that is the document's.
    pub(super) position: Option<usize>,
    outcome: Outcome,
    route: Option<&'a Route>,
    upstream: Option<&'a Upstream>,
    drawn: Drawn,
    source: Option<String>,
    coalesced: Option<Coalesced>,
    batched: Option<Batched>,
    retries: bool,
}

impl<'a> Seen<'a> {
    pub(super) fn of(prepared: &'a Prepared, decider: &Decider, case: &Case) -> Self {
        let (document, request) = (prepared.document(), &case.request);
        let outcome = decider.decide(request);
        let position = document.table().find(&request.view());
        let one = outcome.explanation.as_ref();
        let route = one.and_then(|one| prepared.route(&one.route));
        let upstream = one.and_then(|one| prepared.upstream(&one.upstream));
        let both = route.zip(upstream);
        // Coalesce and batch look at the document's own routes alone.
        let own = route.filter(|_| position.is_some());
        let retrying = both.and_then(|(route, upstream)| Retrying::of(document, route, upstream, request));
        Self {
            position,
            drawn: both.map(|(route, upstream)| Drawn::of(route, upstream, request)).unwrap_or_default(),
            source: upstream.and_then(|upstream| prepared.source_of(upstream.name())),
            coalesced: own.and_then(|route| Some(Coalesced::of(route.coalesce()?, route.name(), request))),
            batched: own
                .and_then(|route| Some(Batched::of(route.batch()?.settings(), route.name(), request))),
            retries: retrying
                .is_some_and(|one| !one.shadow && one.num_retries > 0 && one.repeats != Repeats::OnlyUnseen),
            outcome,
            route,
            upstream,
        }
    }

    fn explanation(&self) -> Option<&Explanation> {
        self.outcome.explanation.as_ref()
    }

    /// The upstreams that it may go to.
    fn upstreams(&self) -> Vec<String> {
        match (self.drawn.upstream, self.route) {
            (true, Some(route)) => {
                let with_share = route.targets().iter().filter(|target| target.weight() > 0);
                with_share.map(|target| target.name().to_owned()).collect()
            }
            _ => self.explanation().map(|one| one.upstream.clone()).into_iter().collect(),
        }
    }

    /// Why endpoints cannot be told, if they cannot.
    fn untold(&self) -> Option<String> {
        if let (Some(source), Some(upstream)) = (&self.source, self.upstream) {
            let name = upstream.name();
            return Some(format!(
                "endpoints of {name} come from {source}; write them under `endpoints: {{{name}: […]}}`"
            ));
        }
        let drawn = self.drawn.upstream || self.drawn.candidates;
        drawn.then(|| {
            "is drawn at random, so that no test can expect it; expect the upstream or the policy".to_owned()
        })
    }

    fn key(&self, kind: Kind) -> Option<String> {
        match kind {
            Kind::Key => {
                let one = self.explanation().filter(|_| !self.drawn.upstream && !self.drawn.hash)?;
                Some(format!("{}/{}", one.upstream, one.hash.as_ref()?))
            }
            Kind::Answer => self.coalesced.as_ref().filter(|one| one.shares())?.key.clone(),
            Kind::Call => self.batched.as_ref().filter(|one| one.shares())?.key.clone(),
        }
    }
}

/// What is not as expected.
pub(super) fn mismatches(case: &Case, seen: &Seen<'_>, all: &BTreeMap<&str, Seen<'_>>) -> Vec<String> {
    let expected = &case.expected;
    let mut wrong = Vec::new();
    let one = seen.explanation();
    flag(&mut wrong, "matches", expected.matches, one.is_some());
    let said = |value: Option<&str>| vec![value.unwrap_or("none").to_owned()];
    one_of(&mut wrong, "route", expected.route.as_ref(), &said(one.map(|one| one.route.as_str())));
    let upstreams = seen.upstreams();
    let upstreams = if upstreams.is_empty() { said(None) } else { upstreams };
    one_of(&mut wrong, "upstream", expected.upstream.as_ref(), &upstreams);
    if seen.drawn.upstream
        && [&expected.cluster, &expected.policy, &expected.hash].iter().any(|field| field.is_some())
    {
        wrong.push("cluster, policy and hash are those of an upstream that is drawn at random; give the request what split_on looks at".to_owned());
    } else {
        let cluster = seen.upstream.map(Upstream::cluster);
        one_of(&mut wrong, "cluster", expected.cluster.as_ref(), &said(cluster));
        one_of(&mut wrong, "policy", expected.policy.as_ref(), &said(one.map(|one| one.policy.as_str())));
        match (&expected.hash, seen.drawn.hash) {
            (Some(_), true) => {
                wrong.push("hash: is that of a cookie that is made, drawn at random".to_owned())
            }
            (hash, _) => {
                one_of(&mut wrong, "hash", hash.as_ref(), &said(one.and_then(|one| one.hash.as_deref())))
            }
        }
    }
    endpoints(&mut wrong, case, seen);
    flag(&mut wrong, "coalesces", expected.coalesces, seen.coalesced.as_ref().is_some_and(Coalesced::shares));
    flag(&mut wrong, "batches", expected.batches, seen.batched.as_ref().is_some_and(Batched::shares));
    flag(&mut wrong, "retries", expected.retries, seen.retries);
    wrong
        .extend(expected.relations.iter().filter_map(|one| related(one, seen, all.get(one.other.as_str())?)));
    wrong
}

fn endpoints(wrong: &mut Vec<String>, case: &Case, seen: &Seen<'_>) {
    let expected = &case.expected;
    let named = [("first", expected.first.is_some()), ("candidates", expected.candidates.is_some())];
    for (field, _) in named.iter().filter(|(_, is_expected)| *is_expected) {
        if let Some(why) = seen.untold() {
            wrong.push(format!("{field}: {why}"));
            return;
        }
    }
    let candidates = seen.explanation().map(|one| one.candidates.clone()).unwrap_or_default();
    let first = candidates.first().map_or("none", String::as_str);
    one_of(wrong, "first", expected.first.as_ref(), &[first.to_owned()]);
    if let Some(list) = expected.candidates.as_ref().filter(|list| **list != candidates) {
        wrong.push(format!("candidates: expected {}, got {}", list.join(", "), candidates.join(", ")));
    }
}

fn flag(wrong: &mut Vec<String>, field: &str, expected: Option<bool>, got: bool) {
    if let Some(expected) = expected.filter(|expected| *expected != got) {
        wrong.push(format!("{field}: expected {expected}, got {got}"));
    }
}

/// All of what may come must be expected.
fn one_of(wrong: &mut Vec<String>, field: &str, expected: Option<&Vec<String>>, got: &[String]) {
    let Some(expected) = expected.filter(|expected| !got.iter().all(|one| expected.contains(one))) else {
        return;
    };
    let drawn = if got.len() > 1 { ", drawn at random" } else { "" };
    wrong.push(format!("{field}: expected {}, got {}{drawn}", expected.join(" or "), got.join(" or ")));
}

fn related(relation: &Relation, seen: &Seen<'_>, other: &Seen<'_>) -> Option<String> {
    let Relation { field, kind, is_same, other: name } = relation;
    let what = match kind {
        Kind::Key => "key",
        Kind::Answer => "key to share an answer under",
        Kind::Call => "key to share a call under",
    };
    match (seen.key(*kind), other.key(*kind)) {
        (None, _) => Some(format!("{field}: this request has no {what}")),
        (_, None) => Some(format!("{field}: the request of {name:?} has no {what}")),
        (Some(own), Some(theirs)) if (own == theirs) != *is_same => {
            Some(format!("{field}: {name:?} has {theirs}, this request has {own}"))
        }
        _ => None,
    }
}
