//! Envoy's worker thread: what CPU time it has used, and a core for it alone.
//!
//! By `taskset`, since Rust's standard library moves no thread. Where there is none, or one core only, nothing is moved, and the report says so.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

/// Envoy's name of its first worker.
const NAME: &str = "wrk:worker_0";
/// Linux tells user space of ticks of 1/100 s on all its architectures (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// The only worker of an Envoy.
pub(super) struct Worker {
    envoy: u32,
    thread: u32,
}

impl Worker {
    /// The worker of the Envoy with this process id.
    pub(super) fn find(envoy: u32) -> anyhow::Result<Self> {
        let threads = fs::read_dir(format!("/proc/{envoy}/task")).context("CPU time needs Linux's /proc")?;
        let ids = threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let is_worker = |id: &u32| {
            fs::read_to_string(format!("/proc/{envoy}/task/{id}/comm")).is_ok_and(|name| name.trim() == NAME)
        };
        let thread = ids.into_iter().find(is_worker).context("Envoy has no worker")?;
        Ok(Self { envoy, thread })
    }

    /// Gives it the first core, and all others to the rest of Envoy and to this process. Whether that could be done.
    pub(super) fn alone(&self) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let rest = format!("1-{}", cores.saturating_sub(1));
        cores > 1
            && all_of(std::process::id(), &rest)
            && all_of(self.envoy, &rest)
            && taskset(&["--pid", "--cpu-list", "0", &self.thread.to_string()])
    }

    /// The CPU time that it has used.
    pub(super) fn used(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/task/{}/stat", self.envoy, self.thread);
        let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let ticks = ticks(&stat).with_context(|| format!("{path} has no CPU time"))?;
        Ok(TICK * u32::try_from(ticks)?)
    }
}

/// User and kernel time: utime and stime are fields 14 and 15 of proc(5), the first after the name being field 3.
fn ticks(stat: &str) -> Option<u64> {
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(14 - 3).take(2);
    Some(fields.filter_map(|field| field.parse::<u64>().ok()).sum()).filter(|_| stat.split(' ').count() > 15)
}

/// Gives all threads that a process has now these cores. Whether that could be done.
pub(in crate::bench) fn all_of(process: u32, cores: &str) -> bool {
    taskset(&["--all-tasks", "--pid", "--cpu-list", cores, &process.to_string()])
}

fn taskset(arguments: &[&str]) -> bool {
    Command::new("taskset").args(arguments).output().is_ok_and(|run| run.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_the_fourteenth_and_the_fifteenth_field_whatever_the_name() {
        assert_eq!(ticks("7 (a (b) c) S 1 7 7 0 -1 0 9 9 9 9 30 10 5 5 20 0"), Some(40));
        assert_eq!(ticks("7 (a) S"), None);
    }
}
