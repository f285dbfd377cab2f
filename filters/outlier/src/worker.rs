//! One configuration in one worker: its plan, and the periodic work.
//!
//! Old and new configuration, and the configurations of several clusters, are roots in one VM and share what the VM
//! remembers ([`Vm`](crate::Vm)).

use crate::plan::Plan;
use crate::vm::Vm;
use core::cell::Cell;
use core::time::Duration;
use switchyard_config::Document;
use switchyard_frame::{Interval, Setup};
use switchyard_host::shared_ledger::announced;
use switchyard_host::{Host, HostError};

/// How often the clock is read, stalls are looked for and news of other workers are taken in.
pub const TICK: Duration = Duration::from_millis(20);

/// How often counters are written.
const FLUSH: Duration = Duration::from_millis(250);

/// outlier.wasm under one configuration.
pub struct Outlier {
    pub(crate) plan: Plan,
    pub(crate) setup: Setup<Vm>,
    root_id: Vec<u8>,
    heard: Cell<Option<u32>>,
    flushed: Interval,
}

impl Outlier {
    /// The outlier of `document`.
    ///
    /// # Errors
    /// When there can be no ticks.
    pub(crate) fn of(document: &Document, setup: Setup<Vm>, host: &impl Host) -> Result<Self, HostError> {
        setup.own.set_time(setup.now);
        let root_id = host.property(&["plugin_root_id"]).ok().flatten().unwrap_or_default();
        let plan = Plan::new(document, &root_id, setup.seed, host, setup.now);
        setup.own.take_over(root_id.clone(), setup.context);
        // A configuration without ejection never ticks.
        if plan.len() > 0 {
            host.set_tick_period(TICK)?;
        }
        Ok(Self { plan, setup, root_id, heard: Cell::default(), flushed: Interval::default() })
    }

    /// The periodic work: the clock, news of other workers, stalls, ejections whose time is up.
    pub(crate) fn on_tick(&self, host: &impl Host) {
        let Ok(now) = host.now() else { return };
        let vm = &self.setup.own;
        vm.set_time(now);
        let news = announced(host);
        if news != self.heard.replace(news) {
            self.plan.each_upstream(|upstream| upstream.refresh(host));
        }
        let decides = vm.is_newest(&self.root_id, self.setup.context);
        let mut serves = vm.serves(&self.root_id);
        self.plan.each_upstream(|upstream| {
            serves |= upstream.serves();
            if serves {
                upstream.goes_on();
            }
            upstream.tick(decides, &self.setup.vm, host);
        });
        if serves {
            vm.has_served(&self.root_id);
        }
        if self.flushed.passes(FLUSH, now) {
            self.setup.registry.flush(host);
        }
    }
}
