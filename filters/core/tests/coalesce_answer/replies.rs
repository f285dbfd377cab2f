//! The headers of a reply.

use super::{answer, at, get};
use std::borrow::Cow;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::{Answer, Served};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The headers of a reply, each as one line.
fn reply(answer: &Answer, served: Served, now: Timestamp) -> Vec<String> {
    let line = |(name, value): &(&[u8], Cow<'_, [u8]>)| {
        format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
    };
    answer.reply_headers(served, now).iter().map(line).collect()
}

/// What of these headers comes through, `cache-status` aside.
fn through(headers: &[(&str, &str)]) -> Vec<String> {
    let mut lines = reply(&answer(headers), Served::Collapsed, at(0));
    lines.pop();
    lines
}

#[test]
fn a_follower_gets_the_leaders_headers_in_their_order() {
    let headers =
        [("etag", "\"1\""), ("x-a", "1"), ("x-b", ""), ("x-a", "2"), ("content-type", "text/plain")];
    assert_eq!(through(&headers), ["etag: \"1\"", "x-a: 1", "x-b: ", "x-a: 2", "content-type: text/plain"]);
    assert_eq!(answer(&headers).status, 200);
}

#[test]
fn what_was_for_the_leaders_connection_alone_does_not_come_through() {
    let hop = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "proxy-authenticate",
        "proxy-authorization",
        "http2-settings",
        ":status",
    ];
    for name in hop {
        assert_eq!(through(&[(name, "a"), ("x-b", "1")]), ["x-b: 1"], "{name}");
    }
}

#[test]
fn what_connection_lists_is_for_the_leader_alone() {
    let headers =
        [("x-a", "1"), ("x-b", "2"), ("x-c", "3"), ("connection", "close, X-A"), ("connection", " x-c ,")];
    assert_eq!(through(&headers), ["x-b: 2"]);
}

#[test]
fn names_that_are_no_text_are_left_out_and_values_are_not() {
    let headers = [(&b"x-\xff"[..], &b"1"[..]), (b"x-raw", b"\xff\0")];
    let answer = Answer::new(200, headers.into_iter(), &get(), at(0));
    assert_eq!(answer.headers, [("x-raw".into(), [0xff, 0].as_slice().into())]);
}

#[test]
fn the_length_is_left_to_the_reply_and_known_for_head() {
    let head = answer(&[("content-length", "500"), ("content-type", "text/plain"), ("etag", "\"1\"")]);
    let lines = reply(&head, Served::Collapsed, at(0));
    assert_eq!(
        lines,
        ["content-type: text/plain", "etag: \"1\"", "cache-status: switchyard; fwd=miss; collapsed"]
    );
    assert_eq!(head.content_length(), Some(&b"500"[..]));
    assert_eq!(head.content_type(), Some(&b"text/plain"[..]));
    assert_eq!((answer(&[]).content_length(), answer(&[]).content_type()), (None, None));
}

#[test]
fn a_reply_says_how_it_came_about() {
    let status = |served| reply(&answer(&[]), served, at(0)).pop();
    assert_eq!(status(Served::Collapsed).as_deref(), Some("cache-status: switchyard; fwd=miss; collapsed"));
    assert_eq!(status(Served::Shared), status(Served::Collapsed));
    assert_eq!(status(Served::Hit).as_deref(), Some("cache-status: switchyard; hit"));
    assert_eq!(
        status(Served::Stale).as_deref(),
        Some("cache-status: switchyard; hit; detail=stale-if-error")
    );
}

#[test]
fn what_caches_nearer_to_the_server_said_comes_first() {
    let lines = reply(&answer(&[("cache-status", "origin; hit"), ("x-a", "1")]), Served::Hit, at(0));
    assert_eq!(lines, ["cache-status: origin; hit", "x-a: 1", "age: 0", "cache-status: switchyard; hit"]);
}

#[test]
fn an_answer_that_was_kept_grows_older() {
    let ages = |age: &[(&str, &str)], served, now| -> Vec<String> {
        reply(&answer(age), served, now).into_iter().filter(|line| line.starts_with("age")).collect()
    };
    for served in [Served::Hit, Served::Stale] {
        assert_eq!(ages(&[], served, at(999)), ["age: 0"]);
        assert_eq!(ages(&[], served, at(1_000)), ["age: 1"]);
        assert_eq!(ages(&[("age", "30")], served, at(61_500)), ["age: 91"]);
        assert_eq!(ages(&[("age", "30"), ("age", "40")], served, at(0)), ["age: 30"], "the first counts");
        assert_eq!(ages(&[("age", "x")], served, at(2_000)), ["age: 2"]);
        assert_eq!(
            ages(&[("age", "99999999999999999999999")], served, at(2_000)),
            [format!("age: {}", u64::MAX)]
        );
    }
    let before = Timestamp::from_millis(1_600_000_000_000);
    assert_eq!(ages(&[("age", "30")], Served::Hit, before), ["age: 30"], "the clock was set back");
}

#[test]
fn an_answer_that_was_waited_for_is_as_old_as_it_says() {
    for served in [Served::Collapsed, Served::Shared] {
        let ages =
            |headers| reply(&answer(headers), served, at(9_000)).iter().any(|line| line.starts_with("age"));
        assert!(!ages(&[]), "it says nothing");
        assert!(ages(&[("age", "0")]));
    }
    assert_eq!(through(&[("age", "30")]), ["age: 30"]);
}
