//! An endpoint of HTTP/1.1: it says the truth, or does what the weather says.
//!
//! Invariant: when it dies its port is closed before anyone is told so, and its connections are reset.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::sky::{Sky, pass};
use super::truth::{self, Heard, LIE, PRIVATE, Reply};
use super::weather::Fault;
use super::wire::{Wire, answer_head, chunk};
use crate::wait;

/// What heartbeats ask for: it takes no time, so that only faults make them fail.
pub(super) const HEALTH: &str = "/healthz";

/// One endpoint, until it is dropped.
pub(super) struct Endpoint {
    /// Where it listens.
    pub(super) address: SocketAddr,
    alive: watch::Sender<bool>,
    listens: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Endpoint {
    /// Number `place`, on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub(super) async fn start(place: usize, sky: &Arc<Sky>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (alive, watched) = watch::channel(true);
        let (told, listens) = watch::channel(true);
        let task = tokio::spawn(run(listener, place, Arc::clone(sky), watched, told));
        Ok(Self { address, alive, listens, task })
    }

    /// Lets it die, or rise, and returns when it has.
    ///
    /// # Errors
    /// If its port is another's by then.
    pub(super) async fn live(&self, alive: bool) -> anyhow::Result<()> {
        self.alive.send_replace(alive);
        let mut listens = self.listens.clone();
        let reached = listens.wait_for(|listens| *listens == alive);
        tokio::time::timeout(wait::DEADLINE, reached)
            .await
            .with_context(|| format!("{}", self.address))??;
        Ok(())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.alive.send_replace(false);
        self.task.abort();
    }
}

async fn run(
    mut listener: TcpListener,
    place: usize,
    sky: Arc<Sky>,
    mut alive: watch::Receiver<bool>,
    told: watch::Sender<bool>,
) {
    let address = listener.local_addr();
    loop {
        let watched = alive.clone();
        loop {
            tokio::select! {
                _ = alive.wait_for(|alive| !alive) => break,
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    tokio::spawn(serve(stream, place, Arc::clone(&sky), watched.clone()));
                },
            }
        }
        drop(listener);
        told.send_replace(false);
        let (Ok(_), Ok(address)) = (alive.wait_for(|alive| *alive).await, &address) else { return };
        let bound = async || Ok(TcpListener::bind(address).await.ok());
        // Who waits for it reports that it is not there.
        let Ok(again) = wait::until("the port", wait::DEADLINE, bound).await else { return };
        listener = again;
        told.send_replace(true);
    }
}

async fn serve(stream: TcpStream, place: usize, sky: Arc<Sky>, mut alive: watch::Receiver<bool>) {
    let mut wire = Wire::new(stream);
    tokio::select! {
        biased;
        _ = alive.wait_for(|alive| !alive) => wire.reset(),
        // A caller that has gone, or a connection that was broken off as told.
        reset = converse(&mut wire, place, &sky) => if let Ok(true) = reset { wire.reset() },
    }
}

/// Until one has had enough; whether the connection is to be reset.
async fn converse(wire: &mut Wire, place: usize, sky: &Sky) -> io::Result<bool> {
    while let Some(head) = wire.head().await? {
        let fault = sky.strikes(place, head.heard.by);
        if fault == Some(Fault::Hasty) {
            sky.sees(head.heard.by, &truth::tags(&head.heard), fault);
            wire.write(&answer_head(503, &[("connection".to_owned(), "close".to_owned())], Some(0))).await?;
            return Ok(false);
        }
        let body = wire.body(&head).await?;
        let heard = Heard { body, ..head.heard };
        sky.sees(heard.by, &truth::tags(&heard), fault);
        if heard.path != HEALTH {
            sky.takes(heard.by).await;
        }
        if let Some(reset) = answer(wire, &heard, fault, sky).await? {
            return Ok(reset);
        }
    }
    Ok(false)
}

