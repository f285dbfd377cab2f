//! `cargo xtask demo`: a real Envoy, three real upstreams, and switchyard.wasm between them.

use switchyard_test_harness::demo;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let minutes = std::env::args().nth(1).map_or(Ok(0), |minutes| minutes.parse());
    demo::run(minutes?).await
}
