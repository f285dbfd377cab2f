//! Requests that are open, and streams that are silent or are cut off.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// How a client waits at an endpoint that has nothing to say.
#[derive(Clone, Copy, Debug)]
enum Silent {
    /// It sends its request slowly.
    Uploads,
    /// A gRPC stream of it is open.
    GrpcStream,
    /// It has asked for events.
    AsksForEvents,
    /// It has asked for a websocket.
    Upgrades,
}

/// `EACH` requests of every user that wait for an answer, until they are dropped.
async fn wait_silently(
    envoy: &Envoy,
    users: &[String],
    how: Silent,
) -> anyhow::Result<(Vec<Talk>, tokio::task::JoinSet<anyhow::Result<Response>>)> {
    let address = envoy.listener_address("ingress").await?;
    let (mut talks, mut asked) = (Vec::new(), tokio::task::JoinSet::new());
    for user in users.iter().flat_map(|user| [user; EACH]) {
        let of_user = ("x-user", user.as_str());
        match how {
            Silent::Uploads => talks.push(Talk::begin(address, false, "/upload", &[of_user]).await?),
            Silent::GrpcStream => {
                let headers = [of_user, ("content-type", "application/grpc"), ("te", "trailers")];
                talks.push(Talk::begin(address, true, "/shop.Orders/Watch", &headers).await?);
            }
            Silent::Upgrades => {
                asked.spawn(upgrade(address, user.clone()));
            }
            Silent::AsksForEvents => {
                let request = Client::to(address).get("/events").header("x-user", user);
                asked.spawn(request.header("accept", "text/event-stream").send());
            }
        }
    }
    for talk in &talks {
        talk.say("a piece of it")?;
    }
    let all = (users.len() * EACH) as u64;
    envoy.wait_for_stat("cluster.checkout.upstream_rq_active", |active| active == all).await?;
    Ok((talks, asked))
}

