//! `cargo xtask demo`: a real Envoy, three real upstreams, and switchyard.wasm between them.

use switchyard_test_harness::demo;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    demo::run().await
}
