//! A policy in Envoy's words: exactly these headers, and none but those that are taken from clients.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::ops::RangeInclusive;
use core::time::Duration;
use switchyard_core::retry::{RetryOn, STEERING_HEADERS, Settings, Steering};
use switchyard_core::route::{HeaderMatch, HeaderRule};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MAX_RETRIES: &str = "x-envoy-max-retries";
const RETRY_ON: &str = "x-envoy-retry-on";
const GRPC_ON: &str = "x-envoy-retry-grpc-on";
const CODES: &str = "x-envoy-retriable-status-codes";
const NAMES: &str = "x-envoy-retriable-header-names";
const PER_TRY: &str = "x-envoy-upstream-rq-per-try-timeout-ms";
const TIMEOUT: &str = "x-envoy-upstream-rq-timeout-ms";
const HEDGE: &str = "x-envoy-hedge-on-per-try-timeout";

/// Whether the request is idempotent, and how many retries the budget allows it.
type Kind = (bool, u8);
const IDEMPOTENT: Kind = (true, u8::MAX);
const OTHER: Kind = (false, u8::MAX);
const WITHOUT_BUDGET: Kind = (true, 0);

fn headers(settings: &Settings, (idempotent, retries): Kind) -> Vec<(&'static str, String)> {
    let steering = Steering::new(settings);
    steering.headers(idempotent, retries, None).map(|(name, value)| (name, value.into_string())).collect()
}

#[test]
fn a_request_may_have_fewer_retries_than_the_policy_says_and_no_more() {
    let steering = Steering::new(&Settings::default());
    for (granted, told) in [(0, "0"), (1, "1"), (2, "2"), (3, "2"), (u8::MAX, "2")] {
        for idempotent in [true, false] {
            let headers: Vec<_> = steering.headers(idempotent, granted, None).collect();
            assert_eq!(headers[0], (MAX_RETRIES, told.into()), "{granted}");
        }
    }
}

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

/// Which failures are tried again, and no others.
fn only(change: impl FnOnce(&mut RetryOn)) -> Settings {
    with(|settings| {
        settings.retry_on = RetryOn {
            statuses: vec![],
            grpc_statuses: vec![],
            connect_failure: false,
            refused_stream: false,
            reset: false,
            timeout: false,
            headers: vec![],
            body: vec![],
        };
        change(&mut settings.retry_on);
    })
}

