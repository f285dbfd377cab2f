//! From a request and the behaviour in force to an answer.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::behaviour::Behaviour;
use super::body::Body;
use super::record::{BODY_CAPACITY, Recorded};
use super::server::{Reset, State};
use super::under_way::Attended;
use super::{ADDRESS_HEADER, NAME_HEADER};
use crate::load::grpc_frame;

/// A request body larger than this is not read on; the request is then recorded without a body.
pub(crate) const MAX_BODY: usize = 64 * 1024 * 1024;

pub(super) async fn answer(
    request: Request<Incoming>,
    connection: u64,
    state: Arc<State>,
    reset: Arc<Reset>,
) -> Result<Response<Attended>, h2::Error> {
    let at_ms = state.sequence.now_ms();
    let (head, body) = request.into_parts();
    let bytes = if body.is_end_stream() {
        None
    } else {
        Limited::new(body, MAX_BODY).collect().await.ok().map(|body| body.to_bytes())
    };
    let bytes = bytes.unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    if path.starts_with("/_control") || path.starts_with("/_requests") {
        return Ok(control(&state, &head.method, path, &bytes).map(|body| Attended { body, _turn: None }));
    }
    // Both come before the record: who has seen a request there can release it, and finds it under way.
    let (mut releases, turn) = (state.releases.subscribe(), state.under_way.begin());
    let recorded = Recorded {
        order: state.sequence.next(),
        at_ms,
        connection,
        method: head.method.to_string(),
        path: path.to_owned(),
        headers: lines(&head.headers),
        body: String::from_utf8_lossy(bytes.get(..BODY_CAPACITY).unwrap_or(&bytes)).into_owned(),
    };
    state.log.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    let mut behaviour = state.behaviour(&head.headers);
    while let Behaviour::Held { then } = behaviour {
        // Its sender is in `state`, so it does not fail.
        let _ = releases.changed().await;
        behaviour = *then;
    }
    match behaviour {
        // hyper looks for the reason of a reset in the error; on HTTP/1 it closes the connection.
        Behaviour::RefuseStream => Err(h2::Reason::REFUSED_STREAM.into()),
        Behaviour::Echo { headers, delay_ms } => {
            think(Duration::from_millis(delay_ms)).await;
            let response = respond(&state, 200, Body::text(echo(&head, path, &bytes, &headers)));
            Ok(response.map(|body| Attended { body, _turn: Some(turn) }))
        }
        behaviour => {
            let response = behave(&state, behaviour, path, &reset).await;
            Ok(response.map(|body| Attended { body, _turn: Some(turn) }))
        }
    }
}

async fn behave(state: &State, behaviour: Behaviour, path: &str, reset: &Reset) -> Response<Body> {
    match behaviour {
        Behaviour::Answer { status, headers, body, delay_ms } => {
            think(Duration::from_millis(delay_ms)).await;
            let mut response = match body {
                Some(body) => respond(state, status, Body::text(body)),
                None => usual(state, status, path),
            };
            append(response.headers_mut(), headers);
            response
        }
        Behaviour::Exact { status, headers, body, chunked, trailers } => {
            let mut last = HeaderMap::new();
            append(&mut last, trailers);
            let body = match chunked {
                true => {
                    Body::Message { data: Some(body.into()), trailers: (!last.is_empty()).then_some(last) }
                }
                false => Body::text(body),
            };
            let mut response = respond(state, status, body);
            response.headers_mut().clear();
            append(response.headers_mut(), headers);
            response
        }
        Behaviour::Stall | Behaviour::RefuseStream | Behaviour::Held { .. } | Behaviour::Echo { .. } => {
            std::future::pending().await
        }
        Behaviour::Reset | Behaviour::Refuse => {
            reset.asked.notify_one();
            std::future::pending().await
        }
        Behaviour::Drip { bytes, every_ms, total } => respond(state, 200, Body::drip(total, bytes, every_ms)),
        Behaviour::Truncate { promised, sent } => {
            let part = vec![b'x'; sent.min(promised.saturating_sub(1))].into();
            let mut response = respond(state, 200, Body::truncated(part));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(promised));
            response
        }
        Behaviour::Lie => respond(state, 200, Body::text(r#"{"error":"internal","code":500}"#)),
        Behaviour::FailShare { percent, status } => {
            // Evenly spread: request n fails when the share of n + 1 passes the next whole number.
            let n = state.failed_share.fetch_add(1, Ordering::Relaxed);
            let due = |n: u64| n * u64::from(percent.min(100)) / 100;
            usual(state, if due(n + 1) > due(n) { status } else { 200 }, path)
        }
        Behaviour::GrpcStatus { status, message, trailers, data } => {
            grpc(state, status, &message, trailers, data)
        }
        Behaviour::Sse { events, every_ms } => {
            let mut response = respond(state, 200, Body::events(events, every_ms));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            response
        }
    }
}

pub(crate) async fn think(time: Duration) {
    if time.is_zero() {
        return;
    }
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + time, time);
    ticks.tick().await;
}

