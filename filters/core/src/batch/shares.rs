//! What each client gets of an answer, as places of that answer.
//!
//! Invariants: what it says of an answer grows with the answer's items and fields, and never with their size; a share is made only
//! when it is asked for, exactly as long as it is, and without a trap where there is no memory for it; how long it is costs no walk over
//! its pieces, of which there may be as many as the answer has fields.
//! Trade-off: the answer must be kept until the last share is made.

use super::json::Value;
use super::share::{Outcome, Share};
use crate::memory;
use core::ops::Range;

/// A piece of a share's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// This place of the answer.
    Place(Range<usize>),
    /// A text of ours, or of the client's.
    Text(Box<str>),
    /// A sign of JSON.
    Sign(&'static str),
    /// In what stands around: what is the client's own.
    Own,
    /// In what stands around: the client's figures of use.
    Use,
}

impl Piece {
    /// A value as it stands in the answer.
    pub(super) fn of(value: Value<'_>) -> Self {
        Self::Place(value.at()..value.at() + value.text().len())
    }

    /// A value with a text in place of `inner`, a value within it.
    pub(super) fn replaced(value: Value<'_>, inner: Value<'_>, text: &str) -> [Self; 3] {
        let end = inner.at() + inner.text().len();
        [
            Self::Place(value.at()..inner.at()),
            Self::Text(text.into()),
            Self::Place(end..value.at() + value.text().len()),
        ]
    }

    fn text<'a>(&'a self, answer: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Place(place) => answer.get(place.clone()).unwrap_or_default(),
            Self::Text(text) => text.as_bytes(),
            Self::Sign(sign) => sign.as_bytes(),
            Self::Own | Self::Use => &[],
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Place(place) => place.len(),
            Self::Text(text) => text.len(),
            Self::Sign(sign) => sign.len(),
            Self::Own | Self::Use => 0,
        }
    }
}

/// Several pieces as an array.
pub(super) fn array(items: impl Iterator<Item = impl IntoIterator<Item = Piece>>) -> Vec<Piece> {
    let mut pieces = vec![Piece::Sign("[")];
    for item in items {
        pieces.extend((pieces.len() > 1).then_some(Piece::Sign(",")));
        pieces.extend(item);
    }
    pieces.push(Piece::Sign("]"));
    pieces
}

/// One client's share.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cut {
    /// It has nothing of the answer.
    Made(Share),
    /// Its pieces and figures of use, with what stands around, or without.
    Pieces { own: Pieces, used: Box<str>, is_framed: bool, outcome: Outcome },
}

/// Pieces one after another, and how long they are, without what is a client's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pieces {
    list: Vec<Piece>,
    length: usize,
}

impl From<Vec<Piece>> for Pieces {
    fn from(list: Vec<Piece>) -> Self {
        let length = list.iter().map(Piece::length).sum();
        Self { list, length }
    }
}

/// What stands around what is a client's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    pieces: Pieces,
    /// How often a client's own is in it.
    own: usize,
    /// How often its figures of use are.
    used: usize,
}

/// Every client's share of an answer, in the order of their parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    status: u16,
    cuts: Vec<Cut>,
    frame: Frame,
}

impl Shares {
    /// None yet, of an answer with this status.
    pub(super) fn of(status: u16, parts: usize) -> Self {
        Self { status, cuts: Vec::with_capacity(parts), frame: Frame::default() }
    }

    /// With this around what is a client's own, where it is to be.
    pub(super) fn framed(mut self, frame: Vec<Piece>) -> Self {
        let count = |wanted| frame.iter().filter(|piece| **piece == wanted).count();
        let (own, used) = (count(Piece::Own), count(Piece::Use));
        self.frame = Frame { pieces: frame.into(), own, used };
        self
    }

    /// The next client gets this.
    pub(super) fn made(&mut self, share: Share) {
        self.cuts.push(Cut::Made(share));
    }

    /// The next client gets these pieces as a document.
    pub(super) fn cut(&mut self, own: Vec<Piece>, outcome: Outcome) {
        self.cuts.push(Cut::Pieces { own: own.into(), used: Box::default(), is_framed: false, outcome });
    }

