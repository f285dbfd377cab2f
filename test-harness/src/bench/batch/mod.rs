//! batch.wasm with each of its policies against no batching, in front of a service that takes 10 ms for a call and 0.2 ms for each
//! item in it, one call at a time; and what it costs where nothing is batched.
//!
//! Three loads: 64 clients that each wait for their answer; one client, whose requests go through all sides in turn, so that what
//! a side adds is the difference of neighbours; and requests at a rate that triples, of which as few as may be should take
//! longer than 50 ms. The rates are such that one server can carry them, and one worker gathers them: two workers that each
//! send half would need it to be twice as quick for the same latency.

mod cost;
mod load;
mod sides;
mod summary;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::others::Accounts;
use super::progress;
use crate::envoy::Envoy;
use crate::load::Client;
use crate::services::{Cost, Service};
use load::Run;
use sides::Side;

const CALL: Duration = Duration::from_millis(10);
const ITEM: Duration = Duration::from_micros(200);
const CLIENTS: usize = 64;
/// Of one side in a round, and before the first.
const LASTING: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(800);
/// Requests of the one client through each side.
const SINGLE_REQUESTS: u64 = 120;
/// Requests per second, and for how long.
const RATES: [(f64, Duration); 2] = [(500.0, Duration::from_secs(2)), (1_500.0, Duration::from_secs(4))];
const WARM_UP_RATE: [(f64, Duration); 1] = [(600.0, Duration::from_secs(1))];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds of the 64 clients; every side has its turn in each.
    pub rounds: usize,
}

/// Of one side, what 64 clients saw.
#[derive(Debug, Clone, Default)]
struct Crowd {
    run: Run,
    calls: u64,
    items: u64,
}

/// Measures; returns the report's object.
///
/// # Errors
/// If Envoy does not start, or a request through it is not answered at all.
pub async fn measure(size: Size) -> anyhow::Result<Value> {
    let before = Accounts::now()?;
    let mut report = Map::new();
    let service = Service::start(Cost::new(CALL, ITEM)).await?;
    let crowds = crowds(size.rounds, &service, &mut report).await?;
    summary::crowds(&mut report, &crowds);
    summary::singles(&mut report, &singles(&service).await?);
    summary::tripled(&mut report, &tripled(&service).await?);
    report.insert("rounds".to_owned(), json!(size.rounds));
    report.insert("clients".to_owned(), json!(CLIENTS));
    cost::measure(&mut report).await?;
    report.insert("cpu_of_others".to_owned(), json!(Accounts::now()?.others_since(before)));
    summary::judge(&mut report);
    Ok(Value::Object(report))
}

async fn start(sides: &[Side], service: &Service, workers: u32) -> anyhow::Result<Envoy> {
    let bootstrap = sides::bootstrap(sides, service).concurrency(workers);
    Envoy::start(bootstrap.component_log_level("wasm:warn")).await
}

/// Round 0 warms up.
async fn crowds(
    rounds: usize,
    service: &Service,
    report: &mut Map<String, Value>,
) -> anyhow::Result<BTreeMap<Side, Crowd>> {
    let envoy = start(&Side::ALL, service, 2).await?;
    let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
    report.insert("envoy_version".to_owned(), info.get("version").cloned().unwrap_or_default());
    let bar = progress("64 clients on each side", ((rounds + 1) * Side::ALL.len()) as u64);
    let (mut sides, mut crowds) = (Side::ALL, BTreeMap::<_, Crowd>::new());
    for round in 0..=rounds {
        sides.rotate_left(1);
        for side in sides {
            service.forget();
            let address = envoy.listener_address(side.name()).await?;
            let run = load::closed(address, CLIENTS, if round == 0 { WARM_UP } else { LASTING }).await;
            let run = run.with_context(|| format!("64 clients on {}", side.name()))?;
            if round > 0 {
                let crowd = crowds.entry(side).or_default();
                crowd.run.merge(run);
                crowd.calls += service.count();
                crowd.items += service.items();
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(crowds)
}

/// One client; how long each request took through each side, in ms, turn by turn.
async fn singles(service: &Service) -> anyhow::Result<Vec<BTreeMap<Side, f64>>> {
    let envoy = start(&Side::ALL, service, 1).await?;
    let (mut clients, mut turns) = (Vec::new(), Vec::new());
    for side in Side::ALL {
        clients.push((side, Client::to(envoy.listener_address(side.name()).await?)));
    }
    let bar = progress("one client on each side", SINGLE_REQUESTS);
    for number in 0..SINGLE_REQUESTS {
        clients.rotate_left(1);
        let mut turn = BTreeMap::new();
        for (side, client) in &clients {
            let begun = Instant::now();
            anyhow::ensure!(load::ask(client, number).await, "a wrong answer through {}", side.name());
            turn.insert(*side, begun.elapsed().as_secs_f64() * 1e3);
        }
        turns.push(turn);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(turns)
}

/// Requests at a rate that triples, through every side that batches.
async fn tripled(service: &Service) -> anyhow::Result<BTreeMap<Side, Run>> {
    let sides: Vec<_> = Side::ALL.into_iter().filter(|side| *side != Side::Unbatched).collect();
    let bar = progress("a rate that triples on each side", sides.len() as u64);
    let mut runs = BTreeMap::new();
    for side in sides {
        let envoy = start(&[side], service, 1).await?;
        let address = envoy.listener_address(side.name()).await?;
        load::open(address, &WARM_UP_RATE).await?;
        runs.insert(side, load::open(address, &RATES).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(runs)
}