fn is(found: Vec<(&'static str, String)>, expected: &[(&'static str, &str)]) {
    let found: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_default_policy_in_envoys_words() {
    let expected = [
        (MAX_RETRIES, "2"),
        (RETRY_ON, "connect-failure,refused-stream,reset,gateway-error"),
        (GRPC_ON, "unavailable"),
    ];
    is(headers(&Settings::default(), IDEMPOTENT), &expected);
}

#[test]
fn what_is_not_idempotent_is_tried_again_only_if_nobody_has_seen_it() {
    let expected = [(MAX_RETRIES, "2"), (RETRY_ON, "connect-failure,refused-stream")];
    is(headers(&Settings::default(), OTHER), &expected);
    is(
        headers(&only(|on| on.refused_stream = true), OTHER),
        &[(MAX_RETRIES, "2"), (RETRY_ON, "refused-stream")],
    );
    is(headers(&only(|on| on.reset = true), OTHER), &[(MAX_RETRIES, "0")]);
}

#[test]
fn without_a_budget_there_is_no_retry_whatever_the_request() {
    is(headers(&Settings::default(), WITHOUT_BUDGET), &[(MAX_RETRIES, "0")]);
    is(headers(&Settings::default(), (false, 0)), &[(MAX_RETRIES, "0")]);
}

#[test]
fn a_policy_of_no_retries_says_so() {
    is(headers(&with(|settings| settings.num_retries = 0), IDEMPOTENT), &[(MAX_RETRIES, "0")]);
    is(headers(&only(|_| ()), IDEMPOTENT), &[(MAX_RETRIES, "0")]);
}

#[test]
fn what_an_attempt_may_take_is_said_with_and_without_retries() {
    let settings = with(|settings| settings.per_try_timeout = Some(Duration::from_millis(1500)));
    for kind in [IDEMPOTENT, OTHER, WITHOUT_BUDGET] {
        let found = headers(&settings, kind);
        assert_eq!(found.last(), Some(&(PER_TRY, "1500".to_owned())), "{kind:?}");
    }
    let settings = with(|settings| settings.per_try_timeout = Some(Duration::from_micros(10)));
    let found = headers(&settings, WITHOUT_BUDGET);
    is(found, &[(MAX_RETRIES, "0"), (PER_TRY, "1")]);
}

#[test]
fn what_the_request_has_left_is_said_last_and_never_as_nothing() {
    let steering = Steering::new(&Settings::default());
    for (left, said) in [(Duration::from_secs(2), "2000"), (Duration::ZERO, "1")] {
        for (idempotent, retries) in [IDEMPOTENT, OTHER, WITHOUT_BUDGET] {
            let last = steering.headers(idempotent, retries, Some(left)).last();
            assert_eq!(last, Some((TIMEOUT, said.into())), "0 would be no limit at all");
        }
    }
}

#[test]
fn hedging_on_timeouts_is_for_what_may_be_sent_twice_and_within_the_budget() {
    let settings = with(|settings| {
        settings.hedge_on_per_try_timeout = true;
        settings.per_try_timeout = Some(Duration::from_millis(250));
    });
    let hedges = |kind| headers(&settings, kind).iter().any(|(name, _)| *name == HEDGE);
    assert_eq!([IDEMPOTENT, OTHER, WITHOUT_BUDGET].map(hedges), [true, false, false]);
    assert!(headers(&settings, IDEMPOTENT).contains(&(HEDGE, "true".to_owned())));
}

#[test]
fn grpc_statuses_have_envoys_words_where_it_has_one() {
    let settings = only(|on| on.grpc_statuses = vec![1, 4, 8, 13, 14]);
    let words = "cancelled,deadline-exceeded,resource-exhausted,internal,unavailable";
    is(headers(&settings, IDEMPOTENT), &[(MAX_RETRIES, "2"), (GRPC_ON, words)]);
    let settings = only(|on| on.grpc_statuses = vec![2, 14, 16]);
    is(headers(&settings, IDEMPOTENT), &[(MAX_RETRIES, "2"), (GRPC_ON, "unavailable")]);
    is(headers(&only(|on| on.grpc_statuses = vec![2]), IDEMPOTENT), &[(MAX_RETRIES, "0")]);
}

#[test]
fn every_status_of_a_range_is_named() {
    let settings = only(|on| on.statuses = vec![429..=429, 500..=502, 599..=599]);
    let expected = [(MAX_RETRIES, "2"), (RETRY_ON, "retriable-status-codes"), (CODES, "429,500,501,502,599")];
    is(headers(&settings, IDEMPOTENT), &expected);
    let codes = |settings: &Settings| headers(settings, IDEMPOTENT).pop().unwrap_or_default().1;
    assert_eq!(codes(&only(|on| on.statuses = vec![500..=599])).split(',').count(), 100);
}

#[test]
fn statuses_that_a_word_of_envoys_means_exactly_are_said_by_it() {
    let said = |statuses: &[RangeInclusive<u16>], change: fn(&mut RetryOn)| {
        let settings = with(|settings| {
            settings.retry_on =
                RetryOn { statuses: statuses.to_vec(), grpc_statuses: vec![], ..RetryOn::default() };
            change(&mut settings.retry_on);
        });
        let found = headers(&settings, IDEMPOTENT);
        let value = |name: &str| found.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let words = value(RETRY_ON).unwrap_or_default();
        let words = words.strip_prefix("connect-failure,refused-stream,reset,").unwrap_or(&words).to_owned();
        (words, value(CODES).unwrap_or_default())
    };
    let is = |statuses: &[RangeInclusive<u16>], words: &str, codes: &str| {
        assert_eq!(said(statuses, |_| ()), (words.to_owned(), codes.to_owned()), "{statuses:?}");
    };
    is(&[500..=599], "5xx", "");
    is(&[500..=550, 551..=599, 429..=429], "5xx,retriable-status-codes", "429");
    is(&[502..=504], "gateway-error", "");
    is(&[500..=504], "gateway-error,retriable-status-codes", "500,501");
    is(&[502..=503], "retriable-status-codes", "502,503");
    // Envoy's word would have broken attempts tried again that this policy leaves alone.
    let without: [fn(&mut RetryOn); 3] =
        [|on| on.reset = false, |on| on.connect_failure = false, |on| on.refused_stream = false];
    for change in without {
        let (words, codes) = said(&[502..=504], change);
        assert!(words.ends_with("retriable-status-codes") && !words.contains("gateway-error"), "{words}");
        assert_eq!(codes, "502,503,504");
    }
}

#[test]
fn response_headers_go_by_their_names() {
    let named = |name: &str| HeaderMatch { name: name.into(), rule: HeaderRule::Present, invert: false };
    let settings = only(|on| on.headers = vec![named("x-try-again"), named("x-busy")]);
    let expected = [(MAX_RETRIES, "2"), (RETRY_ON, "retriable-headers"), (NAMES, "x-try-again,x-busy")];
    is(headers(&settings, IDEMPOTENT), &expected);
}

#[test]
fn nothing_is_said_that_a_client_could_have_said_and_no_header_twice() {
    let named = HeaderMatch { name: "x-busy".into(), rule: HeaderRule::Present, invert: false };
    for bits in 0..256_u32 {
        let bit = |at: u32| bits & (1 << at) != 0;
        let mut settings = only(|on| {
            (on.connect_failure, on.refused_stream, on.reset, on.timeout) = (bit(0), bit(1), bit(2), bit(3));
            on.statuses.extend(bit(4).then_some(500..=503));
            on.grpc_statuses.extend(bit(5).then_some(14));
            on.headers.extend(bit(6).then(|| named.clone()));
        });
        settings.hedge_on_per_try_timeout = bit(7);
        settings.per_try_timeout = bit(0).then_some(Duration::from_secs(1));
        for (idempotent, retries) in [(true, 2), (true, 0), (false, 1), (false, 0)] {
            let steering = Steering::new(&settings);
            let left = bit(1).then_some(Duration::from_secs(3));
            let mut names: Vec<_> =
                steering.headers(idempotent, retries, left).map(|(name, _)| name).collect();
            assert!(names.iter().all(|name| STEERING_HEADERS.contains(name)), "{names:?}");
            assert!(names.contains(&MAX_RETRIES), "always, in place of what a client may have said");
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{settings:?}");
        }
    }
}
