//! Answers that are held for a moment: whom they serve, for how long, how old they say they are, and what a failure
//! finds.

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// An answer with one header.
fn page(body: &str, name: &str, value: &str) -> Behaviour {
    let headers = [(name.to_owned(), value.to_owned())].into();
    Behaviour::Answer { status: 200, headers, body: Some(body.to_owned()), delay_ms: 0 }
}

/// Envoy with one worker: an answer serves the worker that has it.
async fn started(section: &Value) -> anyhow::Result<(Upstreams, Envoy, [Client; 2])> {
    let upstreams = Upstreams::start(1).await?;
    let envoy = start_coalescing(&upstreams, 1, section).await?;
    let address = envoy.listener_address("ingress").await?;
    Ok((upstreams, envoy, [Client::to(address), Client::http2(address)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_serves_further_requests_and_says_how_old_it_is() -> Outcome {
    let (upstreams, envoy, clients) = started(&json!({ "hold": "10s" })).await?;
    for (path, sent, first) in [("/plain", ("x-a", "1"), 0), ("/aged", ("age", "10"), 10)] {
        upstreams.forget();
        upstreams[0].behave(page("held", sent.0, sent.1)).await?;
        assert_eq!(clients[0].get(path).send().await?.header("cache-status"), "");
        for client in [&clients[0], &clients[1], &clients[0]] {
            let hit = client.get(path).send().await?;
            assert_eq!((hit.status.as_u16(), hit.text().as_str()), (200, "held"));
            assert_eq!(hit.header("cache-status"), "switchyard; hit");
            let age: u64 = hit.header("age").parse()?;
            assert!(
                (first..first + 10).contains(&age) && hit.headers.get_all("age").iter().count() == 1,
                "{age}"
            );
        }
        assert_eq!(upstreams[0].count(), 1);
    }
    let head = clients[0].request(hyper::Method::HEAD, "/aged").send().await?;
    assert_eq!((head.header("cache-status"), upstreams[0].count()), ("", 2), "another method is another key");
    let hits = coalesce_stat("coalesce_hits_total", &[("result", "hit")]);
    envoy.wait_for_stat(&hits, |count| count == 6).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_followers_is_held_too_and_one_that_may_not_be_is_not() -> Outcome {
    let (upstreams, envoy, clients) = started(&json!({ "hold": "10s" })).await?;
    let upstream = &upstreams[0];
    upstream.behave(Behaviour::held(page("held", "x-a", "1"))).await?;
    let waiting = together(10, |number| clients[number % 2].get("/"));
    until_followers(&envoy, 9).await?;
    upstream.release();
    answers(&envoy, waiting).await?;
    assert_eq!(clients[0].get("/").send().await?.header("cache-status"), "switchyard; hit");
    assert_eq!(upstream.count(), 1);
    for (number, directive) in
        ["no-store", "no-cache", "private", "max-age=0", "s-maxage=0"].into_iter().enumerate()
    {
        upstream.forget();
        upstream.behave(page("own", "cache-control", directive)).await?;
        for _ in 0..3 {
            let answer = clients[0].get(&format!("/{number}")).send().await?;
            assert_eq!((answer.text().as_str(), answer.header("cache-status")), ("own", ""), "{directive}");
        }
        assert_eq!(upstream.count(), 3, "{directive}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_its_time_is_over_the_upstream_is_asked_again() -> Outcome {
    let (upstreams, envoy, clients) = started(&json!({ "hold": "500ms" })).await?;
    assert_eq!(clients[0].get("/").send().await?.header("cache-status"), "");
    let mut hits = 0;
    envoy
        .until("a second request upstream", async || {
            let answer = clients[0].get("/").send().await?;
            let asked = upstreams[0].count() == 2;
            assert_eq!(answer.header("cache-status"), if asked { "" } else { "switchyard; hit" });
            hits += u64::from(!asked);
            Ok(asked.then_some(()))
        })
        .await?;
    let name = coalesce_stat("coalesce_hits_total", &[("result", "hit")]);
    envoy.wait_for_stat(&name, |count| count == hits).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_wants_a_new_answer_gets_one_if_the_operator_says_so() -> Outcome {
    for honoured in [true, false] {
        let (upstreams, envoy, clients) =
            started(&json!({ "hold": "10s", "honour_no_cache": honoured })).await?;
        let ask = |name, value| clients[0].get("/").header(name, value).send();
        assert_eq!(clients[0].get("/").send().await?.header("cache-status"), "");
        for (name, value) in
            [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")]
        {
            let expected = if honoured { "" } else { "switchyard; hit" };
            assert_eq!(ask(name, value).await?.header("cache-status"), expected, "{value}");
        }
        assert_eq!(clients[0].get("/").send().await?.header("cache-status"), "switchyard; hit");
        assert_eq!(upstreams[0].count(), if honoured { 4 } else { 1 });
        if honoured {
            let passed = coalesce_stat("coalesce_passed_total", &[("reason", "no_cache")]);
            envoy.wait_for_stat(&passed, |count| count == 3).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_serves_in_place_of_a_failure_and_not_in_place_of_an_answer() -> Outcome {
    let (upstreams, envoy, clients) = started(&json!({ "stale_if_error": "1h" })).await?;
    let upstream = &upstreams[0];
    upstream.behave(page("old", "age", "5")).await?;
    clients[0].get("/").send().await?;
    upstream.behave(Behaviour::held(Behaviour::status(503))).await?;
    let waiting = together(10, |number| clients[number % 2].get("/"));
    until_followers(&envoy, 9).await?;
    upstream.release();
    for answer in answers(&envoy, waiting).await? {
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "old"));
        assert_eq!(answer.header("cache-status"), "switchyard; hit; detail=stale-if-error");
        assert!(answer.header("age").parse::<u64>()? >= 5);
    }
    assert_eq!(upstream.count(), 2);
    upstream.behave(page("new", "x-a", "1")).await?;
    assert_eq!(clients[0].get("/").send().await?.text(), "new");
    // A key without an old answer has its failure.
    upstream.behave(Behaviour::status(503)).await?;
    assert_eq!(clients[0].get("/other").send().await?.status, 503);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_takes_no_more_than_it_may_and_what_was_asked_for_least_recently_goes_first() -> Outcome
{
    let section = json!({ "hold": "10s", "max_stored_bytes": "100KiB" });
    let (upstreams, _envoy, clients) = started(&section).await?;
    upstreams[0].behave(page(&"b".repeat(30 << 10), "x-a", "1")).await?;
    let mut asked = Vec::new();
    // There is room for three.
    for path in ["/1", "/2", "/3", "/1", "/4", "/1", "/2"] {
        let answer = clients[0].get(path).send().await?;
        asked.push((path, answer.header("cache-status").to_owned()));
    }
    let hits: Vec<_> = asked.iter().map(|(_, status)| status == "switchyard; hit").collect();
    assert_eq!(hits, [false, false, false, true, false, true, false], "{asked:?}");
    Ok(())
}
