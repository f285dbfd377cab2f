//! A request as Envoy hands it to its filters.
//!
//! Invariant: names are in lower case, `host` is `:authority`, and the four pseudo-headers are there; what Envoy adds of its own
//! (`x-request-id`, `x-forwarded-proto`) is not. A CONNECT has no `:path`, and its `:authority` is `host:port`.

use switchyard_core::request::PlainRequest;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Name and value of every header, pseudo-headers first.
    headers: Vec<(String, String)>,
    /// The client's address without its port.
    pub source_ip: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
    /// The cluster that Envoy's own route leads to, for what no route of the document matches.
    pub cluster: Option<String>,
}

impl Request {
    /// A request with this method and path, its query included.
    pub fn new(method: &str, path: &str) -> Self {
        let headers = [(":method", method), (":scheme", "http"), (":authority", ""), (":path", path)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { headers, source_ip: None, body: Vec::new(), cluster: None }
    }

    /// A CONNECT to this `host:port`; none if it is no such.
    pub fn connect(authority: &str) -> Option<Self> {
        let (host, port) = authority.rsplit_once(':')?;
        let is_ipv6 = host.starts_with('[') && host.ends_with(']');
        let is_host =
            !host.is_empty() && (is_ipv6 || !host.contains(':')) && !host.contains(['/', '@', '?', '#', ' ']);
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        (is_host && is_port).then(|| Self::new("CONNECT", "").with(":authority", authority))
    }

    /// The same with one header more; a pseudo-header takes the place of the one that is there.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.add(name, value);
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same from this client.
    #[must_use]
    pub fn from_ip(mut self, ip: &str) -> Self {
        self.source_ip = Some(ip.to_owned());
        self
    }

    /// The same, which Envoy's own route leads to this cluster.
    #[must_use]
    pub fn to_cluster(mut self, cluster: &str) -> Self {
        self.cluster = Some(cluster.to_owned());
        self
    }

    /// Adds a header; a pseudo-header takes the place of the one that is there.
    pub fn add(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        let name = if name == "host" { ":authority".to_owned() } else { name };
        let known = self.headers.iter_mut().find(|(known, _)| name.starts_with(':') && *known == name);
        match known {
            Some((_, known)) => value.clone_into(known),
            None => self.headers.push((name, value.to_owned())),
        }
    }

    /// The first value of a header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let known = self.headers.iter().find(|(known, _)| known == name);
        known.filter(|(name, value)| self.is_sent(name, value)).map_or("", |(_, value)| value)
    }

    /// Whether there is a header of this name.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// Its head; a body's length is in it, as every client has it.
    pub fn head(&self) -> Vec<(String, String)> {
        let mut head = self.headers.clone();
        head.retain(|(name, value)| self.is_sent(name, value));
        if !self.body.is_empty() && !self.has("content-length") && !self.has("transfer-encoding") {
            head.push(("content-length".to_owned(), self.body.len().to_string()));
        }
        head
    }

    /// Whether a filter sees this pseudo-header: Envoy gives it no authority where the client gave none, and a CONNECT has no path.
    fn is_sent(&self, name: &str, value: &str) -> bool {
        let is_connect = || self.headers.iter().any(|(name, value)| name == ":method" && value == "CONNECT");
        match name {
            ":authority" => !value.is_empty(),
            ":path" => !is_connect(),
            _ => true,
        }
    }

    /// It as the core's decisions see it.
    pub fn view(&self) -> PlainRequest {
        let headers = self.head().into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        PlainRequest { headers, source_ip: self.source_ip.clone() }
    }
}
