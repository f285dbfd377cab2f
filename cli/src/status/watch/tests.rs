//! What a terminal shows of the page.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use super::*;
use serde_json::json;

fn page(time_ms: u64, decisions: u64) -> Page {
    serde_json::from_value(json!({
        "version": 1, "build": "0.1.0", "time_ms": time_ms, "asking": false, "of later": {"versions": 1},
        "configurations": [{"module": "switchyard", "root": "shop", "accepted": 1, "refused": 1,
            "in_force": {"hash": "00ab", "age_ms": 61_000, "summary": "1 routes"},
            "last_refusal": {"age_ms": 2_000, "text": "routes[0]: \u{1b}[2Jno\n"}}],
        "workers": [{}, {}],
        "upstreams": [{"name": "web", "policy": "random", "endpoints_left_out": 3, "endpoints": [
            {"address": "10.0.0.1:80", "state": "ejected", "share_ppm": 500_000, "reason": "stall", "evidence": "3 stalled",
             "until_in_ms": 9_000, "times_ejected": 2, "failure_rate_ppm": 250_000, "latency_p90_us": 1_500, "in_flight": 7},
            {"address": "10.0.0.2:80", "state": "half_open"}]}],
        "counters": [{"name": "decisions", "labels": {"upstream": "web", "route": "all"}, "value": decisions},
                     {"name": "still", "labels": {}, "value": 5}],
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
        "Switchyard 0.1.0 at http://127.0.0.1:9902, 2 workers",
        "switchyard shop: 00ab for 1m 1s, 1 routes",
        "1 of 2 refused, the last 2s ago: routes[0]: ",
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
fn what_moves_is_told_from_the_second_look_on() {
    let first = page(1_000, 10);
    assert!(!drawn(&first, None).contains("In a second"));
    let text = drawn(&page(3_000, 25), Some(&Before::of(&first)));
    assert!(text.contains("7.5  decisions route=all upstream=web"), "{text}");
    assert!(!text.contains("still"), "{text}");
    assert!(drawn(&first, Some(&Before::of(&first))).contains("nothing was counted"));
}

#[test]
fn a_page_that_says_nothing_is_drawn_too() {
    let empty: Page = serde_json::from_value(json!({})).expect("the form");
    assert!(drawn(&empty, None).contains("0 workers"));
}
