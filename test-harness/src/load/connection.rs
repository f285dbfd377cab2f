//! Connections of a client: HTTP/1.1 with one request at a time, and HTTP/2 with as many as come.
//!
//! Invariant: a request is sent once. A connection that is seen to be closed is replaced before a request is
//! given to it; one that breaks under a request fails it.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;

use super::Response;

/// Largest header section of an HTTP/2 answer: what the harness's upstreams take, too.
const MAX_HEADER_BYTES: u32 = 512 * 1024;

/// What goes out, and what comes back before its body.
type Sent = hyper::Request<Full<Bytes>>;
type Opened = hyper::Response<Incoming>;

/// Where a client is, and how much of an answer it takes before anyone reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote {
    pub(super) address: SocketAddr,
    pub(super) small_buffers: bool,
}

/// The kernel doubles it.
const SMALL_SOCKET_BUFFER: u32 = 4 << 10;
/// The least that hyper allows in HTTP/1.1.
const SMALL_READ_BUFFER: usize = 8 << 10;
/// HTTP/2's own default, and the least that a connection can have (RFC 9113 §6.9.2).
const SMALL_WINDOW: u32 = 65_535;

async fn connect(remote: Remote) -> anyhow::Result<TokioIo<TcpStream>> {
    let Remote { address, small_buffers } = remote;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if small_buffers {
        socket.set_recv_buffer_size(SMALL_SOCKET_BUFFER)?;
    }
    let stream = socket.connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}

/// One HTTP/1.1 connection, opened when first needed and again after it was closed.
pub(super) struct Connection {
    remote: Remote,
    sender: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(super) fn to(remote: Remote) -> Self {
        Self { remote, sender: None }
    }

    async fn sender(&mut self) -> anyhow::Result<&mut http1::SendRequest<Full<Bytes>>> {
        let live = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match live {
            Some(sender) => sender,
            None => {
                let stream = connect(self.remote).await?;
                let mut builder = http1::Builder::new();
                builder.max_headers(256);
                if self.remote.small_buffers {
                    builder.max_buf_size(SMALL_READ_BUFFER);
                }
                let (sender, connection) = builder.handshake(stream).await?;
                tokio::spawn(async move {
                    // Its error also reaches the request under way, where it is reported.
                    let _ = connection.await;
                });
                sender
            }
        };
        Ok(self.sender.insert(sender))
    }

    /// Sends a request and waits for the headers of its answer. Dropping it closes the connection.
    pub(super) async fn open(&mut self, request: Sent) -> anyhow::Result<Opened> {
        Ok(self.sender().await?.send_request(request).await?)
    }

    pub(super) async fn send(&mut self, request: Sent) -> anyhow::Result<Response> {
        Response::read(self.open(request).await?).await
    }
}

/// One HTTP/2 connection for all requests of a client, in clear text and without an upgrade.
pub(super) struct Multiplexed {
    remote: Remote,
    sender: Mutex<Option<http2::SendRequest<Full<Bytes>>>>,
}

impl Multiplexed {
    pub(super) fn to(remote: Remote) -> Self {
        Self { remote, sender: Mutex::default() }
    }

    async fn sender(&self) -> anyhow::Result<http2::SendRequest<Full<Bytes>>> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = connect(self.remote).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(MAX_HEADER_BYTES);
        if self.remote.small_buffers {
            builder.initial_stream_window_size(SMALL_WINDOW).initial_connection_window_size(SMALL_WINDOW);
        }
        let (sender, connection) = builder.handshake(stream).await?;
        tokio::spawn(async move {
            // Its error also reaches the requests under way, where it is reported.
            let _ = connection.await;
        });
        Ok(kept.insert(sender).clone())
    }

    /// Sends a request whose address is absolute, and waits for the headers of its answer. Dropping it resets its
    /// stream, and only that.
    pub(super) async fn open(&self, request: Sent) -> anyhow::Result<Opened> {
        Ok(self.sender().await?.send_request(request).await?)
    }
}

#[cfg(test)]
mod tests {
    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};
    use crate::wait;

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
