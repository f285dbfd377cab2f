//! router.wasm against doing nothing, against Envoy's own policy and against Lua, in one Envoy.
//!
//! Every round runs every variant, in an order that rotates, so that a slow minute of the machine hits all of
//! them. Load and upstreams run in this process: requests per second are those of the whole chain and flatter
//! every filter; CPU time is Envoy's alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::variants::{Variant, bootstrap};
use super::{cpu, median, progress};
use crate::envoy::{Crossings, Envoy};
use crate::load::{Load, Report};
use crate::upstream::Upstreams;

const HOSTS: usize = 3;
const CONNECTIONS: usize = 6;
const KEYS: u64 = 1_000;
const COUNTED_REQUESTS: u64 = 200;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds; every variant runs once in each.
    pub rounds: usize,
    /// Requests of one variant in one round.
    pub requests: u64,
}

#[derive(Default)]
struct Figures {
    requests_per_second: Vec<f64>,
    cpu_us_per_request: Vec<f64>,
    last: Report,
}

/// Measures all variants; returns the report's object.
///
/// # Errors
/// If Envoy does not start, a request fails, or a variant does not choose as it should.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let upstreams = Upstreams::start(HOSTS).await?;
    let hosts = upstreams.addresses();
    let envoy = Envoy::start(bootstrap(&Variant::ALL, &hosts)?.component_log_level("wasm:warn")).await?;
    let pid = cpu::envoy_pid()?;
    let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
    let mut figures = BTreeMap::<Variant, Figures>::new();
    let bar =
        progress("requests through every variant", (size.rounds + 1) as u64 * Variant::ALL.len() as u64);
    // Round 0 warms up: connections, V8's and LuaJIT's compilers.
    for round in 0..=size.rounds {
        let mut order = Variant::ALL;
        order.rotate_left(round % Variant::ALL.len());
        for variant in order {
            let (report, cpu_us) = run(&envoy, pid, variant, size.requests).await?;
            if round > 0 {
                let figures = figures.entry(variant).or_default();
                figures.requests_per_second.push(report.requests_per_second());
                figures.cpu_us_per_request.push(cpu_us);
                figures.last = report;
            }
            upstreams.forget();
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    drop(envoy);
    same_choices(&figures)?;
    let mut report = ratios(&figures);
    let mut add = |key: &str, value| report.insert(key.to_owned(), value);
    add("envoy_version", info.get("version").cloned().unwrap_or_default());
    add("rounds", json!(size.rounds));
    add("requests_per_round", json!(size.requests));
    add("wasm_bytes", json!(module_bytes()?));
    count_crossings(&mut report, &upstreams).await?;
    Ok(Value::Object(report))
}

async fn run(envoy: &Envoy, pid: u32, variant: Variant, requests: u64) -> anyhow::Result<(Report, f64)> {
    let load = Load::against(envoy.listener_address(variant.name()).await?)
        .requests(requests)
        .concurrency(CONNECTIONS)
        .keys("x-user", |number| format!("user-{}", number % KEYS));
    let before = cpu::used(pid)?;
    let report = load.run().await?;
    let used = cpu::used(pid)?.saturating_sub(before);
    let name = variant.name();
    let failed = requests - report.successes().min(requests);
    anyhow::ensure!(failed == 0, "{name}: {failed} of {requests} requests failed: {:?}", report.first_error);
    let astray = report.wandering_keys;
    anyhow::ensure!(!variant.keeps_keys() || astray == 0, "{name}: {astray} keys did not stay on their host");
    Ok((report, used.as_secs_f64() * 1e6 / requests as f64))
}

/// A benchmark of two policies that choose differently would compare nothing.
fn same_choices(figures: &BTreeMap<Variant, Figures>) -> anyhow::Result<()> {
    let of = |variant| figures.get(&variant).map(|figures| &figures.last);
    if let (Some(ours), Some(native)) = (of(Variant::RingHash), of(Variant::Native)) {
        let moved = ours.moved_keys(native).len();
        anyhow::ensure!(moved == 0, "{moved} keys got another host from router.wasm than from Envoy itself");
    }
    Ok(())
}

fn ratios(figures: &BTreeMap<Variant, Figures>) -> Map<String, Value> {
    let medians = |pick: fn(&Figures) -> &Vec<f64>| -> BTreeMap<Variant, f64> {
        figures.iter().map(|(variant, figures)| (*variant, median(pick(figures)))).collect()
    };
    let rps = medians(|figures| &figures.requests_per_second);
    let cpu = medians(|figures| &figures.cpu_us_per_request);
    let named = |values: &BTreeMap<Variant, f64>| -> Value {
        values.iter().map(|(variant, value)| (variant.name().to_owned(), json!(value))).collect()
    };
    let mut report = Map::new();
    report.insert("requests_per_second".to_owned(), named(&rps));
    report.insert("cpu_us_per_request".to_owned(), named(&cpu));
    let of = |values: &BTreeMap<Variant, f64>, variant| values.get(&variant).copied().unwrap_or(f64::NAN);
    for (key, other) in [
        ("vs_no_filter", Variant::NoFilter),
        ("vs_noop", Variant::Noop),
        ("vs_lua", Variant::Lua),
        ("vs_native", Variant::Native),
    ] {
        report.insert(key.to_owned(), json!(of(&rps, Variant::RingHash) / of(&rps, other)));
        // The other way round, so that more is better here too.
        report.insert(format!("{key}_cpu"), json!(of(&cpu, other) / of(&cpu, Variant::RingHash)));
    }
    report
}

async fn count_crossings(report: &mut Map<String, Value>, upstreams: &Upstreams) -> anyhow::Result<()> {
    let bar = progress("crossings between Envoy and the VM", 2);
    for (variant, suffix) in [(Variant::RingHash, ""), (Variant::LeastRequest, "_least_request")] {
        let bootstrap = bootstrap(&[variant], &upstreams.addresses())?;
        let send = async |client: &crate::load::Client, number: u64| {
            client.get("/").header("x-user", format!("user-{number}")).send().await.map(drop)
        };
        let crossings = Crossings::measure(bootstrap, variant.name(), COUNTED_REQUESTS, send).await?;
        let (host, vm) = (crossings.host_calls_per_request, crossings.vm_calls_per_request);
        report.insert(format!("host_calls_per_request{suffix}"), json!(host));
        report.insert(format!("vm_calls_per_request{suffix}"), json!(vm));
        report.insert(format!("crossings_per_request{suffix}"), json!(host + vm));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn module_bytes() -> anyhow::Result<u64> {
    let directory =
        std::env::var_os("SWITCHYARD_WASM_DIR").map_or_else(|| "target/wasm".into(), PathBuf::from);
    let path = directory.join("router.wasm");
    Ok(std::fs::metadata(&path).with_context(|| format!("reading {}", path.display()))?.len())
}
