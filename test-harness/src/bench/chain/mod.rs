//! The chain beside all that it is measured against, in one Envoy with one worker: no filter, Envoy's own policies, filters that do
//! nothing, the same filters as separate modules, and Lua.
//!
//! Every round runs every variant, in an order that rotates, so that a slow minute of the machine hits all of them. Where the machine has
//! two cores the worker has one to itself, and load and upstreams the others (`place`). Variants are compared by the worker's CPU time per
//! request, which is what a worker that is busy all the time is bound by; other work on the machine, and a load that cannot keep the worker busy,
//! change it little. Requests per second by the clock are beside it (`…_wall`). Trade-off: a worker that is not busy wakes more
//! often per request, which costs all variants the same, so ratios are then nearer to one.

pub(super) mod place;
mod run;
mod summary;
mod variants;
pub(super) mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::others::Accounts;
use super::progress;
use crate::envoy::{Crossings, Envoy};
use crate::load::Client;
use run::Figures;
use variants::Variant;
use wire::Endpoints;

pub(super) use variants::module;

const HOSTS: usize = 3;
const COUNTED_REQUESTS: u64 = 200;
/// Fewer rounds say little.
const LEAST_ROUNDS: usize = 5;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds, five at least; every variant runs once in each.
    pub rounds: usize,
    /// Requests of one variant in one round.
    pub requests: u64,
}

/// Measures; returns the report's object.
///
/// # Errors
/// If Envoy does not start, a request fails, or two variants that hash alike choose differently.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let (before, rounds) = (Accounts::now()?, size.rounds.max(LEAST_ROUNDS));
    let endpoints = Endpoints::start(HOSTS).await?;
    let bootstrap = variants::bootstrap(&Variant::ALL, &endpoints.addresses())?;
    let envoy = Envoy::start(bootstrap.concurrency(1).component_log_level("wasm:warn")).await?;
    let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
    let worker = place::Worker::find(super::cpu::envoy_pid()?)?;
    let alone = worker.alone();
    let mut figures = BTreeMap::<Variant, Figures>::new();
    let bar = progress("requests through every variant", (rounds + 1) as u64 * Variant::ALL.len() as u64);
    // Round 0 warms up: connections, V8's and LuaJIT's compilers.
    for round in 0..=rounds {
        let mut order = Variant::ALL;
        order.rotate_left(round % Variant::ALL.len());
        for variant in order {
            let seen = run::once(&envoy, &worker, variant, size.requests, &endpoints).await?;
            if round > 0 {
                figures.entry(variant).or_default().add(seen);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    drop(envoy);
    run::same_choices(&figures)?;
    let mut report = summary::ratios(&figures);
    count_crossings(&mut report, &endpoints).await?;
    let mut add = |key: &str, value| report.insert(key.to_owned(), value);
    add("wasm_bytes", json!(bytes("switchyard")?));
    add("rounds", json!(rounds));
    add("requests_per_round", json!(size.requests));
    add("worker_alone_on_its_core", json!(alone));
    add("envoy_version", info.get("version").cloned().unwrap_or_default());
    add("cpu_of_others", json!(Accounts::now()?.others_since(before)));
    summary::judge(&mut report);
    Ok(Value::Object(report))
}

/// Adds the crossings of one request through the chain, with each engine and with coalescing, and through the separate modules.
async fn count_crossings(report: &mut Map<String, Value>, endpoints: &Endpoints) -> anyhow::Result<()> {
    let counted = [
        (Variant::Chain, ""),
        (Variant::ChainFilter, "_filter"),
        (Variant::ChainCoalesce, "_coalesce"),
        (Variant::ChainLogDecisions, "_log_decisions"),
        (Variant::Separate, "_separate"),
    ];
    let bar = progress("crossings between Envoy and the VMs", 5);
    for (variant, suffix) in counted {
        let bootstrap = variants::bootstrap(&[variant], &endpoints.addresses())?;
        let send = async |client: &Client, number: u64| {
            client.get("/").header("x-user", format!("user-{number}")).send().await.map(drop)
        };
        let crossings = Crossings::measure(bootstrap, variant.name(), COUNTED_REQUESTS, send).await?;
        let (host, vm) = (crossings.host_calls_per_request, crossings.vm_calls_per_request);
        report.insert(format!("crossings_per_request{suffix}"), json!(host + vm));
        report.insert(format!("host_calls_per_request{suffix}"), json!(host));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn bytes(module: &str) -> anyhow::Result<u64> {
    let directory =
        std::env::var_os("SWITCHYARD_WASM_DIR").map_or_else(|| "target/wasm".into(), PathBuf::from);
    let path = directory.join(format!("{module}.wasm"));
    Ok(std::fs::metadata(&path).with_context(|| format!("reading {}", path.display()))?.len())
}
