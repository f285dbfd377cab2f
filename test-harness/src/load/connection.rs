//! Connections of a client: HTTP/1.1 with one request at a time, and HTTP/2 with as many as come.
//!
//! Invariant: a request is sent once. A connection that is seen to be closed is replaced before a request is
//! given to it; one that breaks under a request fails it, also where hyper does not say so (see [`answered`]).

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio::sync::{Mutex, watch};
use tokio_rustls::TlsConnector;

use super::Response;
use crate::front::Certificate;

/// Largest header section of an HTTP/2 answer: what the harness's upstreams take, too.
const MAX_HEADER_BYTES: u32 = 512 * 1024;

/// What goes out, and what comes back before its body.
type Sent = hyper::Request<Full<Bytes>>;
type Opened = hyper::Response<Incoming>;

/// Where requests of HTTP/1.1 and of HTTP/2 are put in, and what changes, to an error, when the connection has ended.
type Live1 = (http1::SendRequest<Full<Bytes>>, watch::Receiver<()>);
type Live2 = (http2::SendRequest<Full<Bytes>>, watch::Receiver<()>);

/// Where a client is, how much of an answer it takes before anyone reads it, and what it shows of itself.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) address: SocketAddr,
    pub(super) small_buffers: bool,
    /// With one it speaks TLS.
    pub(super) certificate: Option<Certificate>,
}

impl Remote {
    /// An address that is spoken to in clear text.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { address, small_buffers: false, certificate: None }
    }
}

/// A connection, in clear text or not.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// The kernel doubles it.
const SMALL_SOCKET_BUFFER: u32 = 4 << 10;
/// The least that hyper allows in HTTP/1.1.
const SMALL_READ_BUFFER: usize = 8 << 10;
/// HTTP/2's own default, and the least that a connection can have (RFC 9113 §6.9.2).
const SMALL_WINDOW: u32 = 65_535;

async fn connect(remote: &Remote) -> anyhow::Result<TokioIo<Box<dyn Wire>>> {
    let Remote { address, small_buffers, certificate } = remote.clone();
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if small_buffers {
        socket.set_recv_buffer_size(SMALL_SOCKET_BUFFER)?;
    }
    let stream = socket.connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let wire: Box<dyn Wire> = match certificate {
        None => Box::new(stream),
        Some(certificate) => {
            let connector = TlsConnector::from(certificate.configuration());
            Box::new(connector.connect(Certificate::server_name()?, stream).await?)
        }
    };
    Ok(TokioIo::new(wire))
}

