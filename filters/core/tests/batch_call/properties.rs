//! The same of heads that nobody thought of.

use super::joined;
use core::time::Duration;
use proptest::prelude::*;
use switchyard_core::batch::{call_headers, relayed};
use switchyard_core::deadline::TimeLeft;
use switchyard_core::request::PlainRequest;

const NAMES: [&str; 16] = [
    ":method",
    ":path",
    ":protocol",
    "connection",
    "te",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "authorization",
    "cookie",
    "set-cookie",
    "grpc-timeout",
    "x-envoy-max-retries",
    "x-deadline",
    "a",
    "b",
];

/// Heads of all kinds of headers; values name headers, too.
fn heads() -> impl Strategy<Value = PlainRequest> {
    let value = prop_oneof![prop::sample::select(&NAMES[..]).prop_map(str::to_owned), "[a-c, \u{e4}]{0,4}"];
    let pair = (prop::sample::select(&NAMES[..]), value);
    let pairs = prop::collection::vec(pair, 0..10);
    pairs.prop_map(|pairs| {
        pairs.iter().fold(PlainRequest::default(), |head, (name, value)| head.with(name, value))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_call_says_nothing_that_its_first_request_did_not_but_what_is_written_anew(first in heads()) {
        let (joined, left) = (joined(None), TimeLeft::new(Duration::from_millis(7), false));
        let call = call_headers(&first, &joined, &left, Some("x-deadline")).expect("headers");
        let written = [("accept-encoding", "identity"), ("grpc-timeout", "7000000n"), ("x-deadline", "7")];
        for (name, value) in &call {
            let own = first.headers.iter().any(|(key, text)| key == name && text == value.as_bytes());
            prop_assert!(written.contains(&(*name, *value)) || own, "{name}: {value}");
        }
        for (name, _) in written {
            prop_assert!(call.iter().filter(|(key, _)| *key == name).count() <= 1, "{name}");
        }
        let ordinary = call.iter().skip_while(|(name, _)| name.starts_with(':'));
        prop_assert!(!ordinary.into_iter().any(|(name, _)| name.starts_with(':')));
        prop_assert!(!call.iter().any(|(name, _)| *name == "connection" || *name == "content-length"));
    }

    #[test]
    fn what_is_relayed_stands_in_the_answer_and_no_less_is_relayed_to_one(answer in heads()) {
        let (all, some): (Vec<_>, Vec<_>) = (relayed(&answer, false).collect(), relayed(&answer, true).collect());
        let mut own = answer.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        prop_assert!(all.iter().all(|pair| own.any(|other| other == *pair)), "in order");
        let of_all: Vec<_> = all.into_iter().filter(|(name, _)| *name != b"set-cookie").collect();
        prop_assert_eq!(some, of_all);
    }
}
