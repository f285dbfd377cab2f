//! What is asked for the endpoints of an upstream, and how often.

use super::ask::{Answer, Ask};
use super::listing::Listing;
use super::refusal::Refusal;
use super::{Consul, Envoy, Etcd, Http};
use core::time::Duration;

/// Where the endpoints of an upstream come from.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Where the last answer that was believed ended, for the next ask to go on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Of HTTP.
    pub etag: Option<Box<str>>,
    /// Consul's; 0: none.
    pub index: u64,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// Nothing has changed since the answer that the cursor is of.
    Unchanged,
    /// These are the members, for each of the clusters that were asked for, in their order.
    Lists {
        /// The lists.
        lists: Vec<Result<Listing, Refusal>>,
        /// Where the next ask may go on from, if all lists are believed.
        cursor: Cursor,
    },
}

impl Source {
    /// The ask for the members of these clusters of Envoy's; all but Envoy answer for one upstream at a time, whatever its cluster.
    pub fn request(&self, _clusters: &[Box<str>], _cursor: &Cursor) -> Ask {
        Ask {
            number: 0,
            method: super::Method::Get,
            path: "/".into(),
            authority: self.host.clone().unwrap_or_else(|| self.cluster.clone()),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: self.timeout,
        }
    }

    /// What the answer to that says. Whether an empty list is believed is not decided here.
    ///
    /// # Errors
    /// Why nothing of it is believed.
    pub fn read(
        &self,
        _clusters: &[Box<str>],
        _cursor: &Cursor,
        _answer: Answer<'_>,
    ) -> Result<Read, Refusal> {
        Err(Refusal::Empty)
    }
}
