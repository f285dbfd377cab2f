//! The status page of the demonstration: what it says of an endpoint that is out, and some minutes to look at it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};

use super::Stage;
use crate::upstream::{Behaviour, Upstream};

/// One endpoint is bad for so long, and well for as long.
const TURN: Duration = Duration::from_secs(20);

impl Stage {
    /// Where the page is.
    pub(super) async fn page(&self) -> Result<String> {
        Ok(format!("http://{}/status", self.envoy.listener_address("metrics").await?))
    }

    /// Prints what the page says of this endpoint of `checkout`, once it says that it is out of rotation.
    pub(super) async fn page_says(&self, upstream: &Upstream) -> Result<()> {
        let client = self.envoy.client("metrics").await?;
        let address = upstream.address().to_string();
        let row = self.envoy.until("the page to show it", async || {
            let answer = client.get("/status.json").send().await?;
            ensure!(answer.status.is_success(), "the page answers {}", answer.status);
            let seen: Value = serde_json::from_slice(&answer.body)?;
            let all = seen.get("upstreams").and_then(Value::as_array).into_iter().flatten();
            let endpoints = all
                .filter(|one| one.get("name").is_some_and(|name| name == "checkout"))
                .filter_map(|one| one.get("endpoints").and_then(Value::as_array));
            let is_it = |one: &&Value| {
                one.get("address").is_some_and(|known| *known == *address)
                    && one.get("state").is_some_and(|state| state != "healthy")
            };
            Ok(endpoints.flatten().find(is_it).cloned())
        });
        let row = row.await?;
        let of = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        println!("\nThe status page says of {address}: {}, {}.", of("state"), of("evidence"));
        Ok(())
    }

    /// Goes on for so many minutes with a little traffic, while an endpoint goes bad and well again.
    pub(super) async fn stay(&self, minutes: u64) -> Result<()> {
        let page = self.page().await?;
        println!("\nFor {minutes} minutes traffic goes on, and upstream-2 goes bad now and then: {page}");
        let until = Instant::now() + Duration::from_secs(minutes * 60);
        let changing = self.upstreams.get(1).context("three upstreams")?;
        let mut is_bad = false;
        let mut turned = Instant::now();
        // This is to be looked at, and is no load.
        let mut pace = tokio::time::interval(Duration::from_millis(200));
        while Instant::now() < until {
            if turned.elapsed() >= TURN {
                is_bad = !is_bad;
                turned = Instant::now();
                changing.behave(if is_bad { Behaviour::status(500) } else { Behaviour::default() }).await?;
            }
            for path in ["/", "/catalog", "/search", "/release"] {
                self.some_requests(path).await?;
            }
            pace.tick().await;
        }
        changing.behave(Behaviour::default()).await
    }

    /// What becomes of them is seen on the page.
    async fn some_requests(&self, path: &str) -> Result<()> {
        let ingress = self.envoy.listener_address("ingress").await?;
        let load = crate::load::Load::against(ingress).path(path).requests(40).concurrency(8);
        load.keys("x-user", |number| format!("user-{number}")).run().await.map(drop)
    }
}
