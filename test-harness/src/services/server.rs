//! The server behind a service: reads a call, records it, waits for its turn, and answers or fails as planned.
//!
//! Invariant: a call is recorded before it is held or waits, so who sees it in the record can release it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cost::{Cost, Turns};
use super::fault::{Fault, Hit, Plan};
use super::gzip::gzip;
use super::manner::Manner;
use super::protocol::{self, Asked, Reply};
use super::record::{Call, Log};
use crate::upstream::Recorded;
use crate::upstream::answer::{MAX_BODY, lines};
use crate::upstream::body::Body;
use crate::upstream::record::{BODY_CAPACITY, Sequence};
use crate::upstream::server::{Reset, converse};
use crate::upstream::under_way::{Attended, UnderWay};

/// A page of some other server.
const GARBAGE: &str = "<html><body>502 Bad Gateway</body></html>";

pub(super) struct State {
    pub(super) sequence: Sequence,
    pub(super) cost: Mutex<Cost>,
    pub(super) plan: Mutex<Plan>,
    pub(super) manner: Mutex<Option<Manner>>,
    pub(super) log: Mutex<Log>,
    pub(super) under_way: Arc<UnderWay>,
    /// Calls that are still to be held, and the releases.
    pub(super) held: AtomicU64,
    pub(super) releases: watch::Sender<()>,
    turns: Turns,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(super) fn new(cost: Cost) -> std::io::Result<Self> {
        Ok(Self {
            sequence: Sequence::new(),
            cost: Mutex::new(cost),
            plan: Mutex::default(),
            manner: Mutex::default(),
            log: Mutex::default(),
            under_way: Arc::default(),
            held: AtomicU64::new(0),
            releases: watch::Sender::new(()),
            turns: Turns::new()?,
        })
    }

    fn is_held(&self) -> bool {
        self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }
}

/// Accepts for ever; connections end with the task.
pub(super) async fn run(listener: TcpListener, state: Arc<State>) {
    let (mut connections, mut number) = (JoinSet::new(), 0);
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, number, Arc::clone(&state)));
                number += 1;
            }
        }
    }
}

async fn serve(stream: TcpStream, number: u64, state: Arc<State>) {
    let reset = Arc::new(Reset::default());
    let service = service_fn(|request| answer(request, number, Arc::clone(&state), Arc::clone(&reset)));
    converse(stream, &reset, service).await;
}

async fn answer(
    request: Request<Incoming>,
    connection: u64,
    state: Arc<State>,
    reset: Arc<Reset>,
) -> Result<Response<Attended>, h2::Error> {
    let at_ms = state.sequence.now_ms();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut asked = protocol::ask(head.method.as_str(), path, &body);
    let recorded = Recorded {
        order: state.sequence.next(),
        at_ms,
        connection,
        method: head.method.to_string(),
        path: path.to_owned(),
        headers: lines(&head.headers),
        body: String::from_utf8_lossy(body.get(..BODY_CAPACITY).unwrap_or(&body)).into_owned(),
    };
    let (mut releases, turn) = (state.releases.subscribe(), state.under_way.begin());
    let is_held = state.is_held();
    let hit = lock(&state.plan).hit(&mut asked);
    let call = Call::new(recorded, &head.headers, body.len(), &asked, hit.as_ref());
    lock(&state.log).push(call, hit.as_ref());
    if is_held {
        // Its sender is in `state`, so it does not fail.
        let _ = releases.changed().await;
    }
    let manner = lock(&state.manner).clone();
    if let Some(response) = manner.and_then(|manner| manner.of(&mut asked)) {
        return Ok(response.map(|body| Attended { body, _turn: Some(turn) }));
    }
    work(&state, &asked, hit.as_ref(), &reset).await;
    let response = respond(asked.reply, hit.map(|hit| hit.fault));
    Ok(response.map(|body| Attended { body, _turn: Some(turn) }))
}

/// Takes as long as it takes.
async fn work(state: &State, asked: &Asked, hit: Option<&Hit>, reset: &Reset) {
    let cost = *lock(&state.cost);
    match hit {
        Some(Hit { fault: Fault::Hang, .. }) => std::future::pending().await,
        Some(Hit { fault: Fault::Reset, .. }) => {
            reset.asked.notify_one();
            std::future::pending().await
        }
        _ => state.turns.work(cost.of(asked.tags.len()) + asked.longer, cost.at_a_time).await,
    }
}

fn respond(reply: Reply, fault: Option<Fault>) -> Response<Body> {
    let body = reply.body.map(|body| Bytes::from(body.to_string()));
    let is_empty = body.is_none();
    let (status, body) = match (fault, body) {
        (Some(Fault::Unavailable), _) => (503, Body::text("no capacity")),
        (Some(Fault::Garbage), _) => (200, Body::text(GARBAGE)),
        (Some(Fault::Gzip), Some(body)) => (reply.status, Body::text(gzip(&body))),
        (Some(Fault::Truncate), Some(body)) => {
            let mut response = usual(reply.status, Body::truncated(body.slice(..body.len() / 2)));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            return response;
        }
        (_, Some(body)) => (reply.status, Body::text(body)),
        (_, None) => (reply.status, Body::Whole(None)),
    };
    let mut response = usual(status, body);
    if fault == Some(Fault::Gzip) && !is_empty {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

pub(super) fn usual(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status != 204 {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}
