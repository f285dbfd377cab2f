//! Load with keys: many requests over few connections, and who answered each.
//!
//! Closed loop: every connection sends its next request when the last is answered, so `concurrency` is the
//! number of requests under way. Trade-off: latencies are those of a patient client; a stall delays what is
//! sent after it instead of queueing it (coordinated omission, Tene 2013). Shares and parity do not care.

mod client;
mod connection;
mod grpc;
mod reading;
mod report;
mod response;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::header::{HOST, HeaderName, HeaderValue};

pub use client::{Client, Request};
pub use grpc::grpc_frame;
pub use reading::Reading;
pub use report::{Report, TIMELINE_MS};
pub use response::Response;

use connection::{Connection, Remote};

type Key = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// A run of requests against one address.
#[derive(Clone)]
pub struct Load {
    address: SocketAddr,
    method: String,
    path: String,
    body: Bytes,
    requests: u64,
    lasting: Option<Duration>,
    concurrency: usize,
    key_header: String,
    headers: Vec<(String, String)>,
    key: Option<Key>,
    each_path: Option<Key>,
}

impl Load {
    /// 1,000 GETs of `/` over 8 connections, without keys, unless told otherwise.
    #[must_use]
    pub fn against(address: SocketAddr) -> Self {
        Self {
            address,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            body: Bytes::new(),
            requests: 1_000,
            lasting: None,
            concurrency: 8,
            key_header: "x-user".to_owned(),
            headers: Vec::new(),
            key: None,
            each_path: None,
        }
    }

    /// How many requests.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.requests = requests;
        self
    }

    /// As many requests as there is time for: none is begun after so long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.requests = u64::MAX;
        self.lasting = Some(time);
        self
    }

    /// How many at a time; each has its own connection.
    #[must_use]
    pub fn concurrency(mut self, connections: usize) -> Self {
        self.concurrency = connections.max(1);
        self
    }

    /// The method of every request.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The body of every request.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The path of every request.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Request number `i` (from 0) is for `path(i)`.
    #[must_use]
    pub fn paths(mut self, path: impl Fn(u64) -> String + Send + Sync + 'static) -> Self {
        self.each_path = Some(Arc::new(path));
        self
    }

    /// A header of every request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Request number `i` (from 0) carries `key(i)` in `header`; the report says which upstream each key got.
    #[must_use]
    pub fn keys(mut self, header: &str, key: impl Fn(u64) -> String + Send + Sync + 'static) -> Self {
        header.clone_into(&mut self.key_header);
        self.key = Some(Arc::new(key));
        self
    }

    /// Runs it to the end. Failed requests are counted in the report, they do not end the run.
    ///
    /// # Errors
    /// If the method, the path or a header cannot be sent.
    pub async fn run(&self) -> anyhow::Result<Report> {
        let plan = Arc::new(Plan::of(self)?);
        let next = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let workers: Vec<_> = (0..self.concurrency)
            .map(|_| tokio::spawn(work(Arc::clone(&plan), Arc::clone(&next), started)))
            .collect();
        let mut report = Report::default();
        for worker in workers {
            report.merge(worker.await??);
        }
        report.finish(started.elapsed());
        Ok(report)
    }
}

struct Plan {
    load: Load,
    method: Method,
    uri: hyper::Uri,
    key_header: HeaderName,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Plan {
    fn of(load: &Load) -> anyhow::Result<Self> {
        let mut headers = vec![(HOST, HeaderValue::from_static("harness.test"))];
        for (name, value) in &load.headers {
            headers.push((HeaderName::try_from(name)?, HeaderValue::try_from(value)?));
        }
        let (uri, key_header) = (load.path.parse()?, HeaderName::try_from(&load.key_header)?);
        Ok(Self { load: load.clone(), method: load.method.parse()?, uri, key_header, headers })
    }

    fn request(&self, number: u64, key: Option<&str>) -> anyhow::Result<hyper::Request<Full<Bytes>>> {
        let mut request = hyper::Request::new(Full::new(self.load.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = match &self.load.each_path {
            Some(path) => path(number).parse()?,
            None => self.uri.clone(),
        };
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        if let Some(key) = key {
            request.headers_mut().append(&self.key_header, HeaderValue::try_from(key)?);
        }
        Ok(request)
    }
}

async fn work(plan: Arc<Plan>, next: Arc<AtomicU64>, started: Instant) -> anyhow::Result<Report> {
    let mut connection = Connection::to(Remote::at(plan.load.address));
    let mut report = Report::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let late = plan.load.lasting.is_some_and(|time| started.elapsed() >= time);
        if late || number >= plan.load.requests {
            return Ok(report);
        }
        let key = plan.load.key.as_ref().map(|key| key(number));
        let request = plan.request(number, key.as_deref())?;
        let sent = Instant::now();
        let outcome = connection.send(request).await;
        report.add(key, sent.elapsed(), started.elapsed(), outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::Load;
    use crate::upstream::Upstream;

    #[tokio::test]
    async fn every_request_has_the_method_and_body_it_was_told() -> anyhow::Result<()> {
        let upstream = Upstream::start("one", "127.0.0.1:0".parse()?).await?;
        let load = Load::against(upstream.address()).requests(20).concurrency(2);
        let report = load.clone().method("POST").body("tea").run().await?;
        assert_eq!(report.timeline.iter().map(|entry| entry.0).sum::<u64>(), 20);
        let seen = upstream.requests();
        assert!(
            seen.iter().all(|request| (request.method.as_str(), request.body.as_str()) == ("POST", "tea"))
        );
        assert!(load.clone().method("no method").run().await.is_err());
        upstream.forget();
        load.paths(|number| format!("/{number}")).run().await?;
        let paths: std::collections::BTreeSet<_> =
            upstream.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, (0..20).map(|number| format!("/{number}")).collect());
        Ok(())
    }
}
