//! What two users can get of each other's in an Envoy with all filters of ours: `/account` coalesces, `/page` does and holds answers in
//! the micro-cache, `/rpc` batches, `/orders` keeps answers for worse times.

use anyhow::ensure;
use serde_json::{Value, json};
use switchyard_test_harness::front::WHOSE;
use switchyard_test_harness::prelude::*;

use super::Outcome;

/// Two users behind a front, and what they ask.
pub(crate) struct Apart {
    front: Front,
    upstream: Upstream,
    service: Service,
    envoy: Envoy,
    alice: Client,
    bob: Client,
}

fn document(upstream: &Upstream, service: &Service) -> Value {
    let batch = patient_section(Protocol::JsonRpc, &json!({}));
    let retry = json!({ "engine": "filter", "num_retries": 0, "fallback": { "stale_if_error": { "max_age": "60s" } } });
    json!({
        "default_cluster": "checkout",
        "upstreams": [
            { "name": "checkout", "endpoints": [endpoint(&upstream.address())] },
            { "name": "catalog", "endpoints": [endpoint(&service.address())] },
        ],
        "routes": [
            { "name": "account", "match": { "path": "/account" }, "upstream": "checkout", "coalesce": {} },
            { "name": "page", "match": { "path": "/page" }, "upstream": "checkout", "coalesce": { "hold": "10s" } },
            { "name": "rpc", "match": { "path": "/rpc" }, "upstream": "catalog", "batch": batch },
            { "name": "orders", "match": { "path": "/orders" }, "upstream": "checkout", "retry": retry },
        ],
    })
}

/// Whose answer this is, as the upstream was told.
fn owner(answer: &Response) -> anyhow::Result<String> {
    ensure!(answer.status == 200, "{answer:?}");
    let told: Value = serde_json::from_slice(&answer.body)?;
    let whose = told.pointer(&format!("/headers/{WHOSE}")).and_then(Value::as_str);
    Ok(whose.unwrap_or_default().to_owned())
}

/// An answer that says whose it is.
fn own() -> Behaviour {
    Behaviour::Echo { headers: vec![WHOSE.to_owned()], delay_ms: 0 }
}

/// A call whose answer is what it was asked.
fn call(client: &Client, id: u64, text: &str) -> Request {
    let call = json!({ "jsonrpc": "2.0", "id": id, "method": "echo", "params": [text] });
    client.post("/rpc", call.to_string()).header("content-type", "application/json")
}

fn result(answer: &Response) -> anyhow::Result<Value> {
    let body: Value = serde_json::from_slice(&answer.body)?;
    Ok(json!([body.get("id"), body.pointer("/result/0")]))
}

impl Apart {
    /// With so many workers; each keeps its own answers.
    pub(crate) async fn start(front: Front, workers: u32) -> anyhow::Result<Self> {
        let upstream = Upstream::start("upstream-1", "127.0.0.1:0".parse()?).await?;
        let service = Service::start(Cost::FREE).await?;
        let bootstrap = Bootstrap::shipped()
            .document(&document(&upstream, &service))
            .endpoints("checkout", &[upstream.address()])
            .endpoints("catalog", &[service.address()]);
        let envoy = Envoy::start(front.before(bootstrap).concurrency(workers)).await?;
        let [alice, bob] = front.clients(&envoy).await?;
        Ok(Self { front, upstream, service, envoy, alice, bob })
    }

    async fn until_followers(&self, count: u64) -> Outcome {
        let name = |result| {
            format!("wasmcustom.switchyard.route=.=account;.;result=.={result};.;coalesce_followers_total")
        };
        let names = ["local", "remote"].map(name);
        let reached = async || {
            let stats = self.envoy.stats().await?;
            let now: u64 = names.iter().filter_map(|name| stats.get(name)).sum();
            Ok((now == count).then_some(()))
        };
        self.envoy.until(&format!("{count} followers"), reached).await
    }

    async fn until_gathered(&self, count: u64) -> Outcome {
        let name = "wasmcustom.switchyard.route=.=rpc;.;batch_active";
        self.envoy.wait_for_stat(name, |now| now == count).await?;
        Ok(())
    }

    /// Two requests of one user and one of the other for the same thing, under way at the same time: two go upstream.
    pub(crate) async fn in_flights(&self) -> Outcome {
        self.upstream.behave(Behaviour::held(own())).await?;
        let mut asked = together(1, |_| self.alice.get("/account"));
        until_under_way(&self.envoy, &self.upstream, 1).await?;
        self.front.authorizes_in(20)?;
        asked.extend(together(1, |_| self.alice.get("/account")));
        self.until_followers(1).await?;
        asked.extend(together(1, |_| self.bob.get("/account")));
        until_under_way(&self.envoy, &self.upstream, 2).await?;
        self.upstream.release();
        let [alice, bob] = self.front.whose();
        for (answer, whose) in answers(&self.envoy, asked).await?.iter().zip([alice, alice, bob]) {
            ensure!(owner(answer)? == whose, "{whose} got {}", answer.text());
        }
        ensure!(self.upstream.count() == 2, "{:?}", self.upstream.requests());
        Ok(())
    }

