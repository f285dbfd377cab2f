//! At the bounds of a worker's memory: more answers than it keeps, for more clients than may have copies unread.

use serde_json::json;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_routes_allow_a_worker_holds_what_it_can_and_everybody_is_served() -> Outcome {
    const BYTES: usize = 30 * MIB;
    const KEYS: u64 = 10;
    const FOLLOWERS: u64 = 4;
    let upstreams = Upstreams::start(1).await?;
    let section = json!({
        "max_body_bytes": "64MiB", "max_bytes_held": "1024MiB",
        "max_wait": "60s", "max_leader_age": "60s", "stall_timeout": "30s",
    });
    // Clients that do not read are to be the filter's business here, and not Envoy's.
    let bootstrap = alone(&upstreams, &section).stream_timeouts(300).route_timeout(300);
    let envoy = Envoy::start(bootstrap.concurrency(1)).await?;
    let (upstream, address) = (&upstreams[0], envoy.listener_address("ingress").await?);
    let large = Behaviour::body(&"b".repeat(BYTES));
    upstream.behave(large.clone()).await?;
    let (mut leaders, mut slow) = (Vec::new(), Vec::new());
    for key in 0..KEYS {
        let path = format!("/{key}");
        upstream.behave_next(1, Behaviour::held(large.clone()));
        leaders.push(tokio::spawn(Client::http2(address).get(&path).send()));
        until_under_way(&envoy, upstream, key + 1).await?;
        let follow = || Client::http2(address).with_small_buffers().get(&path);
        slow.extend((0..FOLLOWERS).map(|_| tokio::spawn(follow().open())));
        until_followers(&envoy, (key + 1) * FOLLOWERS).await?;
    }
    upstream.release();
    for leader in leaders {
        assert_eq!(leader.await??.body.len(), BYTES);
    }
    // Nine answers of 30 MiB do not fit into what a worker keeps, whatever its routes allow.
    let refused = coalesce_stat("coalesce_not_shared_total", &[("reason", "memory")]);
    envoy.wait_for_stat(&refused, |count| count > 0).await?;
    let innocent = Client::to(address);
    for _ in 0..20 {
        let answer = innocent.get("/innocent").header("cookie", "a=1").send().await?;
        assert_eq!(answer.status, 200);
    }
    let held = coalesce_stat("coalesce_bytes_held", &[]);
    assert!(envoy.stat(&held).await? <= 2 * (256 << 20), "what is kept, and what is unread");
    let mut readers: tokio::task::JoinSet<_> =
        slow.into_iter().map(|slow| async { anyhow::Ok(slow.await??.rest().await?.body.len()) }).collect();
    while let Some(read) = readers.join_next().await {
        assert_eq!(read??, BYTES);
    }
    envoy.wait_for_stat(&held, |bytes| bytes == 0).await?;
    let log = envoy.log();
    assert!(!log.contains("Function: proxy_on"), "the VM lives: {log}");
    Ok(())
}
