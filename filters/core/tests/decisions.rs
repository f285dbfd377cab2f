//! What was decided for a request, as its log has it.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use serde_json::{Value, json};
use switchyard_core::decisions::{Batched, Coalesced, MOST_BYTES, Note, Record, Retried, Routed};
use switchyard_core::local_reply::LocalReply;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn record(notes: &[Note<'_>]) -> Record {
    let mut record = Record::default();
    notes.iter().for_each(|note| record.add(note));
    record
}

fn text_of(notes: &[Note<'_>]) -> String {
    String::from_utf8(record(notes).to_json().expect("memory")).expect("text")
}

fn read(notes: &[Note<'_>]) -> Value {
    let text = text_of(notes);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_routed_request_says_where_it_goes_and_who_was_passed_over() {
    let routed = Routed {
        route: "api",
        upstream: "checkout",
        policy: "ring_hash",
        hash: Some(31),
        candidates: "10.0.0.1:80,10.0.0.2:80",
        passed_over: (vec!["10.0.0.3:80".into()], 1),
        fallback: None,
        ..Routed::default()
    };
    let text = text_of(&[Note::Routed(routed)]);
    assert_eq!(
        text,
        concat!(
            r#"{"v":1,"route":"api","upstream":"checkout","policy":"ring_hash","hash":"1f","#,
            r#""candidates":["10.0.0.1:80","10.0.0.2:80"],"passed_over":["10.0.0.3:80"],"passed_over_count":1}"#
        )
    );
}

#[test]
fn what_is_unusual_is_said_and_what_is_not_so_does_not_stand() {
    let unusual = Routed {
        route: "api",
        fallback: Some("no_hash"),
        is_trial: true,
        in_panic: true,
        is_shadow: true,
        ..Routed::default()
    };
    let expected = json!({ "v": 1, "route": "api", "fallback": "no_hash", "trial": true, "panic": true, "shadow": true });
    assert_eq!(read(&[Note::Routed(unusual)]), expected);
    assert_eq!(read(&[]), json!({ "v": 1 }));
}

#[test]
fn retries_say_how_often_why_where_and_which_attempt_served() {
    let notes = [
        Retried::Decided("status", Duration::from_millis(5)),
        Retried::Attempt(2, "10.0.0.2:80"),
        Retried::Decided("timeout", Duration::from_millis(7)),
        Retried::Attempt(3, "10.0.0.3:80"),
        Retried::Denied("budget"),
        Retried::Denied("budget"),
        Retried::Hedged,
        Retried::Served(3),
        Retried::Fallback("stale"),
        Retried::DeadlineExceeded,
    ];
    let expected = json!({ "v": 1, "retry": {
        "attempts": 3, "served": 3, "to": ["10.0.0.2:80", "10.0.0.3:80"], "reasons": ["status", "timeout"],
        "denied": ["budget"], "waited_ms": 12, "hedged": true, "fallback": "stale", "deadline_exceeded": true,
    }});
    assert_eq!(read(&notes.map(Note::Retried)), expected);
    assert_eq!(read(&[Note::Retried(Retried::Granted(2))]), json!({ "v": 1, "retry": { "granted": 2 } }));
}

#[test]
fn whoever_waits_for_another_says_for_whom_and_how_long() {
    let waited = [
        Coalesced::Followed,
        Coalesced::Left("collapsed", Duration::from_millis(40)),
        Coalesced::Answered("collapsed", Some("id-of-the-leader")),
    ];
    let expected =
        json!({ "role": "followed", "result": "collapsed", "with": "id-of-the-leader", "waited_ms": 40 });
    assert_eq!(read(&waited.map(Note::Coalesced))["coalesce"], expected);
    let passed = read(&[Note::Coalesced(Coalesced::Passed("method"))]);
    assert_eq!(passed["coalesce"], json!({ "role": "passed", "why": "method" }));
}

#[test]
fn a_member_of_a_batch_says_its_place_and_whose_trace_the_call_had() {
    let share = Batched::Share { size: 8, index: 3, trace: Some("00-aa-bb-01") };
    let notes = [Batched::Waited(Duration::from_millis(2)), share, Batched::Ended("answered")];
    let expected =
        json!({ "result": "answered", "size": 8, "index": 3, "waited_ms": 2, "traceparent": "00-aa-bb-01" });
    assert_eq!(read(&notes.map(Note::Batched))["batch"], expected);
    assert_eq!(read(&[Note::Batched(Batched::Alone)])["batch"], json!({ "result": "alone" }));
}

/// Names, addresses and ids of any length and any letters, as many of each as there may ever be.
#[test]
fn the_longest_record_there_is_keeps_its_bound_and_is_json() {
    for letter in ["x", "<", "&", "\"", "\\", "\n", "\u{1F600}"] {
        let long = letter.repeat(5_000);
        let candidates = vec![long.as_str(); 40].join(",");
        let routed = Routed {
            route: &long,
            upstream: &long,
            policy: &long,
            hash: Some(u64::MAX),
            candidates: &candidates,
            passed_over: (vec![long.as_str().into(); 40], usize::MAX),
            fallback: Some(&long),
            is_trial: true,
            in_panic: true,
            is_shadow: true,
        };
        let mut notes = vec![
            Note::Routed(routed),
            Note::Coalesced(Coalesced::Passed(&long)),
            Note::Coalesced(Coalesced::Left(&long, Duration::MAX)),
            Note::Coalesced(Coalesced::Answered(&long, Some(&long))),
            Note::Batched(Batched::Passed(&long)),
            Note::Batched(Batched::Waited(Duration::MAX)),
            Note::Batched(Batched::Share { size: u32::MAX, index: u64::MAX, trace: Some(&long) }),
            Note::Batched(Batched::Ended(&long)),
        ];
        let others: Vec<String> = (0..40).map(|number| format!("{number:02}{long}")).collect();
        for (number, other) in (0..).zip(&others) {
            notes.extend(
                [
                    Retried::Granted(u8::MAX),
                    Retried::Decided(&long, Duration::MAX),
                    Retried::Attempt(u32::MAX - number, &long),
                    Retried::Denied(other),
                    Retried::Hedged,
                    Retried::Served(u32::MAX),
                    Retried::Fallback(&long),
                    Retried::DeadlineExceeded,
                ]
                .map(Note::Retried),
            );
        }
        let text = text_of(&notes);
        assert!(text.len() <= MOST_BYTES, "{} bytes: {text}", text.len());
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(value["retry"]["denied"].as_array().map(Vec::len), Some(3), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}

/// Alerts go by them.
#[test]
fn details_of_local_replies_are_ours_and_each_another_one() {
    let mut words: Vec<_> = LocalReply::ALL.iter().map(|reply| reply.details()).collect();
    let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(words.iter().all(|word| word.starts_with("switchyard_")) && words.iter().all(plain), "{words:?}");
    words.sort_unstable();
    let before = words.len();
    words.dedup();
    assert_eq!(words.len(), before);
}

/// What operators read of them is what there is.
#[test]
fn the_page_about_logs_has_every_one_of_them_and_no_other() {
    let page = include_str!("../../../docs/logs.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `switchyard_")?.split_once('`'));
    let mut told: Vec<_> = rows.map(|(word, _)| format!("switchyard_{word}")).collect();
    let mut ours: Vec<_> = LocalReply::ALL.iter().map(|reply| reply.details().to_owned()).collect();
    told.sort_unstable();
    ours.sort_unstable();
    assert_eq!(told, ours);
}

/// A field that stands in a record stands on the page.
#[test]
fn the_page_about_logs_has_every_field() {
    let page = include_str!("../../../docs/logs.md");
    let notes = [
        Note::Routed(Routed {
            route: "r",
            upstream: "u",
            policy: "p",
            hash: Some(1),
            candidates: "a",
            passed_over: (vec!["b".into()], 1),
            fallback: Some("f"),
            is_trial: true,
            in_panic: true,
            is_shadow: true,
        }),
        Note::Coalesced(Coalesced::Passed("w")),
        Note::Coalesced(Coalesced::Left("r", Duration::ZERO)),
        Note::Coalesced(Coalesced::Answered("r", Some("i"))),
        Note::Batched(Batched::Passed("w")),
        Note::Batched(Batched::Waited(Duration::ZERO)),
        Note::Batched(Batched::Share { size: 1, index: 0, trace: Some("t") }),
        Note::Retried(Retried::Granted(1)),
        Note::Retried(Retried::Decided("r", Duration::from_secs(1))),
        Note::Retried(Retried::Attempt(2, "a")),
        Note::Retried(Retried::Denied("d")),
        Note::Retried(Retried::Hedged),
        Note::Retried(Retried::Served(2)),
        Note::Retried(Retried::Fallback("f")),
        Note::Retried(Retried::DeadlineExceeded),
    ];
    let all = read(&notes);
    let mut names = Vec::new();
    for (name, value) in all.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(part) => names.extend(part.keys().map(|key| format!("`{name}.{key}`"))),
            None => names.push(format!("`{name}`")),
        }
    }
    assert_eq!(names.len(), 12 + 5 + 6 + 10, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
