//! Where calls go, what they say, and those that cannot be made.

use crate::worker::{
    Batching, Head, OK, Request, Worker, calls, document_with, get, header, items, pass, post, rpc, text,
    truth, with,
};
use std::slice;
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Record};
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_host::Status;
use switchyard_host::fake::{Called, SharedStore};

const ENDPOINT: &str = "x-gateway-destination-endpoint";
const CALL: &str = "proxy_http_call";

/// The next batch of two, and its call.
fn batch(worker: &mut Worker, more: Head<'_>) -> ([Request; 2], Called) {
    let first = worker.send(&with(&get("/items?ids=0"), more));
    let requests = ["/items?ids=1", "/items?ids=2"].map(|path| worker.send(&with(&get(path), more)));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    (requests, call)
}

/// The endpoint that the next batch goes to.
fn endpoint(worker: &mut Worker) -> Option<String> {
    let (requests, call) = batch(worker, &[]);
    worker.serve(&call);
    requests.into_iter().for_each(|request| worker.end(request));
    header(&call, ENDPOINT).map(str::to_owned)
}

fn put(worker: &Worker, address: &str, health: Health) {
    let changed = Table::ledger("web").change_ledger(&worker.host, |ledger| {
        let mut record = Record::new(EndpointKey::of(address));
        record.health = health;
        ledger.put(record);
        (true, ())
    });
    assert!(changed.is_some());
    announce(&worker.host).expect("an announcement");
}

#[test]
fn endpoints_take_turns() {
    let mut worker = Worker::alone(&items(""));
    let turns: Vec<_> = (0..4).filter_map(|_| endpoint(&mut worker)).collect();
    assert_eq!(turns, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:80", "10.0.0.2:80"]);
}

#[test]
fn an_ejected_endpoint_is_left_out_as_soon_as_that_is_announced() {
    let store = SharedStore::default();
    let mut worker = Worker::unconfigured(&store);
    Table::ledger("web").create(&worker.host).expect("a table");
    assert!(worker.configure_with(&document_with(r#""outlier": {},"#, &items(""))));
    put(&worker, "10.0.0.1:80", Health::Ejected);
    assert!((0..3).all(|_| endpoint(&mut worker).as_deref() == Some("10.0.0.2:80")));
    put(&worker, "10.0.0.1:80", Health::Healthy);
    assert!((0..2).any(|_| endpoint(&mut worker).as_deref() == Some("10.0.0.1:80")), "and back");
}

#[test]
fn where_outlier_only_watches_nobody_is_left_out() {
    let mut worker = Worker::unconfigured(&SharedStore::default());
    Table::ledger("web").create(&worker.host).expect("a table");
    assert!(worker.configure_with(&document_with(r#""outlier": {"mode": "shadow"},"#, &items(""))));
    put(&worker, "10.0.0.1:80", Health::Ejected);
    assert!((0..2).any(|_| endpoint(&mut worker).as_deref() == Some("10.0.0.1:80")));
}

#[test]
fn an_endpoint_that_a_client_names_is_not_called() {
    let mut worker = Worker::alone(&items(""));
    let (_, call) = batch(&mut worker, &[(ENDPOINT, "10.9.9.9:1")]);
    let named: Vec<_> = call.request.headers.iter().filter(|(name, _)| name == ENDPOINT).collect();
    assert_eq!(named, [&(ENDPOINT.to_owned(), "10.0.0.1:80".to_owned())]);
}

#[test]
fn it_has_as_much_time_as_the_request_that_has_least() {
    let mut worker = Worker::alone(&items(r#""deadline_header": "x-time-left", "timeout": "9s""#));
    let first = worker.goes("/items?ids=0");
    let least: Head<'_> = &[("x-time-left", "800")];
    let _others = [
        worker.send(&with(&get("/items?ids=1"), &[("x-time-left", "2000")])),
        worker.send(&with(&get("/items?ids=2"), least)),
        worker.send(&get("/items?ids=3")),
    ];
    worker.set_time(worker.now + 10);
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    assert_eq!(call.request.timeout.as_millis(), 790);
    assert_eq!(header(&call, "x-time-left"), Some("790"));
}

#[test]
fn a_call_that_cannot_be_made_is_a_batch_that_failed() {
    for status in [Status::BadArgument, Status::InternalFailure] {
        let mut worker = Worker::alone(&calls(""));
        let first = worker.post(&post(), &rpc("get", 0));
        let requests = [1, 2].map(|id| worker.post(&post(), &rpc("set", id)));
        worker.host.fail(CALL, status);
        worker.returns(first);
        worker.deliver();
        assert!(requests.iter().all(|request| worker.went_on(request)), "nothing was done, whatever they do");
        assert_eq!(worker.count("batch_failures_total", ("reason", "call")), 1);
        requests.into_iter().for_each(|request| worker.returns(request));
        assert_eq!(worker.count("batch_active", ("", "")), 0);
        // Nothing is under way.
        let next = worker.post(&post(), &rpc("set", 3));
        assert!(worker.waits(&next) && next.flow == switchyard_batch::Flow::Continue);
    }
}

#[test]
fn those_that_may_be_made_twice_go_alone_when_no_call_can_be_made() {
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let requests: Vec<_> = (1..6).map(|id| worker.joins(&format!("/items?ids={id}"))).collect();
    worker.host.fail(CALL, Status::InternalFailure);
    worker.returns(first);
    worker.deliver();
    pass(slice::from_mut(&mut worker), 10);
    assert!(requests.iter().all(|request| worker.went_on(request)));
    requests.into_iter().for_each(|request| worker.returns(request));
    assert_eq!(worker.count("batch_active", ("", "")), 0);
}

#[test]
fn a_call_is_never_made_in_the_name_of_a_stream() {
    // Replies to a batch's clients come before the next batch's call, in one callback.
    let mut worker = Worker::alone(&items(""));
    let first = worker.goes("/items?ids=0");
    let _one = ["/items?ids=1", "/items?ids=2"].map(|path| worker.joins(path));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    let _other = ["/items?ids=3", "/items?ids=4"].map(|path| worker.joins(path));
    worker.serve(&call);
    assert_eq!(worker.call().context, worker.root_context);
}

#[test]
fn where_the_roots_own_name_cannot_be_had_again_no_call_is_made() {
    let mut worker = Worker::alone(&calls(""));
    let first = worker.post(&post(), &rpc("get", 0));
    let _answered = [1, 2].map(|id| worker.post(&post(), &rpc("set", id)));
    worker.returns(first);
    worker.deliver();
    let call = worker.call();
    let others = [3, 4].map(|id| worker.post(&post(), &rpc("set", id)));
    worker.host.end_context(worker.root_context);
    worker.host.answer_call(OK, &truth(&call), &[]);
    worker.host.in_context(worker.root_context);
    worker.root.on_call_response(&worker.host, call.number, OK.len(), truth(&call).len());
    worker.take(worker.root_context);
    assert!(worker.called.is_empty());
    assert!(others.iter().all(|request| worker.went_on(request)));
}

#[test]
fn the_body_is_sent_as_it_was_joined() {
    let mut worker = Worker::alone(r#"{"protocol": {"json_array": {}}}"#);
    let first = worker.post(&post(), "0");
    let _requests = ["1", r#"{"a": [2]}"#].map(|body| worker.post(&post(), body));
    worker.returns(first);
    worker.deliver();
    assert_eq!(text(&worker.call()), r#"[1,{"a": [2]}]"#);
}
