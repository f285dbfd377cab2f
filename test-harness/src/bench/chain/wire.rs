//! Endpoints and clients that know as little HTTP as this needs, so that they cost little of the machine that they share with Envoy and
//! can keep its worker busy.
//!
//! Invariant: a client sends its next request when it has the whole answer to the one before; an answer that is not a 200 is an error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const CONNECTIONS: u64 = 16;
const KEYS: u64 = 1_000;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
const END: &[u8] = b"\r\n\r\n";

/// Servers that count their requests. Dropping them ends them.
pub(in crate::bench) struct Endpoints {
    all: Vec<(SocketAddr, Arc<AtomicU64>)>,
    _tasks: JoinSet<()>,
}

impl Endpoints {
    /// So many, on free ports.
    pub(in crate::bench) async fn start(count: usize) -> anyhow::Result<Self> {
        let (mut all, mut tasks) = (Vec::new(), JoinSet::new());
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let requests = Arc::new(AtomicU64::new(0));
            all.push((listener.local_addr()?, Arc::clone(&requests)));
            tasks.spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(serve(socket, Arc::clone(&requests)));
                }
            });
        }
        Ok(Self { all, _tasks: tasks })
    }

    pub(in crate::bench) fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().map(|(address, _)| *address).collect()
    }

    /// The requests of each, so far.
    pub(in crate::bench) fn counts(&self) -> Vec<u64> {
        self.all.iter().map(|(_, requests)| requests.load(Ordering::Relaxed)).collect()
    }
}

/// Answers what comes on a connection until it ends. Requests have no bodies.
async fn serve(mut socket: TcpStream, requests: Arc<AtomicU64>) {
    let _ = socket.set_nodelay(true);
    let mut seen = Vec::with_capacity(4 << 10);
    while socket.read_buf(&mut seen).await.is_ok_and(|bytes| bytes > 0) {
        if seen.ends_with(END) {
            seen.clear();
            requests.fetch_add(1, Ordering::Relaxed);
            if socket.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

/// Sends so many requests, each with a path of its own and one of a thousand users; how long that took.
pub(in crate::bench) async fn load(address: SocketAddr, requests: u64) -> anyhow::Result<Duration> {
    let (mut clients, sockets) = (JoinSet::new(), connected(address, CONNECTIONS).await?);
    let begun = Instant::now();
    for (first, socket) in (0..).zip(sockets) {
        clients.spawn(client(socket, first, requests));
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(begun.elapsed())
}

/// So many connections.
pub(in crate::bench) async fn connected(address: SocketAddr, count: u64) -> anyhow::Result<Vec<TcpStream>> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Every so manieth request, from `first` on.
async fn client(mut socket: TcpStream, first: u64, requests: u64) -> anyhow::Result<()> {
    let mut answer = Vec::with_capacity(4 << 10);
    for number in (first..requests).step_by(usize::try_from(CONNECTIONS)?) {
        ask(&mut socket, number, &mut answer).await?;
    }
    Ok(())
}

/// Sends the request of this number, and reads its answer.
pub(in crate::bench) async fn ask(
    socket: &mut TcpStream,
    number: u64,
    answer: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let user = number % KEYS;
    let request = format!("GET /item/{number} HTTP/1.1\r\nhost: harness.test\r\nx-user: user-{user}\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    answer.clear();
    while !is_whole(answer) {
        anyhow::ensure!(socket.read_buf(answer).await? > 0, "the connection was closed");
    }
    let is_good = answer.starts_with(b"HTTP/1.1 200 ");
    anyhow::ensure!(is_good, "not a 200: {}", String::from_utf8_lossy(answer));
    Ok(())
}

/// Whether the endpoints' answer, or another of five bytes, is there; what another has is an error soon.
fn is_whole(answer: &[u8]) -> bool {
    let head = answer.windows(END.len()).position(|four| four == END);
    head.is_some_and(|head| answer.len() >= head + END.len() + 5 || !answer.starts_with(b"HTTP/1.1 200 "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_request_is_answered_and_counted_once() -> anyhow::Result<()> {
        let endpoints = Endpoints::start(2).await?;
        load(endpoints.addresses()[1], 100).await?;
        assert_eq!(endpoints.counts(), [0, 100]);
        Ok(())
    }

    #[test]
    fn an_answer_is_whole_with_its_body_and_a_failure_with_its_head() {
        assert!(is_whole(ANSWER) && !is_whole(&ANSWER[..ANSWER.len() - 1]) && !is_whole(b""));
        assert!(is_whole(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 90\r\n\r\n"));
    }
}
