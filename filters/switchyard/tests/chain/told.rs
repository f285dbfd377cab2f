//! What was decided for a request is said in its name, once for all stages, and whenever something is added.

use crate::worker::*;
use serde_json::{Value, json};
use switchyard_core::local_reply::LocalReply;
use switchyard_frame::fake::{Subject as _, pass, settle};
use switchyard_host::Flow;
use switchyard_host::fake::SharedStore;

/// A worker whose route has these sections, and whose document asks for it.
fn telling(sections: &[&str]) -> Worker {
    let mut worker = Worker::unconfigured(&SharedStore::default());
    let document = Chain::document(&sections.join(", ")).replacen('{', r#"{"log_decisions": true, "#, 1);
    assert!(worker.configure_with(&document));
    worker
}

/// What was said since the last look: of which request, and what.
fn said(worker: &Worker) -> Vec<(u32, Value)> {
    let marks = worker.host.take_marks();
    let ours = marks
        .into_iter()
        .filter(|(_, name, _)| name.starts_with("switchyard") && name != "switchyard_cancelled");
    ours.map(|(context, name, value)| {
        assert_eq!(name, "switchyard");
        (context, serde_json::from_slice(&value).expect("JSON"))
    })
    .collect()
}

#[test]
fn all_stages_say_what_they_have_decided_in_one_write() {
    let mut worker = telling(&[COALESCE, RETRY]);
    let request = worker.send_on(&get("/a"));
    let [(context, text)] = &said(&worker)[..] else { panic!("one write") };
    assert_eq!(*context, request.context);
    assert_eq!(text["coalesce"], json!({ "role": "led" }));
    assert_eq!((&text["route"], &text["upstream"]), (&json!("api"), &json!("web")));
    assert!(text["retry"].is_null(), "nothing was tried again");
    worker.end(request);
    assert_eq!(said(&worker), [], "nothing is written of a stream that has ended");
}

#[test]
fn without_being_asked_to_no_stage_says_anything() {
    let mut worker = Worker::alone(&[COALESCE, RETRY].join(", "));
    let mut request = worker.send_on(&get("/a"));
    is_of_endpoint(&worker, true);
    assert_eq!(worker.answer(&mut request, FAILED, true), Flow::Pause);
    pass(core::slice::from_mut(&mut worker), 10);
    worker.end(request);
    assert_eq!(said(&worker), []);
}

#[test]
fn an_attempt_from_the_roots_callback_is_written_in_the_requests_name() {
    let mut worker = telling(&[RETRY]);
    let mut request = worker.send_on(&get("/a"));
    said(&worker);
    is_of_endpoint(&worker, true);
    assert_eq!(worker.answer(&mut request, FAILED, true), Flow::Pause);
    let [(_, held)] = &said(&worker)[..] else { panic!("why it is held") };
    assert_eq!(held["retry"]["reasons"], json!(["status"]));
    pass(core::slice::from_mut(&mut worker), 10);
    let call = worker.call();
    let [(context, sent)] = &said(&worker)[..] else { panic!("the attempt") };
    assert_eq!((*context, &sent["retry"]["attempts"]), (request.context, &json!(2)));
    worker.answer_call(&call, OK, b"late");
    let last = said(&worker).pop().expect("which attempt served");
    assert_eq!((last.0, &last.1["retry"]["served"]), (request.context, &json!(2)));
    assert_eq!(worker.host.take_details(), [LocalReply::Attempt]);
    worker.end(request);
}

#[test]
fn whoever_waited_says_so_before_it_is_answered() {
    let mut worker = telling(&[COALESCE]);
    let with_id = |id: &'static str| [get("/a"), vec![("x-request-id", id)]].concat();
    let mut leader = worker.send_on(&with_id("one"));
    let follower = worker.send_held(&with_id("two"));
    let roles: Vec<_> = said(&worker).into_iter().map(|(_, text)| text["coalesce"]["role"].clone()).collect();
    assert_eq!(roles, ["led", "followed"]);
    is_of_endpoint(&worker, true);
    worker.respond(&mut leader, OK, b"soup");
    settle(core::slice::from_mut(&mut worker));
    let [(context, text)] = &said(&worker)[..] else { panic!("one write") };
    assert_eq!(*context, follower.context);
    let expected = json!({ "role": "followed", "result": "collapsed", "with": "one", "waited_ms": 0 });
    assert_eq!(text["coalesce"], expected);
    assert!(text["route"].is_null(), "it never came as far as the router");
    assert_eq!(worker.host.take_details(), [LocalReply::Coalesced]);
}

#[test]
fn members_of_a_batch_say_their_places() {
    let mut worker = telling(&[BATCH]);
    let first = worker.send_on(&get("/items?ids=1"));
    let others = ["/items?ids=2", "/items?ids=3,4"].map(|path| worker.send_held(&get(path)));
    let [(_, alone)] = &said(&worker)[..] else { panic!("who waits has decided nothing yet") };
    assert_eq!(alone["batch"], json!({ "result": "alone" }));
    is_of_endpoint(&worker, true);
    let mut first = first;
    worker.respond(&mut first, OK, b"[1]");
    worker.end(first);
    settle(core::slice::from_mut(&mut worker));
    let call = worker.call();
    said(&worker);
    let answer = br#"[{"id":"2"},{"id":"3"},{"id":"4"}]"#;
    worker.answer_call(&call, &[(":status", "200"), ("content-type", "application/json")], answer);
    settle(core::slice::from_mut(&mut worker));
    let told = said(&worker);
    let of = |context: u32| told.iter().rfind(|(other, _)| *other == context).map(|(_, text)| &text["batch"]);
    for (request, index) in others.iter().zip([0, 1]) {
        let part = of(request.context).expect("a share");
        assert_eq!((&part["size"], &part["index"]), (&json!(3), &json!(index)), "{told:?}");
        assert_eq!(part["result"], "answered", "{told:?}");
    }
}
