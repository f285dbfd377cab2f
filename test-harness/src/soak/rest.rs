//! Envoy between two phases: nothing is under way, nothing waits, nothing is held, and nobody has died who was not killed.
//!
//! Invariant: it is waited for, up to a deadline; what does not come to rest is named with its number.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde::Serialize;

use super::action::Action;
use super::files;
use super::script::Phase;
use super::stage::{Stage, status_of};
use super::weather::Fault;

/// What Envoy's log has of a VM that trapped.
const TRAPPED: &str = "RuntimeError: unreachable";
/// What stands there of faults that nobody made.
const FAULTS: [&str; 3] = ["[critical]", "panicked", "RuntimeError: memory"];
/// What Envoy says so of a document that is refused, as some are to be; whether one was that should not be, the operator sees.
const REFUSED: &str = "failed to load";
/// Gauges of ours that are 0 while nothing is under way, ...
const GAUGES: [&str; 5] = [
    "batch_active",
    "batch_bytes_held",
    "coalesce_bytes_held",
    "coalesce_hit_for_pass_keys",
    "ejections_active",
];
/// ... and counters that are 0 for ever, but where the clock leaps: retry's deadlines are by the wall's. They are made when they are counted first.
const NEVER: [&str; 4] = [
    "retry_watchdog_total",
    "metrics_dropped_total",
    "coalesce_without_queue_total",
    "batch_without_queue_total",
];
/// What Envoy puts in front of metrics of ours.
const OURS: &str = "wasmcustom.";
/// Streams that Envoy has ended because they stood still.
const IDLE: &str = "http.ingress.downstream_rq_idle_timeout";
/// Files that are open for a moment: a file that is watched and read, a connection of ours to the admin.
const MOMENTARY: u64 = 4;

/// What is known of Envoy at rest.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rest {
    /// Requests of the soak so far, in this Envoy.
    pub requests: u64,
    /// Its resident memory, in KiB.
    pub resident_kib: u64,
    /// Its open files, without connections.
    pub files: u64,
    /// VMs.
    pub vms: u64,
    /// Gauges that should be at rest, and that Envoy does not have.
    #[serde(skip)]
    pub unseen: Vec<&'static str>,
}

/// What is compared to what was there before.
pub(super) struct Base {
    files: u64,
    /// Once a listener has come anew, Envoy keeps the sockets at which each worker listens twice.
    workers: u64,
    vms: u64,
    /// Lines of the log about VMs that died so far.
    deaths: usize,
    /// Streams that stood still so far.
    idle: u64,
    /// What has been counted so far that should not be.
    never: u64,
}

impl Base {
    /// What a young Envoy has.
    pub(super) async fn of(stage: &Stage, workers: u32) -> anyhow::Result<Self> {
        let stats = stage.envoy.stats().await?;
        let files = files::count(stage, &stats)?;
        Ok(Self { files, workers: workers.into(), vms: vms(&stats), deaths: 0, idle: 0, never: 0 })
    }

    /// From here on deaths and streams that stand still are another phase's.
    pub(super) async fn begins(&mut self, stage: &Stage) -> anyhow::Result<()> {
        self.deaths = stage.envoy.log().matches(TRAPPED).count();
        let stats = stage.envoy.stats().await?;
        self.idle = stats.get(IDLE).copied().unwrap_or_default();
        self.never = never(&stats);
        Ok(())
    }

    /// Waits until Envoy is at rest after this phase.
    ///
    /// # Errors
    /// What is not as it was.
    pub(super) async fn rest(&self, stage: &Stage, phase: &Phase, stood_still: bool) -> anyhow::Result<Rest> {
        stage.renew_clients().await?;
        let (mut unrest, mut looks) = (Vec::new(), 0_u32);
        let traps = phase.has(|action| matches!(action, Action::Trap(_)));
        let stats = stage.envoy.until("Envoy to be at rest", async || {
            let stats = stage.envoy.stats().await?;
            unrest = self.unrest(stage, &stats)?;
            looks += 1;
            // What a dead VM has added to gauges others take off, once anything happens in them.
            if traps && looks % 25 == 0 && unrest.iter().any(|what| what.starts_with(OURS)) {
                stage.envoy.client("ingress").await?.get("/crowd/start").send().await?;
            }
            Ok(unrest.is_empty().then_some(stats))
        });
        let stats = stats.await;
        let stats = stats
            .map_err(|error| error.context(format!("after a phase there is still {}", unrest.join(", "))))?;
        self.look_back(stage, phase, &stats, stood_still)?;
        let resident_kib = status_of(stage.envoy.process_id(), "VmRSS")?;
        let is_unseen = |gauge: &&str| !stats.keys().any(|name| is_ours(name, gauge));
        let unseen = GAUGES.into_iter().filter(is_unseen).collect();
        Ok(Rest { requests: 0, resident_kib, files: files::count(stage, &stats)?, vms: vms(&stats), unseen })
    }

