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

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_core::route::{Matcher, PathMatch};
    use switchyard_host::Status;
    use switchyard_host::fake::FakeHost;

    const READ: &str = "proxy_get_header_map_pairs";

    #[test]
    fn it_is_read_once_whoever_asks_and_its_route_is_found_once() {
        let (head, host) = (Head::default(), FakeHost::default());
        host.receive(&[(":path", "/b")]);
        assert_eq!(host.calls(READ), 0);
        let routes =
            ["/a", "/b"].map(|path| Matcher { path: PathMatch::Exact(path.into()), ..Matcher::default() });
        let table = RouteTable::new(routes.to_vec());
        assert_eq!(head.route(&table, &host), Some(1));
        assert_eq!(head.route(&RouteTable::default(), &host), Some(1), "there is one table");
        assert!(head.headers(&host).is_some_and(|headers| headers.contains(":path")));
        assert_eq!(host.calls(READ), 1);
    }

    #[test]
    fn a_head_that_cannot_be_read_is_of_no_route_and_asked_for_no_more() {
        let (head, host) = (Head::default(), FakeHost::default());
        host.fail(READ, Status::InternalFailure);
        let everything = RouteTable::new(vec![Matcher::default()]);
        assert_eq!((head.headers(&host), head.route(&everything, &host)), (None, None));
        assert_eq!(host.calls(READ), 1);
    }
}
