//! What a client gets when all attempts have failed: another upstream's answer, the last good one, or a fixed one.

use hyper::header::HeaderName;
use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const ENGINES: [&str; 2] = ["filter", "router"];
const MARK: &str = "x-switchyard-fallback";

/// Envoy with this fallback and one worker, since each keeps its own old answers.
async fn start(upstreams: &Upstreams, engine: &str, fallback: &Value) -> anyhow::Result<Envoy> {
    let policy = json!({ "engine": engine, "num_retries": 1, "fallback": fallback });
    Envoy::start(retried(upstreams, &retrying(upstreams, &policy)).concurrency(1)).await
}

/// One client of each kind.
async fn clients(envoy: &Envoy) -> anyhow::Result<[Client; 2]> {
    let address = envoy.listener_address("ingress").await?;
    Ok([Client::to(address), Client::http2(address)])
}

/// All endpoints answer so.
async fn all(upstreams: &Upstreams, behaviour: &Behaviour) -> Outcome {
    for upstream in upstreams.iter() {
        upstream.behave(behaviour.clone()).await?;
    }
    upstreams.forget();
    Ok(())
}

/// A good answer with these headers.
fn good(body: &str, headers: &[(&str, &str)]) -> Behaviour {
    Behaviour::Answer {
        status: 200,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Some(body.to_owned()),
        delay_ms: 0,
    }
}

/// Waits until so many clients got a substitute of this kind, and sees that the watchdog had no work.
async fn substituted(envoy: &Envoy, kind: &str, count: u64) -> Outcome {
    let given = retry_stat("fallback_answers_total", &[("reason", kind)]);
    envoy.wait_for_stat(&given, |now| now >= count).await?;
    assert_eq!(envoy.stat(&given).await?, count, "{kind}");
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_upstream_is_asked_once_when_this_one_fails() -> Outcome {
    for engine in ENGINES {
        let (upstreams, others) = (Upstreams::start(2).await?, Upstreams::start(2).await?);
        let policy = json!({ "engine": engine, "num_retries": 1, "fallback": { "upstream": "catalog" } });
        let mut document = retrying(&upstreams, &policy);
        let endpoints: Vec<_> = others.addresses().iter().map(endpoint).collect();
        let other = json!({ "name": "catalog", "endpoints": endpoints });
        document["upstreams"].as_array_mut().expect("a list").push(other);
        let bootstrap = retried(&upstreams, &document).endpoints("catalog", &others.addresses());
        let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
        all(&upstreams, &Behaviour::status(503)).await?;
        all(&others, &good("from elsewhere", &[("x-shop", "old")])).await?;
        for client in clients(&envoy).await? {
            for _ in 0..2 {
                let request = client.request(hyper::Method::PUT, "/cart").body("tea").send();
                let answer = request.await?;
                assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "from elsewhere"));
                assert_eq!((answer.header(MARK), answer.header("x-shop")), ("upstream", "old"), "{engine}");
            }
        }
        let asked: Vec<_> = others.iter().flat_map(Upstream::requests).collect();
        assert_eq!((upstreams.counts().values().sum::<u64>(), asked.len()), (8, 4), "{engine}");
        assert!(asked.iter().all(|put| put.path == "/cart" && put.body == "tea"), "{engine}: {asked:?}");
        assert!(others.iter().all(|other| other.count() == 2), "{engine}: each in turn");
        assert!(asked.iter().all(|put| put.header("x-envoy-internal").is_none()), "{engine}");
        substituted(&envoy, "upstream", 4).await?;
        // It fails, too: the client gets the first failure.
        all(&others, &Behaviour::status(503)).await?;
        let answer = envoy.client("ingress").await?.get("/").send().await?;
        assert_eq!((answer.status.as_u16(), answer.header(MARK)), (503, ""), "{engine}");
        substituted(&envoy, "upstream", 4).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_answer_has_the_status_the_headers_and_the_body_that_are_configured() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for engine in ENGINES {
        let headers = json!({ "content-type": "application/json", "cache-control": "no-store" });
        let answer = json!({ "status": 200, "headers": headers, "body": "{\"orders\": []}\n" });
        let envoy = start(&upstreams, engine, &json!({ "answer": answer })).await?;
        let mut count = 0;
        for fault in [Behaviour::status(503), Behaviour::Reset, Behaviour::Refuse] {
            all(&upstreams, &fault).await?;
            for client in clients(&envoy).await? {
                let answer = client.get("/orders").send().await?;
                assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "{\"orders\": []}\n"));
                for (name, value) in
                    [(MARK, "answer"), ("content-type", "application/json"), ("cache-control", "no-store")]
                {
                    let values: Vec<_> = answer.headers.get_all(name.parse::<HeaderName>()?).iter().collect();
                    assert_eq!(values, [value], "{engine} {fault:?}: {name}");
                }
                assert_eq!(answer.upstream(), "", "{engine}: nothing of the failure is left");
                count += 1;
            }
        }
        substituted(&envoy, "answer", count).await?;
        all(&upstreams, &Behaviour::default()).await?;
        let answer = envoy.client("ingress").await?.get("/orders").send().await?;
        assert_eq!((answer.status.as_u16(), answer.header(MARK)), (200, ""), "{engine}");
        substituted(&envoy, "answer", count).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_outage_the_last_good_answer_is_given_with_its_age() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for engine in ENGINES {
        let envoy = start(&upstreams, engine, &json!({ "stale_if_error": { "max_age": "1h" } })).await?;
        let mut count = 0;
        for client in clients(&envoy).await? {
            all(&upstreams, &good("too old", &[])).await?;
            assert_eq!(client.get("/a?page=1").send().await?.text(), "too old");
            all(&upstreams, &good("the last", &[("age", "30"), ("x-kept", "yes")])).await?;
            let fresh = client.get("/a?page=1").send().await?;
            assert_eq!((fresh.header(MARK), fresh.header("age")), ("", "30"), "{engine}");
            for fault in [Behaviour::status(503), Behaviour::Reset, Behaviour::Refuse] {
                all(&upstreams, &fault).await?;
                let stale = client.get("/a?page=1").send().await?;
                assert_eq!((stale.status.as_u16(), stale.text().as_str()), (200, "the last"), "{engine}");
                assert_eq!((stale.header(MARK), stale.header("x-kept")), ("stale", "yes"), "{engine}");
                assert_eq!(stale.header("content-type"), "application/json", "{engine}");
                let age: u64 = stale.header("age").parse()?;
                assert!((30..300).contains(&age), "{engine}: {age}");
                count += 1;
                // Another address, and another method.
                assert_eq!(client.get("/a?page=2").send().await?.status, 503, "{engine}");
                assert_eq!(client.post("/a?page=1", "x").send().await?.status, 503, "{engine}");
            }
        }
        substituted(&envoy, "stale", count).await?;
    }
    Ok(())
}

