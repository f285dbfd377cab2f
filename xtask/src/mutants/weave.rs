//! All mutants of a file in one source, each behind a switch.
//!
//! Invariants: without an active mutant the woven source does what the original does; each operand is evaluated as often, and in the same order,
//! as with the one operator that is active. Each place stands between two comments, and each mutant's own text between two more, so that an error of the
//! compiler leads to them. Trade-off: an operand is put into a `match`, where its type is sometimes no longer known; such a place is woven again with
//! its operands written twice.

use super::listed::{Genre, Mutant};
use super::places::{Bytes, Kind, Place};
use std::cmp::Reverse;
use std::ops::Range;

/// How a place is woven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With each operand once.
    Once,
    /// With all of it once more for each mutant.
    Twice,
    /// As it was.
    Out,
}

/// A mutant's number, and what it puts there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) number: usize,
    genre: Genre,
    replacement: String,
    /// Which field of a struct is left out.
    field: usize,
}

/// A place with all its mutants.
#[derive(Clone, Debug)]
pub(super) struct Site {
    place: Place,
    pub(super) changes: Vec<Change>,
    pub(super) form: Form,
}

/// What stands between two comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// A place: its number in the file.
    Site(usize),
    /// A mutant's own text.
    Mutant(usize),
}

/// A file with its places, in the order of the text; outer ones come first.
#[derive(Clone, Debug)]
pub(super) struct File {
    text: String,
    /// What is added to it.
    end: String,
    pub(super) sites: Vec<Site>,
}

impl Site {
    /// Whether it can be woven in another form than it is.
    pub(super) fn has_two_forms(&self) -> bool {
        let has_one = matches!(self.place.kind, Kind::Arm(..) | Kind::Struct(_) | Kind::Body(_));
        self.form == Form::Once && !has_one
    }
}

impl File {
    pub(super) fn new(text: String) -> Self {
        Self { text, end: String::new(), sites: Vec::new() }
    }

    /// Adds this to its end.
    pub(super) fn ends_with(&mut self, text: &str) {
        self.end.push_str(text);
    }

    /// Takes a mutant up at its place.
    pub(super) fn add(&mut self, number: usize, mutant: &Mutant, place: &Place) {
        let field = match &place.kind {
            Kind::Struct(fields) => {
                fields.iter().position(|field| field.start == place.operator.start).unwrap_or(0)
            }
            _ => 0,
        };
        let change = Change { number, genre: mutant.genre, replacement: mutant.replacement.clone(), field };
        match self
            .sites
            .iter_mut()
            .find(|site| site.place.bytes == place.bytes && site.place.kind == place.kind)
        {
            Some(site) => site.changes.push(change),
            None => {
                self.sites.push(Site { place: place.clone(), changes: vec![change], form: Form::Once });
            }
        }
    }

    /// Puts the places in order, once all are there.
    pub(super) fn sort(&mut self) {
        let is_inner = |kind: &Kind| !matches!(kind, Kind::Body(_));
        self.sites.sort_by_key(|Site { place, .. }| {
            (place.bytes.start, Reverse(place.bytes.end), is_inner(&place.kind))
        });
    }

    /// The woven source.
    pub(super) fn woven(&self) -> String {
        self.render(0..self.text.len(), 0) + &self.end
    }

    /// A stretch of the text with the places in it woven, from this one on.
    fn render(&self, bytes: Bytes, from: usize) -> String {
        let (mut out, mut at) = (String::new(), bytes.start);
        for (index, site) in self.sites.iter().enumerate().skip(from) {
            let place = &site.place.bytes;
            if place.start > bytes.end {
                break;
            }
            if place.start >= at && place.end <= bytes.end {
                out += self.text.get(at..place.start).unwrap_or_default();
                out += &self.site(index, site);
                at = place.end;
            }
        }
        out + self.text.get(at..bytes.end).unwrap_or_default()
    }

    fn site(&self, index: usize, site: &Site) -> String {
        let inner = |bytes: &Bytes| self.render(bytes.clone(), index + 1);
        if site.form == Form::Out || site.changes.is_empty() {
            return inner(&site.place.bytes);
        }
        let operator = self.text.get(site.place.operator.clone()).unwrap_or_default();
        let text = match (&site.place.kind, site.form) {
            (Kind::And(left, right), Form::Once) => short(site, "!=", &inner(left), &inner(right)),
            (Kind::Or(left, right), Form::Once) => short(site, "==", &inner(left), &inner(right)),
            (Kind::Comparison(left, right), Form::Once) => {
                let all = branches(site, operator, |operator| format!("*mutants_l {operator} *mutants_r"));
                format!(
                    "(match (&({}), &({})) {{ (mutants_l, mutants_r) => {all} }})",
                    inner(left),
                    inner(right)
                )
            }
            (Kind::Arithmetic(left, right), Form::Once) => {
                let all = branches(site, operator, |operator| format!("mutants_l {operator} mutants_r"));
                format!("(match ({}, {}) {{ (mutants_l, mutants_r) => {all} }})", inner(left), inner(right))
            }
            (Kind::Assignment(left, right), Form::Once) => {
                let left = inner(left);
                let all = branches(site, operator, |operator| format!("{left} {operator} mutants_r"));
                format!("(match {} {{ mutants_r => {all} }})", inner(right))
            }
            (Kind::Unary(operand), Form::Once) => {
                let all = branches(site, operator, |operator| format!("{operator}mutants_r"));
                format!("(match {} {{ mutants_r => {all} }})", inner(operand))
            }
            (Kind::Unary(operand), _) => {
                let operand = inner(operand);
                format!("({})", branches(site, operator, |operator| format!("{operator}({operand})")))
            }
            (Kind::Assignment(left, right), _) => {
                let (left, right) = (inner(left), inner(right));
                format!("({})", branches(site, operator, |operator| format!("{left} {operator} {right}")))
            }
            (
                Kind::And(left, right)
                | Kind::Or(left, right)
                | Kind::Comparison(left, right)
                | Kind::Arithmetic(left, right),
                _,
            ) => {
                let (left, right) = (inner(left), inner(right));
                format!("({})", branches(site, operator, |operator| format!("({left}) {operator} ({right})")))
            }
            (Kind::Arm(_, guard), _) => guarded(site, guard.as_ref().map(inner)),
            (Kind::Struct(fields), _) => format!("({})", without_fields(site, fields, &inner)),
            (Kind::Body(either), _) => body(site, *either, &inner(&site.place.bytes)),
        };
        format!("/*{{s{index}*/{text}/*}}*/")
    }
}

