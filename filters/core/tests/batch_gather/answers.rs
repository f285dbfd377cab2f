//! What clients get of an answer.

use crate::batch_gather::world::{Done, Proxy, head, items, post, replied, with};
use switchyard_core::batch::Broken;
use switchyard_core::batch::gather::{Arrival, End, Event, Failure};
use switchyard_core::batch::{IdForm, IdList, Protocol, Settings};
use switchyard_core::contract::{BATCH_HEADER, BATCH_TRACE_HEADER};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_call_is_as_its_first_request_was() {
    let mut proxy = Proxy::busy(&with(|settings| settings.deadline.header = Some("x-left".into())), []);
    let first = post().with("traceparent", "one").with("content-length", "1").with("x-left", "5000");
    proxy.arrives(0, 2, first, "2");
    proxy.arrives(0, 3, post().with("traceparent", "two"), "3");
    proxy.returns(1);
    let call = &proxy.outside.calls[0];
    let header =
        |name: &str| call.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    assert_eq!(header(":path"), Some("/items"));
    assert_eq!(header("traceparent"), Some("one"));
    assert_eq!(header("accept-encoding"), Some("identity"));
    assert_eq!(header("x-left"), Some("5000"));
    assert_eq!(header("content-length"), None);
}

#[test]
fn an_answer_says_of_which_batch_it_is_if_it_is_to() {
    let mut proxy = Proxy::busy(&with(|settings| settings.tells = true), [2, 3]);
    proxy.returns(1);
    proxy.answer_items();
    assert_eq!(proxy.header(2, BATCH_HEADER), Some("size=2;index=0"));
    assert_eq!(proxy.header(3, BATCH_HEADER), Some("size=2;index=1"));
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    proxy.answer_items();
    assert_eq!(proxy.header(2, BATCH_HEADER), None);
}

#[test]
fn a_place_in_a_batch_counts_items() {
    let mut settings = Settings::new(Protocol::JsonRpc(Default::default()));
    settings.tells = true;
    let mut proxy = Proxy::of(&settings);
    let call = |id: u32| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#);
    proxy.asks(1, &call(1));
    proxy.asks(2, &format!("[{},{}]", call(8), call(9)));
    proxy.asks(3, &call(7));
    proxy.returns(1);
    let say = |number: u32| format!(r#"{{"jsonrpc":"2.0","result":0,"id":{number}}}"#);
    proxy.answer_call(Some((head(200), &format!("[{},{},{}]", say(3), say(1), say(2)))));
    assert_eq!(proxy.header(2, BATCH_HEADER), Some("size=3;index=0"));
    assert_eq!(proxy.header(3, BATCH_HEADER), Some("size=3;index=2"));
}

#[test]
fn those_whose_trace_it_was_not_learn_which_it_was() {
    let mut proxy = Proxy::busy(&items(), []);
    proxy.arrives(0, 2, post().with("traceparent", "one"), "2");
    proxy.arrives(0, 3, post().with("traceparent", "two"), "3");
    proxy.returns(1);
    proxy.answer_items();
    assert_eq!(proxy.header(2, BATCH_TRACE_HEADER), None);
    assert_eq!(proxy.header(3, BATCH_TRACE_HEADER), Some("one"));
}

#[test]
fn everybody_gets_the_answers_headers_but_none_of_another_client_or_body() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    let answer = head(200).with("x-rate", "9").with("set-cookie", "a=b").with("etag", "x");
    proxy.answer_call(Some((answer.with("content-length", "5"), "[2,3]")));
    for stream in [2, 3] {
        assert_eq!(proxy.header(stream, "x-rate"), Some("9"));
        assert_eq!(proxy.header(stream, "content-type"), Some("application/json"));
        for name in ["set-cookie", "etag", "content-length", ":status"] {
            assert_eq!(proxy.header(stream, name), None, "{name}");
        }
    }
}

#[test]
fn an_answer_that_is_encoded_or_cannot_be_split_is_a_failure_of_all() {
    let broken = Broken::Length { expected: 2, found: 3 };
    for (answer, body, failure) in [
        (head(200).with("content-encoding", "gzip"), "[2,3]", Failure::Encoded),
        (head(200), "[2,3,4]", Failure::Broken(broken)),
        (head(503), "[2,3]", Failure::Broken(Broken::Status(503))),
    ] {
        let mut settings = Settings::new(Protocol::JsonArray(Default::default()));
        settings.is_repeatable = false;
        let mut proxy = Proxy::busy(&settings, [2, 3]);
        proxy.returns(1);
        let done = proxy.answer_call(Some((answer, body)));
        assert!(done.iter().all(|done| matches!(done, Done::Replied(_, 502, _))), "{done:?}");
        assert_eq!((done.len(), proxy.count(Event::Failed(failure))), (2, 1));
        assert_eq!(proxy.count(Event::Ended(End::Failed)), 2);
        proxy.is_quiet();
    }
}

#[test]
fn an_answer_to_no_call_is_nobodys() {
    let mut proxy = Proxy::busy(&items(), [2, 3]);
    proxy.returns(1);
    let (call, other) = (proxy.outside.calls[0].id, head(200));
    proxy.workers[0].answered(&mut proxy.outside, call + 1, Some((&other, b"[8,9]".to_vec())));
    assert_eq!(proxy.done(), []);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(3, "3")]);
    proxy.workers[0].answered(&mut proxy.outside, call, Some((&other, b"[8,9]".to_vec())));
    assert_eq!(proxy.done(), [], "nor is a second one");
    proxy.is_quiet();
}

#[test]
fn a_stream_that_is_no_more_does_not_keep_others_from_their_answers() {
    let mut proxy = Proxy::busy(&items(), [2, 3, 4]);
    proxy.returns(1);
    proxy.outside.dead.insert(3);
    assert_eq!(proxy.answer_items(), [replied(2, "2"), replied(4, "4")]);
    proxy.is_quiet();
    let mut proxy = Proxy::busy(&items(), [2]);
    proxy.outside.dead.insert(2);
    assert_eq!(proxy.returns(1), []);
    proxy.is_quiet();
}

#[test]
fn objects_are_asked_for_by_one_path_and_who_asks_for_none_of_them_gets_404() {
    let ids = IdList {
        path: "/items".into(),
        parameter: "ids".into(),
        form: IdForm::Comma,
        takes_single: true,
        field: None,
        id_pointer: "/id".into(),
    };
    let mut proxy = Proxy::of(&Settings::new(Protocol::IdList(ids)));
    let get = |path: &str| PlainRequest::get(path).with(":scheme", "https").with(":authority", "x.test");
    assert_eq!(proxy.arrives(0, 1, get("/items/9"), ""), Arrival::Alone);
    for (stream, path) in [(2, "/items?ids=1,3"), (3, "/items/2"), (4, "/items/4")] {
        assert_eq!(proxy.arrives(0, stream, get(path), ""), Arrival::Waits);
    }
    proxy.returns(1);
    let call = &proxy.outside.calls[0];
    assert!(call.headers.contains(&(":path".into(), "/items?ids=1,3,2,4".into())), "{call:?}");
    assert_eq!(call.body, "");
    let done = proxy.answer_call(Some((head(200), r#"[{"id":3},{"id":2},{"id":1}]"#)));
    assert_eq!(done[..2], [replied(2, r#"[{"id":1},{"id":3}]"#), replied(3, r#"{"id":2}"#)]);
    assert!(matches!(done[2], Done::Replied(4, 404, _)), "{done:?}");
    proxy.is_quiet();
}
