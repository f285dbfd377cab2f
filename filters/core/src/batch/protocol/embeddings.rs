//! Embeddings, as OpenAI's interface has them: `{"model": …, "input": …}`.
//!
//! Invariants: a vector goes to the client whose input has its `index`, wherever it stands, and is counted from 0
//! for that client; a batch holds texts or tokens, not both; what is used is shared out by weight, and adds up. Places say whose a
//! vector is only where the operator says so, and where no vector of the answer has an index.
//! Trade-offs: tokens of texts are estimated by their bytes, since only the model's own tokenizer can count them.
//! Figures of use that are no whole numbers are left out of shares: they could be shared out in no way that adds up.
//! Inputs that the server would refuse, an empty text or one that is too long, go by themselves: they would fail all
//! others'.
//! Source: OpenAI's reference, "create embeddings": at most 2048 inputs, 8192 tokens each, 300,000 in all; the order of
//! `data` is that of `index`, not always that of places (openai-python issue 420).

use super::apportion::apportion;
use super::{around, array, misplaced, siblings, texts, with_siblings};
use crate::batch::json::{REQUEST_DEPTH, Value, quoted};
use crate::batch::part::Item;
use crate::batch::shares::{Piece, Shares, array as array_of};
use crate::batch::{Answer, Broken, Joined, Part, Share, Unbatchable, Why};

const INPUT: &str = "input";
/// How deep figures of use are: details of totals.
const USAGE_DEPTH: u32 = 4;
/// The longest figures of use, in bytes; the usual ones have a hundred.
const MOST_USAGE: usize = 4 << 10;

/// The embeddings protocol.
#[derive(Clone, Debug)]
pub struct Embeddings {
    /// The most inputs of a request.
    pub max_items: usize,
    /// The most tokens of an input.
    pub max_item_tokens: u64,
    /// The most tokens of a request.
    pub max_tokens: u64,
    /// How many bytes of a text are taken for a token; at least 1. Fewer are more cautious: English has four or five,
    /// other languages about two, and no tokenizer that works on bytes makes more tokens than there are bytes.
    pub bytes_per_token: u64,
    /// Vectors without an index are in the order of the inputs, if none has one and there are as many.
    pub is_ordered: bool,
}

impl Default for Embeddings {
    fn default() -> Self {
        Self {
            max_items: 2048,
            max_item_tokens: 8192,
            max_tokens: 300_000,
            bytes_per_token: 3,
            is_ordered: false,
        }
    }
}

impl Embeddings {
    pub(super) fn read(&self, body: &[u8]) -> Result<Part, Unbatchable> {
        let value = Value::read(body, REQUEST_DEPTH)?;
        let object = value.object().ok_or(misplaced(value))?;
        let mut group = siblings(&object, INPUT)?;
        let input = object.get(INPUT)?.ok_or(misplaced(value))?;
        let (inputs, is_single) = inputs(input)?;
        let are_tokens = inputs.first().is_some_and(|input| input.is_array());
        let (mut items, mut weight) = (Vec::with_capacity(inputs.len()), 0_u64);
        for input in inputs {
            if input.is_array() != are_tokens {
                return Err(misplaced(input));
            }
            let tokens = self.tokens(input)?;
            if tokens > self.max_item_tokens {
                return Err(Unbatchable { why: Why::Limit, at: input.at() });
            }
            weight = weight.saturating_add(tokens);
            items.push(Item { text: input.text().into(), id: None });
        }
        if items.len() > self.max_items || weight > self.max_tokens {
            return Err(Unbatchable { why: Why::Limit, at: input.at() });
        }
        // No field ends in a space, which so tells tokens from texts.
        group.extend(are_tokens.then_some(' '));
        Ok(Part { group: group.into_bytes().into(), weight, is_repeatable: true, items, is_single })
    }

    pub(super) fn split(&self, parts: &[&Part], answer: Answer<'_>) -> Result<Shares, Broken> {
        let object = answer.document()?.object_of_answer().ok_or(Broken::Form)?;
        let data = object.get("data")?.ok_or(Broken::Form)?;
        let mut vectors = in_order(data, texts(parts).count(), self.is_ordered)?.into_iter();
        let weights: Vec<_> = parts.iter().map(|part| part.weight).collect();
        let usage = object.get("usage")?.filter(|usage| usage.is_object());
        // Everybody gets figures of its own, which are written anew.
        if usage.is_some_and(|usage| usage.text().len() > MOST_USAGE) {
            return Err(Broken::Form);
        }
        let mut shares = Shares::of(answer.status, parts.len());
        for (place, part) in parts.iter().enumerate() {
            let own = vectors.by_ref().take(part.items.len()).enumerate();
            let own = own.map(|(number, vector)| renumbered(vector, number));
            let used = usage.and_then(|usage| used(usage, &weights, place, USAGE_DEPTH));
            shares.cut_framed(array_of(own), used.unwrap_or_default().into());
        }
        Ok(shares.framed(around(&object, |name| match name {
            "data" => Some(Piece::Own),
            "usage" => usage.map(|_| Piece::Use),
            _ => None,
        })))
    }

