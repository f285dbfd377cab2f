//! `switchyard-bench`: what `cargo xtask bench NAME` runs, with Envoy in `$ENVOY` and the modules in
//! `$SWITCHYARD_WASM_DIR`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use switchyard_test_harness::bench::{
    batch, chain, coalesce, core, discovery, outlier, peers, retry, router, scale, table,
};

/// Measures the filters in Envoy, or the consistent hashes alone.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    name: Name,
    /// Print one JSON object and nothing else on standard output.
    #[arg(long)]
    json: bool,
    /// Rounds: 5 of `router` and `chain`, 2 of `outlier`, `retry` and `peers`, 20 of `coalesce`, 3 of `batch`, unless given.
    #[arg(long)]
    rounds: Option<usize>,
    /// Requests per variant and round: 4000 of `router`, 20000 of `chain`, unless given.
    #[arg(long)]
    requests: Option<u64>,
    /// Where `retry` draws the attempts per second of its outage, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Requests through router.wasm, a no-op filter, Lua and Envoy's own ring hash, in one Envoy.
    Router,
    /// Faults of one endpoint of five: outlier.wasm and Envoy's own outlier_detection.
    Outlier,
    /// Faults of four endpoints: both engines of retry.wasm and Envoy's own retry policy.
    Retry,
    /// Bursts on one key: switchyard.wasm, coalesce.wasm, nginx's proxy_cache_lock and Varnish.
    Coalesce,
    /// What Envoy itself, nginx and HAProxy do, too: hashing, ejection, retries, and what they cost.
    Peers,
    /// A service with a cost per call: batch.wasm with each of its policies, and no batching.
    Batch,
    /// The chain, beside separate modules, filters that do nothing, Envoy's own policies, Lua and no filter.
    Chain,
    /// Endpoints that come and go: how soon that is followed, what asking costs, and what clients see.
    Discovery,
    /// Many clusters, many endpoints, many workers, and next to no traffic.
    Scale,
    /// Ring and Maglev: build, look-up, and the keys that move when a host leaves.
    Core,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { rounds, requests, .. } = arguments;
    let report = match arguments.name {
        Name::Router => {
            let requests = requests.unwrap_or(4_000);
            router::measure(router::Size { rounds: rounds.unwrap_or(5), requests }).await?
        }
        Name::Chain => {
            let requests = requests.unwrap_or(20_000);
            chain::measure(chain::Size { rounds: rounds.unwrap_or(5), requests }).await?
        }
        Name::Outlier => outlier::measure(outlier::Size { rounds: rounds.unwrap_or(2) }).await?,
        Name::Retry => {
            retry::measure(retry::Size { rounds: rounds.unwrap_or(2) }, arguments.plot.as_deref()).await?
        }
        Name::Coalesce => coalesce::measure(coalesce::Size { rounds: rounds.unwrap_or(20) }).await?,
        Name::Peers => peers::measure(peers::Size { rounds: rounds.unwrap_or(2) }).await?,
        Name::Batch => batch::measure(batch::Size { rounds: rounds.unwrap_or(3) }).await?,
        Name::Discovery => discovery::measure().await?,
        Name::Scale => scale::measure().await?,
        Name::Core => core::measure()?,
    };
    if arguments.json {
        println!("{report}");
    } else {
        println!("{}", table(&report));
    }
    Ok(())
}
