//! `switchyard-upstream`: the harness's upstream as a program, for containers and the demo.

use std::net::SocketAddr;

use clap::Parser;
use switchyard_test_harness::upstream::Upstream;

/// An HTTP server that answers, fails, stalls, resets, drips or lies on command (PUT /_control) and records
/// what it saw (GET /_requests).
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The name that answers carry in x-upstream.
    #[arg(long, default_value = "upstream")]
    name: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let upstream = Upstream::start(&arguments.name, arguments.listen).await?;
    println!("{} listens on {}", upstream.name(), upstream.address());
    upstream.serve().await
}
