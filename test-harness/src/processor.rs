//! An external processor that hands on every piece of a request as it came: what Envoy's ext_proc filter asks in its mode
//! `FULL_DUPLEX_STREAMED`.
//!
//! Invariant: each message is answered by one of its own kind, in order, and nothing is changed.
//! Source: `envoy/service/ext_proc/v3/external_processor.proto`, of which no more is written here than these answers need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use bytes::{Buf as _, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};
use serde_json::{Value, json};
use switchyard_core::protobuf::{Fields, Wire};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::envoy::pieces;
use crate::load::grpc_frame;

/// Fields of `ProcessingRequest`; the answer to each is the field before it in `ProcessingResponse`.
const REQUEST_HEADERS: u64 = 2;
const REQUEST_BODY: u64 = 4;
const RESPONSE_TRAILERS: u64 = 7;

/// The server. Dropping it ends it.
pub struct Processor {
    address: SocketAddr,
    seen: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Processor {
    /// Listens on a free port of 127.0.0.1, in HTTP/2.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, seen, mut tasks) = (listener.local_addr()?, Arc::default(), JoinSet::new());
        let counted = Arc::clone(&seen);
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A caller that goes away ends it.
                tokio::spawn(serve(stream, Arc::clone(&counted)));
            }
        });
        Ok(Self { address, seen, _tasks: tasks })
    }

    /// How many bytes of bodies it has handed on.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// The cluster `processor`.
    #[must_use]
    pub fn cluster(&self) -> Value {
        pieces::with_upstream_filters(pieces::cluster("processor", &[self.address]), &[], true)
    }

    /// The filter that asks it about requests.
    #[must_use]
    pub fn filter() -> Value {
        json!({ "name": "envoy.filters.http.ext_proc", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
            "grpc_service": { "envoy_grpc": { "cluster_name": "processor" } },
            "message_timeout": "10s",
            "processing_mode": {
                "request_header_mode": "SEND", "request_body_mode": "FULL_DUPLEX_STREAMED", "request_trailer_mode": "SEND",
                "response_header_mode": "SKIP", "response_body_mode": "NONE", "response_trailer_mode": "SKIP",
            },
        } })
    }
}

async fn serve(stream: TcpStream, seen: Arc<AtomicU64>) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::spawn(answer(request, respond, Arc::clone(&seen)));
    }
    Ok(())
}

/// One request of Envoy's: a stream of messages, each answered as it comes.
async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    seen: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let head = Response::builder().header("content-type", "application/grpc").body(())?;
    let mut out = respond.send_response(head, false)?;
    let (mut body, mut held) = (request.into_body(), BytesMut::new());
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        held.extend_from_slice(&piece);
        while let Some(message) = next(&mut held) {
            match reply(&message, &seen) {
                Some(reply) => out.send_data(grpc_frame(&reply), false)?,
                None => {
                    out.send_reset(Reason::PROTOCOL_ERROR);
                    anyhow::bail!("a message that is not known");
                }
            }
        }
    }
    let trailers = HeaderMap::from_iter([("grpc-status".parse()?, HeaderValue::from_static("0"))]);
    out.send_trailers(trailers).context("the caller is gone")
}

/// The next whole message.
fn next(held: &mut BytesMut) -> Option<Bytes> {
    let length = held.get(1..5)?.try_into().ok().map(u32::from_be_bytes)?;
    let length = usize::try_from(length).ok()?;
    if held.len() < 5 + length {
        return None;
    }
    held.advance(5);
    Some(held.split_to(length).freeze())
}

/// What is said of a message.
fn reply(message: &[u8], seen: &AtomicU64) -> Option<Vec<u8>> {
    let known = |field: &(u64, &[u8])| (REQUEST_HEADERS..=RESPONSE_TRAILERS).contains(&field.0);
    let (kind, content) = Fields(message).flatten().filter_map(|field| field.message()).find(known)?;
    let common = match kind {
        REQUEST_BODY => {
            let streamed = streamed(content, seen);
            // common_response.body_mutation.streamed_response
            part(1, &part(3, &part(3, &streamed)))
        }
        _ => Vec::new(),
    };
    Some(part(kind - 1, &common))
}

/// A piece of a body as `StreamedBodyResponse`, whose fields are those of `HttpBody`: the bytes, and whether it is the last.
fn streamed(content: &[u8], seen: &AtomicU64) -> Vec<u8> {
    let mut streamed = Vec::new();
    for field in Fields(content).flatten() {
        match field.value {
            Wire::Message(bytes) if field.number == 1 => {
                seen.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                streamed.extend(part(1, bytes));
            }
            Wire::Number(last) if field.number == 2 => streamed.extend([2 << 3, u8::from(last != 0)]),
            _ => {}
        }
    }
    streamed
}

/// A field with bytes in it.
fn part(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(bytes.len() + 6);
    field.push(u8::try_from(number << 3 | 2).unwrap_or_default());
    let mut length = bytes.len();
    while length > 0x7f {
        field.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(bytes);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_body_comes_back_as_it_was() {
        let seen = AtomicU64::new(0);
        let body = [part(1, &[b'x'; 300]), vec![2 << 3, 1]].concat();
        let said = reply(&part(REQUEST_BODY, &body), &seen).expect("an answer");
        assert_eq!(said, part(3, &part(1, &part(3, &part(3, &body)))));
        assert_eq!(seen.into_inner(), 300);
    }

    #[test]
    fn headers_and_trailers_are_answered_by_their_kind() {
        let seen = AtomicU64::new(0);
        assert_eq!(reply(&part(REQUEST_HEADERS, b""), &seen), Some(vec![1 << 3 | 2, 0]));
        assert_eq!(reply(&part(6, b""), &seen), Some(vec![5 << 3 | 2, 0]));
        assert_eq!(reply(b"", &seen), None);
    }

    #[test]
    fn messages_come_in_any_pieces() {
        let mut held = BytesMut::from(&grpc_frame(b"abc")[..4]);
        assert_eq!(next(&mut held), None);
        held.extend_from_slice(&grpc_frame(b"abc")[4..]);
        assert_eq!(next(&mut held).as_deref(), Some(&b"abc"[..]));
        assert_eq!(next(&mut held), None);
    }
}
