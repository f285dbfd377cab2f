//! `switchyard-bench`: what `cargo xtask bench NAME` runs, with Envoy in `$ENVOY` and the modules in
//! `$SWITCHYARD_WASM_DIR`.

use clap::{Parser, ValueEnum};
use switchyard_test_harness::bench::{core, router, table};

/// Measures router.wasm in Envoy, or the consistent hashes alone.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    name: Name,
    /// Print one JSON object and nothing else on standard output.
    #[arg(long)]
    json: bool,
    /// Rounds of `router`.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests per variant and round of `router`.
    #[arg(long, default_value_t = 4_000)]
    requests: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Requests through router.wasm, a no-op filter, Lua and Envoy's own ring hash, in one Envoy.
    Router,
    /// Ring and Maglev: build, look-up, and the keys that move when a host leaves.
    Core,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { rounds, requests, .. } = arguments;
    let report = match arguments.name {
        Name::Router => router::measure(router::Size { rounds, requests }).await?,
        Name::Core => core::measure()?,
    };
    if arguments.json {
        println!("{report}");
    } else {
        println!("{}", table(&report));
    }
    Ok(())
}
