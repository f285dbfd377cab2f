//! Requests whose bodies a test says piece by piece, and a server that answers before they end.
//!
//! Invariant: nothing is sent but what a test says, when it says it. The server sends its head as soon as it has that of the
//! request, and then every piece of the request's body as it comes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// A server that says back what it is told, as it is told. Dropping it ends it.
pub struct Echoes {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Echoes {
    /// Listens on a free port of 127.0.0.1, in HTTP/1.1 and HTTP/2.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, mut tasks) = (listener.local_addr()?, JoinSet::new());
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(async |request: Request<Incoming>| {
                        Ok::<_, Infallible>(Response::new(request.into_body()))
                    });
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A caller that goes away ends it.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A request whose body is said piece by piece. Dropping it ends it.
pub struct Talk {
    say: Option<UnboundedSender<Bytes>>,
    answer: Option<tokio::task::JoinHandle<hyper::Result<Response<Incoming>>>>,
    heard: String,
    body: Option<Incoming>,
    _tasks: JoinSet<hyper::Result<()>>,
}

/// What is said of a body.
struct Said(UnboundedReceiver<Bytes>);

impl Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|said| said.map(|piece| Ok(Frame::data(piece))))
    }
}

impl Talk {
    /// Begins a POST with these headers, in HTTP/1.1 (chunked) or HTTP/2. Nothing of its body is said yet.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn begin(
        address: SocketAddr,
        http2: bool,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let io = TokioIo::new(TcpStream::connect(address).await?);
        let (say, said) = unbounded_channel();
        let target = if http2 { format!("http://harness.test{path}") } else { path.to_owned() };
        let mut request = Request::builder().method("POST").uri(target);
        if !http2 {
            request = request.header("host", "harness.test");
        }
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Said(said))?;
        let mut tasks = JoinSet::new();
        let answer = if http2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tasks.spawn(connection);
            tokio::spawn(async move { sender.send_request(request).await })
        } else {
            let (mut sender, connection) = http1::handshake(io).await?;
            tasks.spawn(connection);
            tokio::spawn(async move { sender.send_request(request).await })
        };
        let heard = String::new();
        Ok(Self { say: Some(say), answer: Some(answer), heard, body: None, _tasks: tasks })
    }

    /// Says a piece of the body.
    ///
    /// # Errors
    /// If nobody listens any more.
    pub fn say(&self, piece: &str) -> anyhow::Result<()> {
        let say = self.say.as_ref().context("the body has ended")?;
        Ok(say.send(Bytes::copy_from_slice(piece.as_bytes()))?)
    }

    /// The body is whole.
    pub fn end(&mut self) {
        self.say = None;
    }

    /// Waits for the head of the answer: its status.
    ///
    /// # Errors
    /// If there is none.
    pub async fn status(&mut self) -> anyhow::Result<u16> {
        let answer = self.answer.take().context("the head has come")?.await??;
        let status = answer.status().as_u16();
        self.body = Some(answer.into_body());
        Ok(status)
    }

    /// Reads the answer until so much has come of it; all that has.
    ///
    /// # Errors
    /// If it ends before.
    pub async fn until(&mut self, enough: &str) -> anyhow::Result<&str> {
        let body = self.body.as_mut().context("the head has not come")?;
        while !self.heard.contains(enough) {
            let frame = body.frame().await.with_context(|| format!("it ended with {:?}", self.heard))??;
            self.heard += &String::from_utf8_lossy(frame.data_ref().map_or(&[], |data| data));
        }
        Ok(&self.heard)
    }

    /// Reads the answer to its end; all of it.
    ///
    /// # Errors
    /// If it breaks off.
    pub async fn rest(mut self) -> anyhow::Result<String> {
        let body = self.body.take().context("the head has not come")?;
        let rest = body.collect().await?.to_bytes();
        Ok(self.heard + &String::from_utf8_lossy(&rest))
    }
}
