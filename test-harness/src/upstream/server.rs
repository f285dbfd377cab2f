//! The server behind an upstream: one task that accepts while the gate is open, one task per connection.
//!
//! Invariant: when the gate shuts, the listening socket is closed before anyone is told so, and open
//! connections are reset, as when a process is killed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use anyhow::Context as _;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use super::behaviour::Behaviour;
use super::under_way::{Attended, UnderWay};
use super::{answer, record};
use crate::wait;

/// Largest header section read from HTTP/1 and HTTP/2 callers: scenarios send 60 KiB in one header.
const MAX_HEADER_BYTES: u32 = 512 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    Shut,
}

/// How requests with a header of this value are treated.
pub(super) struct Rule {
    pub(super) header: HeaderName,
    pub(super) value: String,
    pub(super) behaviour: Behaviour,
}

pub(super) struct State {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) sequence: Arc<record::Sequence>,
    pub(super) failed_share: AtomicU64,
    pub(super) log: Mutex<record::Log>,
    pub(super) next: Mutex<(u64, Behaviour)>,
    pub(super) rules: Mutex<Vec<Rule>>,
    pub(super) under_way: Arc<UnderWay>,
    /// Every change lets go of the requests that were held before it.
    pub(super) releases: watch::Sender<()>,
    always: Mutex<Behaviour>,
    listening: watch::Sender<bool>,
}

impl State {
    pub(super) fn set(&self, behaviour: Behaviour) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.always.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    pub(super) fn forget(&self) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = record::Log::default();
        self.under_way.forget();
    }

    pub(super) fn behaviour(&self, headers: &HeaderMap) -> Behaviour {
        let holds = |rule: &&Rule| headers.get(&rule.header).is_some_and(|value| *value == rule.value);
        if let Some(rule) = self.rules.lock().unwrap_or_else(PoisonError::into_inner).iter().rfind(holds) {
            return rule.behaviour.clone();
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.0 > 0 {
            next.0 -= 1;
            return next.1.clone();
        }
        drop(next);
        self.always.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Started = (Arc<State>, watch::Sender<Gate>, tokio::task::JoinHandle<()>);

pub(super) async fn start(
    name: &str,
    listen: SocketAddr,
    sequence: Arc<record::Sequence>,
) -> anyhow::Result<Started> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
    let state = Arc::new(State {
        name: name.to_owned(),
        address: listener.local_addr()?,
        sequence,
        failed_share: AtomicU64::new(0),
        log: Mutex::default(),
        next: Mutex::default(),
        rules: Mutex::default(),
        under_way: Arc::default(),
        releases: watch::Sender::new(()),
        always: Mutex::default(),
        listening: watch::Sender::new(true),
    });
    let (gate, watched) = watch::channel(Gate::Open);
    let task = tokio::spawn(run(listener, Arc::clone(&state), watched));
    Ok((state, gate, task))
}

/// Opens or shuts the gate, and returns when the socket is as asked.
pub(super) async fn turn(gate: &watch::Sender<Gate>, state: &State, to: Gate) -> anyhow::Result<()> {
    gate.send_replace(to);
    let mut listening = state.listening.subscribe();
    let reached = listening.wait_for(|open| *open == (to == Gate::Open));
    tokio::time::timeout(wait::DEADLINE, reached)
        .await
        .with_context(|| format!("{} could not bind {} again", state.name, state.address))??;
    Ok(())
}

async fn run(mut listener: TcpListener, state: Arc<State>, mut gate: watch::Receiver<Gate>) {
    let connections = AtomicU64::new(0);
    loop {
        accept(&listener, &state, &mut gate, &connections).await;
        drop(listener);
        state.listening.send_replace(false);
        if gate.wait_for(|gate| *gate == Gate::Open).await.is_err() {
            return;
        }
        let again = wait::until("the port to be free", wait::DEADLINE, || async {
            Ok(TcpListener::bind(state.address).await.ok())
        });
        listener = match again.await {
            Ok(listener) => listener,
            Err(_) => return, // `turn` reports it.
        };
        state.listening.send_replace(true);
    }
}

/// Accepts until the gate shuts.
async fn accept(
    listener: &TcpListener,
    state: &Arc<State>,
    gate: &mut watch::Receiver<Gate>,
    connections: &AtomicU64,
) {
    let shut = gate.clone();
    loop {
        tokio::select! {
            _ = gate.wait_for(|gate| *gate == Gate::Shut) => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let number = connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, number, Arc::clone(state), shut.clone()));
            }
        }
    }
}

async fn serve(stream: TcpStream, number: u64, state: Arc<State>, mut gate: watch::Receiver<Gate>) {
    let reset = Arc::new(Reset::default());
    let service =
        service_fn(|request| answer::answer(request, number, Arc::clone(&state), Arc::clone(&reset)));
    let served = converse(stream, &reset, service);
    tokio::select! {
        biased;
        _ = gate.wait_for(|gate| *gate == Gate::Shut) => reset.hard.store(true, Ordering::Relaxed),
        () = served => {}
    }
}

/// Serves one connection, in HTTP/1.1 or HTTP/2, until its caller goes away or a reset is asked for.
pub(crate) async fn converse<S>(stream: TcpStream, reset: &Arc<Reset>, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Attended>, Error = h2::Error>,
    S::Future: Send + 'static,
{
    // A broken nodelay only makes answers late.
    let _ = stream.set_nodelay(true);
    let socket = Socket { stream, reset: Arc::clone(reset) };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(MAX_HEADER_BYTES as usize).max_headers(256);
    builder.http2().max_header_list_size(MAX_HEADER_BYTES);
    let served = builder.serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        biased;
        () = reset.asked.notified() => reset.hard.store(true, Ordering::Relaxed),
        // A caller that went away, or a body that was broken off as told.
        _ = served => {}
    }
}

/// How a request's handler asks for its connection to be reset.
#[derive(Default)]
pub(crate) struct Reset {
    pub(crate) asked: Notify,
    hard: AtomicBool,
}

/// A socket that can be told to end with RST instead of FIN.
struct Socket {
    stream: TcpStream,
    reset: Arc<Reset>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.hard.load(Ordering::Relaxed) {
            // Without it the connection ends with FIN, which callers also take for a failure.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use crate::load::Client;
    use crate::upstream::{Behaviour, Upstream};

    #[tokio::test]
    async fn a_rule_goes_before_all_else_and_ends_with_the_next_behaviour() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        let client = Client::to(upstream.address());
        let status = async |attempt: &str| {
            anyhow::Ok(client.get("/").header("x-attempt", attempt).send().await?.status.as_u16())
        };
        upstream.behave(Behaviour::status(201)).await?;
        upstream.behave_next(1, Behaviour::status(502));
        upstream.behave_for("X-Attempt", "1", Behaviour::status(500))?;
        upstream.behave_for("x-attempt", "2", Behaviour::status(503))?;
        assert_eq!((status("1").await?, status("2").await?), (500, 503));
        assert_eq!((status("3").await?, status("3").await?), (502, 201));
        upstream.behave_for("x-attempt", "2", Behaviour::status(504))?;
        assert_eq!(status("2").await?, 504);
        upstream.behave(Behaviour::default()).await?;
        assert_eq!(status("1").await?, 200);
        assert!(upstream.behave_for("no name", "", Behaviour::Stall).is_err());
        Ok(())
    }
}
