//! Clients that send or read slowly make no endpoint slow.

use super::*;

const BODY: usize = 4 << 20;

/// So much that a client with small buffers holds it up.
fn long() -> Behaviour {
    Behaviour::Drip { bytes: 256 << 10, every_ms: 1, total: BODY }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_slowly_make_nobody_slow() -> Outcome {
    let latency = json!({ "floor": "100ms", "request_volume": 3, "minimum_hosts": 2 });
    let outlier = json!({ "slow_threshold": "400ms", "latency": latency, "max_ejection_percent": 100, "interval": "10s" });
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let envoy = Envoy::start(plain(&upstreams, &by_user(&upstreams, &outlier), &json!({}))).await?;
    let users = users(&envoy, &upstreams).await?;
    let address = envoy.listener_address("ingress").await?;
    for upstream in upstreams.iter() {
        upstream.behave(long()).await?;
    }
    // The readers of one endpoint are slow: they read on when this answer has come, which takes a second.
    let clock = Upstreams::start(1).await?;
    clock[0].behave(Behaviour::slow(1_000)).await?;
    for (place, user) in users.iter().enumerate() {
        let mut readings = Vec::new();
        for _ in 0..EACH {
            readings
                .push(Client::to(address).with_small_buffers().get("/").header("x-user", user).open().await?);
        }
        if place == 0 {
            assert!(bad(&upstreams)?.under_way() > 0, "held up");
            Client::to(clock[0].address()).get("/").send().await?;
        }
        for reading in readings {
            assert_eq!(reading.rest().await?.body.len(), BODY);
        }
    }
    until_idle(&envoy).await?;
    // The window has been looked at.
    let attempts =
        outlier_stat("endpoint_attempts", &[("endpoint", &bad(&upstreams)?.address().to_string())]);
    envoy.wait_for_stat(&attempts, |count| count >= EACH as u64).await?;
    nobody_goes(&envoy, "nobody is slow")?;
    bad(&upstreams)?.behave(Behaviour::slow(450)).await?;
    let client = envoy.client("ingress").await?;
    for _ in 0..3 {
        client.get("/").header("x-user", &users[0]).send().await?;
    }
    // By its streak or by its latency: whichever is looked at first.
    envoy.wait_for_log("outlier: ejected ").await?;
    let (log, address) = (envoy.log(), bad(&upstreams)?.address());
    assert_eq!(log.matches("outlier: ejected ").count(), 1);
    assert!(
        log.contains(&format!("outlier: ejected {address} of checkout")),
        "who thinks for so long is slow"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_slowly_make_nobody_slow() -> Outcome {
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let document = by_user(&upstreams, &json!({ "slow_threshold": "400ms" }));
    let envoy = Envoy::start(plain(&upstreams, &document, &json!({}))).await?;
    let users = users(&envoy, &upstreams).await?;
    let address = envoy.listener_address("ingress").await?;
    let clock = Upstreams::start(1).await?;
    clock[0].behave(Behaviour::slow(600)).await?;
    let mut uploads = Vec::new();
    for user in users.iter().flat_map(|user| [user; EACH]) {
        uploads.push(Talk::begin(address, false, "/", &[("x-user", user)]).await?);
    }
    uploads.iter().try_for_each(|upload| upload.say("a piece"))?;
    Client::to(clock[0].address()).get("/").send().await?;
    for mut upload in uploads {
        upload.end();
        assert_eq!(upload.status().await?, 200);
        upload.rest().await?;
    }
    until_idle(&envoy).await?;
    only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await
}
