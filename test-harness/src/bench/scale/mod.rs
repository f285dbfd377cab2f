//! Many clusters, little traffic: what the filters cost an Envoy that has next to nothing to do.
//!
//! Every shape is run twice, with the filters of the shipped bootstrap and without them, all else alike; "added" is the
//! difference. Memory is that of the process once every worker has served; CPU is read from Linux over a few seconds in which nothing comes,
//! before the first request and after the last. Trade-off: one run each, since each is an Envoy of its own; a machine that others use shows in
//! the times, little in the memory.

mod observe;
mod shape;
mod summary;

use serde_json::{Map, Value, json};

use super::progress;
use observe::{Look, Seen};
use shape::{Documents, Shape};

/// Of so many endpoints each, with its idle time.
const CLUSTERS: [usize; 3] = [1, 50, 200];
/// Workers beside one document.
const WORKERS: [u32; 4] = [1, 2, 8, 16];

/// With the filters, and without.
type Pair = (Seen, Seen);

/// Measures everything; returns the report's object.
///
/// # Errors
/// If Envoy does not start, or a request fails.
pub async fn measure() -> anyhow::Result<Value> {
    let bar = progress("Envoys of many shapes", 28);
    let pair = async |shape: Shape, look: Look| -> anyhow::Result<Pair> {
        let with = observe::run(&shape, look).await?;
        bar.inc(1);
        let without = observe::run(&Shape { documents: Documents::Nowhere, ..shape }, look).await?;
        bar.inc(1);
        Ok((with, without))
    };
    let mut clusters = Map::new();
    for count in CLUSTERS {
        let seen = pair(Shape::of(count, 3), Look::Idle).await?;
        clusters.insert(format!("{count}x3"), summary::pair(&seen));
    }
    let large = pair(Shape::of(20, 1_000), Look::Memory).await?;
    clusters.insert("20x1000".to_owned(), summary::pair(&large));
    let routed = pair(Shape { routes: 10_000, ..Shape::of(1, 3) }, Look::Memory).await?;
    clusters.insert("1x3_10000_routes".to_owned(), summary::pair(&routed));
    let mut workers = Map::new();
    for count in WORKERS {
        let seen = pair(Shape { workers: count, ..Shape::of(1, 3) }, Look::Memory).await?;
        workers.insert(count.to_string(), summary::pair(&seen));
    }
    let mut forms = Map::new();
    for documents in [Documents::Once, Documents::InClustersOneRoot, Documents::InClusters] {
        let shape = Shape { documents, ..Shape::of(200, 3) };
        forms.insert(documents.name().to_owned(), summary::one(&observe::run(&shape, Look::Idle).await?));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let parts = json!({ "clusters": clusters, "workers": workers, "forms_200": forms });
    Ok(Value::Object(summary::of(parts)))
}
