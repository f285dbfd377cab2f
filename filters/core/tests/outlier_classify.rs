//! What the end of an attempt says about the endpoint: the table of docs/outlier.md, ending by ending.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::outlier::{
    Answer, EndedBy, Ending, FIRST_MOMENTS, Failure, FailurePolicy, Neutral, Outcome, RouteLimit, Settings,
    http_status, limit_has_passed,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn policy() -> FailurePolicy {
    Settings::default().failure
}

fn status(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

fn grpc(grpc_status: u32) -> Answer {
    Answer { status: 200, grpc_status: Some(grpc_status), ..Answer::default() }
}

fn judge(policy: &FailurePolicy, answer: &Answer) -> Option<Outcome> {
    policy.judge_answer(answer, || false)
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failure(failure)
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Nobody says: the endpoint, or a limit of Envoy's router.
    Unsaid,
    /// There was no connection.
    Connection,
    /// A limit of the connection manager's: idle, the whole stream's, the request's.
    StreamLimit,
    /// The client's own limit was over.
    ClientLimit,
    Client,
    AnotherAttempt,
    RetryOfEnvoy,
}

/// How far the request had come, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    OpenJustNow,
    OpenForLong,
    /// Within the route's time.
    Whole,
    /// For as long as the route gives it.
    WholeForLong,
}

fn ending(by: By, asked: Asked, answered: bool, limit: RouteLimit) -> Ending {
    let long = matches!(asked, Asked::OpenForLong | Asked::WholeForLong);
    let age = if long { FIRST_MOMENTS } else { FIRST_MOMENTS / 2 };
    Ending {
        answered,
        age,
        waited: matches!(asked, Asked::Whole | Asked::WholeForLong).then_some(age),
        limit,
        client_limit: by == By::ClientLimit,
        client_gone: by == By::Client,
        cancelled: by == By::AnotherAttempt,
        connect_failure: by == By::Connection,
        stream_limit: by == By::StreamLimit,
        discarded: by == By::RetryOfEnvoy,
        ..Ending::default()
    }
}

const KNOWN: RouteLimit = RouteLimit::Of(FIRST_MOMENTS);

#[test]
fn without_an_answer_every_ending_has_its_outcome() {
    use Asked::{OpenForLong, OpenJustNow, Whole, WholeForLong};
    let (reset, timeout) = (failed(Failure::Reset), failed(Failure::Timeout));
    let open = Outcome::Neutral(Neutral::RequestOpen);
    // By whom; while the request was open, just now and for long; when it was whole, within the route's time and after it.
    let cases = [
        (By::Unsaid, [reset, open, reset, timeout]),
        (By::Connection, [failed(Failure::ConnectFailure); 4]),
        (By::StreamLimit, [open, open, timeout, timeout]),
        (By::ClientLimit, [Outcome::Neutral(Neutral::ClientLimit); 4]),
        (By::Client, [Outcome::Neutral(Neutral::ClientGone); 4]),
        (By::AnotherAttempt, [Outcome::Neutral(Neutral::Cancelled); 4]),
        // Envoy tries a reset again: it was one.
        (By::RetryOfEnvoy, [reset, open, reset, timeout]),
    ];
    for (by, outcomes) in cases {
        for (asked, expected) in [OpenJustNow, OpenForLong, Whole, WholeForLong].into_iter().zip(outcomes) {
            let outcome = policy().judge_ending(&ending(by, asked, false, KNOWN));
            assert_eq!(outcome, expected, "{by:?} {asked:?}");
            let unread = policy().judge_ending(&ending(by, asked, false, RouteLimit::Unread));
            let expected = if expected == timeout && by != By::StreamLimit { reset } else { expected };
            assert_eq!(
                unread, expected,
                "a timeout that is not known for one is a failure, too: {by:?} {asked:?}"
            );
        }
    }
}

