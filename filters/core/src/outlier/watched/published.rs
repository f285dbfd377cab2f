//! What the documents in force say of ejection, as one value of shared data: a part for each filter that has taken one in.
//!
//! A part is written with the first request that comes under a document, not when the document is read: Envoy has documents read that never
//! serve. Invariants: an older document never takes a newer one's place, though its last requests come later; there are at most [`MOST_PARTS`] parts of
//! [`MOST_BYTES`] together, and the oldest give way. Trade-off: two filters with one root_id and different documents share a part, and the one that
//! was configured last has it.

use super::{Watched, codec};
use crate::Timestamp;
use crate::wire::{Reader, Writer};

/// Parts that are kept.
pub const MOST_PARTS: usize = 16;
/// Bytes of all of them; some 200,000 endpoints.
pub const MOST_BYTES: usize = 8 << 20;
/// Of what stands in shared data.
const VERSION: u8 = 2;

/// What one document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose it is: the root_id of the filter that has taken it in.
    pub source: Vec<u8>,
    /// A number that only documents with the same bytes have.
    pub document: u64,
    /// How many documents had been in force at this source when this one was read, and itself.
    pub turn: u64,
    /// When it was read.
    pub read_at: Timestamp,
    watched: Vec<u8>,
}

impl Part {
    /// A part of these upstreams.
    pub fn new(source: Vec<u8>, document: u64, read_at: Timestamp, watched: &[Watched]) -> Self {
        Self { source, document, turn: 0, read_at, watched: codec::encode(watched) }
    }

    /// Its upstreams; `None` if the bytes break off.
    pub fn watched(&self) -> Option<Vec<Watched>> {
        codec::decode(&self.watched)
    }

    fn size(&self) -> usize {
        self.source.len().saturating_add(self.watched.len())
    }
}

/// All parts, the one that was read last first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    parts: Vec<Part>,
}

impl Published {
    /// What stands in these bytes; nothing if this module cannot read them.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut from = Reader::new(bytes);
        let mut parts = Vec::new();
        if from.byte() == Some(VERSION) {
            parts.extend(core::iter::from_fn(|| read_part(&mut from)).take(MOST_PARTS));
        }
        Self { parts }
    }

    /// The bytes of it; none: there is no memory for them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(VERSION);
        for part in &self.parts {
            out.bytes(&part.source)
                .long(part.document)
                .long(part.turn)
                .time(part.read_at)
                .bytes(&part.watched);
        }
        out.finish().unwrap_or_default()
    }

    /// All parts, the one that was read last first.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The turn of a document that is read now.
    pub fn next_turn(&self, source: &[u8], document: u64) -> u64 {
        let known = self.parts.iter().find(|part| part.source == source);
        known.map_or(1, |part| part.turn.saturating_add(u64::from(part.document != document)))
    }

    /// Puts this part in its source's place, unless a newer document has it, it is there already, or it says nothing and nothing was said
    /// before. Whether it did.
    pub fn put(&mut self, part: &Part) -> bool {
        let known = self.parts.iter().find(|known| known.source == part.source);
        let stays = match known {
            Some(known) => {
                known.document == part.document || (known.turn, known.read_at) > (part.turn, part.read_at)
            }
            None => part.watched.is_empty(),
        };
        if stays || part.size() > MOST_BYTES {
            return false;
        }
        self.parts.retain(|known| known.source != part.source);
        let place = self.parts.iter().position(|known| known.read_at <= part.read_at);
        self.parts.insert(place.unwrap_or(self.parts.len()), part.clone());
        self.parts.truncate(MOST_PARTS);
        while self.parts.iter().map(Part::size).sum::<usize>() > MOST_BYTES {
            self.parts.pop();
        }
        true
    }
}

fn read_part(from: &mut Reader<'_>) -> Option<Part> {
    Some(Part {
        source: from.bytes()?.to_vec(),
        document: from.long()?,
        turn: from.long()?,
        read_at: from.time()?,
        watched: from.bytes()?.to_vec(),
    })
}
