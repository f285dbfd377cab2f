//! The endpoint of gRPC: HTTP/2, one message that says the truth, and a status, or what the weather says.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::sky::{Sky, pass};
use super::truth::{self, Heard};
use super::weather::Fault;
use crate::load::grpc_frame;

/// The endpoint, until it is dropped.
pub(super) struct Echo {
    /// Where it listens.
    pub(super) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Echo {
    /// Listens on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub(super) async fn start(sky: &Arc<Sky>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(run(listener, Arc::clone(sky)));
        Ok(Self { address, task })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, sky: Arc<Sky>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Without it answers are late.
        let _ = stream.set_nodelay(true);
        let sky = Arc::clone(&sky);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&sky)));
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A caller that has gone.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, sky: Arc<Sky>) -> Result<Response<Frames>, h2::Error> {
    let (head, body) = request.into_parts();
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let by = text("x-correlation-id").parse().unwrap_or_default();
    // gRPC is one endpoint, as ill as the first.
    let fault = sky.strikes(0, by);
    if matches!(fault, Some(Fault::TooManyHeaders | Fault::Hasty)) {
        sky.sees(by, &[], fault);
        // By its word nobody has seen the request, so it counts for none.
        return Err(h2::Reason::REFUSED_STREAM.into());
    }
    let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (path, who) = (head.uri.path().to_owned(), text("authorization").to_owned());
    let heard = Heard { path, who, by, body: whole.get(5..).unwrap_or_default().to_vec() };
    sky.sees(by, &truth::tags(&heard), fault);
    sky.takes(by).await;
    let message = grpc_frame(truth::reply(&heard, sky.now_ms()).body.to_string().as_bytes());
    match fault {
        Some(Fault::Stall) => std::future::pending().await,
        Some(Fault::Reset | Fault::Close) => Err(h2::Reason::INTERNAL_ERROR.into()),
        Some(Fault::Error) => Ok(respond(Vec::new(), Some("13"))),
        fault => {
            if fault == Some(Fault::Slow) {
                pass(Duration::from_millis(100)).await;
            }
            Ok(respond(frames(&message, fault), None))
        }
    }
}

/// The message and its status, or what this fault makes of them.
fn frames(message: &Bytes, fault: Option<Fault>) -> Vec<io::Result<Frame<Bytes>>> {
    let (whole, half) = (Ok(Frame::data(message.clone())), message.len() / 2);
    match fault {
        Some(Fault::Unavailable | Fault::Busy) => vec![Ok(status("14"))],
        Some(Fault::Lie) => vec![whole, Ok(status("2"))],
        Some(Fault::Truncate | Fault::Broken | Fault::Garbage) => {
            vec![Ok(Frame::data(message.slice(..half))), Err(io::Error::other("as told"))]
        }
        Some(Fault::Drip) => {
            let halves = [message.slice(..half), message.slice(half..)].map(|part| Ok(Frame::data(part)));
            halves.into_iter().chain([Ok(status("0"))]).collect()
        }
        _ => vec![whole, Ok(status("0"))],
    }
}

fn status(code: &'static str) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    Frame::trailers(trailers)
}

fn respond(frames: Vec<io::Result<Frame<Bytes>>>, code: Option<&'static str>) -> Response<Frames> {
    let mut response = Response::new(Frames(frames.into()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    if let Some(code) = code {
        response.headers_mut().insert("grpc-status", HeaderValue::from_static(code));
    }
    response
}

/// A body of frames that are there already.
struct Frames(VecDeque<io::Result<Frame<Bytes>>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}
