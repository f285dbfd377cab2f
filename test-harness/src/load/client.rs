//! An HTTP/1.1 client over kept-alive connections.
//!
//! Trade-off: no redirects, no TLS, no HTTP/2 and no retries. A test must see what Envoy really answered, and
//! a client that tries again by itself would hide it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One connection, opened when first needed and again after it was closed.
pub(crate) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    async fn sender(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let live = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match live {
            Some(sender) => sender,
            None => {
                let stream = TcpStream::connect(self.address)
                    .await
                    .with_context(|| format!("connecting to {}", self.address))?;
                stream.set_nodelay(true)?;
                let (sender, connection) =
                    http1::Builder::new().max_headers(256).handshake(TokioIo::new(stream)).await?;
                tokio::spawn(async move {
                    // Its error also reaches the request under way, where it is reported.
                    let _ = connection.await;
                });
                sender
            }
        };
        Ok(self.sender.insert(sender))
    }

    pub(crate) async fn send(&mut self, request: hyper::Request<Full<Bytes>>) -> anyhow::Result<Response> {
        let response = self.sender().await?.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.context("the body broke off")?.to_bytes();
        Ok(Response { status: head.status, headers: head.headers, body })
    }
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// All headers, duplicates too.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// The first value of a header, or `""` if it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The name of the upstream that answered (`x-upstream`), `""` if none did.
    #[must_use]
    pub fn upstream(&self) -> &str {
        self.header(crate::upstream::NAME_HEADER)
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends single requests to one address; connections are pooled. Clones share the pool.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Client {
    /// A client of `address`. Connects when the first request is sent.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// Begins a POST with a body.
    pub fn post(&self, path: &str, body: impl Into<Bytes>) -> Request {
        self.request(Method::POST, path).body(body)
    }

    /// Begins a request of any method.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(hyper::header::HOST, HeaderValue::from_static("harness.test"));
        let path = path.to_owned();
        Request { client: self.clone(), method, path, headers, body: Bytes::new(), problem: None }
    }

    fn take(&self) -> Connection {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Connection::to(self.address))
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
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
            (Ok(name), Ok(value)) if name == hyper::header::HOST => {
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

    /// Sends it and reads the whole answer. Dropping the future closes the connection.
    ///
    /// # Errors
    /// If no connection can be made, it breaks off, or the request cannot be written as HTTP.
    pub async fn send(self) -> anyhow::Result<Response> {
        anyhow::ensure!(self.problem.is_none(), self.problem.unwrap_or_default());
        let mut request =
            hyper::Request::builder().method(self.method).uri(self.path).body(Full::new(self.body))?;
        *request.headers_mut() = self.headers;
        let mut connection = self.client.take();
        let response = connection.send(request).await?;
        self.client.give_back(connection);
        Ok(response)
    }
}