    /// The next client gets these pieces, and these figures of use, in what stands around.
    pub(super) fn cut_framed(&mut self, own: Vec<Piece>, used: Box<str>) {
        self.cuts.push(Cut::Pieces { own: own.into(), used, is_framed: true, outcome: Outcome::Answered });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.cuts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    /// How long the body of one is, in bytes.
    pub fn length(&self, place: usize) -> usize {
        match self.cuts.get(place) {
            Some(Cut::Made(share)) => share.body.len(),
            Some(Cut::Pieces { own, is_framed: false, .. }) => own.length,
            Some(Cut::Pieces { own, used, .. }) => {
                let Frame { pieces, own: owns, used: uses } = &self.frame;
                pieces.length + own.length * owns + used.len() * uses
            }
            None => 0,
        }
    }

    /// Whether the upstream has left some undone.
    pub(super) fn is_cut_off(&self) -> bool {
        (0..self.cuts.len()).any(|place| self.outcome(place) == Outcome::Undone)
    }

    /// How one came about.
    pub fn outcome(&self, place: usize) -> Outcome {
        match self.cuts.get(place) {
            Some(Cut::Made(share)) => share.outcome,
            Some(Cut::Pieces { outcome, .. }) => *outcome,
            None => Outcome::Lost,
        }
    }

    /// One of them, made from the answer that they are of; `None`: there is none, or no memory for it.
    pub fn share(&self, place: usize, answer: &[u8]) -> Option<Share> {
        let (own, used, is_framed, outcome) = match self.cuts.get(place)? {
            Cut::Made(share) => return Some(share.clone()),
            Cut::Pieces { own, used, is_framed, outcome } => (own, used, *is_framed, *outcome),
        };
        let mut body = memory::buffer(self.length(place))?;
        let write = |body: &mut Vec<u8>, pieces: &[Piece]| {
            pieces.iter().for_each(|piece| body.extend_from_slice(piece.text(answer)));
        };
        if !is_framed {
            write(&mut body, &own.list);
        }
        for piece in self.frame.pieces.list.iter().filter(|_| is_framed) {
            match piece {
                Piece::Own => write(&mut body, &own.list),
                Piece::Use => body.extend_from_slice(used.as_bytes()),
                other => body.extend_from_slice(other.text(answer)),
            }
        }
        Some(Share { outcome, ..Share::json(self.status, body) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::json::ANSWER_DEPTH;

    fn body(shares: &Shares, place: usize, answer: &str) -> String {
        let share = shares.share(place, answer.as_bytes()).expect("memory");
        assert_eq!(share.body.len(), shares.length(place));
        String::from_utf8(share.body).expect("a text")
    }

    #[test]
    fn a_value_within_another_is_exchanged_and_all_else_is_as_it_was() {
        let answer = r#" [0, { "id" : 17, "x":17 }]"#;
        let value = Value::read(answer.as_bytes(), ANSWER_DEPTH).expect("JSON").items().expect("an array")[1];
        let id = value.object().expect("an object").get("id").expect("once").expect("there");
        let mut shares = Shares::of(200, 1);
        shares.cut(Piece::replaced(value, id, r#""mine""#).into(), Outcome::Answered);
        assert_eq!(body(&shares, 0, answer), r#"{ "id" : "mine", "x":17 }"#);
    }

    #[test]
    fn what_stands_around_is_measured_once_however_many_ask_for_lengths() {
        let frame =
            vec![Piece::Sign("{"), Piece::Place(0..7), Piece::Own, Piece::Use, Piece::Own, Piece::Sign("}")];
        let mut shares = Shares::of(200, 2).framed(frame);
        shares.cut_framed(vec![Piece::Text("abc".into()), Piece::Place(0..10)], "12".into());
        shares.cut(vec![Piece::Place(3..8)], Outcome::Answered);
        // With the pieces gone only what was measured is left.
        shares.frame.pieces.list.clear();
        for cut in &mut shares.cuts {
            let Cut::Pieces { own, .. } = cut else { continue };
            own.list.clear();
        }
        assert_eq!((shares.length(0), shares.length(1)), (1 + 7 + 13 + 2 + 13 + 1, 5));
    }

    #[test]
    fn what_stands_around_is_everybodys() {
        let frame = vec![
            Piece::Sign("{"),
            Piece::Place(1..4),
            Piece::Sign(":"),
            Piece::Own,
            Piece::Text(r#","use":"#.into()),
            Piece::Use,
            Piece::Sign("}"),
        ];
        let answer = r#"["a",10,20]"#;
        let mut shares = Shares::of(200, 3).framed(frame);
        shares.cut_framed(array([[Piece::Place(5..7)], [Piece::Place(8..10)]].into_iter()), "1".into());
        shares.cut_framed(array(core::iter::empty::<[Piece; 0]>()), "2".into());
        shares.made(Share::nothing());
        assert_eq!(body(&shares, 0, answer), r#"{"a":[10,20],"use":1}"#);
        assert_eq!(body(&shares, 1, answer), r#"{"a":[],"use":2}"#);
        assert_eq!((body(&shares, 2, answer), shares.len()), (String::new(), 3));
        assert_eq!(shares.share(3, answer.as_bytes()), None);
    }
}
