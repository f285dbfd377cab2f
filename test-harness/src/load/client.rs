//! A client of HTTP/1.1 over kept-alive connections, or of HTTP/2 over one.
//!
//! Trade-off: no redirects and no retries, and TLS only to show a certificate. A test must see what Envoy really answered, and a client
//! that tries again by itself would hide it. HTTP/2 is by prior knowledge only, as gRPC clients do it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};

use super::connection::{Connection, Multiplexed, Remote};
use super::grpc::grpc_frame;
use super::{Reading, Response};
use crate::front::Certificate;

/// Sends single requests to one address; connections are pooled. Clones share the pool.
#[derive(Clone)]
pub struct Client {
    remote: Remote,
    wire: Wire,
    /// What each of its requests begins with.
    headers: HeaderMap,
}

/// How requests get there.
#[derive(Clone)]
enum Wire {
    /// The connections without a request.
    Http1(Arc<Mutex<Vec<Connection>>>),
    Http2(Arc<Multiplexed>),
}

impl Client {
    /// An HTTP/1.1 client of `address`. Connects when the first request is sent.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self::new(Remote::at(address), Wire::Http1(Arc::default()))
    }

    /// An HTTP/2 client of `address`, in clear text: all its requests share one connection.
    #[must_use]
    pub fn http2(address: SocketAddr) -> Self {
        let remote = Remote::at(address);
        Self::new(remote.clone(), Wire::Http2(Arc::new(Multiplexed::to(remote))))
    }

    fn new(remote: Remote, wire: Wire) -> Self {
        let headers = [(HOST, HeaderValue::from_static("harness.test"))].into_iter().collect();
        Self { remote, wire, headers }
    }

    /// The same with connections of its own that take a few kilobytes (HTTP/2: 64 KiB) and no more until they are read.
    #[must_use]
    pub fn with_small_buffers(self) -> Self {
        let remote = Remote { small_buffers: true, ..self.remote.clone() };
        self.with_remote(remote)
    }

    /// The same over TLS, showing this certificate, with connections of its own.
    #[must_use]
    pub fn with_certificate(self, certificate: &Certificate) -> Self {
        let remote = Remote { certificate: Some(certificate.clone()), ..self.remote.clone() };
        self.with_remote(remote)
    }

    fn with_remote(self, remote: Remote) -> Self {
        let wire = match self.wire {
            Wire::Http1(_) => Wire::Http1(Arc::default()),
            Wire::Http2(_) => Wire::Http2(Arc::new(Multiplexed::to(remote.clone()))),
        };
        Self { remote, wire, ..self }
    }

    /// The same with this header in each of its requests.
    ///
    /// # Errors
    /// If that cannot be a header.
    pub fn with_header(mut self, name: &str, value: &str) -> anyhow::Result<Self> {
        self.headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        Ok(self)
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// Begins a POST with a body.
    pub fn post(&self, path: &str, body: impl Into<Bytes>) -> Request {
        self.request(Method::POST, path).body(body)
    }

    /// Begins a gRPC call with one message; the path is `/package.Service/Method`. gRPC needs HTTP/2.
    pub fn grpc(&self, path: &str, message: &[u8]) -> Request {
        let call = self.post(path, grpc_frame(message));
        call.header("content-type", "application/grpc").header("te", "trailers")
    }

    /// Begins a request of any method.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let (client, headers, path) = (self.clone(), self.headers.clone(), path.to_owned());
        Request { client, method, path, headers, body: Bytes::new(), problem: None }
    }

    async fn send(&self, request: hyper::Request<Full<Bytes>>) -> anyhow::Result<Response> {
        let idle = match &self.wire {
            Wire::Http1(idle) => idle,
            Wire::Http2(connection) => {
                return Response::read(connection.open(absolute(request)?).await?).await;
            }
        };
        let mut connection = self.connection(idle);
        let response = connection.send(request).await?;
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(response)
    }

    async fn open(&self, request: hyper::Request<Full<Bytes>>) -> anyhow::Result<Reading> {
        let idle = match &self.wire {
            Wire::Http1(idle) => idle,
            Wire::Http2(connection) => {
                return Ok(Reading::of(connection.open(absolute(request)?).await?, None));
            }
        };
        let mut connection = self.connection(idle);
        Ok(Reading::of(connection.open(request).await?, Some(connection)))
    }

    fn connection(&self, idle: &Mutex<Vec<Connection>>) -> Connection {
        let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Connection::to(self.remote.clone()))
    }
}

/// HTTP/2 has scheme and authority where HTTP/1.1 has the host header.
fn absolute(mut request: hyper::Request<Full<Bytes>>) -> anyhow::Result<hyper::Request<Full<Bytes>>> {
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(hyper::http::uri::Scheme::HTTP);
    if let Some(host) = request.headers_mut().remove(HOST) {
        parts.authority = Some(host.as_bytes().try_into()?);
    }
    *request.uri_mut() = Uri::from_parts(parts)?;
    *request.version_mut() = hyper::Version::HTTP_2;
    Ok(request)
}

/// A request in the making.
#[must_use = "nothing is sent before send()"]
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    problem: Option<String>,
}

impl Request {
    /// Adds a header; called twice with one name it sends two. The value may be any bytes HTTP allows.
    /// `host` replaces the default `harness.test`.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let parsed = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_ref()));
        match parsed {
            (Ok(name), Ok(value)) if name == HOST => {
                self.headers.insert(name, value);
            }
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            _ => self.problem = Some(format!("header {name:?} or its value cannot be sent")),
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole answer. Dropping the future closes the connection; with HTTP/2 it resets
    /// the stream.
    ///
    /// # Errors
    /// If no connection can be made, it breaks off, or the request cannot be written as HTTP.
    pub async fn send(self) -> anyhow::Result<Response> {
        let (client, request) = self.ready()?;
        client.send(request).await
    }

    /// Sends it and waits for the headers of the answer; the body is read by hand. Dropping the future or what it gives
    /// ends the request, as with [`Request::send`].
    ///
    /// # Errors
    /// As [`Request::send`].
    pub async fn open(self) -> anyhow::Result<Reading> {
        let (client, request) = self.ready()?;
        client.open(request).await
    }

    fn ready(self) -> anyhow::Result<(Client, hyper::Request<Full<Bytes>>)> {
        anyhow::ensure!(self.problem.is_none(), self.problem.unwrap_or_default());
        let mut request =
            hyper::Request::builder().method(self.method).uri(self.path).body(Full::new(self.body))?;
        *request.headers_mut() = self.headers;
        Ok((self.client, request))
    }
}
