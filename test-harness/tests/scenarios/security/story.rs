//! What is done with an Envoy that has all filters at work: each step does what one filter is for, and tells what clients and services saw.
//!
//! Invariant: what a step tells does not depend on chance or time, so that two Envoys of the same upstreams tell the same. Trade-off: steps build on no
//! metrics but those that say that requests have come together; a step of a further module is one function and one row of [`STEPS`].

use std::net::SocketAddr;

use serde_json::{Value, json};
use switchyard_test_harness::listed::{ADMIN, envoys_view, first_of};
use switchyard_test_harness::prelude::*;
use switchyard_test_harness::services::Protocol;

use super::Outcome;

/// What makes the retried upstreams fail, by a request's header.
pub(super) const FAULT: &str = "x-fault";

/// What the filters of a scenario have behind them.
pub(super) struct Behind {
    /// Judged, with heartbeats; their list is Envoy's own.
    pub(super) judged: Upstreams,
    /// Two that are tried one after the other, and one that crowds ask.
    pub(super) others: Upstreams,
    pub(super) service: Service,
}

impl Behind {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (judged, others) = (Upstreams::start(4).await?, Upstreams::start(3).await?);
        others[0].behave_for(FAULT, "one", Behaviour::status(503))?;
        for upstream in others.iter().take(2) {
            upstream.behave_for(FAULT, "all", Behaviour::status(503))?;
        }
        Ok(Self { judged, others, service: Service::start(Cost::FREE).await? })
    }

    /// The shipped bootstrap with all of this behind it, and no plugins but these.
    pub(super) fn bootstrap(&self, modules: Modules, filters: &[&str]) -> anyhow::Result<Bootstrap> {
        let mut shipped = Bootstrap::shipped();
        let (pair, crowd) = self.others.split_at(2);
        let addresses = |all: &[Upstream]| all.iter().map(Upstream::address).collect::<Vec<_>>();
        for (name, addresses) in [
            ("pair", addresses(pair)),
            ("crowd", addresses(crowd)),
            ("service", vec![self.service.address()]),
        ] {
            let mut cluster = shipped.cluster_named("checkout")?;
            cluster["name"] = json!(name);
            shipped = shipped.cluster(cluster).endpoints(name, &addresses);
        }
        let shipped = shipped.endpoints("checkout", &self.judged.addresses()).document(&self.document());
        Ok(shipped.modules(modules).only(filters).admin_cluster(ADMIN).live_listeners().concurrency(2))
    }

    pub(super) fn document(&self) -> Value {
        let listed = |addresses: &[SocketAddr]| addresses.iter().map(endpoint).collect::<Vec<_>>();
        let (others, robin) = (self.others.addresses(), json!({ "policy": "round_robin" }));
        let heartbeat = json!({ "path": "/healthz", "interval": "2s", "timeout": "2s" });
        let outlier = json!({
            "consecutive_5xx": 3, "max_ejection_percent": 50, "base_ejection_time": "600s", "max_ejection_time": "600s",
            "interval": "1s", "enforcing_success_rate": 0, "heartbeat": heartbeat,
        });
        let by_cookie =
            json!({ "policy": "ring_hash", "hash_on": [{ "cookie": { "name": "home", "ttl": "60s" } }] });
        json!({
            "explain": true,
            "log_decisions": true,
            "default_cluster": "checkout",
            "upstreams": [
                { "name": "checkout", "endpoints": envoys_view("500ms"), "balance": ring_hash(), "outlier": outlier },
                { "name": "pair", "endpoints": listed(&others[..2]), "balance": robin },
                { "name": "crowd", "endpoints": listed(&others[2..]), "balance": robin },
                { "name": "sticky", "cluster": "crowd", "endpoints": listed(&others[2..]), "balance": by_cookie },
                { "name": "service", "endpoints": listed(&[self.service.address()]), "balance": robin },
            ],
            "routes": routes(),
        })
    }
}

fn routes() -> Value {
    let retry = |engine: &str| {
        json!({
            "engine": engine, "retry_on": { "statuses": ["500-599"] }, "num_retries": 2, "budget": { "ratio": 1, "min_per_second": 100 },
            "fallback": { "answer": { "status": 200, "body": "sorry" } },
        })
    };
    let patient = json!({ "max_wait": "60s", "max_leader_age": "60s" });
    // The names of metrics that the harness waits for have the route `all`.
    json!([
        { "name": "filter", "match": { "path_prefix": "/filter" }, "upstream": "pair", "retry": retry("filter") },
        { "name": "router", "match": { "path_prefix": "/router" }, "upstream": "pair", "retry": retry("router") },
        { "name": "crowd", "match": { "path_prefix": "/crowd" }, "upstream": "crowd", "coalesce": patient },
        { "name": "sticky", "match": { "path": "/sticky" }, "upstream": "sticky" },
        { "name": "all", "match": { "path": "/rpc" }, "upstream": "service", "batch": patient_section(Protocol::JsonRpc, &json!({})) },
        { "name": "rest", "match": {}, "upstream": "checkout" },
    ])
}

/// A client of each worker, once both know whom Envoy has.
pub(super) async fn clients(envoy: &Envoy, behind: &Behind) -> anyhow::Result<Vec<Client>> {
    let clients = client_of_each_worker(envoy, &behind.judged, 2).await?;
    for client in &clients {
        envoy
            .until("a worker to have Envoy's list", async || {
                // A client's own word is taken off where the router names nobody yet.
                let asked = client.get("/").header("x-user", "somebody");
                let answer = asked.header("x-gateway-destination-endpoint", "192.0.2.1:80").send().await?;
                Ok((!["", "none"].contains(&first_of(answer.header("x-switchyard-explain")))).then_some(()))
            })
            .await?;
    }
    Ok(clients)
}

