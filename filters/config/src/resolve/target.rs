//! The upstreams that requests of a route go to, by their names.
//!
//! Invariant: a name that may be right, since one of the upstreams could not be read, is not called wrong.

use super::refuse_duplicates;
use crate::error::{Errors, Fault, Path, cut, suggestion};
use crate::raw;
use hashbrown::{HashMap, HashSet};

/// One upstream of a route and its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    upstream: usize,
    name: Box<str>,
    weight: u32,
}

impl Target {
    /// The upstream at this position, which gets everything.
    pub(super) fn only(upstream: usize, name: &str) -> Self {
        Self { upstream, name: name.into(), weight: 1 }
    }

    /// Position of the upstream in the document.
    pub fn upstream(&self) -> usize {
        self.upstream
    }

    /// The upstream's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its share; 0 gets nothing.
    pub fn weight(&self) -> u32 {
        self.weight
    }
}

/// More shares than anybody tells apart.
const MAX_SHARES: usize = 64;

/// Upstreams by name.
pub(super) struct Known<'a> {
    positions: HashMap<&'a str, usize>,
    /// Those that stand for many clusters.
    patterns: HashSet<&'a str>,
    pub(super) list: &'a [raw::Upstream],
    /// The whole document only decides and counts.
    pub(super) shadow: bool,
    /// Every upstream's name could be read. If not, an unknown name may be right.
    complete: bool,
}

impl<'a> Known<'a> {
    pub(super) fn new(document: &'a raw::Document) -> Self {
        let list = document.upstreams.as_deref().unwrap_or_default();
        let is_pattern = |raw: &&raw::Upstream| raw.stands_for_many();
        let named = list.iter().filter(|raw| !is_pattern(raw)).enumerate();
        Self {
            positions: named.filter_map(|(index, raw)| Some((raw.name.as_deref()?, index))).collect(),
            patterns: list.iter().filter(is_pattern).filter_map(|raw| raw.name.as_deref()).collect(),
            list,
            shadow: document.mode == Some(raw::Mode::Shadow),
            complete: !document.bad.contains(&"upstreams") && list.iter().all(|raw| raw.name.is_some()),
        }
    }
}

/// Whether requests of a route go to this upstream; a share of 0 gets none.
pub(super) fn goes_to(raw: &raw::Route, name: &str) -> bool {
    let mut shares = raw.split.iter().flatten().filter(|share| share.weight != Some(0));
    raw.upstream.as_deref() == Some(name) || shares.any(|share| share.upstream.as_deref() == Some(name))
}

/// Where requests of a route go; `None` if that is wrong.
pub(super) fn targets(
    raw: &raw::Route,
    known: &Known<'_>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Vec<Target>> {
    match (&raw.upstream, &raw.split) {
        (Some(name), Some(split)) => {
            errors.add(at, "has both upstream and split; keep one");
            target(name, 1, known, &at.field("upstream"), errors);
            split_targets(split, known, &at.field("split"), errors);
            None
        }
        (Some(name), None) => Some(vec![target(name, 1, known, &at.field("upstream"), errors)?]),
        (None, Some(split)) => split_targets(split, known, &at.field("split"), errors),
        (None, None) => {
            if !raw.bad.contains(&"upstream") && !raw.bad.contains(&"split") {
                errors.add(at, "goes nowhere; add `upstream` or `split`");
            }
            None
        }
    }
}

/// The upstream of this name.
pub(super) fn target(
    name: &str,
    weight: u32,
    known: &Known<'_>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Target> {
    let Some(upstream) = known.positions.get(name) else {
        if known.patterns.contains(name) {
            let problem =
                format!("{:?} stands for many clusters; give one of them an upstream of its own", cut(name));
            errors.add(at, problem);
        } else if known.complete {
            errors.add_with(Fault::UnknownName, at, || {
                let near = suggestion(name, known.list.iter().filter_map(|raw| raw.name.as_deref()));
                format!("{:?} is not an upstream of this document{near}", cut(name))
            });
        }
        return None;
    };
    Some(Target { upstream: *upstream, name: name.into(), weight })
}

fn split_targets(
    split: &[raw::SplitTarget],
    known: &Known<'_>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Vec<Target>> {
    let names =
        split.iter().enumerate().filter_map(|(index, share)| Some((index, share.upstream.as_deref()?)));
    refuse_duplicates(names, |index, name, first| {
        let problem = format!("{:?} has a share at {first} already; add the weights", cut(name));
        errors.add_as(Fault::Duplicate, &at.index(index).field("upstream"), problem);
    });
    if split.len() > MAX_SHARES {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("has {} shares; it takes at most {MAX_SHARES}", split.len()),
        );
    }
    let sum: u64 = split.iter().filter_map(|share| share.weight).fold(0, u64::saturating_add);
    let complete = split.iter().all(|share| share.weight.is_some());
    if complete && sum == 0 {
        errors.add(at, "the weights sum to 0; give one share at least a weight of 1 or more");
    }
    if sum > u64::from(u32::MAX) {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("the weights sum to {sum}; it takes a sum of at most {}", u32::MAX),
        );
    }
    let targets: Vec<Option<Target>> = split
        .iter()
        .enumerate()
        .map(|(index, share)| {
            let weight = u32::try_from(share.weight.unwrap_or_default()).unwrap_or_default();
            target(share.upstream.as_deref()?, weight, known, &at.index(index).field("upstream"), errors)
        })
        .collect();
    targets.into_iter().collect()
}
