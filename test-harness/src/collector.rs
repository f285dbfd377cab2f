//! A collector of traces: what Envoy's own OpenTelemetry tracer sends over HTTP is kept, span by span.
//!
//! Invariant: what is no export is refused, so a test waits for a span in vain and says so. Trade-off: of a span only what a test asks
//! about is read (ids, name, texts among its attributes).
//! Source: opentelemetry-proto, `collector/trace/v1/trace_service.proto` and `trace/v1/trace.proto`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use switchyard_core::protobuf::Fields;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a request was in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// Its trace, in hexadecimal, as `traceparent` has it.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span that it was made in; empty: none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its attributes that are texts.
    pub attributes: BTreeMap<String, String>,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector that listens until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Spans,
    task: JoinHandle<()>,
}

impl Collector {
    /// Listens on a free port.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let (address, spans) = (listener.local_addr()?, Spans::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&spans)));
        Ok(Self { address, spans, task })
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, spans: Spans) {
    while let Ok((connection, _)) = listener.accept().await {
        let spans = Arc::clone(&spans);
        tokio::spawn(async move {
            let answer = service_fn(|request| take(request, Arc::clone(&spans)));
            // A connection that breaks is one that brings no more spans.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(connection), answer)
                .await;
        });
    }
}

async fn take(request: Request<Incoming>, spans: Spans) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let mut answer = Response::new(Full::default());
    match exported(&body) {
        Some(new) => spans.lock().unwrap_or_else(PoisonError::into_inner).extend(new),
        None => *answer.status_mut() = hyper::StatusCode::BAD_REQUEST,
    }
    Ok(answer)
}

/// The spans of an `ExportTraceServiceRequest`: resource_spans (1), scope_spans (2), spans (2).
fn exported(message: &[u8]) -> Option<Vec<Span>> {
    let mut spans = Vec::new();
    for resource in parts(message, 1)? {
        for scope in parts(resource, 2)? {
            for span in parts(scope, 2)? {
                spans.push(read(span)?);
            }
        }
    }
    Some(spans)
}

/// A `Span`: trace_id (1), span_id (2), parent_span_id (4), name (5), attributes (9).
fn read(message: &[u8]) -> Option<Span> {
    let of = |number| Some(parts(message, number)?.first().copied().unwrap_or_default());
    let mut attributes = BTreeMap::new();
    for attribute in parts(message, 9)? {
        // A `KeyValue`: key (1), value (2), which is a text if it has a field 1.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let key = parts(attribute, 1)?.first().map(|key| text(key)).unwrap_or_default();
        let value = parts(attribute, 2)?.first().copied().unwrap_or_default();
        if let Some(value) = parts(value, 1)?.first() {
            attributes.insert(key, text(value));
        }
    }
    Some(Span {
        trace: hex(of(1)?),
        id: hex(of(2)?),
        parent: hex(of(4)?),
        name: String::from_utf8_lossy(of(5)?).into_owned(),
        attributes,
    })
}

/// All that a message has in the field of this number; `None` if it is no message.
fn parts(message: &[u8], number: u64) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    for field in Fields(message) {
        if let Some((at, bytes)) = field?.message()
            && at == number
        {
            found.push(bytes);
        }
    }
    Some(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap_or(u8::MAX)], bytes].concat()
    }

    #[test]
    fn spans_are_found_where_the_protocol_has_them() {
        let text = field(2, &field(1, b"GET"));
        let attribute = field(9, &[field(1, b"method"), text].concat());
        let span =
            [field(1, &[0xab; 16]), field(2, &[1; 8]), field(4, &[2; 8]), field(5, b"ingress"), attribute];
        let export = field(1, &[field(1, b""), field(2, &field(2, &span.concat()))].concat());
        let spans = exported(&export);
        let expected = Span {
            trace: "ab".repeat(16),
            id: "01".repeat(8),
            parent: "02".repeat(8),
            name: "ingress".to_owned(),
            attributes: BTreeMap::from([("method".to_owned(), "GET".to_owned())]),
        };
        assert_eq!(spans, Some(vec![expected]));
        assert_eq!(exported(b"\xff"), None);
        assert_eq!(exported(b""), Some(Vec::new()));
    }
}
