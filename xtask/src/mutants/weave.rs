//! All mutants of a file in one source, each behind a switch.
//!
//! Invariants: without an active mutant the woven source does what the original does; each operand is evaluated as often, and in the same order,
//! as with the one operator that is active. Each place stands between two comments, and each mutant's own text between two more, so that an error of the
//! compiler leads to them. Trade-off: an operand is put into a `match`, where its type is sometimes no longer known; such a place is woven again with
//! its operands written twice.

use super::forms;
use super::listed::{Genre, Mutant};
use super::places::{Bytes, Kind, Place};
use std::cmp::Reverse;

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
    pub(super) genre: Genre,
    pub(super) replacement: String,
    /// Which field of a struct is left out.
    pub(super) field: usize,
}

/// A place with all its mutants.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) changes: Vec<Change>,
    pub(super) form: Form,
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
            (Kind::Arm(_, guard), _) => forms::guarded(site, guard.as_ref().map(inner)),
            (Kind::Struct(fields), _) => format!("({})", forms::without_fields(site, fields, &inner)),
            (Kind::Body(either), _) => forms::body(site, *either, &inner(&site.place.bytes)),
            (_, Form::Once) => forms::once(site, operator, &inner),
            _ => forms::twice(site, operator, &inner),
        };
        format!("/*{{s{index}*/{text}/*}}*/")
    }
}
