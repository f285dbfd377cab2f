//! What is outside the workers of a proxy: time, randomness, the slots and the queues that they share.
//!
//! Time goes from one thing that is to happen to the next, and never back; what jumps is the clock on the wall, which is
//! all that workers see.

use super::agenda::Agenda;
use super::mail::{Mail, Tongue};
use super::mishaps::{LATE, LONGEST_WAY, Mishaps};
use super::slots::Slots;
use super::tally::Tally;
use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What happens in every proxy, and what only this simulation knows of.
pub(crate) enum Happens<E> {
    /// Requests come.
    Arrives,
    /// Something is in this queue.
    Queue(u32),
    /// A tick of this worker, unless another was planned since.
    Tick(usize, u64),
    /// A VM dies.
    Dies,
    /// The wall clock jumps.
    Jumps,
    /// The configuration changes.
    Configures,
    /// Something else.
    Own(E),
}

/// The world outside the workers, in which an `E` may happen, too.
pub(crate) struct Outside<E> {
    agenda: Agenda<Happens<E>>,
    pub(crate) now: Timestamp,
    /// By how much the wall clock is ahead of the time that passes, in nanoseconds; it may be less than none.
    skew: i64,
    jumps: u32,
    /// How often it has jumped back.
    pub(crate) steps: u32,
    pub(crate) rng: Rng,
    pub(crate) mishaps: Mishaps,
    pub(crate) slots: Slots,
    pub(crate) mail: Mail,
    tongue: Tongue,
    /// Ticks that were planned.
    ticks: u64,
    /// Requests that are to come.
    pub(crate) to_come: usize,
    pub(crate) tally: Tally,
}

impl<E> Outside<E> {
    pub(crate) fn new(rng: Rng, mishaps: Mishaps, slots: u32, tongue: Tongue) -> Self {
        Self {
            agenda: Agenda::default(),
            now: START,
            skew: 0,
            jumps: 0,
            steps: 0,
            rng,
            mishaps,
            slots: Slots::new(slots),
            mail: Mail::default(),
            tongue,
            ticks: 0,
            to_come: 0,
            tally: Tally::default(),
        }
    }

    /// So many requests are to come, and all that goes wrong beside them.
    pub(crate) fn expect(&mut self, requests: usize) {
        self.to_come = requests;
        self.agenda.plan(self.now, Happens::Arrives);
        self.plan_sometime(self.mishaps.dies, Happens::Dies);
        self.plan_sometime(self.mishaps.jumps, Happens::Jumps);
        self.plan_sometime(self.mishaps.configures, Happens::Configures);
    }

    /// Some of them have come, and more will.
    pub(crate) fn have_come(&mut self, requests: usize, between: Duration) {
        self.to_come -= requests;
        self.plan_sometime(Some(between), Happens::Arrives);
    }

    /// What happens next, if anything does: then it is that late. What goes wrong every so often will again.
    pub(crate) fn next(&mut self) -> Option<Happens<E>> {
        let (at, happens) = self.agenda.next()?;
        self.now = at;
        match happens {
            Happens::Dies => self.plan_sometime(self.mishaps.dies, Happens::Dies),
            Happens::Jumps => self.plan_sometime(self.mishaps.jumps, Happens::Jumps),
            Happens::Configures => self.plan_sometime(self.mishaps.configures, Happens::Configures),
            _ => {}
        }
        Some(happens)
    }

    /// Plans that for some time after now.
    pub(crate) fn plan(&mut self, after: Duration, event: E) {
        self.agenda.plan(self.now.plus(after), Happens::Own(event));
    }

    /// Plans what happens every so often, as long as requests come.
    fn plan_sometime(&mut self, every: Option<Duration>, what: Happens<E>) {
        if let Some(every) = every.filter(|_| self.to_come > 0) {
            let after = every.mul_f64(self.rng.f64() * 2.0);
            self.agenda.plan(self.now.plus(after), what);
        }
    }

    /// Plans a tick, which may be late; returns its number. No two ticks have one number, not even those of two VMs.
    pub(crate) fn plan_tick(&mut self, worker: usize, after: Duration) -> u64 {
        self.ticks += 1;
        let late = if self.happens(self.mishaps.late_tick) { LATE } else { Duration::ZERO };
        let late = late.mul_f64(self.rng.f64());
        self.agenda.plan(self.now.plus(after + late), Happens::Tick(worker, self.ticks));
        self.ticks
    }

    pub(crate) fn happens(&mut self, of: f64) -> bool {
        of > 0.0 && self.rng.f64() < of
    }

    /// What the wall clock says.
    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(self.now.as_nanos().saturating_add_signed(self.skew))
    }

    /// The wall clock jumps.
    pub(crate) fn jump(&mut self) {
        let by = self.rng.i64(-5_000_000_000..5_000_000_000) / [1, 1_000][self.rng.usize(0..2)];
        self.skew += by;
        self.jumps += 1;
        self.steps += u32::from(by < 0);
        self.tally.count("jumps");
    }

    /// Whether it never has.
    pub(crate) fn is_smooth(&self) -> bool {
        self.jumps == 0
    }

    pub(crate) fn read(&mut self, slot: u32) -> Option<(Vec<u8>, u32)> {
        if self.happens(self.mishaps.unread) { None } else { self.slots.read(slot) }
    }

    pub(crate) fn swap(&mut self, slot: u32, value: &[u8], cas: u32) -> bool {
        // Another worker's write came in between, and left what was there.
        let outrun = self.happens(self.mishaps.outrun);
        !outrun && self.slots.swap(slot, value, cas)
    }

    pub(crate) fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        let refused = self.happens(self.mishaps.not_sent);
        if refused || self.mail.is_gone(queue) {
            self.tally.count("refused");
            return false;
        }
        if let Some(says) = self.tongue.counts(message) {
            self.tally.count(says);
        }
        let late = self.happens(self.mishaps.late_message);
        let way = if late { LONGEST_WAY } else { Duration::from_micros(400) };
        let at = self.now.plus(way.mul_f64(self.rng.f64()));
        let comes = self.mail.put(queue, message, at);
        self.agenda.plan(comes, Happens::Queue(queue));
        true
    }
}
