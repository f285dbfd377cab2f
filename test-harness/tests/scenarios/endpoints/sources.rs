//! Sources that fail: the last good list stays, whatever comes in its place.

use super::*;

/// A server in the place of Envoy's admin, and an Envoy that asks it every 100 ms.
async fn beside_a_stand_in(upstreams: &Upstreams) -> anyhow::Result<(Upstream, Envoy)> {
    let stand_in = Upstream::start("admin", "127.0.0.1:0".parse()?).await?;
    stand_in.behave(Behaviour::body(&clusters(&upstreams.addresses()))).await?;
    let source = json!({ "envoy": { "admin_cluster": "registry", "interval": "100ms", "timeout": "500ms", "max_body": 100_000 } });
    let bootstrap = live(&upstreams.addresses(), &listed_by(&source, &ring_hash()))
        .cluster(pieces::cluster("registry", &[stand_in.address()]));
    let envoy = Envoy::start(bootstrap).await?;
    Ok((stand_in, envoy))
}

/// What Envoy's admin says of a cluster `checkout` with these hosts.
fn clusters(addresses: &[SocketAddr]) -> String {
    let host = |address: &SocketAddr| json!({ "address": pieces::socket_address(*address), "health_status": { "eds_health_status": "HEALTHY" }, "weight": 1 });
    let hosts: Vec<_> = addresses.iter().map(host).collect();
    json!({ "cluster_statuses": [{ "name": "checkout", "host_statuses": hosts }] }).to_string()
}

fn errors(reason: &str) -> String {
    stat("endpoint_list_errors_total", &format!("reason=.={reason};.;"))
}

/// Four failures, one after another: with each the next ask comes later, and after many more of them too late for a test.
async fn the_last_good_list_stays(failures: impl FnOnce(&str) -> Vec<(&'static str, Behaviour)>) -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let all = upstreams.addresses();
    let (stand_in, envoy) = beside_a_stand_in(&upstreams).await?;
    until_listed(&envoy, 3).await?;
    until_named(&envoy, &all).await?;
    let list = clusters(&all[..2]);
    for (reason, failure) in failures(&list) {
        let before = envoy.stat(&errors(reason)).await?;
        stand_in.behave(failure).await?;
        let counted = envoy.wait_for_stat(&errors(reason), |count| count > before).await;
        counted.map_err(|error| error.context(reason))?;
        let names: BTreeSet<_> = named(&envoy, 100).await?.into_iter().collect();
        assert_eq!(names.len(), 3, "{reason}: the list that was there stays");
    }
    assert_eq!(envoy.log().matches("could not be read").count(), 1, "one line when it ceases to be current");
    stand_in.behave(Behaviour::body(&list)).await?;
    until_named(&envoy, &all[..2]).await?;
    envoy.wait_for_log("the list of endpoints of checkout is current: 2 endpoints").await?;
    assert_eq!(envoy.stat("http.ingress.downstream_rq_5xx").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_list_stays_while_the_source_answers_nonsense() -> Outcome {
    the_last_good_list_stays(|list| {
        let half = list.get(..list.len() / 2).unwrap_or_default();
        vec![
            ("malformed", Behaviour::body("<html>not what you wanted</html>")),
            ("malformed", Behaviour::body(half)),
            ("empty", Behaviour::body(&clusters(&[]))),
            ("no_cluster", Behaviour::body("{}")),
        ]
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_list_stays_while_the_source_fails() -> Outcome {
    the_last_good_list_stays(|list| {
        vec![
            ("status", Behaviour::status(403)),
            ("too_long", Behaviour::body(&format!("{list}{}", " ".repeat(200_000)))),
            ("timeout", Behaviour::Stall),
            // Envoy's own 503.
            ("status", Behaviour::Refuse),
        ]
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_never_answers_stops_neither_the_start_nor_a_request() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    for balance in [ring_hash(), json!({ "policy": "round_robin", "fail_traffic_on_panic": true })] {
        let source = json!({ "envoy": { "admin_cluster": "nowhere", "interval": "100ms" } });
        let envoy = Envoy::start(live(&upstreams.addresses(), &listed_by(&source, &balance))).await?;
        let report = send(&envoy, 300).await?;
        assert_eq!(
            (report.successes(), report.by_upstream.len()),
            (300, 3),
            "as Envoy's fallback sends them"
        );
        envoy.wait_for_stat(&stat("fallbacks_total", "reason=.=no_list;.;"), |count| count == 300).await?;
        envoy.wait_for_stat(&errors("unreachable"), |count| count > 1).await?;
        envoy.wait_for_log("there is no list of endpoints of checkout yet").await?;
    }
    Ok(())
}
