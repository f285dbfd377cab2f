//! The router filter, run natively: one request in, and what it did to it.
//!
//! Invariant: a decision leaves nothing in flight, so that the next is made as if it were the first; but what is drawn or taken in turn
//! goes on.

use super::document::{ENVOYS, Followed};
use super::{Explanation, Prepared, Request};
use anyhow::{Result, bail};
use switchyard_core::Timestamp;
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER, EXPLAIN_HEADER};
use switchyard_frame::{Head, Stream as _, Vm};
use switchyard_host::fake::{FakeHost, Reply};
use switchyard_router::Root;

/// The context of the root, and that of requests.
const CONTEXTS: (u32, u32) = (1, 10);
/// When decisions are made, in nanoseconds; the seed is added, since the router draws by the time of its start.
const START: u64 = 1_700_000_000_000_000_000;
/// The port that a client has; no decision looks at it.
const CLIENT_PORT: u16 = 50_000;

/// A router under one document.
pub struct Decider {
    root: Root,
    host: FakeHost,
    followed: Vec<Followed>,
}

/// What the router did to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its decision; none if no route matched.
    pub explanation: Option<Explanation>,
    /// The cluster that it named to Envoy.
    pub cluster: Option<String>,
    /// The endpoints that it named to Envoy, as they stand in the header.
    pub named: Option<String>,
    /// The cookies that it gives out.
    pub cookies: Vec<String>,
    /// The status that it answered with itself.
    pub answered: Option<u16>,
}

impl Decider {
    /// A router under this document, whose draws are those of `seed`.
    ///
    /// # Errors
    /// When the router refuses the document.
    pub fn new(document: &Prepared, seed: u64) -> Result<Self> {
        let host = FakeHost::default();
        host.set_configuration(document.explaining().to_string().as_bytes());
        host.set_now(Timestamp::from_nanos(START.wrapping_add(seed)));
        host.in_context(CONTEXTS.0);
        let mut root = Root::in_vm(CONTEXTS.0, Vm::default());
        if !root.configure(&host) {
            bail!("the router refuses the document");
        }
        Ok(Self { root, host, followed: document.followed().to_vec() })
    }

    /// Where this request goes.
    pub fn decide(&self, request: &Request) -> Outcome {
        let Self { root, host, .. } = self;
        let head = request.head();
        let head: Vec<_> = head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        host.receive(&head);
        host.in_context(CONTEXTS.1);
        self.know(request);
        let Some(mut stream) = root.stream(CONTEXTS.1) else { return Outcome::default() };
        stream.on_request_headers(host, &Head::default(), request.body.is_empty());
        let answered = host.take_replies().into_iter().find_map(|reply| match reply {
            Reply::Answered { status, .. } => Some(status),
            Reply::Resumed { .. } | Reply::WentOn { .. } => None,
        });
        let (cluster, named) = (last(host, CLUSTER_HEADER), last(host, CANDIDATES_HEADER));
        host.answer(&[(":status", "200")]);
        stream.on_response_headers(host, true);
        let explanation = host.response_header(EXPLAIN_HEADER).pop();
        let cookies = host.response_header("set-cookie");
        stream.on_done(host);
        // Marks for outlier.wasm, of which nothing is told here.
        host.take_marks();
        host.in_context(CONTEXTS.0);
        Outcome {
            explanation: explanation.map(|text| Explanation::parse(&self.as_envoy_has_it(text))),
            cluster,
            named,
            cookies,
            answered,
        }
    }

    /// With the names of clusters, as the filters know upstreams of clusters that a section stands for.
    fn as_envoy_has_it(&self, mut text: String) -> String {
        for Followed { cluster, name } in &self.followed {
            for field in ["upstream=".to_owned(), format!("route={ENVOYS}")] {
                text = text.replace(&format!("{field}{name}; "), &format!("{field}{cluster}; "));
            }
        }
        text
    }

    /// What Envoy knows of the request besides its head.
    fn know(&self, request: &Request) {
        let address = request.source_ip.as_ref().map(|ip| match ip.contains(':') {
            true => format!("[{ip}]:{CLIENT_PORT}"),
            false => format!("{ip}:{CLIENT_PORT}"),
        });
        for (path, value) in [("source.address", &address), ("xds.cluster_name", &request.cluster)] {
            match value {
                Some(value) => self.host.set_property(path, value.as_bytes()),
                None => self.host.remove_property(path),
            }
        }
    }
}

fn last(host: &FakeHost, header: &str) -> Option<String> {
    host.request_header(header).pop()
}
