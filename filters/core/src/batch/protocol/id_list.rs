//! Objects by their ids: `GET /items?ids=1,2` and `GET /items/1` as one `GET /items?ids=…`.
//!
//! Invariants: an object goes to those who asked for its id, letter by letter. An object that nobody asked for, or one
//! that is there twice, breaks the whole; so does one that is missing while another was asked for whose id differs from
//! its only in case or leading zeros: to the server they may be one. Ids are sent as they came; one that could end
//! early in a query (a raw `&`, `+` or `;`, or a comma), or that is not ASCII, is not batched.
//! Trade-offs: who asks for one object gets 404 if it is missing; who asks with a list gets what there is of it, in the
//! order of the list, and an empty array for nothing. What stands beside the array in an answer is handed to all, so it
//! must not count objects. A server that gives at most so many at a time needs batches no larger than that, or what it
//! withholds is taken for missing.
//! Source: RFC 3986, sections 2.1 and 3.3; RFC 6901 (JSON pointer).

mod target;

use super::{around, group};
use crate::batch::json::Value;
use crate::batch::part::Item;
use crate::batch::shares::{Piece, Shares, array as array_of};
use crate::batch::{Answer, Broken, Joined, Outcome, Part, Share, Unbatchable, Why};
use hashbrown::{HashMap, HashSet};

/// How a list of ids is written in a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdForm {
    /// `ids=1,2`
    #[default]
    Comma,
    /// `ids=1&ids=2`
    Repeated,
}

/// The protocol of lists of ids.
#[derive(Clone, Debug)]
pub struct IdList {
    /// The path that takes a list, such as `/items`.
    pub path: Box<str>,
    /// The parameter of its query that has the ids, in unreserved characters.
    pub parameter: Box<str>,
    /// How it has them.
    pub form: IdForm,
    /// Whether `path/<id>` asks for one of the same objects.
    pub takes_single: bool,
    /// Which field of the answer has the objects; `None`: the answer is the array.
    pub field: Option<Box<str>>,
    /// Where an object has its id, a string or number: a JSON pointer.
    pub id_pointer: Box<str>,
}

impl IdList {
    pub(super) fn read(&self, target: &[u8]) -> Result<Part, Unbatchable> {
        let target = str::from_utf8(target)
            .map_err(|error| Unbatchable { why: Why::Path, at: error.valid_up_to() })?;
        let asked = self.asked(target)?;
        let mut items = Vec::with_capacity(asked.ids.len());
        for (raw, at) in asked.ids {
            let id = target::decoded(raw).ok_or(Unbatchable { why: Why::Path, at })?;
            items.push(Item { text: raw.into(), id: Some(id.into()) });
        }
        let different = items.iter().map(|item: &Item| item.id.as_deref()).collect::<HashSet<_>>().len();
        if different < items.len() {
            // Whether the server would give it twice, nobody knows.
            return Err(Unbatchable { why: Why::Path, at: 0 });
        }
        let between = if self.form == IdForm::Comma { 1 } else { self.parameter.len() + 2 };
        let bytes: usize = items.iter().map(|item| item.text.len() + between).sum();
        let weight = u64::try_from(bytes).unwrap_or(u64::MAX);
        let group = asked.group.into_bytes().into();
        Ok(Part { group, weight, is_repeatable: true, items, is_single: asked.is_single })
    }

    pub(super) fn join(&self, parts: &[&Part]) -> Joined {
        let mut seen = HashSet::new();
        let items = parts.iter().flat_map(|part| &part.items);
        let ids: Vec<_> =
            items.filter(|item| seen.insert(item.id.as_deref())).map(|item| &*item.text).collect();
        let ids = match self.form {
            IdForm::Comma => ids.join(","),
            IdForm::Repeated => ids.join(&["&", &self.parameter, "="].concat()),
        };
        let group = group(parts);
        let sign = if group.contains('?') { "&" } else { "?" };
        Joined { path: Some([group, sign, &self.parameter, "=", &ids].concat()), body: Vec::new() }
    }

    pub(super) fn split(&self, parts: &[&Part], answer: Answer<'_>) -> Result<Shares, Broken> {
        let document = answer.document()?;
        let object = match &self.field {
            Some(field) => Some((document.object_of_answer().ok_or(Broken::Form)?, field)),
            None => None,
        };
        let found = match &object {
            Some((object, field)) => object.get(field)?.ok_or(Broken::Form)?,
            None => document,
        };
        let objects = self.by_id(parts, found.elements().ok_or(Broken::Form)?)?;
        let mut shares = Shares::of(answer.status, parts.len());
        for part in parts {
            let mut own = part.items.iter().filter_map(|item| objects.get(item.id.as_deref()?).cloned());
            match (part.is_single, &object) {
                (true, _) => match own.next() {
                    Some(object) => shares.cut(vec![object], Outcome::Answered),
                    None => shares.made(missing()),
                },
                (false, Some(_)) => shares.cut_framed(array_of(own.map(Some)), Box::default()),
                (false, None) => shares.cut(array_of(own.map(Some)), Outcome::Answered),
            }
        }
        let frame =
            object.map(|(object, field)| around(&object, |name| (*name == **field).then_some(Piece::Own)));
        Ok(shares.framed(frame.unwrap_or_default()))
    }

    /// Every object by its id.
    fn by_id<'a>(
        &self,
        parts: &[&Part],
        objects: impl Iterator<Item = Value<'a>>,
    ) -> Result<HashMap<String, Piece>, Broken> {
        let items = parts.iter().flat_map(|part| &part.items);
        let asked: HashSet<_> = items.filter_map(|item| item.id.as_deref()).collect();
        let mut found = HashMap::with_capacity(asked.len());
        for object in objects {
            let id = object.pointer(&self.id_pointer).ok_or(Broken::NoId)?;
            let id = match id.string() {
                Some(id) => id.into_owned(),
                None if id.is_number() => id.text().to_owned(),
                None => return Err(Broken::NoId),
            };
            if !asked.contains(&*id) {
                return Err(Broken::OtherId);
            }
            if found.insert(id, Piece::of(object)).is_some() {
                return Err(Broken::SameId);
            }
        }
        let mut kinds = HashMap::with_capacity(asked.len());
        asked.iter().for_each(|id| *kinds.entry(kind(id)).or_insert(0) += 1);
        let is_doubtful = |id: &&str| !found.contains_key(*id) && kinds.get(&kind(id)) != Some(&1);
        if asked.iter().any(is_doubtful) { Err(Broken::OtherId) } else { Ok(found) }
    }
}

/// What two ids have in common that a server may take for one.
fn kind(id: &str) -> String {
    id.trim_start_matches(['+', '0']).to_ascii_lowercase()
}

fn missing() -> Share {
    Share::plain_error(404, "there is no such object")
}
