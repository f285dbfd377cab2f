//! Waits that endpoints ask for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// First attempts are answered with this status, body and header; others are answered well.
fn first_attempts_ask(
    upstreams: &Upstreams,
    status: u16,
    body: &str,
    (name, value): (&str, &str),
) -> Outcome {
    let asks = Behaviour::Answer {
        status,
        headers: [(name.to_owned(), value.to_owned())].into(),
        body: Some(body.to_owned()),
        delay_ms: 0,
    };
    upstreams.iter().try_for_each(|one| one.behave_for("x-envoy-attempt-count", "1", asks.clone()))
}

fn policy() -> Value {
    json!({
        "engine": "filter",
        "retry_on": { "body": [{ "pointer": "/errors/*/code", "equals": "later" }] },
        "back_off": {
            "base": "1ms", "max": "5ms", "retry_after_ceiling": "2s",
            "reset_headers": [{ "name": "x-ratelimit-reset", "format": "duration" }],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_were_told_the_same_second_do_not_come_back_in_the_same_moment() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &policy()).await?;
    first_attempts_ask(&upstreams, 503, "", ("retry-after", "1"))?;
    let client = envoy.client("ingress").await?;
    let asked = (0..30).map(|_| tokio::spawn(client.get("/").send())).collect::<Vec<_>>();
    for answer in asked {
        assert_eq!(answer.await??.status, 200);
    }
    let requests: Vec<_> = upstreams.iter().flat_map(Upstream::requests).collect();
    let (first, mut again): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| request.header("x-envoy-attempt-count") == Some("1"));
    assert_eq!((first.len(), again.len()), (30, 30));
    again.sort_by_key(|request| request.at_ms);
    let times: Vec<u64> = again.iter().map(|request| request.at_ms).collect();
    let earliest = first.iter().map(|request| request.at_ms).min().unwrap_or_default();
    assert!(times[0] >= earliest + 1_000, "nobody is too soon: {times:?}");
    assert!(times[29] - times[0] >= 200, "{times:?}");
    let most =
        times.iter().map(|from| times.iter().filter(|at| (*from..from + 5).contains(at)).count()).max();
    assert!(most.is_some_and(|most| most <= 8), "{most:?} in 5 ms: {times:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fractions_milliseconds_and_durations_are_heard_and_what_is_too_long_is_a_no() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &policy()).await?;
    let client = envoy.client("ingress").await?;
    for (header, millis) in [
        (("retry-after", "1.2"), 1_200),
        (("retry-after-ms", "700"), 700),
        (("x-ratelimit-reset", "0m0.9s"), 900),
    ] {
        first_attempts_ask(&upstreams, 503, "", header)?;
        let begun = Instant::now();
        assert_eq!(client.get("/").send().await?.status, 200, "{header:?}");
        assert!(begun.elapsed() >= Duration::from_millis(millis), "{header:?}: {:?}", begun.elapsed());
    }
    for (count, header) in
        [("retry-after", "99999999999999999999"), ("retry-after-ms", "3000"), ("x-ratelimit-reset", "1h")]
            .into_iter()
            .enumerate()
    {
        upstreams.forget();
        first_attempts_ask(&upstreams, 503, "", header)?;
        assert_eq!(client.get("/").send().await?.status, 503, "{header:?}");
        assert_eq!(upstreams.counts().values().sum::<u64>(), 1, "{header:?}");
        let denied = retry_stat("retries_denied_total", &[("reason", "retry_after")]);
        envoy.wait_for_stat(&denied, |now| now == count as u64 + 1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_that_tells_of_an_error_in_a_list_is_tried_again_when_it_asks_for_it() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start_retrying(&upstreams, &policy()).await?;
    let body = r#"{"errors": [{"code": "other"}, {"code": "later"}]}"#;
    first_attempts_ask(&upstreams, 200, body, ("retry-after", "1"))?;
    let begun = Instant::now();
    let answer = envoy.client("ingress").await?.get("/").send().await?;
    assert_eq!((answer.status.as_u16(), answer.header("x-envoy-attempt-count")), (200, "2"));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    // An encoded one cannot be read; that is counted.
    first_attempts_ask(&upstreams, 200, body, ("content-encoding", "gzip"))?;
    upstreams.forget();
    let answer = envoy.client("ingress").await?.get("/").send().await?;
    assert_eq!((answer.text(), upstreams.counts().values().sum::<u64>()), (body.to_owned(), 1));
    let denied = retry_stat("retries_denied_total", &[("reason", "answer")]);
    envoy.wait_for_stat(&denied, |count| count == 1).await?;
    Ok(())
}
