//! Which documents the roots of one module have taken, and which they have refused, as one value of shared data.
//!
//! A configuration is read by the main thread and by every worker, one soon after the other, so the same one is told many times: it counts once.
//! So it does if two listeners have one `root_id` and a document each, which are told by turns. Invariants: at most [`MOST_ROOTS`] roots, the one
//! that told something last first; texts are cut; of a root [`MOST_TOLD`] documents are remembered. Trade-off: a document that is taken
//! again within [`SAME_TAKEN`], or refused within [`SAME`], does not count again, though it was meant so; of documents that serve by turns the last one told is shown.

use super::{MOST_NAME, cut};
use crate::Timestamp;
use crate::hash::xxh64;
use crate::wire::{Reader, Writer};
use core::time::Duration;

/// As many roots of a module are remembered.
pub const MOST_ROOTS: usize = 16;
/// The longest text of a refusal.
const MOST_TEXT: usize = 2048;
/// All threads have refused the same document within so long.
const SAME: Duration = Duration::from_secs(5);
/// A document is not counted again within so long: as much time may pass until a thread that has no work for it takes it.
const SAME_TAKEN: Duration = Duration::from_secs(60);
/// As many documents of a root are remembered, for not to be counted again.
const MOST_TOLD: usize = 8;
const LAYOUT: u8 = 1;

/// A document that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// A number that only documents with the same bytes have.
    pub hash: u64,
    /// Since when.
    pub since: Timestamp,
    /// What the filter does under it, in its own words.
    pub summary: Box<str>,
}

/// A document that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// A number that only the same words have.
    hash: u64,
    /// When it was refused last.
    pub at: Timestamp,
    /// Why.
    pub text: Box<str>,
}

/// What one root has taken and refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfRoot {
    /// Its `root_id`.
    pub root: Box<str>,
    /// What serves.
    pub in_force: Option<InForce>,
    /// How many it has taken.
    pub accepted: u32,
    /// How many it has refused.
    pub refused: u32,
    /// What it has refused last.
    pub refusal: Option<Refused>,
    /// The last documents that counted, and when: the newest first.
    told: Vec<(u64, Timestamp)>,
}

/// All roots of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configurations(Vec<OfRoot>);

impl Configurations {
    /// Those in these bytes; `None`: another version of Switchyard has written them, and this one must not write over them.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let mut from = Reader::new(bytes);
        let is_ours = from.byte() == Some(LAYOUT);
        let read = core::iter::from_fn(|| read(&mut from)).take(MOST_ROOTS);
        is_ours.then(|| Self(read.collect()))
    }

    /// The bytes of them; `None`: there is no memory for them.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        out.byte(LAYOUT);
        for one in &self.0 {
            out.bytes(one.root.as_bytes()).word(one.accepted).word(one.refused);
            let none = InForce { hash: 0, since: Timestamp::default(), summary: Box::default() };
            let in_force = one.in_force.as_ref();
            let InForce { hash, since, summary } = in_force.unwrap_or(&none);
            out.byte(u8::from(in_force.is_some())).long(*hash).time(*since).bytes(summary.as_bytes());
            let none = Refused { hash: 0, at: Timestamp::default(), text: Box::default() };
            let refusal = one.refusal.as_ref();
            let Refused { hash, at, text } = refusal.unwrap_or(&none);
            out.byte(u8::from(refusal.is_some())).long(*hash).time(*at).bytes(text.as_bytes());
            out.count(one.told.len());
            for (hash, at) in &one.told {
                out.long(*hash).time(*at);
            }
        }
        out.finish()
    }

    /// All of them.
    pub fn roots(&self) -> &[OfRoot] {
        &self.0
    }

    /// A root has taken the document with this number. Whether that is news.
    pub fn accept(&mut self, root: &str, hash: u64, summary: &str, now: Timestamp) -> bool {
        let Some(one) = self.of(root) else { return false };
        if one.in_force.as_ref().is_some_and(|known| known.hash == hash) {
            return false;
        }
        if !one.told.iter().any(|(known, at)| *known == hash && !now.is_due(*at, SAME_TAKEN)) {
            one.accepted = one.accepted.saturating_add(1);
            one.told.retain(|(known, _)| *known != hash);
            one.told.insert(0, (hash, now));
            one.told.truncate(MOST_TOLD);
        }
        one.in_force = Some(InForce { hash, since: now, summary: cut(summary, MOST_TEXT).into() });
        true
    }

    /// A root has refused a document, for this reason. Whether that is news.
    pub fn refuse(&mut self, root: &str, why: &str, now: Timestamp) -> bool {
        let hash = xxh64(why.as_bytes(), 0);
        let Some(one) = self.of(root) else { return false };
        let is_same = |known: &Refused| known.hash == hash && !now.is_due(known.at, SAME);
        if one.refusal.as_ref().is_some_and(is_same) {
            return false;
        }
        one.refused = one.refused.saturating_add(1);
        one.refusal = Some(Refused { hash, at: now, text: cut(why, MOST_TEXT).into() });
        true
    }

    /// What is known of this root, which is the first now.
    fn of(&mut self, root: &str) -> Option<&mut OfRoot> {
        let root = cut(root, MOST_NAME);
        let place = self.0.iter().position(|one| *one.root == *root);
        let known = place.map(|place| self.0.remove(place));
        self.0.insert(0, known.unwrap_or_else(|| OfRoot { root: root.into(), ..OfRoot::default() }));
        self.0.truncate(MOST_ROOTS);
        self.0.first_mut()
    }
}

fn read(from: &mut Reader<'_>) -> Option<OfRoot> {
    let (root, accepted, refused) = (from.text()?.into(), from.word()?, from.word()?);
    let is_in_force = from.byte()? != 0;
    let in_force = InForce { hash: from.long()?, since: from.time()?, summary: from.text()?.into() };
    let is_refused = from.byte()? != 0;
    let refusal = Refused { hash: from.long()?, at: from.time()?, text: from.text()?.into() };
    let count = from.word()?;
    let told = (0..count).map_while(|_| Some((from.long()?, from.time()?))).take(MOST_TOLD).collect();
    Some(OfRoot {
        root,
        accepted,
        refused,
        in_force: is_in_force.then_some(in_force),
        refusal: is_refused.then_some(refusal),
        told,
    })
}
