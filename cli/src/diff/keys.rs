//! Keys that move: the same keys hashed with both documents, by the router itself.
//!
//! Invariant: an upstream or a split is asked alone, with its own endpoints and balancer, under one key that is put in place of what it
//! hashes: how keys are spread does not depend on where they come from.

use super::pairs;
use crate::decision::{Decider, Prepared, Request};
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What carries the key.
const KEY: &str = "x-switchyard-key";
/// So many ways are told of each.
const MOST_WAYS: usize = 20;

/// Keys of one upstream or split that move.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MovedKeys {
    /// `upstream checkout`, `split of route release`.
    pub of: String,
    /// How many keys of a hundred.
    pub percent: f64,
    /// From where to where, most first: from, to, percent of all keys.
    pub ways: Vec<(String, String, f64)>,
}

/// Keys that move of upstreams and splits that both documents have.
pub(super) fn moved(
    old: &Prepared,
    new: &Prepared,
    keys: u32,
    notes: &mut Vec<String>,
) -> Result<Vec<MovedKeys>> {
    let mut all = Vec::new();
    for upstream in old.document().upstreams().iter().map(|one| one.name()) {
        let (Some(before), Some(after)) = (old.tree_of(upstream), new.tree_of(upstream)) else { continue };
        let is_same = ["endpoints", "balance"].iter().all(|field| before.get(field) == after.get(field));
        let hashes =
            |document: &Prepared| document.upstream(upstream).is_some_and(|one| one.policy().needs_hash());
        if is_same || !hashes(old) || !hashes(new) {
            continue;
        }
        let sources = [old, new].into_iter().filter_map(|one| one.source_of(upstream));
        if let Some(source) = sources.last() {
            notes.push(format!(
                "endpoints of upstream {upstream} come from {source}: which keys move is not known; give them with --endpoints {upstream}=ip:port,…"
            ));
            continue;
        }
        let (before, after) = (homes(&alone(before), keys, false)?, homes(&alone(after), keys, false)?);
        all.extend(compare(format!("upstream {upstream}"), &before, &after));
    }
    for (position, place) in pairs::routes(old, new) {
        let (Some((_, before)), Some((name, after))) = (shares(old, position), shares(new, place)) else {
            continue;
        };
        if before != after {
            let (before, after) = (homes(&split(&before), keys, true)?, homes(&split(&after), keys, true)?);
            all.extend(compare(format!("split of route {name}"), &before, &after));
        }
    }
    all.sort_by(|one, other| other.percent.total_cmp(&one.percent).then_with(|| one.of.cmp(&other.of)));
    Ok(all)
}

/// A document of this upstream alone, by its key.
fn alone(upstream: &Value) -> Value {
    let mut only =
        json!({ "name": "only", "endpoints": upstream.get("endpoints"), "balance": upstream.get("balance") });
    if let Some(balance) = only.get_mut("balance").and_then(Value::as_object_mut) {
        balance.insert("hash_on".to_owned(), json!([{ "header": KEY }]));
        // Where the proxy is, is not known here.
        balance.remove("zone_aware");
    }
    json!({ "upstreams": [only], "routes": [{ "match": {}, "upstream": "only" }] })
}

/// The name and the shares of the route at this place, if it is sticky.
fn shares(document: &Prepared, position: usize) -> Option<(String, Vec<(String, u32)>)> {
    let route = document.document().routes().get(position).filter(|route| !route.split_on().is_empty())?;
    let targets = route.targets().iter().map(|target| (target.name().to_owned(), target.weight()));
    Some((route.name().to_owned(), targets.collect()))
}

/// A document of these shares alone, by their key.
fn split(shares: &[(String, u32)]) -> Value {
    let endpoints = json!([{ "address": "192.0.2.1:1" }]);
    let upstreams = shares.iter().map(|(name, _)| json!({ "name": name, "endpoints": endpoints }));
    let upstreams: Vec<_> = upstreams.collect();
    let shares: Vec<_> =
        shares.iter().map(|(name, weight)| json!({ "upstream": name, "weight": weight })).collect();
    json!({
        "upstreams": upstreams,
        "routes": [{ "match": {}, "split": shares, "split_on": [{ "header": KEY }] }],
    })
}

/// Where each key is at home: at an endpoint, or of a split at an upstream.
fn homes(document: &Value, keys: u32, of_split: bool) -> Result<Vec<String>> {
    let decider = Decider::new(&Prepared::of_tree(document, &[])?, 0)?;
    let home = |key: u32| {
        let explanation =
            decider.decide(&Request::new("GET", "/").with(KEY, &format!("key-{key}"))).explanation?;
        if of_split { Some(explanation.upstream) } else { explanation.candidates.into_iter().next() }
    };
    // Draws nothing where standard error is no terminal.
    let bar = indicatif::ProgressBar::new(keys.into());
    let homes = bar.wrap_iter(0..keys).map(|key| home(key).unwrap_or_else(|| "nobody".to_owned())).collect();
    bar.finish_and_clear();
    Ok(homes)
}

fn compare(of: String, before: &[String], after: &[String]) -> Option<MovedKeys> {
    let mut ways: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (from, to) in before.iter().zip(after).filter(|(from, to)| from != to) {
        *ways.entry((from, to)).or_default() += 1;
    }
    let percent = |count: u32| f64::from(count) * 100.0 / before.len().max(1) as f64;
    let moved: u32 = ways.values().sum();
    let mut ways: Vec<_> = ways.into_iter().collect();
    ways.sort_by_key(|(way, count)| (core::cmp::Reverse(*count), *way));
    let ways = ways.into_iter().take(MOST_WAYS);
    let ways = ways.map(|((from, to), count)| (from.to_owned(), to.to_owned(), percent(count))).collect();
    (moved > 0).then(|| MovedKeys { of, percent: percent(moved), ways })
}
