//! What a terminal shows of the page.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use super::*;
use serde_json::json;
use switchyard_frame::metrics::catalogue::{CHAPTERS, Kind};

fn page(counters_at_ms: u64, decisions: u64) -> Page {
    serde_json::from_value(json!({
        "version": 1, "build": "0.1.0", "time_ms": 7_000, "counters_at_ms": counters_at_ms, "asking": false, "of later": {"versions": 1},
        "configurations": [{"module": "switchyard", "root": "shop", "accepted": 1, "refused": 1,
            "in_force": {"hash": "00ab", "age_ms": 61_000, "summary": "1 routes"},
            "last_refusal": {"age_ms": 2_000, "text": "routes[0]: \u{1b}[2Jno\nroutes[1]: nor this\n"}}],
        "workers": [{}, {}],
        "upstreams": [{"name": "web", "policy": "random", "endpoints_left_out": 3, "endpoints": [
            {"address": "10.0.0.1:80", "state": "ejected", "share_ppm": 500_000, "reason": "stall", "evidence": "3 stalled",
             "until_in_ms": 9_000, "times_ejected": 2, "failure_rate_ppm": 250_000, "latency_p90_us": 1_500, "in_flight": 7},
            {"address": "10.0.0.2:80", "state": "half_open"}]}],
        "counters": [{"name": "decisions_total", "labels": {"upstream": "web", "route": "all"}, "value": decisions},
                     {"name": "batch_active", "labels": {}, "value": decisions},
                     {"name": "unmatched_total", "labels": {}, "value": 5}],
        "transitions": [{"age_ms": 1_000, "upstream": "web", "address": "10.0.0.1:80", "to": "ejected", "reason": "stall", "evidence": "3 stalled"}],
    }))
    .expect("the form")
}

fn drawn(page: &Page, before: Option<&Before>) -> String {
    let mut out = Vec::new();
    let address = "127.0.0.1:9902".parse().expect("an address");
    draw(page, before, &address, &mut out).expect("a buffer");
    anstream::adapter::strip_str(&String::from_utf8(out).expect("text")).to_string()
}

#[test]
fn a_look_is_drawn_whole() {
    let text = drawn(&page(1_000, 10), None);
    for line in [
        "Switchyard 0.1.0 at http://127.0.0.1:9902, 2 roots in workers",
        "switchyard shop: 00ab for 1m 1s, 1 routes",
        "    1 of 2 refused, the last 2s ago:\n    | routes[0]: ",
        "\n    | routes[1]: nor this\n",
        "web random",
        "and 3 more",
        "1s ago  10.0.0.1:80 of web is ejected, stall: 3 stalled",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let one = text.lines().find(|line| line.contains("10.0.0.1:80")).expect("the endpoint");
    for part in ["ejected", "50.0 %", "9s", "25.0 %", "1.5 ms", "stall: 3 stalled"] {
        assert!(one.contains(part), "{part}: {one}");
    }
    assert!(text.contains("half open"), "{text}");
}

#[test]
fn what_moves_is_told_when_workers_have_said_it_twice() {
    let first = page(1_000, 10);
    assert!(!drawn(&first, None).contains("In a second"));
    let before = Before::of(&first);
    // The time is that of what workers said, whenever the page was asked.
    let text = drawn(&page(3_000, 25), before.as_ref());
    assert!(text.contains("7.5  decisions_total route=all upstream=web"), "{text}");
    for still in ["unmatched_total", "batch_active"] {
        assert!(!text.contains(still), "{still} neither moves nor is a counter: {text}");
    }
    assert!(drawn(&page(3_000, 10), before.as_ref()).contains("nothing was counted"));
    let same = drawn(&page(1_000, 10), before.as_ref());
    assert!(same.contains("nothing new was said") && !same.contains("nothing was counted"), "{same}");
}

#[test]
fn before_workers_have_said_anything_there_is_nothing_to_compare_with() {
    let none: Page = serde_json::from_value(json!({"time_ms": 1, "asking": true})).expect("the form");
    let empty: Page = serde_json::from_value(json!({"counters_at_ms": 1, "counters": []})).expect("the form");
    assert!(Before::of(&none).is_none() && Before::of(&empty).is_none());
    let before = Before::of(&page(1_000, 10)).expect("counters");
    assert!(before.are_of(&page(1_000, 11)) && !before.are_of(&page(2_000, 10)) && !before.are_of(&none));
}

/// What only grows is told by its name, so the names of the catalogue must tell it.
#[test]
fn counters_are_told_by_their_names() {
    for metric in CHAPTERS.iter().flat_map(|chapter| chapter.metrics) {
        let grows = metric.name.ends_with("_total");
        assert_eq!(grows, metric.kind == Kind::Counter, "{}", metric.name);
        assert!(!metric.name.ends_with("_count") && !metric.name.ends_with("_sum"), "{}", metric.name);
    }
}

/// Whoever writes a stored document chooses these words.
#[test]
fn no_text_makes_a_line_of_its_own() {
    let forged = "x\ncheckout ring_hash\n  10.0.0.9:80  healthy";
    let text = format!("\n{forged}\n\nIn a second\n");
    let said = |at_ms: u64| {
        json!({
            "build": forged, "counters_at_ms": at_ms,
            "configurations": [{"module": forged, "root": forged, "accepted": u64::MAX, "refused": 2,
                "in_force": {"hash": forged, "summary": forged}, "last_refusal": {"text": text}}],
            "upstreams": [{"name": forged, "policy": forged, "endpoints": [
                {"address": forged, "state": forged, "reason": forged, "evidence": forged}]}],
            "counters": [{"name": "a_total", "labels": {forged: forged}, "value": at_ms}],
            "transitions": [{"upstream": forged, "address": forged, "to": forged, "reason": forged, "evidence": forged}],
        })
    };
    let page = |at_ms| serde_json::from_value::<Page>(said(at_ms)).expect("the form");
    let text = drawn(&page(2_000), Before::of(&page(1_000)).as_ref());
    assert!(text.contains("1000.0  a_total x"), "{text}");
    let whole = text.lines().filter(|line| line.trim_start().starts_with("checkout ring_hash"));
    assert_eq!(whole.count(), 0, "{text}");
    assert!(!text.contains("\n  10.0.0.9:80"), "{text}");
    assert!(
        text.contains(
            "\n    | checkout ring_hash\n    |   10.0.0.9:80  healthy\n    | \n    | In a second\n"
        ),
        "{text}"
    );
    assert!(text.contains(r"x\ncheckout ring_hash\n"), "a line end is written as its escape: {text}");
    assert!(text.contains(&format!("2 of {} refused", u64::MAX)), "{text}");
}

#[test]
fn a_page_that_says_nothing_is_drawn_too() {
    let empty: Page = serde_json::from_value(json!({})).expect("the form");
    assert!(drawn(&empty, None).contains("0 roots in workers"));
}