/// A request for a websocket, which nobody answers.
async fn upgrade(address: SocketAddr, user: String) -> anyhow::Result<Response> {
    let mut connection = TcpStream::connect(address).await?;
    let hello = format!(
        "GET /chat HTTP/1.1\r\nhost: harness.test\r\nx-user: {user}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    );
    connection.write_all(hello.as_bytes()).await?;
    let read = connection.read(&mut [0; 64]).await?;
    anyhow::bail!("{read} bytes came")
}

/// Lets websockets through.
fn upgrades(bootstrap: &mut Value) {
    if let Some(manager) = bootstrap.pointer_mut(MANAGER).and_then(Value::as_object_mut) {
        manager.insert("upgrade_configs".to_owned(), json!([{ "upgrade_type": "websocket" }]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_or_asks_for_a_stream_is_no_stall() -> Outcome {
    for how in [Silent::Uploads, Silent::GrpcStream, Silent::AsksForEvents, Silent::Upgrades] {
        let upstreams = Upstreams::start(ENDPOINTS).await?;
        let outlier = json!({ "stall": { "limit": "300ms", "requests": 2 } });
        let bootstrap = plain(&upstreams, &by_user(&upstreams, &outlier), &json!({}));
        let bootstrap = match how {
            Silent::GrpcStream => bootstrap.edit(http2),
            Silent::Upgrades => bootstrap.edit(upgrades),
            Silent::Uploads | Silent::AsksForEvents => bootstrap,
        };
        let envoy = Envoy::start(bootstrap).await?;
        let users = users(&envoy, &upstreams).await?;
        for upstream in upstreams.iter() {
            upstream.behave(Behaviour::Stall).await?;
        }
        let silent = wait_silently(&envoy, &users, how).await?;
        // These begin later, and wait for an answer.
        let address = envoy.listener_address("ingress").await?;
        let mut hanging = tokio::task::JoinSet::new();
        for _ in 0..2 {
            hanging.spawn(Client::to(address).post("/", "whole").header("x-user", &users[0]).send());
        }
        envoy.wait_for_stat(&ejections("stall"), |count| count == 1).await?;
        let (log, address) = (envoy.log(), bad(&upstreams)?.address());
        assert_eq!(log.matches("outlier: ejected ").count(), 1, "{how:?}");
        assert!(
            log.contains(&format!("outlier: ejected {address} of checkout")),
            "{how:?}: only who owes an answer"
        );
        drop((silent, hanging));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_outlast_request_timeout_eject_nobody() -> Outcome {
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let bootstrap = plain(&upstreams, &by_user(&upstreams, &json!({})), &json!({}));
    let envoy = Envoy::start(bootstrap.stream_timeouts(1)).await?;
    let users = users(&envoy, &upstreams).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::Stall).await?;
    }
    let (talks, _) = wait_silently(&envoy, &users, Silent::Uploads).await?;
    for mut talk in talks {
        assert_eq!(talk.status().await?, 408);
    }
    until_idle(&envoy).await?;
    only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_up_on_slow_uploads_is_not_ejected() -> Outcome {
    let upstreams = Upstreams::start(ENDPOINTS).await?;
    let envoy = Envoy::start(plain(&upstreams, &by_user(&upstreams, &json!({})), &json!({}))).await?;
    let users = users(&envoy, &upstreams).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::Stall).await?;
    }
    let (talks, _) = wait_silently(&envoy, &users, Silent::Uploads).await?;
    // A second passes: as long as this answer takes.
    let clock = Upstreams::start(1).await?;
    clock[0].behave(Behaviour::slow(1_100)).await?;
    Client::to(clock[0].address()).get("/").send().await?;
    for upstream in upstreams.iter() {
        // Nobody listens any more, and what was open is reset.
        upstream.behave(Behaviour::Refuse).await?;
    }
    for mut talk in talks {
        assert_eq!(talk.status().await?, 503);
    }
    until_idle(&envoy).await?;
    for upstream in upstreams.iter() {
        upstream.behave(Behaviour::default()).await?;
    }
    only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await
}

/// The last event of those streams.
const LAST: &str = "data: 9999\n";

/// Streams that Envoy cuts off: how endpoints behave, and what of a route does it.
fn cut_off() -> [(&'static str, Behaviour, Value); 3] {
    let events = |every_ms| Behaviour::Sse { events: 10_000, every_ms };
    let idle = json!({ "timeout": "0s", "idle_timeout": "0.3s" });
    let whole = json!({ "timeout": "0s", "max_stream_duration": { "max_stream_duration": "0.3s" } });
    [
        ("the route's timeout", events(20), json!({ "timeout": "0.3s" })),
        ("its idle timeout", events(600_000), idle),
        ("the stream's longest life", events(20), whole),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_envoy_cuts_off_eject_nobody() -> Outcome {
    for grpc in [false, true] {
        for (what, behaviour, route) in cut_off() {
            let upstreams = Upstreams::start(ENDPOINTS).await?;
            let bootstrap = plain(&upstreams, &by_user(&upstreams, &json!({})), &route);
            let bootstrap = if grpc { bootstrap.edit(http2) } else { bootstrap };
            let envoy = Envoy::start(bootstrap).await?;
            let users = users(&envoy, &upstreams).await?;
            for upstream in upstreams.iter() {
                upstream.behave(behaviour.clone()).await?;
            }
            let client = Client::http2(envoy.listener_address("ingress").await?);
            let mut cut = 0;
            for user in &users {
                for _ in 0..EACH {
                    let call = client.grpc("/shop.Orders/Watch", b"x");
                    let request = if grpc { call } else { client.get("/events") };
                    // An answer whose beginning has gone on cannot end but by breaking off. Envoys before 1.37 call that no error
                    // in HTTP/2, so that clients take what they have for the whole.
                    let answer = request.header("x-user", user).send().await;
                    let is_cut = |answer: Response| answer.status == 200 && !answer.text().contains(LAST);
                    cut += usize::from(answer.map_or(true, is_cut));
                }
            }
            assert_eq!(cut, ENDPOINTS * EACH, "{what}");
            until_idle(&envoy).await?;
            nobody_goes(&envoy, &format!("{what}, gRPC: {grpc}"))?;
            only_the_bad_one_goes(&envoy, &upstreams, &users[0]).await?;
        }
    }
    Ok(())
}
