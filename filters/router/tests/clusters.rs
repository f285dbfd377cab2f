//! Envoy's own routes: requests that no route of the document matches are steered within the cluster that they go to anyhow, and a section
//! may stand for many clusters.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker::Worker;
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER};
use switchyard_frame::{Head, Stream as _};
use switchyard_host::Status;
use switchyard_host::fake::SharedStore;
use switchyard_router::Stream;

const NAMED: &str = r#"{
    "upstreams": [
        {"name": "web", "cluster": "outbound|80||web.default.svc", "endpoints": [{"address": "10.0.0.1:80"}], "balance": {"policy": "least_request"}},
        {"name": "other", "endpoints": [{"address": "10.0.0.2:80"}], "balance": {"policy": "least_request"}}
    ],
    "routes": [{"match": {"path_prefix": "/other"}, "upstream": "other"}]
}"#;
const MANY: &str = r#"{
    "upstreams": [{
        "name": "mesh", "cluster_pattern": "outbound\\|80\\|\\|.*", "max_clusters": 2,
        "endpoints": {"envoy": {"admin_cluster": "prometheus_stats", "interval": "1s"}},
        "balance": {"policy": "least_request"}
    }]
}"#;

impl Worker {
    /// A request that Envoy's route sends to this cluster: the cluster and the candidates that it has then.
    fn send(&self, cluster: &str, head: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        self.host.set_property("xds.cluster_name", cluster.as_bytes());
        self.host.receive(head);
        let mut stream: Stream = self.root.stream(10).expect("a configuration");
        stream.on_request_headers(&self.host, &Head::default(), true);
        stream.on_done(&self.host);
        (self.host.request_header(CLUSTER_HEADER), self.host.request_header(CANDIDATES_HEADER))
    }