    /// The tokens of an input, which has some.
    fn tokens(&self, input: Value<'_>) -> Result<u64, Unbatchable> {
        let count = if input.is_string() {
            let bytes = input.text().len().saturating_sub(2);
            u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(self.bytes_per_token.max(1))
        } else {
            let tokens = input.items().ok_or(misplaced(input))?;
            if let Some(other) = tokens.iter().find(|token| token.whole_number().is_none()) {
                return Err(misplaced(*other));
            }
            u64::try_from(tokens.len()).unwrap_or(u64::MAX)
        };
        if count == 0 { Err(Unbatchable { why: Why::Empty, at: input.at() }) } else { Ok(count) }
    }
}

/// The inputs that there are, and whether they are one without a list around it.
fn inputs(input: Value<'_>) -> Result<(Vec<Value<'_>>, bool), Unbatchable> {
    if input.is_string() {
        return Ok((vec![input], true));
    }
    let items = input.items().ok_or(misplaced(input))?;
    match items.first() {
        None => Err(Unbatchable { why: Why::Empty, at: input.at() }),
        // An array of numbers is one text in tokens.
        Some(first) if first.is_number() => Ok((vec![input], true)),
        Some(_) => Ok((items, false)),
    }
}

pub(super) fn join(parts: &[&Part]) -> Joined {
    Joined { path: None, body: with_siblings(parts, INPUT, &array(texts(parts))).into() }
}

/// A vector, and where its index stands in it, if it has one.
type Vector<'a> = (Value<'a>, Option<Value<'a>>);

/// All vectors in the order of their inputs.
fn in_order(data: Value<'_>, expected: usize, is_ordered: bool) -> Result<Vec<Vector<'_>>, Broken> {
    let mut vectors = Vec::new();
    let found = data.elements().ok_or(Broken::Form)?.count();
    if found != expected {
        return Err(Broken::Length { expected, found });
    }
    for vector in data.elements().ok_or(Broken::Form)? {
        let index = vector.object_of_answer().ok_or(Broken::Form)?.get("index")?;
        vectors.push((vector, index));
    }
    if is_ordered && vectors.iter().all(|(_, index)| index.is_none()) {
        return Ok(vectors);
    }
    let mut placed = vec![None; expected];
    for (vector, index) in vectors {
        let place = index.ok_or(Broken::NoId)?.number_or_text().and_then(|index| usize::try_from(index).ok());
        let slot = place.and_then(|place| placed.get_mut(place)).ok_or(Broken::OtherId)?;
        if slot.replace((vector, index)).is_some() {
            return Err(Broken::SameId);
        }
    }
    placed.into_iter().collect::<Option<_>>().ok_or(Broken::OtherId)
}

/// A client's vector, whose index is its place among that client's, written as the server writes indices.
fn renumbered((vector, index): Vector<'_>, number: usize) -> Vec<Piece> {
    match index {
        None => vec![Piece::of(vector)],
        Some(index) if index.is_string() => Piece::replaced(vector, index, &format!("\"{number}\"")).into(),
        Some(index) => Piece::replaced(vector, index, &number.to_string()).into(),
    }
}

/// One part's share of all figures of use; `None` if there are none.
fn used(usage: Value<'_>, weights: &[u64], place: usize, depth: u32) -> Option<String> {
    let object = usage.object()?;
    let figure = |value: Value<'_>| {
        if let Some(total) = value.whole_number() {
            return apportion(total, weights).get(place).map(u64::to_string);
        }
        if value.is_object() && depth > 1 {
            return used(value, weights, place, depth - 1);
        }
        (value.is_null() || value.is_string()).then(|| value.text().to_owned())
    };
    let figures = object.fields.iter();
    let figures = figures.filter_map(|field| Some([field.key.text(), ":", &figure(field.value)?].concat()));
    Some(["{", &figures.collect::<Vec<_>>().join(","), "}"].concat())
}

/// An error as the interface has them.
pub(super) fn failure(status: u16, message: &str) -> Share {
    let message = quoted(message);
    let (kind, code) = match status {
        504 => ("server_error", "timeout"),
        500.. => ("server_error", "upstream_error"),
        429 => ("rate_limit_error", "rate_limit_exceeded"),
        _ => ("invalid_request_error", "invalid_request"),
    };
    let error = format!(r#"{{"message":{message},"type":"{kind}","param":null,"code":"{code}"}}"#);
    Share::json(status, format!(r#"{{"error":{error}}}"#))
}
