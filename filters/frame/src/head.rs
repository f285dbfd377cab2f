//! The head of a request, as all that look at it share it.
//!
//! Invariants: it is read and its route is found when somebody asks first, and never again; a filter that does not ask pays nothing. A
//! request that says itself which cluster it is for is of none of Envoy's own routes: that is a client's word, which nobody hears.

use core::cell::OnceCell;
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER};
use switchyard_core::route::RouteTable;
use switchyard_host::{HeaderMap, Properties, RequestHeaders};

/// Takes off what a client may have said of cluster and endpoints, of a request that cannot be steered.
pub fn unsteer(host: &impl RequestHeaders) {
    for name in [CLUSTER_HEADER, CANDIDATES_HEADER] {
        // A host that takes no header off is beyond help.
        let _ = host.remove_request_header(name);
    }
}

/// The head of one request, on its way in.
#[derive(Debug, Default)]
pub struct Head {
    headers: OnceCell<Option<HeaderMap>>,
    route: OnceCell<Option<usize>>,
    cluster: OnceCell<Option<Box<str>>>,
}

impl Head {
    /// The same with other headers; its route stays what it was when it was looked for.
    pub(crate) fn with_headers(&self, headers: HeaderMap) -> Self {
        Self {
            headers: OnceCell::from(Some(headers)),
            route: self.route.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// Its headers; `None` if the host does not give them. A clone of them is the same map.
    pub fn headers(&self, host: &impl RequestHeaders) -> Option<&HeaderMap> {
        self.headers.get_or_init(|| host.request_headers().ok()).as_ref()
    }

    /// The position of its route in the one table that the document has, if it is of any: of the document's, or else of Envoy's own, for
    /// which the host is asked.
    pub fn route(&self, table: &RouteTable, host: &(impl RequestHeaders + Properties)) -> Option<usize> {
        let of_envoy = || table.of_cluster(self.cluster(host)?);
        self.route_of_document(table, host).or_else(|| table.asks_for_cluster().then(of_envoy).flatten())
    }

    /// The same, of the document's routes alone.
    pub fn route_of_document(&self, table: &RouteTable, host: &impl RequestHeaders) -> Option<usize> {
        *self.route.get_or_init(|| table.find(self.headers(host)?))
    }

    /// The cluster that Envoy's own route leads to, unless the client has named it.
    pub fn cluster(&self, host: &(impl RequestHeaders + Properties)) -> Option<&str> {
        let asked = || {
            if self.headers(host)?.contains(CLUSTER_HEADER) {
                return None;
            }
            let cluster = host.property(&["xds", "cluster_name"]).ok().flatten()?;
            String::from_utf8(cluster).ok().filter(|cluster| !cluster.is_empty()).map(Into::into)
        };
        self.cluster.get_or_init(asked).as_deref()
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
    fn a_request_of_no_route_is_of_the_one_to_its_cluster_unless_a_client_names_that() {
        const ASKED: &str = "proxy_get_property";
        let table = RouteTable::default().with_clusters([("web".into(), 3), ("web".into(), 4)]);
        let host = FakeHost::default();
        host.set_property("xds.cluster_name", b"web");
        host.receive(&[(":path", "/")]);
        let head = Head::default();
        assert_eq!([head.route(&table, &host), head.route(&table, &host)], [Some(3); 2]);
        assert_eq!((head.cluster(&host), host.calls(ASKED)), (Some("web"), 1));
        host.receive(&[(":path", "/"), (CLUSTER_HEADER, "web")]);
        assert_eq!(Head::default().route(&table, &host), None);
        host.receive(&[(":path", "/")]);
        assert_eq!(Head::default().route(&RouteTable::default(), &host), None);
        assert_eq!(host.calls(ASKED), 1, "no table asks for what none has");
        host.set_property("xds.cluster_name", b"other");
        assert_eq!(Head::default().route(&table, &host), None);
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