/// Lets a connection run. What it gives changes, to an error, when the connection has ended.
fn driven(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> watch::Receiver<()> {
    let (driver, ended) = watch::channel(());
    tokio::spawn(async move {
        // Its error also reaches the requests under way, where it is reported.
        let _ = connection.await;
        drop(driver);
    });
    ended
}

/// The answer to a request, or an error once its connection has `ended` without one.
///
/// hyper puts a request into a channel that the connection reads. If the connection ends in that very moment, the
/// request can stay in the channel, and hyper's future would wait for as long as its sender lives (hyper 1.12 with tokio
/// 1.54: one in 500 requests to a published port of a container that does not listen yet).
async fn answered(
    answer: impl Future<Output = hyper::Result<Opened>>,
    mut ended: watch::Receiver<()>,
) -> anyhow::Result<Opened> {
    // Without tokio's budget for a task, which would let an answer that is there wait for another turn.
    let mut answer = pin!(tokio::task::unconstrained(answer));
    tokio::select! {
        biased;
        answer = &mut answer => return Ok(answer?),
        _ = ended.changed() => {}
    }
    // One that came with the end is there by now.
    tokio::select! {
        biased;
        answer = &mut answer => Ok(answer?),
        () = std::future::ready(()) => anyhow::bail!("the connection ended without an answer"),
    }
}

/// One HTTP/1.1 connection, opened when first needed and again after it was closed.
pub(super) struct Connection {
    remote: Remote,
    sender: Option<Live1>,
}

impl Connection {
    pub(super) fn to(remote: Remote) -> Self {
        Self { remote, sender: None }
    }

    async fn live(&mut self) -> anyhow::Result<&mut Live1> {
        let live = match self.sender.take() {
            Some((mut sender, ended)) => sender.ready().await.is_ok().then_some((sender, ended)),
            None => None,
        };
        let live = match live {
            Some(live) => live,
            None => {
                let stream = connect(&self.remote).await?;
                let mut builder = http1::Builder::new();
                builder.max_headers(256);
                if self.remote.small_buffers {
                    builder.max_buf_size(SMALL_READ_BUFFER);
                }
                let (sender, connection) = builder.handshake(stream).await?;
                (sender, driven(connection))
            }
        };
        Ok(self.sender.insert(live))
    }

    /// Sends a request and waits for the headers of its answer. Dropping it closes the connection.
    pub(super) async fn open(&mut self, request: Sent) -> anyhow::Result<Opened> {
        let (sender, ended) = self.live().await?;
        answered(sender.send_request(request), ended.clone()).await
    }

    pub(super) async fn send(&mut self, request: Sent) -> anyhow::Result<Response> {
        Response::read(self.open(request).await?).await
    }
}

/// One HTTP/2 connection for all requests of a client, in clear text and without an upgrade.
pub(super) struct Multiplexed {
    remote: Remote,
    sender: Mutex<Option<Live2>>,
}

impl Multiplexed {
    pub(super) fn to(remote: Remote) -> Self {
        Self { remote, sender: Mutex::default() }
    }

    async fn live(&self) -> anyhow::Result<Live2> {
        let mut kept = self.sender.lock().await;
        if let Some(live) = kept.as_ref().filter(|(sender, _)| !sender.is_closed()) {
            return Ok(live.clone());
        }
        let stream = connect(&self.remote).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(MAX_HEADER_BYTES);
        if self.remote.small_buffers {
            builder.initial_stream_window_size(SMALL_WINDOW).initial_connection_window_size(SMALL_WINDOW);
        }
        let (sender, connection) = builder.handshake(stream).await?;
        Ok(kept.insert((sender, driven(connection))).clone())
    }

    /// Sends a request whose address is absolute, and waits for the headers of its answer. Dropping it resets its
    /// stream, and only that.
    pub(super) async fn open(&self, request: Sent) -> anyhow::Result<Opened> {
        let (mut sender, ended) = self.live().await?;
        answered(sender.send_request(request), ended).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};
    use crate::wait;

    /// What hyper's client gives for a request that its connection never took.
    async fn lost() -> hyper::Result<Opened> {
        std::future::pending().await
    }

    #[tokio::test]
    async fn a_request_that_its_connection_never_took_fails_when_the_connection_ends() {
        let (driver, ended) = watch::channel(());
        let asked = tokio::spawn(answered(lost(), ended));
        drop(driver);
        assert!(asked.await.unwrap().unwrap_err().to_string().contains("without an answer"));
    }

    #[tokio::test]
    async fn an_answer_counts_although_its_connection_has_ended() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        let remote = Remote::at(upstream.address());
        let request = hyper::Request::builder().header("host", "one").body(Full::default())?;
        let answer = Connection::to(remote).open(request).await;
        let (driver, ended) = watch::channel(());
        drop(driver);
        assert_eq!(answered(std::future::ready(Ok(answer?)), ended).await?.status(), 200);
        Ok(())
    }

    #[tokio::test]
    async fn an_http2_client_connects_again_after_a_reset() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        let client = Client::http2(upstream.address());
        upstream.behave_next(1, Behaviour::Reset);
        assert!(client.get("/").send().await.is_err());
        let again = async || Ok(client.get("/").send().await.ok());
        assert_eq!(wait::until("a new connection", wait::DEADLINE, again).await?.status, 200);
        assert_eq!(upstream.requests().last().map(|last| last.connection), Some(1));
        Ok(())
    }
}