    /// Lets time pass, in which Envoy's admin tells of the clusters that it is asked for, each with one endpoint; how often it was asked.
    fn pass_and_answer(&mut self, millis: u64) -> usize {
        let mut asked_for = 0;
        for _ in 0..millis / 20 {
            for call in self.pass(20) {
                asked_for += 1;
                let path = call.request.headers.iter().find(|(name, _)| name == ":path").expect("a path");
                let asked = ["a", "b", "c"].iter().filter(|name| path.1.contains(&format!("{name}%5C.svc")));
                let clusters: Vec<_> = asked
                    .map(|name| {
                        let host = format!(r#"{{"address": {{"socket_address": {{"address": "10.0.0.{}", "port_value": 80}}}}}}"#, name.as_bytes()[0]);
                        format!(r#"{{"name": "outbound|80||{name}.svc", "host_statuses": [{host}]}}"#)
                    })
                    .collect();
                let body = format!(r#"{{"cluster_statuses": [{}]}}"#, clusters.join(","));
                self.answer(&call, "200", body.as_bytes());
            }
        }
        asked_for
    }

    /// Lets time pass until requests to this cluster are steered; how long that took, in milliseconds.
    fn until_steered(&mut self, cluster: &str) -> u64 {
        let began = self.now;
        while self.send(cluster, &PLAIN).1.is_empty() {
            assert!(self.now < began + 60_000, "{cluster} is not followed");
            self.pass_and_answer(100);
        }
        self.now - began
    }
}

const PLAIN: [(&str, &str); 2] = [(":method", "GET"), (":path", "/")];

#[test]
fn a_request_of_no_route_is_steered_within_the_cluster_that_it_goes_to() {
    let worker = Worker::of(&SharedStore::default(), 0, NAMED);
    let nothing = Vec::<String>::new();
    let web = "outbound|80||web.default.svc";
    assert_eq!(worker.send(web, &PLAIN), (nothing.clone(), vec!["10.0.0.1:80".to_owned()]));
    assert_eq!(worker.send("elsewhere", &PLAIN), (nothing.clone(), nothing.clone()));
    let of_route = worker.send(web, &[(":method", "GET"), (":path", "/other")]);
    assert_eq!(of_route, (vec!["other".to_owned()], vec!["10.0.0.2:80".to_owned()]));
    // Whom a client names by itself is nobody, and its header goes.
    let named = [PLAIN[0], PLAIN[1], (CLUSTER_HEADER, web)];
    assert_eq!(worker.send(web, &named), (nothing.clone(), nothing));
}

#[test]
fn it_costs_one_host_call_more_than_a_route_of_the_document_and_writes_one_header_less() {
    let worker = Worker::of(&SharedStore::default(), 0, NAMED);
    let calls = |cluster: &str, head: &[(&str, &str)]| {
        worker.send(cluster, head);
        worker.host.set_property("upstream.address", b"10.0.0.1:80");
        worker.send(cluster, head);
        worker.host.forget_calls();
        worker.send(cluster, head);
        worker.host.all_calls()
    };
    let own = calls("outbound|80||web.default.svc", &PLAIN);
    worker.host.set_property("upstream.address", b"10.0.0.2:80");
    let of_route = calls("outbound|80||web.default.svc", &[(":method", "GET"), (":path", "/other")]);
    assert_eq!((own, of_route), (3, 3), "header map, property or cluster, candidates");
}

#[test]
fn a_section_serves_each_cluster_that_requests_go_to_in_every_worker_up_to_its_bound() {
    let store = SharedStore::default();
    let (mut one, mut two) = (Worker::of(&store, 0, MANY), Worker::of(&store, 1, MANY));
    let named = |worker: &Worker, name: &str| worker.send(&format!("outbound|80||{name}.svc"), &PLAIN).1;
    let nobody = Vec::<String>::new();
    assert_eq!((named(&one, "a"), named(&two, "b")), (nobody.clone(), nobody.clone()));
    for _ in 0..4 {
        for worker in [&mut one, &mut two] {
            worker.pass_and_answer(1_500);
            // Nobody asks for endpoints while no request comes.
            named(worker, "a");
        }
    }
    let of = |name: &str| vec![format!("10.0.0.{}:80", name.as_bytes()[0])];
    for worker in [&one, &two] {
        assert_eq!((named(worker, "a"), named(worker, "b")), (of("a"), of("b")));
        assert_eq!(named(worker, "c"), nobody, "two are followed at most");
        assert_eq!(worker.send("inbound|80||", &PLAIN).1, nobody);
    }
    one.pass_and_answer(3_000);
    assert_eq!(named(&one, "c"), nobody);
    let late = Worker::of(&store, 2, MANY);
    assert_eq!(named(&late, "b"), of("b"), "another worker, and one after it, know it at once");
}

#[test]
fn filters_that_streams_alone_hold_ask_for_nothing_and_let_clusters_be_taken_in_more_seldom() {
    let of_three = MANY.replace(r#""max_clusters": 2"#, r#""max_clusters": 3"#);
    let mut worker = Worker::of(&SharedStore::default(), 0, &of_three);
    let cluster = |name: &str| format!("outbound|80||{name}.svc");
    worker.until_steered(&cluster("a"));
    worker.host.set_property("xds.cluster_name", cluster("a").as_bytes());
    let (_, mut held) = worker.begin();
    worker.until_steered(&cluster("b"));
    assert!(worker.until_steered(&cluster("c")) > 1_500, "one filter is held");
    let (_, mut held_too) = worker.begin();
    let asked = worker.pass_and_answer(10_000);
    assert!((8..=12).contains(&asked), "{asked} asks in ten intervals of a second");
    held.on_done(&worker.host);
    held_too.on_done(&worker.host);
}

#[test]
fn what_a_client_has_said_of_clusters_goes_though_nobody_can_read_it() {
    let worker = Worker::of(&SharedStore::default(), 0, NAMED);
    worker.host.fail("proxy_get_header_map_pairs", Status::InternalFailure);
    let said = [PLAIN[0], PLAIN[1], (CLUSTER_HEADER, "admin"), (CANDIDATES_HEADER, "127.0.0.1:9901")];
    assert_eq!(worker.send("outbound|80||web.default.svc", &said), (Vec::new(), Vec::new()));
}
