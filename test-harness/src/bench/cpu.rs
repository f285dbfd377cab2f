//! CPU time of Envoy, from Linux: steadier than the clock on a machine that others use too.
//!
//! Trade-off: `/proc/<pid>/stat` counts ticks of 10 ms, which is 2.5 us a request in a round of 4,000. Finer
//! accounts (schedstat) are not kept by every kernel that runs containers.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

/// Linux tells user space of ticks of 1/100 s on all its architectures (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// The id of the only child of this process that runs Envoy.
///
/// # Errors
/// If there is none or more than one.
pub fn envoy_pid() -> anyhow::Result<u32> {
    let own = std::process::id();
    let ids = fs::read_dir("/proc").context("CPU time needs Linux's /proc")?;
    let ids = ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let children: Vec<u32> = ids.filter(|id| parent(*id) == Some(own)).collect();
    match children.as_slice() {
        [envoy] => Ok(*envoy),
        others => anyhow::bail!("expected one Envoy below this process, found {others:?}"),
    }
}

/// The CPU time that a process has used, in user and kernel mode, all its threads together.
///
/// # Errors
/// If the process is gone.
pub fn used(pid: u32) -> anyhow::Result<Duration> {
    in_stat(Path::new(&format!("/proc/{pid}/stat")))
}

/// A process and all below it, by id: nginx's workers are children of the first.
#[must_use]
pub fn family(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(one) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(id, _)| *id));
        next += 1;
    }
    found
}

/// The same of a process or a thread, whose `stat` this is.
///
/// # Errors
/// If it is gone.
pub fn in_stat(stat: &Path) -> anyhow::Result<Duration> {
    let fields = fields_of(stat).with_context(|| format!("there is no {}", stat.display()))?;
    // utime and stime are fields 14 and 15 of proc(5), the first after the name being field 3.
    let ticks = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks(14), ticks(15));
    let ticks = user.zip(system).with_context(|| format!("{} has no CPU time", stat.display()))?;
    Ok(TICK * u32::try_from(ticks.0 + ticks.1)?)
}

/// The memory of a process that is resident, in MiB.
///
/// # Errors
/// If the process is gone.
pub fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    Ok(kib.context("no VmRSS")? / 1024.0)
}

fn parent(pid: u32) -> Option<u32> {
    fields(pid)?.get(1)?.parse().ok()
}

/// What follows the name in `/proc/<pid>/stat`. The name, in parentheses, may hold anything.
fn fields(pid: u32) -> Option<Vec<String>> {
    fields_of(Path::new(&format!("/proc/{pid}/stat")))
}

fn fields_of(stat: &Path) -> Option<Vec<String>> {
    let stat = fs::read_to_string(stat).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_the_account_of_its_process() {
        let own = std::process::id();
        let before = used(own).unwrap();
        let mut sum = 0_u64;
        while used(own).unwrap() < before + Duration::from_millis(5) {
            sum = std::hint::black_box((0..10_000).fold(sum, u64::wrapping_add));
        }
        assert!(used(own).unwrap() > before);
    }

    #[test]
    fn a_family_is_a_process_and_its_children() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let family = family(std::process::id());
        assert_eq!(family.first(), Some(&std::process::id()));
        assert!(family.contains(&child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(used(u32::MAX).is_err());
        assert_eq!(parent(u32::MAX), None);
    }
}
