//! One worker: a VM of switchyard.wasm, one of outlier.wasm, and what the simulation knows of both.

use crate::attempts::{Attempt, Judge};
use crate::document::Worker;
use std::collections::BTreeMap;
use switchyard_core::Timestamp;
use switchyard_core::memory::Memory;
use switchyard_frame::fake::Roots;
use switchyard_host::fake::{FakeHost, SharedStore};

/// What a VM with little memory may keep, and what its replies may take unread.
pub(crate) const LITTLE: u64 = 32 << 10;

/// One worker.
pub(crate) struct Side {
    pub(crate) worker: Worker,
    pub(crate) judge: Roots<Judge>,
    /// Its VMs have little memory.
    pub(crate) is_small: bool,
    /// How many VMs it had before.
    pub(crate) vm: u32,
    pub(crate) judges_vm: u32,
    /// Until when its host failed at anything.
    pub(crate) faulty_until: u64,
    pub(crate) failing: Option<&'static str>,
    /// Neither ticks nor messages come before.
    pub(crate) late_until: u64,
    /// For how long in all they did not come, and when that was last so.
    pub(crate) lateness: u64,
    pub(crate) last_late: u64,
    /// The attempts that its calls are.
    pub(crate) attempts: BTreeMap<u32, Attempt>,
}

impl Side {
    /// A worker, when the clock on the wall says this.
    pub(crate) fn new(wall: u64, store: &SharedStore, (section, is_small): (&str, bool)) -> Self {
        let now = Timestamp::from_millis(wall);
        Self {
            worker: Self::worker(now, store, section, is_small),
            judge: Self::judge(now, store),
            is_small,
            vm: 0,
            judges_vm: 0,
            faulty_until: 0,
            failing: None,
            late_until: 0,
            lateness: 0,
            last_late: 0,
            attempts: BTreeMap::new(),
        }
    }

    fn worker(now: Timestamp, store: &SharedStore, section: &str, is_small: bool) -> Worker {
        let memory = if is_small { Memory::bounded(LITTLE, LITTLE) } else { Memory::default() };
        let worker = Worker::on(host(now, store), section, memory);
        worker.host.keep_streams_apart();
        worker
    }

    /// outlier.wasm, which has no document of its own.
    fn judge(now: Timestamp, store: &SharedStore) -> Roots<Judge> {
        let judge = Roots::on(host(now, store), "", Memory::default());
        judge.host.keep_streams_apart();
        judge.host.set_property("plugin_root_id", b"outlier");
        judge
    }

    /// Its VM dies, and the next begins.
    pub(crate) fn dies(&mut self, wall: u64, store: &SharedStore, section: &str) {
        self.vm += 1;
        self.worker = Self::worker(Timestamp::from_millis(wall), store, section, self.is_small);
    }

    /// The VM of outlier.wasm dies; what it knew of attempts is gone.
    pub(crate) fn judge_dies(&mut self, wall: u64, store: &SharedStore) {
        self.judges_vm += 1;
        self.judge = Self::judge(Timestamp::from_millis(wall), store);
    }

    /// The clock on the wall says this, to all workers at once.
    pub(crate) fn set_clocks(&self, wall: u64) {
        self.worker.host.set_now(Timestamp::from_millis(wall));
        self.judge.host.set_now(Timestamp::from_millis(wall));
    }

    /// Whether all was well with it for so long.
    pub(crate) fn is_well_since(&self, millis: u64, now: u64) -> bool {
        let is_well = |at: u64| at == 0 || at.saturating_add(millis) < now;
        is_well(self.faulty_until) && is_well(self.last_late)
    }
}

fn host(now: Timestamp, store: &SharedStore) -> FakeHost {
    let host = FakeHost::with_shared(store);
    host.set_now(now);
    host
}