fn is(number: usize) -> String {
    format!("crate::mutants_is({number})")
}

fn marked(number: usize, text: &str) -> String {
    format!("/*{{m{number}*/{text}/*}}*/")
}

/// `if …is(1) { a mutant } else { the original }`.
fn branches(site: &Site, original: &str, text: impl Fn(&str) -> String) -> String {
    let mutants: String = site
        .changes
        .iter()
        .map(|Change { number, replacement, .. }| {
            format!("if {} {{ {} }} else ", is(*number), marked(*number, &text(replacement)))
        })
        .collect();
    format!("{mutants}{{ {} }}", text(original))
}

/// `&&` and `||`, each of which is the other when its mutant is active. No operand is written twice.
fn short(site: &Site, compared: &str, left: &str, right: &str) -> String {
    let active = site.changes.first().map(|change| is(change.number)).unwrap_or_default();
    let settled = if compared == "!=" { active.clone() } else { format!("!{active}") };
    format!("(if ({left}) {compared} {active} {{ {right} }} else {{ {settled} }})")
}

/// The guard of an arm that may be off, or always on, or never.
fn guarded(site: &Site, guard: Option<String>) -> String {
    let mut text = guard.map(|guard| format!("({guard})"));
    let of = |genre| site.changes.iter().filter(move |change| change.genre == genre);
    for change in of(Genre::MatchArmGuard) {
        let (active, inner) = (is(change.number), text.unwrap_or_default());
        text = Some(match &*change.replacement {
            "true" => format!("({active} || {inner})"),
            _ => format!("(!{active} && {inner})"),
        });
    }
    for change in of(Genre::MatchArm) {
        let active = is(change.number);
        text = Some(text.map_or_else(|| format!("!{active}"), |inner| format!("(!{active} && {inner})")));
    }
    format!(" if {}", text.unwrap_or_default())
}

/// A struct without one of its fields, which then is as in the base.
fn without_fields(site: &Site, fields: &[Bytes], inner: &impl Fn(&Bytes) -> String) -> String {
    let whole = &site.place.bytes;
    let (Some(first), Some(last)) = (fields.first(), fields.last()) else { return inner(whole) };
    let (head, tail): (Range<usize>, Range<usize>) = (whole.start..first.start, last.end..whole.end);
    let with = |left_out: Option<usize>| {
        let kept = fields.iter().enumerate().filter(|(index, _)| Some(*index) != left_out);
        let kept: String = kept.map(|(_, field)| inner(field)).collect();
        format!("{}{kept}{}", inner(&head), inner(&tail))
    };
    let mutants: String = site
        .changes
        .iter()
        .map(|Change { number, field, .. }| {
            format!("if {} {{ {} }} else ", is(*number), marked(*number, &with(Some(*field))))
        })
        .collect();
    format!("{mutants}{{ {} }}", with(None))
}

/// What a function does, or what it gives instead.
fn body(site: &Site, either: bool, original: &str) -> String {
    if either {
        let start = format!("{{ {original} }}");
        return site.changes.iter().rev().fold(start, |inner, Change { number, replacement, .. }| {
            let mutated = marked(*number, &format!("crate::MutantsEither::Mutated({replacement})"));
            format!("if {} {{ {mutated} }} else {{ crate::MutantsEither::Original({inner}) }}", is(*number))
        });
    }
    let mutants: String = site
        .changes
        .iter()
        .map(|Change { number, replacement, .. }| {
            format!("if {} {{ {} }} ", is(*number), marked(*number, &format!("return {replacement};")))
        })
        .collect();
    format!("{mutants}{original}")
}

/// What stands between comments in a woven source; outer ones come first.
pub(super) fn marks(woven: &str) -> Vec<(Bytes, Mark)> {
    let (mut found, mut open): (Vec<(Bytes, Mark)>, Vec<usize>) = (Vec::new(), Vec::new());
    for (at, _) in woven.match_indices("/*") {
        let rest = woven.get(at + 2..).unwrap_or_default();
        if rest.starts_with("}*/") {
            if let Some((bytes, _)) = open.pop().and_then(|index| found.get_mut(index)) {
                bytes.end = at;
            }
        } else if let Some(mark) = rest.strip_prefix('{').and_then(mark) {
            open.push(found.len());
            found.push((at..at, mark));
        }
    }
    found
}

fn mark(text: &str) -> Option<Mark> {
    let (text, _) = text.split_once("*/")?;
    let number = text.get(1..)?.parse().ok()?;
    match text.get(..1)? {
        "s" => Some(Mark::Site(number)),
        "m" => Some(Mark::Mutant(number)),
        _ => None,
    }
}
