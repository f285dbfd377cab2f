//! How often a request crosses the border between Envoy and the VM: exact, since it is counted in the trace log
//! (`[vm->host] env.proxy_…`, `[host->vm] proxy_on_…`; each is followed by a `<-` line when it returns).
//!
//! Warm-up requests come first and only what follows them is counted, so configuration and first-request work
//! are left out. So is everything that happens inside a tick, which belongs to no request.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::{Bootstrap, Envoy};
use crate::load::Client;

/// Requests sent before counting begins.
const WARM_UP: u64 = 20;
/// After a second without a request filters rest, and the next request asks for what their ticks would have told: a busy machine may pause for as
/// long, and then all is counted again, so often at most.
const REST: Duration = Duration::from_millis(900);
const ROUNDS: u64 = 10;

/// Crossings per request.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossings {
    /// Calls of the host by the module (`proxy_get_header_map_pairs`, …).
    pub host_calls_per_request: f64,
    /// Calls into the module by the host (`proxy_on_request_headers`, …), memory allocation included.
    pub vm_calls_per_request: f64,
    /// Both, by name as the trace has it, each per request.
    pub by_name: BTreeMap<String, f64>,
}

impl Crossings {
    /// Starts Envoy with one worker and the trace log, and counts over `requests` requests, which `send` sends
    /// one at a time to the listener; its number counts from 0 and goes on after the warm-up of 20.
    ///
    /// # Errors
    /// If Envoy does not start, a request fails, or the streams' ends do not show in the log.
    pub async fn measure(
        bootstrap: Bootstrap,
        listener: &str,
        requests: u64,
        send: impl AsyncFn(&Client, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let envoy = Envoy::start(bootstrap.concurrency(1).component_log_level("wasm:trace")).await?;
        let client = envoy.client(listener).await?;
        for number in 0..WARM_UP {
            send(&client, number).await?;
        }
        for round in 0..ROUNDS {
            let (mut last, mut rested) = (Instant::now(), false);
            let warm = settled(&envoy).await?.len();
            for number in 0..requests {
                rested |= last.elapsed() >= REST;
                send(&client, WARM_UP + round * requests + number).await?;
                last = Instant::now();
            }
            let log = settled(&envoy).await?;
            if !rested {
                return Ok(Self::of(&log, warm, requests));
            }
        }
        anyhow::bail!("in {ROUNDS} rounds requests never came without a pause of {REST:?}");
    }

    /// Those in `log` from byte `from` on. What is before tells whether a tick was under way there, whose calls are no request's.
    fn of(log: &str, from: usize, requests: u64) -> Self {
        let (mut host, mut vm, mut by_name) = (0_u64, 0_u64, BTreeMap::<String, f64>::new());
        let mut ticking: HashMap<&str, bool> = HashMap::new();
        let mut next = 0;
        for line in log.split_inclusive('\n') {
            let at = next;
            next += line.len();
            let Some((kind, name)) = crossing(line) else { continue };
            let thread = line.split(['[', ']']).nth(3).unwrap_or_default();
            let in_tick = ticking.entry(thread).or_default();
            if name == "proxy_on_tick" {
                *in_tick = kind == Kind::Call;
                continue;
            }
            let counter = match kind {
                _ if *in_tick || at < from => continue,
                Kind::Call => &mut vm,
                Kind::HostCall => &mut host,
                Kind::Return => continue,
            };
            *counter += 1;
            *by_name.entry(name.to_owned()).or_default() += 1.0;
        }
        let per_request = |count: f64| count / requests.max(1) as f64;
        by_name.values_mut().for_each(|count| *count = per_request(*count));
        let (host_calls_per_request, vm_calls_per_request) =
            (per_request(host as f64), per_request(vm as f64));
        Self { host_calls_per_request, vm_calls_per_request, by_name }
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Call,
    HostCall,
    Return,
}

fn crossing(line: &str) -> Option<(Kind, &str)> {
    let marks = [("[host->vm] ", Kind::Call), ("[vm->host] ", Kind::HostCall), ("[host<-vm] ", Kind::Return)];
    marks.into_iter().find_map(|(mark, kind)| {
        let rest = line.split_once(mark)?.1;
        Some((kind, rest.split(['(', ' ']).next().unwrap_or(rest)))
    })
}

/// The log once every stream that began in it has been deleted: that comes after the client has its answer.
async fn settled(envoy: &Envoy) -> anyhow::Result<String> {
    envoy
        .until("the ends of all streams in the trace log", async || {
            let log = envoy.log();
            let created = log.matches("[host->vm] proxy_on_context_create(").count();
            let roots = log
                .lines()
                .filter(|line| line.contains("proxy_on_context_create(") && line.ends_with(", 0)"))
                .count();
            let deleted = log.matches("[host<-vm] proxy_on_delete return").count();
            Ok((created == roots + deleted).then_some(log))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [host->vm] proxy_on_context_create(2, 1)
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [host<-vm] proxy_on_context_create return: void
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [host->vm] proxy_on_request_headers(2, 8, 1)
[2026-01-01 00:00:00.1][11][trace][wasm] [x.cc:39] [host->vm] proxy_on_tick(1)
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [vm->host] env.proxy_get_header_map_pairs(0, 1, 2)
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [host->vm] malloc(7)
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [host<-vm] malloc return: 7
[2026-01-01 00:00:00.1][10][trace][wasm] [x.cc:39] [vm<-host] env.proxy_get_header_map_pairs return: 0
[2026-01-01 00:00:00.1][11][trace][wasm] [x.cc:39] [vm->host] env.proxy_get_shared_data(1)
[2026-01-01 00:00:00.1][11][trace][wasm] [x.cc:39] [host<-vm] proxy_on_tick return: void
[2026-01-01 00:00:00.1][11][trace][wasm] [x.cc:39] [vm->host] env.proxy_log(1)
[2026-01-01 00:00:00.1][10][info][main] [x.cc:39] something else
";

    #[test]
    fn calls_are_counted_both_ways_and_those_of_a_tick_are_not() {
        let seen = Crossings::of(LOG, 0, 2);
        assert!((seen.host_calls_per_request - 1.0).abs() < 1e-9, "{seen:?}");
        assert!((seen.vm_calls_per_request - 1.5).abs() < 1e-9, "{seen:?}");
        let names: Vec<_> = seen.by_name.keys().map(String::as_str).collect();
        let expected = [
            "env.proxy_get_header_map_pairs",
            "env.proxy_log",
            "malloc",
            "proxy_on_context_create",
            "proxy_on_request_headers",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_a_tick_calls_is_no_requests_though_it_began_before() {
        let from = LOG.lines().take(8).map(|line| line.len() + 1).sum();
        let seen = Crossings::of(LOG, from, 1);
        assert_eq!(seen.by_name.keys().map(String::as_str).collect::<Vec<_>>(), ["env.proxy_log"]);
    }
}
