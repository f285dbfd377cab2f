//! The script of faults: an Envoy with all that the filters do, and a round in which all of it happens.

use std::net::SocketAddr;

use serde_json::{Value, json};
use switchyard_test_harness::envoy::set_document_text;
use switchyard_test_harness::listed::{ADMIN, envoys_view};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::{Cost, Fault, Protocol, Service, Victims};

use super::Outcome;

/// What makes upstreams misbehave, by a request's header.
const FAULT: &str = "x-fault";

/// Envoy, and what stands behind it.
pub(super) struct Script {
    pub(super) envoy: Envoy,
    /// All fail now and then, more than may be ejected; judged, with heartbeats, its list is Envoy's own.
    ill: Upstreams,
    service: Service,
    client: Client,
    address: SocketAddr,
    listener: Value,
    // They are asked as long as the script lives.
    _others: [Upstreams; 3],
}

impl Script {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (ill, well) = (Upstreams::start(4).await?, Upstreams::start(3).await?);
        let (partial, shadowed) = (Upstreams::start(3).await?, Upstreams::start(2).await?);
        let service =
            Service::start(Cost::new(core::time::Duration::from_millis(10), core::time::Duration::ZERO))
                .await?;
        misbehave(&well)?;
        shadowed[0].behave(Behaviour::status(500)).await?;
        let document = document(&well, &partial, &shadowed, &service);
        let bootstrap = bootstrap(&ill, &well, &partial, &shadowed, &service, &document)?;
        let listener = bootstrap.listener_named("ingress")?;
        let envoy = Envoy::start(bootstrap).await?;
        let address = envoy.listener_address("ingress").await?;
        let others = [well, partial, shadowed];
        Ok(Self { envoy, ill, service, client: Client::to(address), address, listener, _others: others })
    }

    /// All that can happen, once. What becomes of requests is not looked at: other scenarios do.
    pub(super) async fn round(&self, number: usize) -> Outcome {
        self.ejections().await?;
        self.decisions().await?;
        self.retries().await?;
        self.crowds(number).await;
        self.batches(number).await;
        let mut listener = self.listener.clone();
        set_document_text(&mut listener, &format!("{{\"round\": {number}}}"));
        let _refused = self.envoy.update_listener(&listener).await?;
        Ok(())
    }

    async fn load(&self, path: &str, requests: u64, fault: &str) -> Outcome {
        let load = Load::against(self.address).path(path).requests(requests).concurrency(4);
        load.header(FAULT, fault).keys("x-user", |user| format!("user-{user}")).run().await.map(drop)
    }

    async fn ejections(&self) -> Outcome {
        for upstream in self.ill.iter() {
            upstream.behave(Behaviour::status(500)).await?;
        }
        self.load("/ill", 80, "none").await?;
        for upstream in self.ill.iter() {
            upstream.behave(Behaviour::default()).await?;
        }
        self.load("/ill", 80, "none").await?;
        self.load("/shadowed", 20, "none").await
    }

    async fn decisions(&self) -> Outcome {
        self.load("/partial", 20, "none").await?;
        for path in ["/ill/without-user", "/nowhere", "/elsewhere"] {
            let _answer = self.client.get(path).send().await;
        }
        Ok(())
    }

    async fn retries(&self) -> Outcome {
        for path in ["/router", "/filter", "/poor", "/shadow"] {
            self.load(path, 12, "one").await?;
        }
        self.load("/filter", 4, "all").await?;
        self.load("/hedge", 8, "slow").await
    }

    /// So many requests of one path at the same time.
    async fn together(&self, count: usize, request: impl Fn(usize) -> Request) {
        for asked in together(count, request) {
            let _answer = asked.await;
        }
    }

    async fn crowds(&self, number: usize) {
        for fault in ["crowd", "private", "late"] {
            let path = format!("/crowd/{fault}/{number}");
            self.together(8, |_| self.client.get(&path).header(FAULT, fault)).await;
        }
        let held = format!("/held/{number}");
        for _ in 0..3 {
            let _answer = self.client.get(&held).send().await;
        }
        let _passes = self.client.get("/crowd").header("cookie", "a=b").send().await;
    }

    async fn batches(&self, number: usize) {
        let fault = [Fault::Unavailable, Fault::Duplicate, Fault::Drop][number % 3];
        self.service.fails_next(2, fault, Victims::Batches);
        let call = |id: usize| json!({ "jsonrpc": "2.0", "id": id, "method": "add", "params": [id, 1] });
        let post = |body: String| self.client.post("/rpc", body).header("content-type", "application/json");
        self.together(16, |id| post(call(id).to_string())).await;
        let _passes = post("no json".to_owned()).send().await;
    }
}

/// How the well ones treat requests that ask for a fault.
fn misbehave(well: &Upstreams) -> Outcome {
    let answer = |status: u16, delay_ms: u64, headers: &[(&str, &str)]| Behaviour::Answer {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Some("answer".to_owned()),
        delay_ms,
    };
    for upstream in well.iter() {
        upstream.behave_for(FAULT, "all", answer(503, 0, &[]))?;
        upstream.behave_for(FAULT, "crowd", answer(200, 60, &[]))?;
        upstream.behave_for(FAULT, "private", answer(200, 60, &[("cache-control", "private")]))?;
        upstream.behave_for(FAULT, "late", answer(503, 60, &[]))?;
    }
    well[0].behave_for(FAULT, "one", answer(503, 0, &[]))?;
    well[0].behave_for(FAULT, "slow", answer(200, 300, &[]))
}