fn usual(state: &State, status: u16, path: &str) -> Response<Body> {
    let body = json!({ "upstream": state.name, "address": state.address, "path": path });
    respond(state, status, Body::text(format!("{body}\n")))
}

fn respond(state: &State, status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [(NAME_HEADER, state.name.clone()), (ADDRESS_HEADER, state.address.to_string())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Those that are none are left out.
fn append(map: &mut HeaderMap, headers: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            map.append(name, value);
        }
    }
}

fn echo(head: &hyper::http::request::Parts, path: &str, body: &[u8], told: &[String]) -> String {
    let value = |name: &String| {
        let value = head.headers.get(name)?;
        Some((name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    };
    let headers: std::collections::BTreeMap<_, _> = told.iter().filter_map(value).collect();
    let body = String::from_utf8_lossy(body);
    json!({ "method": head.method.as_str(), "path": path, "body": body, "headers": headers }).to_string()
}

fn grpc(state: &State, status: u8, message: &str, trailers: bool, data: Option<String>) -> Response<Body> {
    let mut map = HeaderMap::new();
    map.insert("grpc-status", HeaderValue::from(u16::from(status)));
    if let Ok(message) = HeaderValue::try_from(message) {
        map.insert("grpc-message", message);
    }
    let data = data.map(|data| grpc_frame(data.as_bytes()));
    let mut response = respond(state, 200, Body::Message { data, trailers: trailers.then(|| map.clone()) });
    if !trailers {
        response.headers_mut().extend(map);
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn control(state: &State, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
    let refuse =
        |status, text: String| respond(state, status, Body::text(json!({ "error": text }).to_string()));
    match (method, path) {
        (&Method::PUT, "/_control") => match serde_json::from_slice(body) {
            Ok(Behaviour::Refuse) => {
                refuse(400, "refuse cannot be undone over this path: stop it".to_owned())
            }
            Ok(behaviour) => {
                state.set(behaviour);
                respond(state, 200, Body::text("{}"))
            }
            Err(error) => refuse(400, error.to_string()),
        },
        (&Method::GET, "/_requests") => {
            let log = state.log.lock().unwrap_or_else(PoisonError::into_inner);
            respond(state, 200, Body::text(json!({ "total": log.total, "requests": log.kept }).to_string()))
        }
        (&Method::DELETE, "/_requests") => {
            state.forget();
            respond(state, 200, Body::text("{}"))
        }
        (&Method::POST, "/_control/release") => {
            state.releases.send_replace(());
            respond(state, 200, Body::text("{}"))
        }
        _ => refuse(404, "PUT /_control, POST /_control/release, GET or DELETE /_requests".to_owned()),
    }
}

pub(crate) fn lines(headers: &HeaderMap) -> String {
    let mut text = String::with_capacity(512);
    for (name, value) in headers {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    text
}
