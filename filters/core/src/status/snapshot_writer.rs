//! Writes what one worker says of itself, as far as there is room.
//!
//! Invariants: counters have half of the room at least, and so have upstreams with their endpoints, so that neither pushes the other out;
//! what one of them does not need the other may have. Behind the first that has no room none of its kind is written, so that endpoints stand behind their own
//! upstream; counters and upstreams that are left out are counted. What is left out is not asked for: a snapshot is bounded in time, too.

use super::snapshot::{
    AMOUNT, AMOUNT_OF_VM, COUNTER, ENDPOINT, EndpointView, HEAD, LAYOUT, MOST_SNAPSHOT, NO_SHARE, TRUNCATED,
    UPSTREAM, UpstreamView, Worker,
};
use super::transitions::number;
use super::{MOST_NAME, cut};
use crate::Locality;
use crate::wire::Writer;

/// Bytes behind the head, but for what says that it is cut short.
const ROOM: usize = MOST_SNAPSHOT - HEAD - 16;
/// Of a counter, beside its name.
const BESIDE_NAME: usize = 16;

/// A snapshot in the making.
#[derive(Debug)]
pub struct SnapshotWriter {
    out: Writer,
    left: usize,
    /// So many of those are not for upstreams.
    kept: usize,
    says_all: bool,
    is_cut: bool,
    is_full_of_counters: bool,
    counters_left_out: u32,
    upstreams_left_out: u32,
}

impl SnapshotWriter {
    /// One of this worker.
    pub fn new(worker: Worker) -> Self {
        let mut out = Writer::default();
        out.byte(LAYOUT).word(worker.number).word(worker.vm).word(worker.queue);
        out.time(worker.began).time(worker.configured).time(worker.written);
        Self {
            out,
            left: ROOM,
            kept: 0,
            says_all: true,
            is_cut: false,
            is_full_of_counters: false,
            counters_left_out: 0,
            upstreams_left_out: 0,
        }
    }

    /// One of a worker whose requests another root of its VM gets by now: it says what it holds itself, and the other one all else.
    pub fn of_succeeded(worker: Worker) -> Self {
        Self { says_all: false, ..Self::new(worker) }
    }

    /// Whether what the VM counts, and how it has upstreams, is for this worker to say.
    pub fn says_all(&self) -> bool {
        self.says_all
    }

    /// The bytes of it; `None`: there is no memory for them.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.is_cut || self.counters_left_out > 0 || self.upstreams_left_out > 0 {
            self.out.byte(TRUNCATED).word(self.counters_left_out).word(self.upstreams_left_out);
        }
        self.out.finish()
    }

    /// How much room a counter of a name of this length takes.
    pub fn room_of(name: usize) -> usize {
        name.saturating_add(BESIDE_NAME)
    }

    /// Counters that take so much room come behind the upstreams, which leave it to them, up to half of all there is.
    pub fn keep_room(&mut self, room: usize) {
        self.kept = room.min(ROOM / 2);
    }

    /// A counter or gauge stands so; its value is asked for if there is room. `None`: it has none.
    pub fn counter(&mut self, name: &str, value: impl FnOnce() -> Option<u64>) {
        self.numbered(COUNTER, [name, ""], value);
    }

    /// This worker has so much of something, beside what others have.
    pub fn amount(&mut self, name: &str, value: u64) {
        self.numbered(AMOUNT, [name, ""], || Some(value));
    }

    /// The VM of this worker has so much of something of this name with this end, beside what other VMs have.
    pub fn amount_of_vm(&mut self, name: &str, end: &str, value: u64) {
        self.numbered(AMOUNT_OF_VM, [name, end], || Some(value));
    }

    fn numbered(&mut self, kind: u8, name: [&str; 2], value: impl FnOnce() -> Option<u64>) {
        let length: usize = name.iter().map(|part| part.len()).sum();
        let left = self.left.checked_sub(Self::room_of(length)).filter(|_| !self.is_full_of_counters);
        self.is_full_of_counters = left.is_none();
        // A name that is not kept whole would be another one's.
        let Some(left) = left.filter(|_| length <= 2 * MOST_NAME) else {
            self.counters_left_out = self.counters_left_out.saturating_add(1);
            return;
        };
        if let Some(value) = value() {
            self.left = left;
            self.out.byte(kind).count(length);
            name.iter().for_each(|part| {
                self.out.raw(part.as_bytes());
            });
            self.out.long(value);
        }
    }

    /// An upstream, whose endpoints are told next; whether it has room, and they may be.
    pub fn upstream(&mut self, view: &UpstreamView<'_>) -> bool {
        let texts = [view.name, view.cluster, view.policy, view.source].map(|text| cut(text, MOST_NAME));
        let has_room = self.has_room(texts.iter().map(|text| text.len() + 4).sum::<usize>() + 16);
        if has_room {
            self.out.byte(UPSTREAM);
            for text in texts {
                self.out.bytes(text.as_bytes());
            }
            self.out.time(view.read_at).word(view.endpoints);
        } else {
            self.leave_out_upstream();
        }
        has_room
    }

    /// Whether nothing more of upstreams has room.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// An upstream is not told of.
    pub fn leave_out_upstream(&mut self) {
        self.upstreams_left_out = self.upstreams_left_out.saturating_add(1);
    }

    /// One of its endpoints; whether it has room, and others may be told.
    pub fn endpoint(&mut self, view: &EndpointView<'_>) -> bool {
        let Locality { region, zone, sub_zone } = &view.locality;
        let texts = [view.address, region, zone, sub_zone].map(|text| cut(text, MOST_NAME));
        let has_room = self.has_room(texts.iter().map(|text| text.len() + 4).sum::<usize>() + 26);
        if has_room {
            self.out.byte(ENDPOINT);
            for text in texts {
                self.out.bytes(text.as_bytes());
            }
            self.out.word(view.priority).word(view.weight).word(view.share_ppm.unwrap_or(NO_SHARE));
            self.out.byte(number(view.health));
            self.out.word(view.in_flight).long(u64::try_from(view.expected.as_nanos()).unwrap_or(u64::MAX));
        }
        has_room
    }

    /// Whether so many bytes more of upstreams have room; from the first that have none on, nothing of them has.
    fn has_room(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes).filter(|left| *left >= self.kept && !self.is_cut);
        self.is_cut = left.is_none();
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}