#[test]
fn an_answer_that_broke_off_has_its_outcome() {
    use Asked::{OpenForLong, OpenJustNow, Whole, WholeForLong};
    let neutral = Outcome::Neutral;
    let (truncated, unsure) = (failed(Failure::Truncated), neutral(Neutral::Unsure));
    let cut = neutral(Neutral::Cut);
    // By whom; what is known of the route's time; within it, and after it.
    let cases = [
        (By::Unsaid, RouteLimit::Unread, [unsure, unsure]),
        (By::Unsaid, RouteLimit::Unlimited, [truncated, truncated]),
        (By::Unsaid, KNOWN, [truncated, cut]),
        (By::Connection, KNOWN, [truncated, cut]),
        (By::StreamLimit, RouteLimit::Unread, [cut, cut]),
        (By::StreamLimit, KNOWN, [cut, cut]),
        (By::ClientLimit, RouteLimit::Unread, [neutral(Neutral::ClientLimit); 2]),
        (By::ClientLimit, KNOWN, [neutral(Neutral::ClientLimit); 2]),
        (By::Client, KNOWN, [neutral(Neutral::ClientGone); 2]),
        (By::AnotherAttempt, KNOWN, [neutral(Neutral::Cancelled); 2]),
        (By::RetryOfEnvoy, RouteLimit::Unread, [neutral(Neutral::Discarded); 2]),
        (By::RetryOfEnvoy, KNOWN, [neutral(Neutral::Discarded); 2]),
    ];
    for (by, limit, outcomes) in cases {
        for (asked, expected) in [Whole, WholeForLong].into_iter().zip(outcomes) {
            let outcome = policy().judge_ending(&ending(by, asked, true, limit));
            assert_eq!(outcome, expected, "{by:?} {limit:?} {asked:?}");
        }
        // The route's time begins with the end of the request, so it has not passed.
        for asked in [OpenJustNow, OpenForLong] {
            let outcome = policy().judge_ending(&ending(by, asked, true, limit));
            assert_eq!(outcome, outcomes[0], "{by:?} {limit:?} {asked:?}");
        }
    }
}

#[test]
fn an_answer_may_be_cut_off_a_little_before_the_routes_time_is_over() {
    let broken = |waited: u32| {
        let waited = Some(waited * MILLISECOND);
        policy().judge_ending(&Ending {
            answered: true,
            waited,
            limit: RouteLimit::Of(SECOND),
            ..Ending::default()
        })
    };
    assert_eq!(broken(879), failed(Failure::Truncated));
    assert_eq!(broken(880), Outcome::Neutral(Neutral::Cut));
    let open = Ending { answered: true, age: 2 * SECOND, limit: RouteLimit::Of(SECOND), ..Ending::default() };
    assert_eq!(policy().judge_ending(&open), failed(Failure::Truncated), "its time has not begun");
}

/// All endings that did not come to their end.
fn cut_short() -> impl Iterator<Item = Ending> {
    (0_u32..1 << 10).map(|bits| {
        let bit = |place: u32| bits >> place & 1 == 1;
        let limits =
            [RouteLimit::Unread, RouteLimit::Unlimited, RouteLimit::Of(SECOND), RouteLimit::Of(2 * SECOND)];
        Ending {
            answered: bit(0),
            connect_failure: bit(1),
            discarded: bit(2),
            client_gone: bit(3),
            cancelled: bit(4),
            client_limit: bit(5),
            stream_limit: bit(6),
            waited: bit(7).then_some(SECOND),
            limit: limits.into_iter().nth((bits >> 8) as usize).unwrap_or(RouteLimit::Unread),
            age: SECOND,
            ..Ending::default()
        }
    })
}

#[test]
fn what_somebody_else_ended_is_never_a_failure() {
    for ending in cut_short() {
        let outcome = policy().judge_ending(&ending);
        let expected = match (ending.client_gone, ending.cancelled) {
            (true, _) => Some(Outcome::Neutral(Neutral::ClientGone)),
            (false, true) => Some(Outcome::Neutral(Neutral::Cancelled)),
            (false, false) => None,
        };
        assert!(expected.is_none_or(|expected| expected == outcome), "{ending:?}: {outcome:?}");
        assert_ne!(outcome, Outcome::Success, "{ending:?}");
        let has_failed = matches!(outcome, Outcome::Failure(_));
        let no_connection = outcome == failed(Failure::ConnectFailure);
        assert!(!has_failed || no_connection || !ending.client_limit, "a client's own limit: {ending:?}");
        assert!(
            !has_failed || no_connection || ending.answered || ending.waited.is_some(),
            "an open request: {ending:?}"
        );
        assert!(
            !has_failed || !ending.answered || !ending.stream_limit,
            "Envoy's limit in mid-body: {ending:?}"
        );
    }
}

