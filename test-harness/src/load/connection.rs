//! Connections of a client: HTTP/1.1 with one request at a time, and HTTP/2 with as many as come.
//!
//! Invariants: a request is sent once. A connection that is seen to be closed is replaced before a request is
//! given to it; one that breaks under a request fails it, also where hyper does not say so (see [`answered`]). An answer that
//! came before the end counts, also where the server closes behind it (GOAWAY, as Envoy says it when a listener is replaced).

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
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

/// What runs a connection. It has ended when all that runs of it has: in HTTP/2 each answer is brought by a task of its own, which may come to its
/// turn after the connection's.
#[derive(Clone)]
struct Driver {
    _running: Arc<watch::Sender<()>>,
}

impl Driver {
    /// One with nothing to run yet, and what changes, to an error, when all has ended.
    fn new() -> (Self, watch::Receiver<()>) {
        let (sender, ended) = watch::channel(());
        (Self { _running: Arc::new(sender) }, ended)
    }
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Driver {
    fn execute(&self, task: F) {
        let driver = self.clone();
        tokio::spawn(async move {
            // A connection's error also reaches the requests under way, where it is reported.
            let _ = task.await;
            drop(driver);
        });
    }
}

/// The answer to a request, or an error once its connection has `ended` without one.
///
/// hyper puts a request into a channel that the connection reads. If the connection ends in that very moment, the
/// request can stay in the channel, and hyper's future would wait for as long as its sender lives (hyper 1.12 with tokio
/// 1.54: one in 500 requests to a published port of a container that does not listen yet).
async fn answered<T>(answer: impl Future<Output = T>, mut ended: watch::Receiver<()>) -> anyhow::Result<T> {
    // Without tokio's budget for a task, which would let an answer that is there wait for another turn.
    let mut answer = pin!(tokio::task::unconstrained(answer));
    tokio::select! {
        biased;
        answer = &mut answer => return Ok(answer),
        _ = ended.changed() => {}
    }
    // One that came with the end is there by now.
    tokio::select! {
        biased;
        answer = &mut answer => Ok(answer),
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
                let (driver, ended) = Driver::new();
                driver.execute(connection);
                (sender, ended)
            }
        };
        Ok(self.sender.insert(live))
    }

    /// Sends a request and waits for the headers of its answer. Dropping it closes the connection.
    pub(super) async fn open(&mut self, request: Sent) -> anyhow::Result<Opened> {
        let (sender, ended) = self.live().await?;
        Ok(answered(sender.send_request(request), ended.clone()).await??)
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
        let (driver, ended) = Driver::new();
        let mut builder = http2::Builder::new(driver.clone());
        builder.max_header_list_size(MAX_HEADER_BYTES);
        if self.remote.small_buffers {
            builder.initial_stream_window_size(SMALL_WINDOW).initial_connection_window_size(SMALL_WINDOW);
        }
        let (sender, connection) = builder.handshake(stream).await?;
        driver.execute(connection);
        Ok(kept.insert((sender, ended)).clone())
    }

    /// Sends a request whose address is absolute, and waits for the headers of its answer. Dropping it resets its
    /// stream, and only that.
    pub(super) async fn open(&self, request: Sent) -> anyhow::Result<Opened> {
        let (mut sender, ended) = self.live().await?;
        let mut refused = match answered(sender.try_send_request(request), ended).await? {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        // The connection was closing and gives it back: nobody has seen it.
        let Some(request) = refused.take_message() else { return Err(refused.into_error().into()) };
        let (mut sender, ended) = self.live().await?;
        Ok(answered(sender.send_request(request), ended).await??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    use hyper::service::service_fn;
    use tokio::sync::Semaphore;

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
        assert_eq!(answered(std::future::ready(answer?), ended).await?.status(), 200);
        Ok(())
    }

    /// How many requests wait together.
    const TOGETHER: u32 = 9;

    /// Serves one connection: when so many requests have come it says GOAWAY, answers all and closes.
    async fn answer_all_and_close(listener: Arc<tokio::net::TcpListener>) -> anyhow::Result<()> {
        let (came, all_came) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
        let (count, gate) = (Arc::clone(&came), Arc::clone(&all_came));
        let answer = move |_| {
            let (count, gate) = (Arc::clone(&count), Arc::clone(&gate));
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                let _open = gate.acquire().await;
                Ok::<_, hyper::Error>(hyper::Response::new(Full::<Bytes>::default()))
            }
        };
        let stream = TokioIo::new(listener.accept().await?.0);
        let server = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
        let mut connection = pin!(server.serve_connection(stream, service_fn(answer)));
        let all = async || Ok((came.load(Ordering::Relaxed) == TOGETHER).then_some(()));
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            waited = wait::until("all requests", wait::DEADLINE, all) => waited?,
        }
        connection.as_mut().graceful_shutdown();
        all_came.add_permits(1);
        Ok(connection.await?)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn all_who_wait_are_answered_by_a_connection_that_closes_with_its_answers() -> anyhow::Result<()> {
        let listener = Arc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await?);
        let client = Arc::new(Multiplexed::to(Remote::at(listener.local_addr()?)));
        for _ in 0..20 {
            let server = tokio::spawn(answer_all_and_close(Arc::clone(&listener)));
            let ask = |_| {
                let client = Arc::clone(&client);
                tokio::spawn(async move {
                    let request = hyper::Request::builder().uri("http://one/").body(Full::default())?;
                    client.open(request).await
                })
            };
            for asked in (0..TOGETHER).map(ask).collect::<Vec<_>>() {
                assert_eq!(asked.await??.status(), 200);
            }
            server.await??;
        }
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