/// Every step, and what it told.
pub(super) async fn told(envoy: &Envoy, behind: &Behind) -> anyhow::Result<Value> {
    let clients = clients(envoy, behind).await?;
    let told = json!({
        "steered": steered_users(&clients).await?,
        "crowd": crowd(envoy, behind, &clients).await?,
        "cookie": cookie(&clients[0]).await?,
        "batch": batch(envoy, behind, &clients[0]).await?,
        "retried": retried_requests(&clients[0]).await?,
        "shown": shown(envoy).await?,
    });
    ejection(envoy, behind, &clients[0]).await?;
    Ok(told)
}

/// Whom the router names for each user, and who answers.
async fn steered_users(clients: &[Client]) -> anyhow::Result<Value> {
    let mut told = Vec::new();
    for (client, user) in (0..24).map(|user| (&clients[user % 2], user)) {
        let answer = client.get("/").header("x-user", format!("user-{user}")).send().await?;
        let explanation = answer.header("x-switchyard-explain").to_owned();
        told.push(json!([answer.status.as_u16(), explanation, answer.upstream()]));
    }
    Ok(told.into())
}

/// A crowd in both workers while one request is under way.
async fn crowd(envoy: &Envoy, behind: &Behind, clients: &[Client]) -> anyhow::Result<Value> {
    let upstream = &behind.others[2];
    let before = upstream.count();
    upstream.behave(Behaviour::held(Behaviour::body("soup"))).await?;
    let leader = tokio::spawn(clients[0].get("/crowd").send());
    until_under_way(envoy, upstream, 1).await?;
    let mut asked = together(20, |number| clients[number % 2].get("/crowd"));
    let metric = coalesce_stat("", &[]).replace("=.=all;", "=.=crowd;");
    envoy
        .until("the crowd to follow", async || {
            let stats = envoy.stats().await?;
            let ours = stats.iter().filter(|(name, _)| name.starts_with(&metric));
            let follow = ours.filter(|(name, _)| name.ends_with("coalesce_followers_total"));
            Ok((follow.map(|(_, count)| count).sum::<u64>() == 20).then_some(()))
        })
        .await?;
    upstream.release();
    asked.push(leader);
    let answered = answers(envoy, asked).await?;
    upstream.behave(Behaviour::default()).await?;
    let whole = answered.iter().filter(|answer| answer.status == 200 && answer.text() == "soup").count();
    Ok(json!([upstream.count() - before, whole]))
}

/// A client without a cookie is given one.
async fn cookie(client: &Client) -> anyhow::Result<Value> {
    let answer = client.get("/sticky").send().await?;
    let cookie = answer.header("set-cookie").split('=').next().unwrap_or_default().to_owned();
    Ok(json!([answer.status.as_u16(), cookie]))
}

/// Calls that go as one array, with what each got.
async fn batch(envoy: &Envoy, behind: &Behind, client: &Client) -> anyhow::Result<Value> {
    behind.service.forget();
    let requests = (0..6).map(|number| call(client, number)).collect();
    let answered = gathered(envoy, &behind.service, requests).await?;
    let told: Vec<_> = answered.iter().map(|answer| json!([answer.status.as_u16(), answer.text()])).collect();
    Ok(json!([behind.service.sizes().into_iter().collect::<Vec<_>>(), told]))
}

/// A call of JSON-RPC.
pub(super) fn call(client: &Client, number: u64) -> Request {
    let call = json!({ "jsonrpc": "2.0", "id": number, "method": "echo", "params": [number] });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

/// One of two fails, and both do, with either engine; with a body, too.
async fn retried_requests(client: &Client) -> anyhow::Result<Value> {
    let mut told = Vec::new();
    for (path, fault) in [("/filter", "one"), ("/router", "one"), ("/filter", "all"), ("/router", "all")] {
        for request in [
            client.get(path),
            client.get(path),
            client.request(hyper::Method::PUT, path).body("body".repeat(1_000)),
        ] {
            let answer = request.header(FAULT, fault).send().await?;
            let text = if answer.text() == "sorry" { "sorry" } else { answer.upstream() };
            told.push(json!([path, fault, answer.status.as_u16(), text]));
        }
    }
    Ok(told.into())
}

/// Which upstreams the status page has, once every worker that it knows has said something.
async fn shown(envoy: &Envoy) -> anyhow::Result<Value> {
    let page = envoy.client("metrics").await?;
    envoy
        .until("all workers to say what they know", async || {
            let seen: Value = serde_json::from_slice(&page.get("/status.json").send().await?.body)?;
            let workers: Vec<_> = seen["workers"].as_array().into_iter().flatten().collect();
            let all = workers.iter().all(|one| one["said_ms_ago"].is_u64());
            let judges = workers.iter().any(|one| one["module"] == "outlier");
            let counted = seen["counters"].as_array().is_some_and(|counters| !counters.is_empty());
            let names = seen["upstreams"].as_array().into_iter().flatten().map(|one| one["name"].clone());
            Ok((all && judges && counted).then(|| names.collect()))
        })
        .await
}

/// One fails, is ejected, and comes back by its heartbeats.
async fn ejection(envoy: &Envoy, behind: &Behind, client: &Client) -> Outcome {
    let bad = bad(&behind.judged)?;
    bad.behave(Behaviour::status(503)).await?;
    let mut user = 0_u64;
    let mut ask_until = async |text: &str| {
        envoy
            .until(text, async || {
                user += 1;
                client.get("/").header("x-user", format!("user-{user}")).send().await?;
                Ok(envoy.log().contains(text).then_some(()))
            })
            .await
    };
    ask_until("outlier: ejected ").await?;
    bad.behave(Behaviour::default()).await?;
    ask_until("outlier: readmitted ").await
}
