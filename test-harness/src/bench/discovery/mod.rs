//! Lists of endpoints that Envoy has from EDS: how soon a change is followed, what asking costs, and what clients see of it.
//!
//! Everything is measured on the shipped bootstrap with switchyard.wasm, whose cluster has its endpoints from a file that Envoy watches. Times run from
//! the moment in which that file is another, so Envoy's own part is in them. Trade-off: times are of this machine; CPU of a worker is read from
//! Linux in ticks of 10 ms, over some seconds.

mod documents;
mod follow;
mod moved;
mod polls;
mod price;
mod rolling;

use serde_json::{Map, Value};

use super::{aims, progress};

/// Aims: those of the issue that asked for lists.
const AIMS: [aims::Aim; 5] = [
    ("follow_ms_p99", "<=", 1_000.0),
    ("keys_moved_vs_optimum", "<=", 1.2),
    ("poll_worker_ms_1000", "<=", 10.0),
    ("host_calls_added", "<=", 0.0),
    ("errors_rolling", "<=", 0.0),
];

/// Measures everything; returns the report's object.
///
/// # Errors
/// If Envoy does not start, or a list is not followed in time.
pub async fn measure() -> anyhow::Result<Value> {
    let bar = progress("changes, polls, and a rolling replacement", 5);
    let mut report = Map::new();
    report.extend(follow::measure().await?);
    bar.inc(1);
    report.extend(moved::measure().await?);
    bar.inc(1);
    report.extend(polls::measure().await?);
    bar.inc(1);
    report.extend(price::added().await?);
    bar.inc(1);
    report.extend(rolling::measure().await?);
    bar.finish_and_clear();
    aims::judge(&mut report, &AIMS);
    Ok(Value::Object(report))
}
