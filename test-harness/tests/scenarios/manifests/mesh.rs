//! The traffic that every platform's example must carry: routed, ejected, tried again, coalesced, batched.

use super::Outcome;
use serde_json::json;
use std::collections::BTreeSet;
use switchyard_test_harness::prelude::*;

/// Three endpoints of `cart`, three of `catalogue`, and the two clusters' names.
pub(super) struct Mesh {
    pub(super) upstreams: Upstreams,
    pub(super) cart: &'static str,
    pub(super) catalogue: &'static str,
}

impl Mesh {
    pub(super) async fn start(cart: &'static str, catalogue: &'static str) -> anyhow::Result<Self> {
        Ok(Self { upstreams: Upstreams::start(6).await?, cart, catalogue })
    }

    fn carts(&self) -> &[Upstream] {
        &self.upstreams[..3]
    }

    fn catalogues(&self) -> &[Upstream] {
        &self.upstreams[3..]
    }

    /// All of it, in one Envoy, one after the other.
    pub(super) async fn carries(&self, envoy: &Envoy) -> Outcome {
        self.routes(envoy).await?;
        self.coalesces(envoy).await?;
        self.ejects_and_retries(envoy).await?;
        self.batches(envoy).await
    }

    /// A user stays, Envoy's own route leads to cart, the document's to catalogue; services see nothing of the steering.
    pub(super) async fn routes(&self, envoy: &Envoy) -> Outcome {
        let client = envoy.client("ingress").await?;
        let homes = envoy.until("users to be steered", async || {
            let mut homes = BTreeSet::new();
            for user in 0..20 {
                let ask = || client.get("/").header("x-user", format!("user-{user}")).send();
                let (one, two) = (ask().await?, ask().await?);
                assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
                if one.upstream() != two.upstream() {
                    return Ok(None);
                }
                homes.insert(one.upstream().to_owned());
            }
            Ok((homes.len() > 1).then_some(homes))
        });
        homes.await?;
        let of_catalogue: BTreeSet<_> = self.catalogues().iter().map(Upstream::name).collect();
        for path in ["/search", "/catalogue/1"] {
            let answer = client.get(path).send().await?;
            assert!(of_catalogue.contains(answer.upstream()), "{path}: {}", answer.upstream());
        }
        // Nor does a client's own word lead anywhere.
        let answer = client.get("/").header("x-switchyard-cluster", "prometheus_stats").send().await?;
        assert_eq!(answer.status, 200);
        assert!(!of_catalogue.contains(answer.upstream()));
        for request in self.upstreams.iter().flat_map(Upstream::requests) {
            for header in
                ["x-switchyard-cluster", "x-gateway-destination-endpoint", "x-switchyard-client-limit"]
            {
                assert_eq!(request.header(header), None, "{header}");
            }
        }
        Ok(())
    }

    /// Ten who ask for the same at the same time get one answer of one request.
    pub(super) async fn coalesces(&self, envoy: &Envoy) -> Outcome {
        let client = envoy.client("ingress").await?;
        self.upstreams.forget();
        let waiting = async || -> anyhow::Result<u64> {
            let stats = envoy.stats().await?;
            let ours = stats.iter().filter(|(name, _)| {
                name.contains("route=.=search;") && name.ends_with("coalesce_followers_total")
            });
            Ok(ours.map(|(_, count)| count).sum())
        };
        let before = waiting().await?;
        for one in self.catalogues() {
            one.behave(Behaviour::held(Behaviour::default())).await?;
        }
        let asked = together(10, |_| client.get("/search?q=tea"));
        envoy.until("nine to follow", async || Ok((waiting().await? == before + 9).then_some(()))).await?;
        for one in self.catalogues() {
            one.behave(Behaviour::default()).await?;
            one.release();
        }
        let answered = answers(envoy, asked).await?;
        assert!(answered.iter().all(|answer| answer.status == 200));
        assert_eq!(self.catalogues().iter().map(Upstream::count).sum::<u64>(), 1);
        Ok(())
    }

    /// Clients see no error of an endpoint that fails; it is ejected, in its cluster alone. Cart is tried again by Envoy's router,
    /// catalogue by the filter.
    async fn ejects_and_retries(&self, envoy: &Envoy) -> Outcome {
        let client = envoy.client("ingress").await?;
        for (path, cluster, failing, others) in [
            ("/", self.cart, &self.carts()[0], &self.carts()[1..]),
            ("/catalogue/2", self.catalogue, &self.catalogues()[0], &self.catalogues()[1..]),
        ] {
            failing.behave(Behaviour::status(503)).await?;
            let upstream = if path == "/" { "cart" } else { "catalogue" };
            let ejected = format!(
                "wasmcustom.switchyard.upstream=.={upstream};.;reason=.=consecutive_5xx;.;ejections_total"
            );
            let mut user = 0;
            envoy
                .until(&format!("the endpoint of {cluster} that fails to be ejected"), async || {
                    user += 1;
                    let answer = client.get(path).header("x-user", format!("user-{user}")).send().await?;
                    assert_eq!(answer.status, 200, "{path} {answer:?}");
                    Ok((envoy.stat(&ejected).await? >= 1).then_some(()))
                })
                .await?;
            envoy
                .until("both workers to leave it out", async || {
                    self.upstreams.forget();
                    for user in 0..20 {
                        client.get(path).header("x-user", format!("user-{user}")).send().await?;
                    }
                    Ok((failing.count() == 0).then_some(()))
                })
                .await?;
            assert!(others.iter().map(Upstream::count).sum::<u64>() >= 20);
            failing.behave(Behaviour::default()).await?;
        }
        Ok(())
    }

    /// Calls that come while one is under way go together.
    pub(super) async fn batches(&self, envoy: &Envoy) -> Outcome {
        let service = Service::start(Cost::FREE).await?;
        envoy.update_endpoints(self.catalogue, &pieces::localities(&[(service.address(), 1)])).await?;
        // One connection, so one worker: each has batches of its own.
        let client = Client::http2(envoy.listener_address("ingress").await?);
        let ask = |number: u64| {
            let call = json!({ "jsonrpc": "2.0", "id": number, "method": "get_echo", "params": [number] });
            client.post("/rpc", call.to_string()).header("content-type", "application/json")
        };
        envoy
            .until("the router to know of the service", async || {
                let answer = ask(1).send().await;
                Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
            })
            .await?;
        let arrived = "http.ingress.downstream_rq_total";
        let before = envoy.stat(arrived).await?;
        service.forget();
        service.hold_next(1);
        let mut asked = vec![tokio::spawn(ask(0).send())];
        until_busy(envoy, &service, 1).await?;
        asked.extend((1..=8).map(|number| tokio::spawn(ask(number).send())));
        envoy.wait_for_stat(arrived, |count| count >= before + 9).await?;
        service.release();
        let answered = answers(envoy, asked).await?;
        for (answer, number) in answered.iter().zip(0_u64..) {
            let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
            assert_eq!((answer.status.as_u16(), &body["id"]), (200, &json!(number)), "{body}");
        }
        assert!(service.count() < 9 && service.most_items() > 1, "{:?}", service.sizes());
        Ok(())
    }
}