    /// What has happened in a phase is what may have.
    fn look_back(
        &self,
        stage: &Stage,
        phase: &Phase,
        stats: &BTreeMap<String, u64>,
        stood_still: bool,
    ) -> anyhow::Result<()> {
        let log = stage.envoy.log();
        let fault = log
            .lines()
            .find(|line| FAULTS.iter().any(|fault| line.contains(fault)) && !line.contains(REFUSED));
        ensure!(fault.is_none(), "in Envoy's log: {}", fault.unwrap_or_default());
        let traps = phase.has(|action| matches!(action, Action::Trap(_)));
        let deaths = log.matches(TRAPPED).count();
        // One that was killed may be told of several times.
        let killed = traps || deaths == self.deaths;
        ensure!(killed, "a VM died that nobody killed; Envoy's log:\n{}", stage.envoy.log_tail());
        let idle = stats.get(IDLE).copied().unwrap_or_default();
        let stood = idle - self.idle;
        ensure!(
            stood == 0 || stood_still || may_stand(phase),
            "{stood} requests stood still until Envoy ended them, and nothing in the phase is why"
        );
        let never = never(stats) - self.never;
        ensure!(
            never == 0 || phase.leaps(),
            "{never} more in the counters {NEVER:?}, which should be 0 for ever"
        );
        Ok(())
    }

    fn unrest(&self, stage: &Stage, stats: &BTreeMap<String, u64>) -> anyhow::Result<Vec<String>> {
        let mut all: Vec<_> = stats
            .iter()
            .filter(|(name, value)| **value > 0 && rests_at_zero(name))
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let vms = vms(stats);
        if vms > self.vms {
            all.push(format!("{vms} VMs, not {}", self.vms));
        }
        let files = files::count(stage, stats)?;
        if files > self.files + self.workers + MOMENTARY {
            let told = files::told(stage.envoy.process_id())?;
            all.push(format!("{files} files, not {}, beside connections: {told}", self.files));
        }
        Ok(all)
    }
}

/// Whether requests may stand still for as long as Envoy lets them: where endpoints say nothing, a VM that has died had them, or Envoy itself or its
/// clock stood still.
fn may_stand(phase: &Phase) -> bool {
    phase.suffers(&[Fault::Stall])
        || phase.has(|action| {
            use Action::{Die, Jump, Pressure, Starve, Stop, Trap};
            matches!(action, Die(_) | Jump(_) | Pressure(_) | Starve(_) | Stop(_) | Trap(_))
        })
}

/// Gauges that are 0 while nothing is under way.
fn rests_at_zero(name: &str) -> bool {
    if name.starts_with(OURS) {
        return GAUGES.iter().any(|metric| is_ours(name, metric));
    }
    let (Some(prefix), true) = (
        name.split('.').next(),
        name.contains(".checkout.")
            || name.contains(".catalog.")
            || name.contains("ingress")
            || name.contains(".echo."),
    ) else {
        return name == "listener_manager.total_filter_chains_draining"
            || name == "listener_manager.total_listeners_draining";
    };
    match prefix {
        "http" => ["downstream_rq_active", "downstream_cx_active"].iter().any(|gauge| name.ends_with(gauge)),
        "cluster" => {
            ["upstream_rq_active", "upstream_rq_pending_active"].iter().any(|gauge| name.ends_with(gauge))
        }
        _ => false,
    }
}

fn is_ours(name: &str, metric: &str) -> bool {
    name.starts_with(OURS) && name.ends_with(metric)
}

fn never(stats: &BTreeMap<String, u64>) -> u64 {
    let counted = |name: &&String| NEVER.iter().any(|metric| is_ours(name, metric));
    stats.keys().filter(counted).filter_map(|name| stats.get(name)).sum()
}

fn vms(stats: &BTreeMap<String, u64>) -> u64 {
    stats
        .iter()
        .filter(|(name, _)| name.starts_with("wasm.") && name.ends_with(".active"))
        .map(|(_, value)| value)
        .sum()
}
