//! What is asked for the endpoints of an upstream, and how often.
//!
//! Invariant: an answer whose status is not the one of success says nothing, whatever its body is. Trade-off: there is no place for a
//! token here, as there is none in the document: Envoy's `credential_injector`, in the cluster that is asked, adds it.

use super::ask::{Answer, Ask, Method};
use super::consul::Consul;
use super::envoy::Envoy;
use super::etcd::Etcd;
use super::http::{Http, condition};
use super::read::{Cursor, Read};
use super::refusal::Refusal;
use core::time::Duration;

/// Where the endpoints of an upstream come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The Envoy cluster that is asked.
    pub cluster: Box<str>,
    /// The authority that it is asked as; `None`: the cluster's name.
    pub host: Option<Box<str>>,
    /// How often, 100 ms to 1 h.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Whether an empty list is believed.
    pub allow_empty: bool,
    /// The longest answer that is read, in bytes.
    pub max_body: usize,
    /// What answers there.
    pub registry: Registry,
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Registry {
    /// Envoy's own admin.
    Envoy(Envoy),
    /// etcd's JSON gateway.
    Etcd(Etcd),
    /// Consul's catalogue of healthy services.
    Consul(Consul),
    /// Anything that answers with JSON.
    Http(Http),
}

impl Source {
    /// Whether it is a registry outside of Envoy, whose endpoints no cluster of Envoy's need have.
    pub fn is_registry(&self) -> bool {
        !matches!(self.registry, Registry::Envoy(_))
    }

    /// What it is called: `etcd`.
    pub fn name(&self) -> &'static str {
        match self.registry {
            Registry::Envoy(_) => "envoy",
            Registry::Etcd(_) => "etcd",
            Registry::Consul(_) => "consul",
            Registry::Http(_) => "http",
        }
    }

    /// The ask for the members of these clusters of Envoy's; all but Envoy answer for one upstream at a time, whatever its cluster.
    pub fn request(&self, clusters: &[&str], cursor: &Cursor) -> Ask {
        let (path, headers) = match &self.registry {
            Registry::Envoy(_) => (Envoy::path(clusters), None),
            Registry::Etcd(_) => (Etcd::PATH.to_owned(), Some(("content-type", "application/json".into()))),
            Registry::Consul(consul) => (consul.path(cursor), None),
            Registry::Http(http) => (http.path.to_string(), condition(cursor)),
        };
        let (method, body) = match &self.registry {
            Registry::Etcd(etcd) => (Method::Post, etcd.question().into_bytes()),
            _ => (Method::Get, Vec::new()),
        };
        Ask {
            number: 0,
            method,
            path: path.into(),
            authority: self.host.clone().unwrap_or_else(|| self.cluster.clone()),
            headers: [Some(("accept", "application/json".into())), headers].into_iter().flatten().collect(),
            body,
            timeout: self.patience(cursor),
        }
    }

    /// How long an answer is waited for: Consul's come later by what it was told to hold the ask, and up to a sixteenth of that.
    fn patience(&self, cursor: &Cursor) -> Duration {
        match &self.registry {
            Registry::Consul(consul) if cursor.index > 0 => self.timeout + consul.wait + consul.wait / 16,
            _ => self.timeout,
        }
    }

    /// What the answer to that says. Whether an empty list is believed is not decided here.
    ///
    /// # Errors
    /// Why nothing of it is believed.
    pub fn read(
        &self,
        clusters: &[(&str, Envoy)],
        cursor: &Cursor,
        answer: Answer<'_>,
    ) -> Result<Read, Refusal> {
        let is_conditional = matches!(self.registry, Registry::Http(_)) && cursor.etag.is_some();
        match answer.status {
            304 if is_conditional => return Ok(Read::Unchanged),
            200 => {}
            status => return Err(Refusal::Status(status)),
        }
        if answer.body.len() > self.max_body {
            return Err(Refusal::TooLong { most: self.max_body });
        }
        match &self.registry {
            Registry::Envoy(_) => Envoy::read(clusters, answer.body),
            Registry::Etcd(_) => Etcd::read(answer.body),
            Registry::Consul(_) => Consul::read(cursor, answer),
            Registry::Http(http) => http.read(answer),
        }
    }
}
