//! Whose requests an answer fits.

use super::{answer_to, at, fits, get};
use switchyard_core::coalesce::Answer;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::KeyRules;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_answer_that_varies_by_nothing_fits_everyone() {
    let leader = get().with("accept", "a");
    for vary in ["", ",", " , "] {
        assert!(fits(vary, &leader, &get()), "{vary:?}");
    }
    assert!(answer_to(&leader, &[]).fits(&PlainRequest::default()));
}

#[test]
fn an_answer_fits_those_who_have_what_the_leader_had() {
    let of = |values: &[&str]| values.iter().fold(get(), |request, value| request.with("x-a", value));
    let requests = [
        of(&[]),
        of(&[""]),
        of(&["", ""]),
        of(&["1"]),
        of(&["1", "2"]),
        of(&["2", "1"]),
        of(&["1,2"]),
        of(&["1, 2"]),
        of(&["A"]),
        of(&["a"]),
        of(&[" a"]),
    ];
    for (number, leader) in requests.iter().enumerate() {
        for (other, request) in requests.iter().enumerate() {
            assert_eq!(fits("x-a", leader, request), number == other, "{number} and {other}");
            assert!(fits("x-b", leader, request), "by another header");
        }
    }
}

#[test]
fn every_header_that_an_answer_varies_by_counts() {
    let leader = get().with("x-a", "1").with("x-b", "2");
    let others = [get().with("x-a", "1"), get().with("x-b", "2"), get().with("x-a", "2").with("x-b", "1")];
    for vary in ["x-a,x-b", "X-B , x-A", ",,x-a,x-b,x-a"] {
        assert!(fits(vary, &leader, &leader), "{vary:?}");
        assert!(!others.iter().any(|other| fits(vary, &leader, other)), "{vary:?}");
    }
    let lines = answer_to(&leader, &[("vary", "x-a"), ("vary", "x-b")]);
    assert!(lines.fits(&leader) && !others.iter().any(|other| lines.fits(other)), "on two lines");
    assert_eq!(lines.vary.len(), 2);
}

#[test]
fn what_varies_by_more_than_headers_fits_nobody() {
    for vary in ["*", "x-a, *", "*,x-a"] {
        assert!(!fits(vary, &get(), &get()), "{vary:?}");
        assert!(
            !fits(vary, &get().with("*", "1"), &get().with("*", "1")),
            "{vary:?}: though a header may be called so"
        );
    }
    let odd = Answer::new(200, [(&b"vary"[..], &b"x-\xff"[..])].into_iter(), &get(), at(0));
    assert!(!odd.fits(&get()), "nobody can look that up");
}

#[test]
fn what_the_key_tells_apart_is_not_compared_once_more() {
    let mut answer = answer_to(&get().with("x-a", "1").with("cookie", "1"), &[("vary", "x-a, cookie")]);
    let [other, stranger] = ["1", "2"].map(|cookie| get().with("x-a", "2").with("cookie", cookie));
    assert!(!answer.fits(&other));
    answer.strip_keyed_headers(&KeyRules::default());
    assert!(answer.fits(&other) && !answer.fits(&stranger));
}

#[test]
fn an_answer_knows_who_asked_for_it_if_that_is_told_in_few_bytes() {
    for (length, is_known) in [(1, true), (64, true), (65, false)] {
        let id = "x".repeat(length);
        let answer = answer_to(&get().with("x-request-id", &id), &[]);
        assert_eq!(answer.asked_by.as_deref(), is_known.then_some(&*id), "{length} bytes");
    }
}

#[test]
fn vary_counts_even_if_it_is_for_one_connection() {
    let leader = get().with("x-a", "1");
    assert!(!answer_to(&leader, &[("connection", "vary"), ("vary", "x-a")]).fits(&get()));
}
