//! What goes wrong in a process and its workers.

use crate::document::{Document, REFUSED};
use crate::process::{Event, Process};
use crate::simulation::draws::{millis, one};
use crate::stakes::Rule;
use crate::weather::Fault;
use switchyard_core::contract::keys;
use switchyard_host::Status;

/// What a host may fail at. That it refuses a stream's name, its going on or an answer means that the stream has ended; that it refuses to
/// tick, that nobody wakes who waits.
const CALLS: [&str; 14] = [
    "proxy_get_header_map_pairs",
    "proxy_set_header_map_pairs",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_http_call",
    "proxy_replace_header_map_value",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_get_property",
    "proxy_get_current_time_nanoseconds",
];

impl Process {
    /// What goes wrong in this millisecond.
    pub(crate) fn go_wrong(&mut self) {
        if let Some(phase) = self.weather.passes(self.now) {
            self.tally.count(format!("weather: {phase}"));
            self.endpoints.fall_sick(&mut self.weather);
        }
        let side = self.rng.usize(0..self.sides.len());
        if self.weather.happens(Fault::Reload) {
            self.document = Document::any(&mut self.rng);
            self.reload();
            self.tally.count("reloads");
        }
        if self.weather.happens(Fault::Refusal) {
            self.refuse(side);
        }
        if self.weather.happens(Fault::Death) {
            self.die(side);
        }
        if self.weather.happens(Fault::JudgesDeath) {
            let wall = self.wall();
            self.sides[side].judge_dies(wall, &self.store);
            self.tally.count("VMs of outlier.wasm died");
        }
        if self.weather.happens(Fault::Failure) {
            self.fail(side);
        } else if self.sides[side].failing.is_some() && self.rng.u8(0..100) == 0 {
            self.recover(side);
        }
        self.time_goes_wrong(side);
        if self.weather.happens(Fault::List) {
            self.endpoints.change(&mut self.rng);
            self.tally.count("lists changed");
        }
        self.mail_goes_wrong(side);
    }

    /// The clock steps, or a worker is busy elsewhere.
    fn time_goes_wrong(&mut self, side: usize) {
        if self.weather.happens(Fault::Step) {
            self.step_clock();
        }
        if self.weather.happens(Fault::Late) {
            let late = u64::try_from(millis(&[2, 20, 100], &mut self.rng).as_millis()).expect("short");
            self.sides[side].late_until = self.now + late;
            self.tally.count("ticks late");
        }
    }

    /// Messages are lost, come twice, or come late and behind others.
    fn mail_goes_wrong(&mut self, side: usize) {
        let faults = [Fault::Lost, Fault::Doubled, Fault::Delayed];
        let [lost, doubled, delayed] = faults.map(|fault| self.weather.happens(fault));
        if !(lost || doubled || delayed) {
            return;
        }
        let host = &self.sides[side].worker.host;
        let Some(queue) = host.registered().into_iter().rev().find(|queue| host.queued(*queue) > 0) else {
            return;
        };
        let Some(message) = self.store.steal(queue) else { return };
        if doubled {
            self.store.put(queue, message.clone());
            self.tally.count("messages doubled");
        }
        if delayed {
            let after = one(&[1, 30, 700], &mut self.rng);
            self.plan(after, Event::Message(queue, message));
            self.tally.count("messages late");
        } else if doubled {
            self.store.put(queue, message);
        } else {
            self.tally.count("messages lost");
        }
    }

    /// No host fails for ever: nothing can be asked of one that cannot even say what time it is, and the last requests wait for that.
    pub(crate) fn get_well(&mut self) {
        let side = self.rng.usize(0..self.sides.len());
        if self.rng.u8(0..100) == 0 {
            self.recover(side);
        }
    }

    /// All workers are configured anew.
    pub(crate) fn reload(&mut self) {
        self.reloaded = self.now;
        for side in 0..self.sides.len() {
            self.sides[side].worker.reload(&self.document.section);
            self.drop_old(side);
        }
    }

    /// A worker is given a configuration that it must refuse.
    fn refuse(&mut self, side: usize) {
        let before = self.store.written();
        let text = one(&REFUSED, &mut self.rng);
        let taken = self.sides[side].worker.configure(text);
        // The status page alone is told.
        let told = keys::configurations("");
        let mut written = self.store.written_since(before);
        written.retain(|key| !key.starts_with(&told));
        self.stakes.check(Rule::RefusedNothing, !taken && written.is_empty(), || {
            format!("{text}: taken {taken}, written {written:?}")
        });
        let answered = self.sides[side].worker.host.take_replies();
        self.stakes
            .check(Rule::OwnStream, answered.is_empty(), || format!("while it was configured: {answered:?}"));
    }

    /// A VM dies with its streams, and the next begins.
    fn die(&mut self, side: usize) {
        let of_it: Vec<_> =
            self.rides.iter().filter(|(_, ride)| ride.side == side).map(|(id, _)| *id).collect();
        for id in of_it {
            let mut ride = self.rides.remove(&id).expect("it is there");
            self.by_context.remove(&(side, ride.context));
            self.tally.count("died with its VM");
            self.tally.count("ended");
            ride.attempt.take().into_iter().for_each(|attempt| self.attempt_breaks_off(side, attempt));
        }
        let calls = core::mem::take(&mut self.sides[side].attempts);
        calls.into_values().for_each(|attempt| self.attempt_breaks_off(side, attempt));
        let wall = self.wall();
        let this = &mut self.sides[side];
        this.dies(wall, &self.store, &self.document.section);
        (this.faulty_until, this.failing, this.late_until) = (self.now, None, 0);
        self.set_clocks();
        self.tally.count("VMs died");
    }

    /// From now on a worker's host fails at something.
    fn fail(&mut self, side: usize) {
        self.recover(side);
        let call = one(&CALLS, &mut self.rng);
        let this = &mut self.sides[side];
        this.worker.host.fail(call, Status::InternalFailure);
        (this.failing, this.faulty_until) = (Some(call), u64::MAX);
        self.tally.count("host calls failed");
    }

    pub(crate) fn recover(&mut self, side: usize) {
        let this = &mut self.sides[side];
        if let Some(call) = this.failing.take() {
            this.worker.host.recover(call);
            this.faulty_until = self.now;
        }
    }

    fn step_clock(&mut self) {
        let by = self.rng.i64(-2_000..2_000);
        self.skew += by;
        self.set_back += by.min(0).unsigned_abs();
        self.stepped = Some(self.now);
        self.set_clocks();
        self.tally.count("clock stepped");
    }
}