/// Answers, or not; whether the connection is at its end, and is to be reset then.
async fn answer(wire: &mut Wire, heard: &Heard, fault: Option<Fault>, sky: &Sky) -> io::Result<Option<bool>> {
    let mut reply = truth::reply(heard, sky.now_ms());
    let mut headers = headers(heard);
    match fault {
        Some(Fault::Reset) => return Ok(Some(true)),
        Some(Fault::Close) => return Ok(Some(false)),
        Some(Fault::Stall) => {
            wire.gone().await;
            return Ok(Some(false));
        }
        Some(Fault::Garbage) => {
            wire.write(b"\x16\x03 no HTTP at all\r\n\r\n").await?;
            return Ok(Some(false));
        }
        Some(Fault::Slow) => pass(Duration::from_millis(100)).await,
        Some(Fault::Informed) => {
            wire.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
                .await?;
        }
        Some(Fault::Headers) => headers.extend(large(30)),
        Some(Fault::TooManyHeaders) => headers.extend(large(200)),
        Some(fault) => spoil(&mut reply, &mut headers, fault),
        None => {}
    }
    let text = if fault == Some(Fault::Lie) { LIE.to_owned() } else { reply.body.to_string() };
    match fault {
        Some(fault) if fault.breaks() => breaking(wire, &headers, text.as_bytes(), fault).await.map(Some),
        Some(Fault::Drip | Fault::Trailed) => {
            pieces(wire, reply.status, &headers, text.as_bytes(), fault == Some(Fault::Trailed)).await?;
            Ok(None)
        }
        _ => {
            let mut all = answer_head(reply.status, &headers, Some(text.len()));
            all.extend_from_slice(text.as_bytes());
            wire.write(&all).await?;
            Ok(None)
        }
    }
}

/// Half of an answer; whether the connection is to be reset.
async fn breaking(
    wire: &mut Wire,
    headers: &[(String, String)],
    body: &[u8],
    fault: Fault,
) -> io::Result<bool> {
    let half = body.get(..body.len() / 2).unwrap_or_default();
    if fault == Fault::Truncate {
        wire.write(&answer_head(200, headers, Some(body.len()))).await?;
        wire.write(half).await?;
        return Ok(false);
    }
    wire.write(&answer_head(200, headers, None)).await?;
    wire.write(&chunk(half)).await?;
    // So that it is not overtaken by the reset.
    pass(Duration::from_millis(5)).await;
    Ok(true)
}

/// An answer in pieces: with trailers at once, without them one after another.
async fn pieces(
    wire: &mut Wire,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    trailed: bool,
) -> io::Result<()> {
    wire.write(&answer_head(status, headers, None)).await?;
    for piece in body.chunks(body.len().div_ceil(4).max(1)) {
        wire.write(&chunk(piece)).await?;
        if !trailed {
            pass(Duration::from_millis(10)).await;
        }
    }
    wire.write(if trailed { b"0\r\nx-end: yes\r\n\r\n" } else { b"0\r\n\r\n" }).await
}

fn headers(heard: &Heard) -> Vec<(String, String)> {
    let how = if heard.path.starts_with(PRIVATE) { "private" } else { "max-age=60" };
    vec![("cache-control".to_owned(), how.to_owned())]
}

fn large(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|number| (format!("x-large-{number}"), "h".repeat(900)))
}

/// Makes another reply of it.
fn spoil(reply: &mut Reply, headers: &mut Vec<(String, String)>, fault: Fault) {
    let failed = |status: u16| Reply { status, body: json!({ "failed": status }), items: None };
    match fault {
        Fault::Unavailable => *reply = failed(503),
        Fault::Error => *reply = failed(500),
        Fault::Busy => {
            *reply = failed(503);
            headers.push(("retry-after-ms".to_owned(), "20".to_owned()));
        }
        _ => {
            let Some(items) = reply.batch() else { return };
            match fault {
                Fault::Lost => drop(items.pop()),
                Fault::Foreign => {
                    let one = foreign(items);
                    items.push(one);
                }
                Fault::Twice => {
                    let one = items.first().cloned();
                    items.extend(one);
                }
                Fault::Reordered => items.reverse(),
                _ => {}
            }
        }
    }
}

/// An item that nobody asked for, like these.
fn foreign(items: &[Value]) -> Value {
    let mut item = items.first().cloned().unwrap_or_default();
    for name in ["id", "index"] {
        if let Some(value) = item.get_mut(name) {
            *value = if value.is_string() { json!("nobody's") } else { json!(999_999) };
        }
    }
    item
}
