//! Which answers go to those who wait for them.

use super::{answer, held, settings, ways};
use std::collections::BTreeSet;
use switchyard_core::coalesce::{NotShared, Settings};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn shares(headers: &[(&str, &str)]) -> Result<(), NotShared> {
    settings().may_share(200, &answer(headers))
}

#[test]
fn a_plain_answer_is_shared() {
    assert_eq!(shares(&[]), Ok(()));
    assert_eq!(shares(&[("content-type", "text/plain"), ("content-length", "5"), ("etag", "\"1\"")]), Ok(()));
}

#[test]
fn only_statuses_of_the_configuration_are_shared() {
    let shared: Vec<u16> =
        (0..1000).filter(|status| settings().may_share(*status, &answer(&[])).is_ok()).collect();
    assert_eq!(shared, [200, 203, 204, 300, 301, 304, 404, 405, 410, 414, 501]);
    let other = Settings { share_status: vec![302, 206], ..settings() };
    assert_eq!(other.may_share(302, &answer(&[])), Ok(()));
    assert_eq!(other.may_share(200, &answer(&[])), Err(NotShared::Status));
    assert_eq!(other.may_share(304, &answer(&[])), Err(NotShared::Status), "which stands for 200");
    assert_eq!(
        other.may_share(206, &answer(&[])),
        Err(NotShared::Partial),
        "whatever the configuration says"
    );
}

#[test]
fn a_304_is_shared_among_those_who_asked_under_a_condition() {
    let to = |request: &PlainRequest| {
        settings().may_share_answer_to(request, 304, &answer(&[("content-length", "9999999999")]))
    };
    assert_eq!(to(&PlainRequest::get("/")), Err(NotShared::Status));
    for name in ["if-none-match", "if-modified-since"] {
        assert_eq!(to(&PlainRequest::get("/").with(name, "a")), Ok(()), "{name}");
    }
}

#[test]
fn what_is_private_or_must_not_be_stored_is_not_shared() {
    for (word, reason) in [("private", NotShared::Private), ("no-store", NotShared::NoStore)] {
        for value in ways(word) {
            assert_eq!(shares(&[("cache-control", &value)]), Err(reason), "{value:?}");
        }
        assert_eq!(
            shares(&[("cache-control", "public"), ("cache-control", word)]),
            Err(reason),
            "on a second line"
        );
        let others = format!("x-{word}, {word}x, x={word}");
        assert_eq!(shares(&[("cache-control", &others)]), Ok(()), "{word} within other words");
    }
    assert_eq!(
        shares(&[("cache-control", "x=\"a,private,b\"")]),
        Err(NotShared::Private),
        "rather one too many"
    );
}

#[test]
fn what_is_stale_at_once_is_shared_with_those_who_waited_and_not_held() {
    for value in
        ["max-age=0", "no-cache", "s-maxage=0", "no-cache=\"set-cookie\"", "max-age=0, must-revalidate"]
    {
        assert_eq!(shares(&[("cache-control", value)]), Ok(()), "{value:?}");
        assert_eq!(held(&[("cache-control", value)]), 0, "{value:?}");
    }
}

#[test]
fn what_sets_a_cookie_depends_on_more_or_is_a_part_is_not_shared() {
    assert_eq!(shares(&[("set-cookie", "")]), Err(NotShared::SetCookie));
    assert_eq!(shares(&[("content-range", "bytes 0-9/20")]), Err(NotShared::Partial));
    for value in ["*", "accept, *", " * ,accept", "\u{e4}"] {
        assert_eq!(shares(&[("vary", value)]), Err(NotShared::Vary), "{value:?}");
    }
    assert_eq!(shares(&[("vary", "accept"), ("vary", "*")]), Err(NotShared::Vary), "on a second line");
    for value in ["", "accept", "Accept-Encoding, cookie", "accept*"] {
        assert_eq!(shares(&[("vary", value)]), Ok(()), "{value:?}: each follower's own headers decide");
    }
}

#[test]
fn an_answer_whose_trailers_could_not_be_copied_is_not_shared() {
    assert_eq!(shares(&[("trailer", "x-sum")]), Err(NotShared::Trailers));
    for value in ["application/grpc", "application/grpc+proto", "Application/GRPC", " application/grpc-web"] {
        assert_eq!(shares(&[("content-type", value)]), Err(NotShared::Trailers), "{value:?}");
    }
    for value in ["", "application/json", "application/grp", "x-application/grpc"] {
        assert_eq!(shares(&[("content-type", value)]), Ok(()), "{value:?}");
    }
}

#[test]
fn a_stream_is_known_by_its_head_and_not_shared() {
    for value in [
        "text/event-stream",
        "Text/Event-Stream; charset=utf-8",
        "multipart/x-mixed-replace;boundary=frame",
        "application/connect+proto",
        "application/x-ndjson",
        "application/jsonl",
        "application/json-seq",
    ] {
        assert_eq!(shares(&[("content-type", value)]), Err(NotShared::Stream), "{value:?}");
    }
    assert_eq!(shares(&[("x-accel-buffering", "No")]), Err(NotShared::Stream));
    assert_eq!(shares(&[("x-accel-buffering", "yes")]), Ok(()));
    for value in [
        "text/event-streams",
        "multipart/mixed",
        "application/connect",
        "application/json; x=text/event-stream",
    ] {
        assert_eq!(shares(&[("content-type", value)]), Ok(()), "{value:?}");
    }
}

#[test]
fn an_answer_that_says_it_is_too_long_is_known_by_its_head() {
    let short = Settings { max_body_bytes: 100, ..settings() };
    let says = |length: &str| short.may_share(200, &answer(&[("content-length", length)]));
    assert_eq!(["0", "100", "0100"].map(says), [Ok(()); 3]);
    for length in ["101", "99999999999999999999999999", "", "-1", "1e1", "5, 5"] {
        assert_eq!(says(length), Err(NotShared::TooLong), "{length:?}");
    }
    let twice = answer(&[("content-length", "5"), ("content-length", "500")]);
    assert_eq!(short.may_share(200, &twice), Err(NotShared::TooLong));
    let none = Settings { max_body_bytes: 0, ..settings() };
    assert_eq!(none.may_share(200, &answer(&[("content-length", "0")])), Ok(()));
}

#[test]
fn the_length_of_a_body_that_does_not_come_is_no_reason() {
    let short = Settings { max_body_bytes: 100, ..settings() };
    let long = answer(&[("content-length", "500")]);
    assert_eq!(short.may_share_without_body(200, &long), Ok(()));
    let private = answer(&[("content-length", "500"), ("cache-control", "private")]);
    assert_eq!(short.may_share_without_body(200, &private), Err(NotShared::Private));
    assert_eq!(short.may_share_without_body(500, &long), Err(NotShared::Status));
}

#[test]
fn reasons_have_names_of_their_own() {
    let names = NotShared::ALL.map(NotShared::name);
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    assert_eq!(BTreeSet::from(names).len(), names.len(), "{names:?}");
}