    /// Two crowds on connections of their own, spread over the workers: of each crowd one request goes upstream. In whichever order
    /// Envoy writes a token's claims, another for each request, they are the same.
    pub(crate) async fn in_crowds(&self) -> Outcome {
        const CROWD: usize = 24;
        self.upstream.behave(Behaviour::held(own())).await?;
        let mut asked = together(CROWD, |_| self.alice.get("/account"));
        asked.extend(together(CROWD, |_| self.bob.get("/account")));
        self.until_followers(2 * (CROWD as u64 - 1)).await?;
        self.upstream.release();
        let [alice, bob] = self.front.whose().map(|whose| [whose; CROWD]);
        for (answer, whose) in answers(&self.envoy, asked).await?.iter().zip([alice, bob].as_flattened()) {
            ensure!(owner(answer)? == *whose, "{whose} got {}", answer.text());
        }
        ensure!(self.upstream.count() == 2, "{:?}", self.upstream.requests());
        Ok(())
    }

    /// An answer that was one user's a moment ago: it is given to that user again, and to nobody else.
    pub(crate) async fn in_the_micro_cache(&self) -> Outcome {
        self.upstream.behave(own()).await?;
        let [alice, bob] = self.front.whose();
        self.upstream.forget();
        for (client, whose, hit) in
            [(&self.alice, alice, false), (&self.bob, bob, false), (&self.alice, alice, true)]
        {
            let answer = client.get("/page").send().await?;
            ensure!(owner(&answer)? == whose, "{whose} got {}", answer.text());
            ensure!((answer.header("cache-status") == "switchyard; hit") == hit, "{answer:?}");
        }
        ensure!(self.upstream.count() == 2, "{:?}", self.upstream.requests());
        Ok(())
    }

    /// A call of one user under way, two more of that user, which wait, and one of the other, which waits for none of them.
    pub(crate) async fn in_batches(&self) -> Outcome {
        self.service.hold_next(1);
        let mut asked = together(1, |_| call(&self.alice, 1, "alice"));
        until_busy(&self.envoy, &self.service, 1).await?;
        asked.extend(together(2, |number| call(&self.alice, 2 + number as u64, "alice")));
        self.until_gathered(3).await?;
        let bobs = call(&self.bob, 1, "bob").send().await?;
        ensure!(result(&bobs)? == json!([1, "bob"]), "{}", bobs.text());
        ensure!(self.service.under_way() == 1, "the other user's is under way yet");
        self.service.release();
        for (id, answer) in (1..).zip(answers(&self.envoy, asked).await?) {
            ensure!(result(&answer)? == json!([id, "alice"]), "{}", answer.text());
        }
        let sizes: Vec<_> = self.service.sizes().into_iter().collect();
        ensure!(sizes == [(1, 2), (2, 1)], "{sizes:?}");
        Ok(())
    }

    /// The upstream is down: who had a good answer before gets it again, and nobody else does.
    pub(crate) async fn in_kept_answers(&self) -> Outcome {
        let [whose, _] = self.front.whose();
        self.upstream.behave(own()).await?;
        let before = self.alice.get("/orders").send().await?;
        ensure!(owner(&before)? == whose, "{before:?}");
        self.upstream.behave(Behaviour::status(503)).await?;
        let bobs = self.bob.get("/orders").send().await?;
        ensure!(bobs.status == 503 && bobs.header("x-switchyard-fallback").is_empty(), "{bobs:?}");
        self.front.authorizes_in(0)?;
        let again = self.alice.get("/orders").send().await?;
        ensure!(again.header("x-switchyard-fallback") == "stale", "{again:?}");
        ensure!(owner(&again)? == whose, "{again:?}");
        Ok(())
    }

    /// The second user follows the first.
    pub(crate) async fn as_one_in_flights(&self) -> Outcome {
        self.upstream.behave(Behaviour::held(own())).await?;
        let mut asked = together(1, |_| self.alice.get("/account"));
        until_under_way(&self.envoy, &self.upstream, 1).await?;
        asked.extend(together(1, |_| self.bob.get("/account")));
        self.until_followers(1).await?;
        self.upstream.release();
        answers(&self.envoy, asked).await?;
        ensure!(self.upstream.count() == 1, "{:?}", self.upstream.requests());
        Ok(())
    }
}