/// The status and the mark of the answer to a GET with one header.
async fn ask(client: &Client, path: &str, header: (&str, &str)) -> anyhow::Result<(u16, String)> {
    let answer = client.get(path).header(header.0, header.1).send().await?;
    Ok((answer.status.as_u16(), answer.header(MARK).to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_request_with_credentials_is_not_kept_and_it_gets_none() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for engine in ENGINES {
        let envoy = start(&upstreams, engine, &json!({ "stale_if_error": { "max_age": "1h" } })).await?;
        let client = envoy.client("ingress").await?;
        let requests = [
            ("/secret", ("authorization", "Bearer x")),
            ("/cookie", ("cookie", "session=7")),
            ("/range", ("range", "bytes=0-3")),
            ("/unkept", ("cache-control", "no-store")),
        ];
        all(&upstreams, &good("for one", &[])).await?;
        for (path, header) in requests {
            assert_eq!(ask(&client, path, header).await?.0, 200);
        }
        assert_eq!(ask(&client, "/shared", ("user-agent", "1")).await?.0, 200);
        all(&upstreams, &Behaviour::status(503)).await?;
        for (path, header) in requests {
            for path in [path, "/shared"] {
                assert_eq!(ask(&client, path, header).await?.0, 503, "{engine}: {path} {header:?}");
            }
            assert_eq!(ask(&client, path, ("user-agent", "1")).await?.0, 503, "{engine}: {path}");
        }
        let shared = ask(&client, "/shared", ("user-agent", "2")).await?;
        assert_eq!(shared, (200, "stale".to_owned()), "{engine}");
        substituted(&envoy, "stale", 1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_for_everyone_is_not_kept() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for engine in ENGINES {
        let stale = json!({ "max_age": "1h", "key": { "headers": ["x-tenant"] } });
        let envoy = start(&upstreams, engine, &json!({ "stale_if_error": stale })).await?;
        let client = envoy.client("ingress").await?;
        let answers = [
            ("/no-store", ("cache-control", "max-age=60, no-store")),
            ("/private", ("cache-control", "private")),
            ("/set-cookie", ("set-cookie", "a=b")),
            ("/vary", ("vary", "user-agent, x-tenant")),
            ("/shared", ("vary", "x-tenant")),
        ];
        for (path, header) in answers {
            all(&upstreams, &good("for one", &[header])).await?;
            assert_eq!(ask(&client, path, ("x-tenant", "a")).await?.0, 200);
        }
        all(&upstreams, &Behaviour::status(503)).await?;
        for (path, _) in answers {
            let expected = if path == "/shared" { (200, "stale") } else { (503, "") };
            let answer = ask(&client, path, ("x-tenant", "a")).await?;
            assert_eq!((answer.0, answer.1.as_str()), expected, "{engine}: {path}");
        }
        assert_eq!(ask(&client, "/shared", ("x-tenant", "b")).await?.0, 503, "{engine}");
        substituted(&envoy, "stale", 1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_old_gives_way_to_the_fixed_one() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for engine in ENGINES {
        let fallback = json!({ "stale_if_error": { "max_age": "300ms" }, "answer": { "status": 418 } });
        let envoy = start(&upstreams, engine, &fallback).await?;
        let client = envoy.client("ingress").await?;
        all(&upstreams, &good("once", &[])).await?;
        assert_eq!(client.get("/").send().await?.text(), "once");
        all(&upstreams, &Behaviour::status(503)).await?;
        let mut stale = 0;
        let last = envoy.until("it to be too old", async || {
            let answer = client.get("/").send().await?;
            stale += u64::from(answer.header(MARK) == "stale");
            Ok((answer.header(MARK) != "stale").then_some(answer))
        });
        let last = last.await?;
        assert_eq!((last.status.as_u16(), last.header(MARK)), (418, "answer"), "{engine}");
        assert_eq!((last.body.len(), last.header("content-length")), (0, "0"), "{engine}");
        substituted(&envoy, "answer", 1).await?;
        if stale > 0 {
            substituted(&envoy, "stale", stale).await?;
        }
    }
    Ok(())
}
