//! What a place is woven into, by its kind: text in, text out.
//!
//! Invariants: what is woven is one expression in parentheses (or a guard, or statements before a body), so it stands wherever the original did;
//! without an active mutant it does what the original does. Trade-off: two operands of an operator become a `match`, in which a type is sometimes no longer
//! known; hence [`twice`].

use super::listed::Genre;
use super::places::{Bytes, Kind};
use super::weave::{Change, Site};
use std::ops::Range;

/// An operator, with each operand once.
pub(super) fn once(site: &Site, operator: &str, inner: &impl Fn(&Bytes) -> String) -> String {
    match &site.place.kind {
        Kind::And(left, right) => short(site, "!=", &inner(left), &inner(right)),
        Kind::Or(left, right) => short(site, "==", &inner(left), &inner(right)),
        Kind::Comparison(left, right) => {
            let all = branches(site, operator, |operator| format!("*mutants_l {operator} *mutants_r"));
            format!("(match (&({}), &({})) {{ (mutants_l, mutants_r) => {all} }})", inner(left), inner(right))
        }
        Kind::Arithmetic(left, right) => {
            let all = branches(site, operator, |operator| format!("mutants_l {operator} mutants_r"));
            format!("(match ({}, {}) {{ (mutants_l, mutants_r) => {all} }})", inner(left), inner(right))
        }
        Kind::Assignment(left, right) => {
            let left = inner(left);
            let all = branches(site, operator, |operator| format!("{left} {operator} mutants_r"));
            format!("(match {} {{ mutants_r => {all} }})", inner(right))
        }
        Kind::Unary(operand) => {
            let all = branches(site, operator, |operator| format!("{operator}mutants_r"));
            format!("(match {} {{ mutants_r => {all} }})", inner(operand))
        }
        Kind::Arm(..) | Kind::Struct(_) | Kind::Body(_) => inner(&site.place.bytes),
    }
}

/// An operator, with its operands once more for each mutant.
pub(super) fn twice(site: &Site, operator: &str, inner: &impl Fn(&Bytes) -> String) -> String {
    match &site.place.kind {
        Kind::Unary(operand) => {
            let operand = inner(operand);
            format!("({})", branches(site, operator, |operator| format!("{operator}({operand})")))
        }
        Kind::Assignment(left, right) => {
            let (left, right) = (inner(left), inner(right));
            format!("({})", branches(site, operator, |operator| format!("{left} {operator} {right}")))
        }
        Kind::And(left, right)
        | Kind::Or(left, right)
        | Kind::Comparison(left, right)
        | Kind::Arithmetic(left, right) => {
            let (left, right) = (inner(left), inner(right));
            format!("({})", branches(site, operator, |operator| format!("({left}) {operator} ({right})")))
        }
        Kind::Arm(..) | Kind::Struct(_) | Kind::Body(_) => inner(&site.place.bytes),
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
pub(super) fn guarded(site: &Site, guard: Option<String>) -> String {
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
pub(super) fn without_fields(site: &Site, fields: &[Bytes], inner: &impl Fn(&Bytes) -> String) -> String {
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
pub(super) fn body(site: &Site, either: bool, original: &str) -> String {
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
