//! The windows of all endpoints of one upstream, as one value of shared data: what workers counted, merged.
//!
//! Each worker adds what it counted when a bucket is over; the first to claim the evaluation of a bucket does it,
//! so that an `enforcing` percentage draws once and not once per worker, and a worker that dies costs one
//! bucket and no more.
//!
//! Layout, little-endian: version u8 and three zero bytes, the bucket evaluated last u32, then a record per endpoint. What
//! an older version wrote is dropped, it is worth seconds; what a newer one wrote is left alone. Invariant: bounded by the endpoints; those without a count within the window have no record.

use super::ledger::{EndpointKey, VERSION};
use super::window::{BUCKETS, Counts, STEPS, Window};
use crate::wire::{Reader, Writer};
use hashbrown::HashMap;

/// Bytes of one bucket: its number, two counts, a histogram.
const BUCKET_BYTES: usize = 12 + 2 * STEPS;
/// Bytes of one endpoint.
const RECORD_BYTES: usize = 8 + BUCKETS * BUCKET_BYTES;

/// The windows of an upstream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    evaluated: u32,
    windows: HashMap<u64, Window>,
    read_only: bool,
}

impl Tally {
    /// The tally in these bytes; empty if this module cannot read them.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let header = (reader.array::<4>(), reader.word());
        let (Some([version, ..]), Some(evaluated)) = header else { return Self::default() };
        if version != VERSION {
            return Self { read_only: version > VERSION, ..Self::default() };
        }
        let windows = reader.rest().chunks_exact(RECORD_BYTES).filter_map(decode_window).collect();
        Self { evaluated, windows, read_only: false }
    }

    /// The bytes of this tally as of bucket `now`; an empty one, if there is no memory for it.
    pub fn encode(&self, now: u32) -> Vec<u8> {
        let mut writer = Writer::with_room(8 + self.windows.len() * RECORD_BYTES);
        writer.raw(&[VERSION, 0, 0, 0]).word(self.evaluated);
        for (key, window) in self.windows.iter().filter(|(_, window)| !window.sum(now, None).is_empty()) {
            writer.long(*key);
            for (number, counts) in &window.0 {
                writer.word(*number).word(counts.attempts).word(counts.failures);
                for step in &counts.latency.0 {
                    writer.half(*step);
                }
            }
        }
        writer.finish().unwrap_or_default()
    }

    /// Whether a newer version of Switchyard wrote it: not to be written over.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Adds what a worker counted for `key` in bucket `number`.
    pub fn add(&mut self, key: EndpointKey, number: u32, counts: &Counts) {
        if !counts.is_empty() {
            self.windows.entry(key.0).or_default().add(number, counts);
        }
    }

    /// What `key` did within the window that ends with bucket `now`, and not before bucket `since`.
    pub fn sum(&self, key: EndpointKey, now: u32, since: Option<u32>) -> Counts {
        self.windows.get(&key.0).map_or_else(Counts::default, |window| window.sum(now, since))
    }

    /// Claims the evaluation of bucket `number`; `false` if somebody has it.
    pub fn claim(&mut self, number: u32) -> bool {
        // 0 stands for none yet, so where numbers go round bucket 0 is claimed together with bucket 1.
        let number = number.max(1);
        // Numbers go round, so one that is ahead is far behind, too. So is a clock that was set back; a late worker is not.
        let behind = self.evaluated.wrapping_sub(number);
        let claimed = self.evaluated == 0 || behind as usize > BUCKETS;
        if claimed {
            self.evaluated = number;
        }
        claimed
    }

    /// Forgets the endpoints that `keep` refuses.
    pub fn retain(&mut self, keep: impl Fn(EndpointKey) -> bool) {
        self.windows.retain(|key, _| keep(EndpointKey(*key)));
    }

    /// How many endpoints have counts.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }
}

fn decode_window(bytes: &[u8]) -> Option<(u64, Window)> {
    let mut reader = Reader::new(bytes);
    let key = reader.long()?;
    let mut window = Window::default();
    for (number, counts) in &mut window.0 {
        *number = reader.word()?;
        (counts.attempts, counts.failures) = (reader.word()?, reader.word()?);
        for step in &mut counts.latency.0 {
            *step = reader.half()?;
        }
    }
    Some((key, window))
}
