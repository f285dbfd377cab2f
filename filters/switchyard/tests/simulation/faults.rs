//! What goes wrong in a process and its workers.

use crate::document::routes;
use crate::process::{Process, Side};
use crate::simulation::draws::{millis, one};
use fastrand::Rng;
use switchyard_host::{Queues as _, Status};

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

/// How often each thing goes wrong in a millisecond.
pub(crate) struct Faults {
    reloads: f64,
    dies: f64,
    fails: f64,
    steps: f64,
    late: f64,
    lost: f64,
}

impl Faults {
    /// Any; in many processes some of it never happens.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let mut often = |of: f64| of * one(&[0.0, 0.3, 1.0], rng);
        Self {
            reloads: often(0.001),
            dies: often(0.001),
            fails: often(0.004),
            steps: often(0.001),
            late: often(0.01),
            lost: often(0.05),
        }
    }
}

impl Process {
    /// What goes wrong in this millisecond.
    pub(crate) fn go_wrong(&mut self) {
        let side = self.rng.usize(0..self.sides.len());
        if self.rng.f64() < self.faults.reloads {
            self.section = routes(&mut self.rng);
            self.reload();
            self.tally.count("reloads");
        }
        if self.rng.f64() < self.faults.dies {
            self.die(side);
        }
        if self.rng.f64() < self.faults.fails {
            self.fail(side);
        } else if self.sides[side].failing.is_some() && self.rng.u8(0..100) == 0 {
            self.recover(side);
        }
        if self.rng.f64() < self.faults.steps {
            self.step_clock();
        }
        if self.rng.f64() < self.faults.late {
            let late = u64::try_from(millis(&[2, 20, 100], &mut self.rng).as_millis()).expect("short");
            self.sides[side].late_until = self.now + late;
            self.tally.count("ticks late");
        }
        if self.rng.f64() < self.faults.lost {
            let host = &self.sides[side].worker.host;
            let lost = host.queue().and_then(|queue| host.dequeue(queue).ok().flatten());
            lost.into_iter().for_each(|_| self.tally.count("messages lost"));
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
        for side in 0..self.sides.len() {
            self.sides[side].worker.reload(&self.section);
            self.drop_old(side);
        }
    }

    /// A VM dies with its streams, and the next begins.
    fn die(&mut self, side: usize) {
        let before = self.rides.len();
        self.rides.retain(|_, ride| ride.side != side);
        (self.rides.len()..before).for_each(|_| self.tally.count("died with its VM"));
        self.sides[side] = Side::new(&self.store, &self.section, self.sides[side].vm + 1);
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
        self.set_clocks();
        self.tally.count("clock stepped");
    }
}
