//! A host that fails: whatever it is that it fails at, nobody is lost, and requests are served all the same.

use crate::worker::{Batching, OK, Request, SET_TICK, Worker, calls, items, pass, post, rpc, settle};
use std::slice;
use switchyard_batch::Flow;
use switchyard_host::Status;

/// All that the filter asks a host for, but for messages out of queues: a host that gives none out wakes for them for ever.
const PORTS: [&str; 17] = [
    "proxy_get_header_map_pairs",
    "proxy_get_buffer_bytes",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_http_call",
    "proxy_replace_header_map_value",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_get_current_time_nanoseconds",
    SET_TICK,
    "proxy_set_effective_context",
    "proxy_continue_stream",
    "proxy_send_local_response",
    "proxy_get_property",
];
/// Those without which nobody who waits can be let go or answered: Envoy's timeouts end them.
const INDISPENSABLE: [&str; 3] =
    ["proxy_continue_stream", "proxy_send_local_response", "proxy_set_effective_context"];

/// Three requests, two of which wait for the first if they may; their bodies, if they have some, and all that follows.
fn ride(worker: &mut Worker, section: &str, failing: &str) {
    let is_get = section.contains("id_list");
    let send = |worker: &mut Worker, id: u32| match is_get {
        true => worker.send(&crate::worker::get(&format!("/items?ids={id}"))),
        false => worker.post(&post(), &rpc("set", id)),
    };
    let mut requests: Vec<Request> = (0..3).map(|id| send(worker, id)).collect();
    for request in &mut requests {
        if request.flow == Flow::Continue {
            worker.respond(request, OK, b"[]");
        }
    }
    for _ in 0..200 {
        pass(slice::from_mut(worker), 10);
        for call in std::mem::take(&mut worker.called) {
            worker.serve(&call);
        }
    }
    for request in requests {
        let left = request.flow == Flow::Continue || !worker.waits(&request);
        assert!(left, "{} hangs where {failing} fails: {section}", request.context);
        worker.end(request);
    }
}

#[test]
fn whatever_always_fails_everybody_goes_on_or_is_answered() {
    for call in PORTS.into_iter().filter(|call| !INDISPENSABLE.contains(call)) {
        for section in [items(""), calls(""), items(r#""scope": "proxy""#), items(r#""mode": "shadow""#)] {
            let mut worker = Worker::alone(&section);
            worker.host.fail(call, Status::InternalFailure);
            ride(&mut worker, &section, call);
            worker.host.recover(call);
            ride(&mut worker, &section, call);
            pass(slice::from_mut(&mut worker), 3_000);
            assert_eq!(worker.period(), 0, "{call}");
            assert_eq!(worker.count("batch_active", ("", "")), 0, "{call}");
        }
    }
}

#[test]
fn whatever_fails_from_the_beginning_requests_are_served() {
    for call in PORTS.into_iter().filter(|call| !INDISPENSABLE.contains(call)) {
        let mut worker = Worker::unconfigured(&Default::default());
        worker.host.fail(call, Status::InternalFailure);
        let section = items(r#""scope": "proxy""#);
        // What cannot be read is no document; without one requests pass.
        assert_eq!(worker.configure(&section), call != "proxy_get_buffer_bytes", "{call}");
        if worker.root.filter().is_some() {
            ride(&mut worker, &section, call);
        }
    }
}

#[test]
fn whom_nothing_can_be_done_to_are_not_held_against_others() {
    for call in INDISPENSABLE {
        let mut worker = Worker::alone(&items(""));
        let first = worker.goes("/items?ids=0");
        let waiting: Vec<_> = (1..4).map(|id| worker.joins(&format!("/items?ids={id}"))).collect();
        worker.host.fail(call, Status::InternalFailure);
        worker.returns(first);
        worker.deliver();
        for call in std::mem::take(&mut worker.called) {
            worker.serve(&call);
        }
        worker.host.recover(call);
        waiting.into_iter().for_each(|request| worker.end(request));
        pass(slice::from_mut(&mut worker), 1_000);
        assert_eq!(worker.count("batch_active", ("", "")), 0, "{call}");
        let next = worker.goes("/items?ids=9");
        worker.end(next);
    }
}

#[test]
fn without_shared_data_each_worker_gathers_for_itself() {
    let store = Default::default();
    let mut workers: [Worker; 2] = std::array::from_fn(|_| {
        let mut worker = Worker::unconfigured(&store);
        worker.host.fail("proxy_get_shared_data", Status::InternalFailure);
        assert!(worker.configure(&items(r#""scope": "proxy""#)));
        worker
    });
    for worker in &mut workers {
        let first = worker.goes("/items?ids=0");
        let waits = worker.joins("/items?ids=1");
        worker.returns(first);
        pass(slice::from_mut(worker), 10);
        assert!(worker.went_on(&waits));
        worker.end(waits);
    }
}

#[test]
fn slots_that_cannot_be_read_any_more_are_counted_as_degraded() {
    let mut workers: [Worker; 2] = Worker::several(&items(r#""scope": "proxy""#));
    let first = workers[0].goes("/items?ids=0");
    let there = workers[1].joins("/items?ids=1");
    workers[1].host.fail("proxy_get_shared_data", Status::InternalFailure);
    let own = workers[1].goes("/items?ids=2");
    assert_eq!(workers[1].count("batch_degraded_total", ("", "")), 1);
    settle(&mut workers);
    workers[0].end(first);
    workers[1].end(there);
    workers[1].end(own);
}
