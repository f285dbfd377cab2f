//! Endpoints that report how busy they are, on a real Envoy: their shares follow, whether the report is in the head or behind the body; what is no
//! report changes nothing, and nobody draws all traffic.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const HEADER: &str = "endpoint-load-metrics";

/// Reports that count at once, and what else this says.
fn at_once(more: &Value) -> Value {
    let mut fields = json!({ "blackout_period": "0s", "weight_update_period": "100ms" });
    if let (Some(fields), Some(more)) = (fields.as_object_mut(), more.as_object()) {
        fields.extend(more.clone());
    }
    json!({ "policy": "load_reported", "load_report": fields })
}

/// One worker whose reports count at once.
async fn start(upstreams: &Upstreams, balance: &Value) -> anyhow::Result<Envoy> {
    Envoy::start(steered(upstreams, &balanced(upstreams, balance)).concurrency(1)).await
}

/// An answer whose head says this.
fn reports(value: &str) -> Behaviour {
    let headers = BTreeMap::from([(HEADER.to_owned(), value.to_owned())]);
    Behaviour::Answer { status: 200, headers, body: None, delay_ms: 0 }
}

fn busy(utilization: f64) -> Behaviour {
    reports(&format!("TEXT cpu_utilization={utilization},rps_fractional=100"))
}

/// Waits until requests are shared in these parts.
async fn shared(envoy: &Envoy, upstreams: &Upstreams, parts: &[u64], when: &str) -> Outcome {
    let each = 420 / parts.iter().sum::<u64>();
    envoy
        .until(when, async || {
            let load = Load::against(envoy.listener_address("ingress").await?).concurrency(1);
            let report = load.requests(each * parts.iter().sum::<u64>()).run().await?;
            assert_eq!(
                report.successes(),
                report.by_upstream.values().sum::<u64>(),
                "{:?}",
                report.first_error
            );
            println!("{when}: {:?}", report.by_upstream);
            let count = |one: &Upstream| report.by_upstream.get(one.name()).copied().unwrap_or_default();
            // Turns are exact; a round that the end cuts off is a few requests.
            let is_near = |(one, part): (&Upstream, &u64)| count(one).abs_diff(part * each) <= 6;
            Ok(upstreams.iter().zip(parts).all(is_near).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_follow_what_endpoints_report_and_clients_do_not_see_it() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let envoy = start(&upstreams, &at_once(&json!({}))).await?;
    shared(&envoy, &upstreams, &[1, 1, 1], "nobody reports").await?;
    for (upstream, utilization) in upstreams.iter().zip([0.2, 0.4, 0.8]) {
        upstream.behave(busy(utilization)).await?;
    }
    shared(&envoy, &upstreams, &[4, 2, 1], "all report").await?;
    let answer = envoy.client("ingress").await?.get("/").send().await?;
    assert_eq!((answer.status.as_u16(), answer.header(HEADER)), (200, ""), "it is taken off");

    // The first becomes busy and says so in JSON, the last idle and in protobuf (fields 1 and 6, doubles of 0.2 and 100).
    upstreams[0].behave(reports(r#"JSON {"cpuUtilization": 0.8, "rps_fractional": 100}"#)).await?;
    upstreams[2].behave(reports("BIN CZqZmZmZmck/MQAAAAAAAFlA")).await?;
    shared(&envoy, &upstreams, &[1, 2, 4], "they have changed").await?;

    // What is no report is as if it were not there.
    for garbage in [
        "TEXT cpu_utilization=NaN,rps_fractional=inf",
        "JSON {\"a\": [",
        "BIN ?",
        "all is well",
        "TEXT cpu_utilization=-1",
    ] {
        upstreams[0].behave(reports(garbage)).await?;
        shared(&envoy, &upstreams, &[1, 2, 4], garbage).await?;
    }
    // Ten times the median, whatever it says of itself, and a tenth of it.
    upstreams[0].behave(reports("TEXT cpu_utilization=1e-300,rps_fractional=1")).await?;
    upstreams[2].behave(busy(1e100)).await?;
    shared(&envoy, &upstreams, &[100, 10, 1], "two lie").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_may_be_in_the_trailers() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for (upstream, utilization) in upstreams.iter().zip([0.2, 0.6]) {
        let report = format!("TEXT application_utilization={utilization},rps_fractional=7");
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let (headers, trailers) =
            (pairs(&[("x-upstream", upstream.name())]), pairs(&[(HEADER, &report), ("x-end", "yes")]));
        let behaviour =
            Behaviour::Exact { status: 200, headers, body: b"hello".to_vec(), chunked: true, trailers };
        upstream.behave(behaviour).await?;
    }
    for strips in [true, false] {
        let document = balanced(&upstreams, &at_once(&json!({ "strip": strips })));
        let envoy = Envoy::start(steered(&upstreams, &document).edit(http2).concurrency(1)).await?;
        shared(&envoy, &upstreams, &[3, 1], "both report").await?;
        let client = Client::http2(envoy.listener_address("ingress").await?);
        let answer = client.get("/").send().await?;
        let trailer = |name| answer.trailers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!((answer.text().as_str(), trailer("x-end")), ("hello", Some("yes")));
        assert_eq!(trailer(HEADER).is_none(), strips, "{:?}", answer.trailers);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_of_the_endpoint_that_answered_in_the_end() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    let envoy = start(&upstreams, &at_once(&json!({ "strip": false }))).await?;
    upstreams[0].behave(busy(0.2)).await?;
    upstreams[1].behave(busy(0.8)).await?;
    shared(&envoy, &upstreams, &[4, 1], "both report").await?;
    let answer = envoy.client("ingress").await?.get("/").send().await?;
    assert!(answer.header(HEADER).starts_with("TEXT cpu_utilization=0."), "it is left on: {answer:?}");
    // All that the busy one gets fails and is tried again by Envoy at the idle one, whose report it is. Were it taken for the busy one's,
    // that would get half.
    let headers =
        BTreeMap::from([(HEADER.to_owned(), "TEXT cpu_utilization=0.8,rps_fractional=100".to_owned())]);
    upstreams[1].behave(Behaviour::Answer { status: 503, headers, body: None, delay_ms: 0 }).await?;
    let before = upstreams[1].count();
    let load = Load::against(envoy.listener_address("ingress").await?).concurrency(1);
    let report = load.requests(1_000).run().await?;
    assert_eq!(report.by_upstream.get(upstreams[0].name()), Some(&1_000), "{:?}", report.by_upstream);
    let asked = upstreams[1].count() - before;
    assert!((150..=250).contains(&asked), "{asked} of 1,000 went to the busy one first");
    Ok(())
}
