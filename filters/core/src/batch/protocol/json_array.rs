//! Items of a JSON array, answered by an array in the same order.
//!
//! Invariants: a batch is what one client could have asked for; its answer has as many items as it, or is broken.
//! Trade-off: places are all there is to go by. A server that leaves an item out is found out, one that changes the
//! order is not: do not use this with such a server.
//! Source: KServe's and TensorFlow Serving's first protocol, `instances` and `predictions`.

use super::weight::weight;
use super::{around, array, misplaced, siblings, texts};
use crate::batch::json::{REQUEST_DEPTH, Value};
use crate::batch::part::Item;
use crate::batch::shares::{Piece, Shares, array as array_of};
use crate::batch::{Answer, Broken, Joined, Outcome, Part, Unbatchable, Why};

/// What a client sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sends {
    /// One item, whatever it is. Its answer is the item of the answer.
    #[default]
    Item,
    /// A document like that of a batch, with one item or several. Its answer is like that to a batch.
    Items,
}

/// The protocol of arrays.
#[derive(Clone, Debug, Default)]
pub struct JsonArray {
    /// Which field of a batch is the array; `None`: the batch is the array.
    pub field: Option<Box<str>>,
    /// Which field of the answer is; `None`: the answer is the array.
    pub answers: Option<Box<str>>,
    /// What a client sends.
    pub sends: Sends,
    /// Whether an item may be asked for twice.
    pub is_repeatable: bool,
    /// Where in an item stands what it weighs by, a JSON pointer such as `/text`: the bytes of a text, decoded; the items of
    /// an array. `None`, or if there is neither: the bytes of the item.
    pub weigh: Option<Box<str>>,
}

impl JsonArray {
    pub(super) fn read(&self, body: &[u8]) -> Result<Part, Unbatchable> {
        let value = Value::read(body, REQUEST_DEPTH)?;
        let (values, group) = match self.sends {
            Sends::Item => (vec![value], String::new()),
            Sends::Items => self.items(value)?,
        };
        if values.is_empty() {
            return Err(Unbatchable { why: Why::Empty, at: value.at() });
        }
        let weigh = |value: &Value<'_>| weight(*value, value.text().len(), self.weigh.as_deref());
        Ok(Part {
            group: group.into_bytes().into(),
            weight: values.iter().map(weigh).fold(0, u64::saturating_add),
            is_repeatable: self.is_repeatable,
            items: values.iter().map(|value| Item { text: value.text().into(), id: None }).collect(),
            is_single: self.sends == Sends::Item,
        })
    }

    /// The items of a client's own array, and what stands beside it.
    fn items<'a>(&self, value: Value<'a>) -> Result<(Vec<Value<'a>>, String), Unbatchable> {
        let Some(field) = &self.field else {
            return Ok((value.items().ok_or(misplaced(value))?, String::new()));
        };
        let object = value.object().ok_or(misplaced(value))?;
        let group = siblings(&object, field)?;
        let items = object.get(field)?.ok_or(misplaced(value))?;
        Ok((items.items().ok_or(misplaced(items))?, group))
    }

    pub(super) fn join(&self, parts: &[&Part]) -> Joined {
        let items = array(texts(parts));
        let body = match &self.field {
            Some(field) => super::with_siblings(parts, field, &items),
            None => items,
        };
        Joined { path: None, body: body.into() }
    }

    pub(super) fn split(&self, parts: &[&Part], answer: Answer<'_>) -> Result<Shares, Broken> {
        let document = answer.document()?;
        let object = match &self.answers {
            Some(field) => Some((document.object_of_answer().ok_or(Broken::Form)?, field)),
            None => None,
        };
        let items = match &object {
            Some((object, field)) => object.get(field)?.ok_or(Broken::Form)?,
            None => document,
        };
        let found = items.elements().ok_or(Broken::Form)?.count();
        let expected = texts(parts).count();
        if found != expected {
            return Err(Broken::Length { expected, found });
        }
        let mut items = items.elements().ok_or(Broken::Form)?.map(Piece::of);
        let mut shares = Shares::of(answer.status, parts.len());
        for part in parts {
            let mut own = items.by_ref().take(part.items.len());
            match (part.is_single, &object) {
                (true, _) => shares.cut(own.next().into_iter().collect(), Outcome::Answered),
                (false, Some(_)) => shares.cut_framed(array_of(own.map(Some)), Box::default()),
                (false, None) => shares.cut(array_of(own.map(Some)), Outcome::Answered),
            }
        }
        let frame =
            object.map(|(object, field)| around(&object, |name| (*name == **field).then_some(Piece::Own)));
        Ok(shares.framed(frame.unwrap_or_default()))
    }
}
