//! The head of a request, as all that look at it share it.
//!
//! Invariant: it is read and its route is found when somebody asks first, and never again; a filter that does not ask pays nothing.

use core::cell::OnceCell;
use switchyard_core::route::RouteTable;
use switchyard_host::{HeaderMap, RequestHeaders};

/// The head of one request, on its way in.
#[derive(Debug, Default)]
pub struct Head {
    headers: OnceCell<Option<HeaderMap>>,
    route: OnceCell<Option<usize>>,
}

impl Head {
    /// The same with other headers; its route stays what it was when it was looked for.
    pub(crate) fn with_headers(&self, headers: HeaderMap) -> Self {
        Self { headers: OnceCell::from(Some(headers)), route: self.route.clone() }
    }

    /// Its headers; `None` if the host does not give them. A clone of them is the same map.
    pub fn headers(&self, host: &impl RequestHeaders) -> Option<&HeaderMap> {
        self.headers.get_or_init(|| host.request_headers().ok()).as_ref()
    }

    /// The position of its route in the one table that the document has, if it is of any.
    pub fn route(&self, table: &RouteTable, host: &impl RequestHeaders) -> Option<usize> {
        *self.route.get_or_init(|| table.find(self.headers(host)?))
    }
}
