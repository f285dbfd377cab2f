//! Answers that stream: the retry filter holds none of them back, whatever it would like to know.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use switchyard_test_harness::load::grpc_frame;
use switchyard_test_harness::prelude::*;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Outcome = anyhow::Result<()>;

/// An answer as it arrives.
struct Arriving {
    body: Incoming,
    text: String,
    /// Ends with this value.
    _connection: tokio::task::JoinSet<hyper::Result<()>>,
}

impl Arriving {
    /// Sends a GET, or a gRPC call without a message, and waits for the head of the answer.
    async fn begin(envoy: &Envoy, kind: &str) -> anyhow::Result<Self> {
        let address = envoy.listener_address("ingress").await?;
        let io = TokioIo::new(TcpStream::connect(address).await?);
        let request = hyper::Request::builder().uri(format!("http://{address}/shop.Orders/Watch"));
        let request = match kind {
            "grpc" => request.method("POST").header("content-type", "application/grpc"),
            _ => request.header("host", "harness.test"),
        };
        let (request, mut tasks) = (request.body(Empty::<Bytes>::new())?, tokio::task::JoinSet::new());
        let answer = if kind == "http1" {
            let (mut sender, connection) = http1::handshake(io).await?;
            tasks.spawn(connection);
            sender.send_request(request).await?
        } else {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tasks.spawn(connection);
            sender.send_request(request).await?
        };
        Ok(Self { body: answer.into_body(), text: String::new(), _connection: tasks })
    }

    /// Reads until `enough` has come, and no further; what has come so far.
    async fn until(&mut self, enough: &str) -> anyhow::Result<&str> {
        while !self.text.contains(enough) {
            let frame =
                self.body.frame().await.with_context(|| format!("it ended with {:?}", self.text))??;
            self.text += &String::from_utf8_lossy(frame.data_ref().map_or(&[], |data| data));
        }
        Ok(&self.text)
    }
}

async fn nothing_was_overdue(envoy: &Envoy) -> Outcome {
    assert_eq!(envoy.stat(&retry_stat("retry_watchdog_total", &[])).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_one_by_one() -> Outcome {
    let upstreams = Upstreams::start(2).await?;
    for policy in [
        json!({ "engine": "filter", "retry_on": { "body": [{ "pointer": "/error", "exists": true }] } }),
        json!({ "engine": "filter", "hedge": {}, "fallback": { "stale_if_error": { "max_age": "1h" } } }),
        json!({ "engine": "router" }),
    ] {
        let envoy = start_retrying(&upstreams, &policy).await?;
        upstreams.forget();
        for kind in ["http1", "http2"] {
            // Whoever waits for its end waits for ever.
            for upstream in upstreams.iter() {
                upstream.behave(Behaviour::Sse { events: u64::MAX, every_ms: 5 }).await?;
            }
            let mut answer = Arriving::begin(&envoy, kind).await?;
            let text = answer.until("data: 3\n\n").await?;
            assert!(text.starts_with("data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n"), "{policy}: {text:?}");
            for upstream in upstreams.iter() {
                upstream.behave(Behaviour::Sse { events: 3, every_ms: 1 }).await?;
            }
            let answer = envoy.client("ingress").await?.get("/").send().await?;
            assert_eq!(answer.header("content-type"), "text/event-stream");
            assert_eq!(answer.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n", "{policy}");
        }
        assert_eq!(upstreams.counts().values().sum::<u64>(), 4, "{policy}");
        assert_eq!(envoy.stat(&retry_stat("retries_denied_total", &[("reason", "answer")])).await?, 0);
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}

/// The body of a gRPC answer whose messages are said one by one.
struct Said(UnboundedReceiver<&'static str>);

impl hyper::body::Body for Said {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = |said: &str| Ok(Frame::data(grpc_frame(said.as_bytes())));
        self.0.poll_recv(context).map(|said| said.map(frame))
    }
}

/// Answers one gRPC call on the listener: with a head at once, and with what is said.
async fn answer_one(listener: TcpListener) -> anyhow::Result<UnboundedSender<&'static str>> {
    let (say, said) = unbounded_channel();
    let said = Arc::new(Mutex::new(Some(Said(said))));
    let (stream, _) = listener.accept().await?;
    tokio::spawn(async move {
        let service = hyper::service::service_fn(|_| {
            let said = Arc::clone(&said);
            async move {
                let said = said.lock().ok().and_then(|mut said| said.take()).ok_or("it answers one call")?;
                let answer = hyper::Response::builder().header("content-type", "application/grpc").body(said);
                answer.map_err(|_| "no such header")
            }
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.serve_connection(TokioIo::new(stream), service).await
    });
    Ok(say)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_grpc_stream_arrive_although_the_next_ones_are_not_there_yet() -> Outcome {
    let upstreams = Upstreams::start(1).await?;
    for engine in ["filter", "router"] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut document = retrying(&upstreams, &json!({ "engine": engine, "non_idempotent": true }));
        document["upstreams"][0]["endpoints"] = json!([endpoint(&address)]);
        let bootstrap = retried(&upstreams, &document).endpoints("checkout", &[address]).edit(http2);
        let envoy = Envoy::start(bootstrap.concurrency(2)).await?;
        let (say, answer) =
            tokio::join!(answer_one(listener), async { Arriving::begin(&envoy, "grpc").await });
        let (say, mut answer) = (say?, answer?);
        for message in ["first", "second", "third"] {
            say.send(message)?;
            answer.until(message).await.with_context(|| engine.to_owned())?;
        }
        nothing_was_overdue(&envoy).await?;
    }
    Ok(())
}
