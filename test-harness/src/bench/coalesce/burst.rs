//! A burst: many clients, connected before, ask for the same thing at once, and each notes when it has all of its
//! answer.
//!
//! Invariant: the upstream answers nobody before every request was written and read by the server, so that all but
//! one of the clients wait; all clocks are one. Trade-off: the clients know as little HTTP as this needs (a
//! content-length), so that two hundred answers cost them little time of the machine that they share with the server.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::sockets;
use crate::upstream::Upstream;
use crate::wait;

/// What a burst showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Burst {
    /// Requests that the upstream saw.
    pub(super) upstream: u64,
    /// How long after the first complete answer each of the others was complete, in ms, sorted.
    pub(super) delays_ms: Vec<f64>,
}

/// Clients of one server.
pub(super) struct Clients {
    address: SocketAddrV4,
    sockets: Vec<TcpStream>,
}

impl Clients {
    /// Connects so many.
    pub(super) async fn connect(address: SocketAddr, clients: usize) -> anyhow::Result<Self> {
        let SocketAddr::V4(address) = address else { anyhow::bail!("{address} is not IPv4") };
        let mut sockets = Vec::new();
        for _ in 0..clients {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            sockets.push(socket);
        }
        Ok(Self { address, sockets })
    }

    /// All of them ask for `path`, whose answer `upstream` holds until it is released: when all requests were read,
    /// and not before `hold` is over.
    pub(super) async fn burst(
        &mut self,
        path: &str,
        upstream: &Upstream,
        hold: Duration,
    ) -> anyhow::Result<Burst> {
        let request = Arc::new(format!("GET {path} HTTP/1.1\r\nhost: harness.test\r\n\r\n"));
        let (clients, written) = (self.sockets.len(), Arc::new(AtomicUsize::new(0)));
        let (begun, mut asking) = (Instant::now(), JoinSet::new());
        upstream.forget();
        for socket in self.sockets.drain(..) {
            asking.spawn(ask(socket, Arc::clone(&request), Arc::clone(&written)));
        }
        wait::until("all requests to be read", wait::DEADLINE, async || {
            let all_written = written.load(Ordering::Acquire) == clients && upstream.under_way() > 0;
            Ok((all_written && sockets::unread(self.address)? == 0).then_some(()))
        })
        .await?;
        tokio::time::sleep_until(begun + hold).await;
        upstream.release();
        let mut ends = Vec::new();
        while let Some(asked) = asking.join_next().await {
            let (socket, ended) = asked??;
            self.sockets.push(socket);
            ends.push(ended);
        }
        Ok(Burst { upstream: upstream.count(), delays_ms: delays_ms(ends) })
    }
}

/// Of all but the first.
fn delays_ms(mut ends: Vec<Instant>) -> Vec<f64> {
    ends.sort_unstable();
    let mut ends = ends.into_iter();
    let Some(first) = ends.next() else { return Vec::new() };
    ends.map(|end| (end - first).as_secs_f64() * 1e3).collect()
}

/// One request, and the moment at which its answer was complete.
async fn ask(
    mut socket: TcpStream,
    request: Arc<String>,
    written: Arc<AtomicUsize>,
) -> anyhow::Result<(TcpStream, Instant)> {
    socket.write_all(request.as_bytes()).await?;
    written.fetch_add(1, Ordering::Release);
    let mut answer = Vec::with_capacity(16 << 10);
    loop {
        anyhow::ensure!(socket.read_buf(&mut answer).await? > 0, "the server closed a connection");
        if let Some(whole) = length(&answer)?
            && answer.len() >= whole
        {
            return Ok((socket, Instant::now()));
        }
    }
}

/// How long the whole answer is, headers and body, once its headers are there.
///
/// # Errors
/// If it is anything but a 200 with a content-length.
fn length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(answer.get(..head).unwrap_or_default()).to_ascii_lowercase();
    anyhow::ensure!(text.starts_with("http/1.1 200 "), "not a 200:\n{text}");
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body: usize = body.with_context(|| format!("no content-length:\n{text}"))?.trim().parse()?;
    Ok(Some(head + 4 + body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Behaviour;

    #[test]
    fn an_answer_is_as_long_as_its_headers_say() -> anyhow::Result<()> {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx: y\r\n\r\nab";
        assert_eq!(length(answer)?, Some(answer.len() + 1));
        assert_eq!(length(&answer[..40])?, None);
        assert!(length(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        Ok(())
    }

    #[tokio::test]
    async fn without_a_proxy_every_client_of_every_burst_reaches_the_upstream() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        upstream.behave(Behaviour::held(Behaviour::body("body"))).await?;
        let mut clients = Clients::connect(upstream.address(), 10).await?;
        for path in ["/1", "/2"] {
            let burst = clients.burst(path, &upstream, Duration::ZERO).await?;
            assert_eq!((burst.upstream, burst.delays_ms.len()), (10, 9));
            assert!(burst.delays_ms.is_sorted(), "{burst:?}");
            assert!(upstream.requests().iter().all(|request| request.path == path));
        }
        Ok(())
    }
}