#[test]
fn what_envoy_says_of_an_ending_is_understood() {
    let cases = [
        (&b"stream_idle_timeout"[..], [EndedBy::StreamLimit; 2]),
        (b"max_duration_timeout", [EndedBy::StreamLimit; 2]),
        (b"request_overall_timeout", [EndedBy::StreamLimit; 2]),
        (b"downstream_remote_disconnect", [EndedBy::Client; 2]),
        (b"downstream_local_disconnect(drain)", [EndedBy::Client; 2]),
        (b"http2.remote_reset", [EndedBy::Client; 2]),
        (b"via_upstream", [EndedBy::OtherAttempt, EndedBy::Unknown]),
        (b"response_timeout", [EndedBy::Unknown; 2]),
        (b"", [EndedBy::Unknown; 2]),
    ];
    for (details, expected) in cases {
        let said = [false, true].map(|answered| EndedBy::of(details, answered));
        assert_eq!(said, expected, "{}", String::from_utf8_lossy(details));
    }
}

#[test]
fn a_clients_limit_has_passed_a_little_before_it_is_over() {
    for (age, passed) in [(0, false), (899, false), (900, true), (1_000, true), (60_000, true)] {
        assert_eq!(limit_has_passed(SECOND, age * MILLISECOND), passed, "{age} ms");
    }
    assert!(limit_has_passed(Duration::ZERO, Duration::ZERO));
}

#[test]
fn an_answer_that_time_is_over_is_the_clients_doing_if_it_was_its_own() {
    for answer in [status(504), grpc(4)] {
        assert_eq!(policy().judge_answer(&answer, || true), Some(Outcome::Neutral(Neutral::ClientLimit)));
        assert_eq!(policy().judge_answer(&answer, || false), Some(failed(Failure::Gateway)));
    }
    for answer in [status(500), status(503), grpc(14), status(200), grpc(0)] {
        let judged = policy().judge_answer(&answer, || panic!("nothing that it is asked for: {answer:?}"));
        assert_eq!(judged, judge(&policy(), &answer));
    }
}

#[test]
fn grpc_statuses_of_ones_own_replace_those_that_map() {
    let own = FailurePolicy { grpc_statuses: Some(vec![8, 14]), ..policy() };
    for code in 0..=20 {
        let expected = match code {
            8 => Some(failed(Failure::Status)),
            14 => Some(failed(Failure::Gateway)),
            _ => None,
        };
        assert_eq!(judge(&own, &grpc(code)), expected, "{code}");
    }
    assert_eq!(judge(&own, &status(500)), Some(failed(Failure::Status)), "an answer of HTTP");
    let http = Answer { grpc_status: Some(0), ..status(503) };
    assert_eq!(judge(&own, &http), Some(failed(Failure::Gateway)), "an error of HTTP whatever gRPC says");
    let none = FailurePolicy { grpc_statuses: Some(Vec::new()), ..policy() };
    assert_eq!(judge(&none, &grpc(13)), None);
}

#[test]
fn a_complete_answer_is_a_success_even_if_the_client_has_left_since() {
    for ending in cut_short() {
        let complete = Ending { complete: true, answered: true, ..ending };
        assert_eq!(policy().judge_ending(&complete), Outcome::Success, "{complete:?}");
    }
}

#[test]
fn a_complete_answer_is_slow_from_the_threshold_on() {
    let complete = Ending { answered: true, complete: true, ..Ending::default() };
    let slow = FailurePolicy { slow_threshold: Some(SECOND), ..policy() };
    let cases = [
        (None, Outcome::Success),
        (Some(Duration::ZERO), Outcome::Success),
        (Some(SECOND - MILLISECOND), Outcome::Success),
        (Some(SECOND), failed(Failure::Slow)),
        (Some(SECOND + MILLISECOND), failed(Failure::Slow)),
    ];
    for (latency, expected) in cases {
        let ending = Ending { latency, ..complete };
        assert_eq!(slow.judge_ending(&ending), expected, "{latency:?}");
        assert_eq!(policy().judge_ending(&ending), Outcome::Success, "no threshold, {latency:?}");
    }
    let cancelled = Ending { complete: false, cancelled: true, latency: Some(2 * SECOND), ..complete };
    assert_eq!(slow.judge_ending(&cancelled), Outcome::Neutral(Neutral::Cancelled));
}

