//! What a decision may ask of a request, whoever holds it.

mod host;

use std::borrow::Cow;

/// Read access to one request's headers and origin.
///
/// Header names are lower case, pseudo-headers (`:path`, `:method`) included; values are bytes, because HTTP
/// does not promise UTF-8.
pub trait RequestView {
    /// All values of the header `name`, in the order they came.
    fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]>;

    /// The client's address without its port, as text (`10.0.0.7`, `::1`), if it is known.
    ///
    /// In a filter this is a host call, so decisions ask for it only when a rule needs it.
    fn source_ip(&self) -> Option<Vec<u8>>;

    /// The first value of the header `name`.
    fn header<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.header_values(name).next()
    }

    /// The request target with its query, `:path`.
    fn path_and_query(&self) -> &[u8] {
        self.header(":path").unwrap_or_default()
    }

    /// The request target up to its query or fragment.
    fn path(&self) -> &[u8] {
        let target = self.path_and_query();
        target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
    }

    /// The query: what stands between `?` and a fragment, as it was written.
    fn query(&self) -> &[u8] {
        let target = self.path_and_query().split(|byte| *byte == b'#').next().unwrap_or_default();
        match target.iter().position(|byte| *byte == b'?') {
            Some(mark) => target.get(mark + 1..).unwrap_or_default(),
            None => &[],
        }
    }

    /// All values of the query's parameter `name`, in the order they came; nothing is decoded, and one without `=` is empty.
    fn query_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.query().split(|byte| *byte == b'&').filter_map(move |parameter| {
            let rest = parameter.strip_prefix(name.as_bytes())?;
            if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b"=") }
        })
    }

    /// The host that it is for, as names are compared: without port and dot at its end, in lower case.
    fn host(&self) -> Cow<'_, [u8]> {
        host::host(self.header(":authority").unwrap_or_default())
    }

    /// The method, `:method`.
    fn method(&self) -> &[u8] {
        self.header(":method").unwrap_or_default()
    }
}

/// The whole head of a message.
pub trait HeadView: RequestView {
    /// Name and value of every header, in order.
    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])>;
}

/// A request held as plain pairs: for tests and benchmarks.
#[derive(Clone, Debug, Default)]
pub struct PlainRequest {
    /// Name and value of every header, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The client's address without its port.
    pub source_ip: Option<String>,
}

impl PlainRequest {
    /// A GET of `path` with no other header.
    pub fn get(path: &str) -> Self {
        Self::default().with(":method", "GET").with(":path", path)
    }

    /// The same request with one header more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same request from this client address.
    #[must_use]
    pub fn from_ip(mut self, ip: &str) -> Self {
        self.source_ip = Some(ip.to_owned());
        self
    }
}

impl<'a> FromIterator<(&'a [u8], &'a [u8])> for PlainRequest {
    fn from_iter<T: IntoIterator<Item = (&'a [u8], &'a [u8])>>(pairs: T) -> Self {
        pairs.into_iter().fold(Self::default(), |request, (name, value)| {
            request.with(&String::from_utf8_lossy(name), value)
        })
    }
}

impl RequestView for PlainRequest {
    fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    fn source_ip(&self) -> Option<Vec<u8>> {
        self.source_ip.as_ref().map(|ip| ip.clone().into_bytes())
    }
}

impl HeadView for PlainRequest {
    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()))
    }
}
