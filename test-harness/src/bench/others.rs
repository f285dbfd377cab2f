//! How much of the machine went to other work while this was measured: with much of it, times and peaks say little.
//!
//! From Linux's accounts: the machine's busy time, less that of this process and of the children it has waited for, which
//! are the Envoys. What a hypervisor took counts as other work.

use std::fs;

use anyhow::Context as _;

/// The accounts at one moment, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accounts {
    busy: u64,
    whole: u64,
    own: u64,
}

impl Accounts {
    /// Those of now.
    pub(super) fn now() -> anyhow::Result<Self> {
        let machine = fs::read_to_string("/proc/stat").context("CPU time needs Linux's /proc")?;
        let own = fs::read_to_string("/proc/self/stat")?;
        Self::of(&machine, &own).context("/proc has no CPU time")
    }

    fn of(machine: &str, own: &str) -> Option<Self> {
        let fields = machine.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let fields: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is in these already.
        let whole: u64 = fields.iter().take(8).sum();
        let idle = fields.get(3)? + fields.get(4)?;
        // utime, stime, cutime and cstime are fields 14 to 17 of proc(5), the first after the name being field 3.
        let own = own.rsplit_once(')')?.1.split_whitespace().skip(14 - 3).take(4);
        let own = own.filter_map(|field| field.parse::<u64>().ok()).sum();
        Some(Self { busy: whole - idle, whole, own })
    }

    /// The share of the machine that others had since `before`, 0 to 1.
    pub(super) fn others_since(self, before: Self) -> f64 {
        let others = (self.busy - before.busy).saturating_sub(self.own - before.own);
        others as f64 / (self.whole - before.whole).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_have_what_is_neither_idle_nor_ours() {
        let own = "7 (a (b) c) S 1 7 7 0 -1 0 9 9 9 9 30 10 5 5 20 0 9 0";
        let before = Accounts { busy: 100, whole: 1_000, own: 10 };
        let now = Accounts::of("cpu  150 0 40 1000 10 0 0 10 5 5\ncpu0 1 1\n", own);
        assert_eq!(now, Some(Accounts { busy: 200, whole: 1_210, own: 50 }));
        let share = now.map(|now| now.others_since(before));
        assert_eq!(share, Some(60.0 / 210.0));
        assert_eq!(Accounts::of("", own), None);
        assert!(Accounts::now().is_ok());
    }
}