#[test]
fn by_default_every_5xx_is_a_failure_and_nothing_else_is() {
    for code in 100..=999 {
        let expected = match code {
            502..=504 => Some(failed(Failure::Gateway)),
            500..=599 => Some(failed(Failure::Status)),
            _ => None,
        };
        assert_eq!(judge(&policy(), &status(code)), expected, "{code}");
    }
}

#[test]
fn statuses_of_ones_own_replace_the_default() {
    let own = FailurePolicy { statuses: vec![429..=429, 500..=502], ..policy() };
    let cases = [
        (428, None),
        (429, Some(Failure::Status)),
        (430, None),
        (499, None),
        (500, Some(Failure::Status)),
        (502, Some(Failure::Gateway)),
        (503, None),
    ];
    for (code, expected) in cases {
        assert_eq!(judge(&own, &status(code)), expected.map(failed), "{code}");
    }
    let nothing = FailurePolicy { statuses: Vec::new(), ..policy() };
    assert_eq!(judge(&nothing, &status(500)), None);
}

#[test]
fn every_grpc_status_maps_to_http_as_in_envoy() {
    let mapped = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    for (code, expected) in (0..).zip(mapped) {
        assert_eq!(http_status(code), expected, "{code}");
    }
    for unknown in [17, 1000, u32::MAX] {
        assert_eq!(http_status(unknown), 500, "{unknown}");
    }
}

#[test]
fn a_grpc_status_is_judged_as_the_http_status_it_maps_to() {
    for code in 0..=17 {
        let expected = match code {
            4 | 14 => Some(failed(Failure::Gateway)),
            2 | 12 | 13 | 15 | 17 => Some(failed(Failure::Status)),
            _ => None,
        };
        assert_eq!(judge(&policy(), &grpc(code)), expected, "{code}");
    }
}

#[test]
fn an_http_error_counts_whatever_grpc_status_comes_with_it() {
    for grpc_status in [None, Some(0), Some(5), Some(14)] {
        let answer = Answer { status: 500, grpc_status, ..Answer::default() };
        assert_eq!(judge(&policy(), &answer), Some(failed(Failure::Status)), "{grpc_status:?}");
    }
}

#[test]
fn retry_after_says_overload_on_429_and_503_where_asked_to() {
    let overload = FailurePolicy { retry_after_is_overload: true, statuses: vec![400..=599], ..policy() };
    let without = FailurePolicy { retry_after_is_overload: false, ..overload.clone() };
    let neutral = Some(Outcome::Neutral(Neutral::Overload));
    let cases = [
        (status(429), neutral, Failure::Status),
        (status(503), neutral, Failure::Gateway),
        (status(500), Some(failed(Failure::Status)), Failure::Status),
        (status(502), Some(failed(Failure::Gateway)), Failure::Gateway),
        (grpc(8), neutral, Failure::Status),
        (grpc(14), neutral, Failure::Gateway),
    ];
    for (answer, expected, plain) in cases {
        assert_eq!(judge(&overload, &answer), Some(failed(plain)), "no header: {answer:?}");
        let answer = Answer { retry_after: true, ..answer };
        assert_eq!(judge(&overload, &answer), expected, "{answer:?}");
        assert_eq!(judge(&without, &answer), Some(failed(plain)), "not asked to: {answer:?}");
    }
    let fine = Answer { retry_after: true, ..status(200) };
    assert_eq!(judge(&overload, &fine), None, "nothing that an answer without fault says");
}

#[test]
fn only_failures_without_an_answer_are_of_local_origin() {
    let cases = [
        (Failure::Status, false, false),
        (Failure::Gateway, false, true),
        (Failure::ConnectFailure, true, true),
        (Failure::Reset, true, true),
        (Failure::Timeout, true, true),
        (Failure::Truncated, false, true),
        (Failure::Slow, false, false),
    ];
    for (failure, local, gateway) in cases {
        assert_eq!((failure.is_local_origin(), failure.is_gateway()), (local, gateway), "{failure:?}");
    }
}