fn bootstrap(
    ill: &Upstreams,
    well: &Upstreams,
    partial: &Upstreams,
    shadowed: &Upstreams,
    service: &Service,
    document: &Value,
) -> anyhow::Result<Bootstrap> {
    let shipped = Bootstrap::shipped();
    let mut clusters = Vec::new();
    for (name, addresses) in [
        ("well", well.addresses()),
        ("partial", partial.addresses()[..2].to_vec()),
        ("shadowed", shadowed.addresses()),
        ("service", vec![service.address()]),
    ] {
        let mut cluster = shipped.cluster_named("checkout")?;
        cluster["name"] = json!(name);
        clusters.push((name, cluster, addresses));
    }
    let with_all = clusters
        .into_iter()
        .fold(shipped, |all, (name, cluster, addresses)| all.cluster(cluster).endpoints(name, &addresses));
    // A route that leads to no cluster: nobody decides on it.
    let elsewhere = json!({ "match": { "prefix": "/elsewhere" }, "direct_response": { "status": 200 } });
    Ok(with_all
        .endpoints("checkout", &ill.addresses())
        .first_route(&elsewhere)
        .document(document)
        .admin_cluster(ADMIN)
        .live_listeners()
        .concurrency(2))
}

fn document(well: &Upstreams, partial: &Upstreams, shadowed: &Upstreams, service: &Service) -> Value {
    let listed = |addresses: &[SocketAddr]| addresses.iter().map(endpoint).collect::<Vec<_>>();
    let addresses = partial.addresses();
    let quick = json!({ "consecutive_5xx": 2, "base_ejection_time": "500ms", "max_ejection_time": "500ms", "max_ejection_percent": 80, "interval": "500ms" });
    let with = |more: Value| {
        let mut outlier = quick.clone();
        outlier
            .as_object_mut()
            .into_iter()
            .for_each(|all| all.extend(more.as_object().cloned().unwrap_or_default()));
        outlier
    };
    let robin = json!({ "policy": "round_robin" });
    let one = json!({ "policy": "round_robin", "candidates": 1 });
    let heartbeat = json!({ "path": "/healthz", "interval": "100ms", "timeout": "100ms", "watch": "all" });
    json!({
        "default_cluster": "checkout",
        "upstreams": [
            { "name": "ill", "cluster": "checkout", "endpoints": envoys_view("500ms"), "balance": ring_hash(), "outlier": with(json!({ "heartbeat": heartbeat })) },
            { "name": "well", "endpoints": listed(&well.addresses()), "balance": robin, "retry_budget": { "ratio": 1, "min_per_second": 100 } },
            { "name": "partial", "endpoints": listed(&[addresses[0], addresses[2]]), "balance": one, "outlier": with(json!({})) },
            { "name": "shadowed", "endpoints": listed(&shadowed.addresses()), "balance": robin, "outlier": with(json!({ "mode": "shadow" })) },
            { "name": "service", "endpoints": listed(&[service.address()]), "balance": robin },
            { "name": "nowhere", "endpoints": envoys_view("500ms"), "balance": robin },
        ],
        "routes": routes(),
    })
}

fn routes() -> Value {
    let ample = json!({ "ratio": 1, "min_per_second": 100 });
    let retry = |more: Value| {
        let mut policy = json!({
            "engine": "filter", "retry_on": { "statuses": ["500-599"] }, "budget": ample, "back_off": { "base": "2ms", "max": "5ms" },
        });
        policy
            .as_object_mut()
            .into_iter()
            .for_each(|all| all.extend(more.as_object().cloned().unwrap_or_default()));
        policy
    };
    let router = json!({ "engine": "router", "retry_on": { "statuses": ["500-599"] }, "budget": ample });
    let poor = json!({ "budget": { "ratio": 0, "min_per_second": 0 } });
    let hedge = json!({ "hedge": { "min_delay": "20ms", "initial_delay": "30ms" } });
    let answer = json!({ "fallback": { "answer": { "status": 200, "body": "sorry" } } });
    let route = |name: &str, upstream: &str, section: (&str, Value)| {
        let mut route =
            json!({ "name": name, "match": { "path_prefix": format!("/{name}") }, "upstream": upstream });
        if !section.0.is_empty() {
            route[section.0] = section.1;
        }
        route
    };
    let nothing = || ("", Value::Null);
    json!([
        route("ill", "ill", nothing()),
        route("shadowed", "shadowed", nothing()),
        route("partial", "partial", nothing()),
        route("nowhere", "nowhere", nothing()),
        route("router", "well", ("retry", router)),
        route("filter", "well", ("retry", retry(answer))),
        route("poor", "well", ("retry", retry(poor))),
        route("shadow", "well", ("retry", retry(json!({ "mode": "shadow" })))),
        route("hedge", "well", ("retry", retry(hedge))),
        route("crowd", "well", ("coalesce", json!({}))),
        route("held", "well", ("coalesce", json!({ "hold": "5s" }))),
        route("rpc", "service", ("batch", batch_section(Protocol::JsonRpc, &json!({ "max_delay": "5ms" })))),
    ])
}
