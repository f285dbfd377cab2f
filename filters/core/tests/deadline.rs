//! How much time a request has, and how the next one is told.

#![allow(missing_docs, reason = "a test is documented by its name")]

use core::time::Duration;
use switchyard_core::deadline::{
    Deadline, TimeLeft, clients_limit, encode_grpc_timeout, grpc_timeout, is_clients_end,
};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const HOUR: Duration = Duration::from_secs(3600);
const NANO: Duration = Duration::from_nanos(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The time of a request of a route with so many milliseconds.
fn allowance(route: u64, grpc: Option<&str>, header: Option<&str>) -> Duration {
    deadline(route).allowance(&request(grpc.map(str::as_bytes), header.map(str::as_bytes)))
}

/// The deadline of a route with so many milliseconds, where a header may say less.
fn deadline(route: u64) -> Deadline {
    Deadline { timeout: millis(route), header: Some("x-left-ms".into()), ..Deadline::default() }
}

fn request(grpc: Option<&[u8]>, header: Option<&[u8]>) -> PlainRequest {
    let said = [("grpc-timeout", grpc), ("x-left-ms", header)].into_iter();
    said.filter_map(|(name, value)| Some((name, value?)))
        .fold(PlainRequest::get("/"), |request, (name, value)| request.with(name, value))
}

#[test]
fn a_grpc_timeout_has_six_units() {
    for (text, expected) in [
        ("7n", Duration::from_nanos(7)),
        ("7u", Duration::from_micros(7)),
        ("7m", millis(7)),
        ("7S", Duration::from_secs(7)),
        ("7M", Duration::from_secs(420)),
        ("7H", HOUR * 7),
        ("0S", Duration::ZERO),
        ("00000001m", millis(1)),
        ("99999999n", Duration::from_nanos(99_999_999)),
        ("99999999u", Duration::from_micros(99_999_999)),
        ("99999999H", HOUR * 99_999_999),
    ] {
        assert_eq!(grpc_timeout(text.as_bytes()), Some(expected), "{text}");
    }
}

#[test]
fn what_the_specification_does_not_know_is_no_grpc_timeout() {
    let strange =
        ["", "S", "1", "1s", "1h", "1N", "1U", "+1S", "-1S", " 1S", "1S ", "1 S", "1.5S", "1e3m", "0x1S"];
    for text in strange.into_iter().chain(["100000000n", "000000001S", "1SS", "1m1S", "١S", "∞"]) {
        assert_eq!(grpc_timeout(text.as_bytes()), None, "{text:?}");
    }
    for bytes in [&b"\xff"[..], b"\xffS", b"1\xff", b"\0S", b"1\0"] {
        assert_eq!(grpc_timeout(bytes), None, "{bytes:?}");
    }
}

#[test]
fn what_is_left_is_told_in_the_finest_unit_that_fits() {
    for (left, expected) in [
        (NANO, "1n"),
        (millis(99), "99000000n"),
        (Duration::from_nanos(99_999_999), "99999999n"),
        (millis(100), "100000u"),
        (millis(100) + NANO * 999, "100000u"),
        (millis(100) + NANO * 1000, "100001u"),
        (millis(99_999), "99999000u"),
        (Duration::from_secs(100), "100000m"),
        (Duration::from_millis(99_999_999), "99999999m"),
        (Duration::from_secs(100_000), "100000S"),
        (Duration::from_secs(99_999_999), "99999999S"),
        (Duration::from_secs(100_000_000), "1666666M"),
        (Duration::from_secs(100_000_000) * 60, "1666666H"),
    ] {
        assert_eq!(encode_grpc_timeout(left), expected, "{left:?}");
    }
}

#[test]
fn nothing_left_is_told_as_next_to_nothing_and_eternity_as_the_longest_there_is() {
    assert_eq!(encode_grpc_timeout(Duration::ZERO), "1n", "0 is read as no limit by some");
    assert_eq!(encode_grpc_timeout(Duration::MAX), "99999999H");
    assert_eq!(encode_grpc_timeout(HOUR * 100_000_000), "99999999H");
}

#[test]
fn a_request_has_the_least_of_what_it_is_given() {
    assert_eq!(allowance(15_000, None, None), millis(15_000));
    assert_eq!(allowance(15_000, Some("2S"), None), millis(2_000));
    assert_eq!(allowance(15_000, None, Some("300")), millis(300));
    assert_eq!(allowance(15_000, Some("2S"), Some("300")), millis(300));
    assert_eq!(allowance(15_000, Some("200m"), Some("300")), millis(200));
    assert_eq!(
        allowance(100, Some("2S"), Some("300")),
        millis(100),
        "a client cannot have more than the route gives"
    );
}

#[test]
fn a_route_without_a_timeout_leaves_it_to_the_request() {
    assert_eq!(allowance(0, None, None), HOUR);
    assert_eq!(allowance(0, Some("2S"), None), millis(2_000));
    assert_eq!(allowance(0, None, Some("300")), millis(300));
    assert_eq!(allowance(0, Some("2H"), None), HOUR * 2, "an hour is for those that say nothing");
    assert_eq!(allowance(0, Some("nonsense"), Some("0")), HOUR);
}

#[test]
fn a_grpc_timeout_of_nothing_is_heard() {
    for zero in ["0n", "0S", "00000000H"] {
        assert_eq!(allowance(15_000, Some(zero), None), Duration::ZERO, "{zero}");
        assert_eq!(allowance(0, Some(zero), Some("5")), Duration::ZERO, "{zero}");
    }
}

#[test]
fn a_header_that_is_not_a_number_of_milliseconds_is_not_heard() {
    for strange in
        ["", " ", "0", "000", "-1", "+1", "1.5", "1e2", "10ms", "1 0", "0x10", "18446744073709551616", "١"]
    {
        assert_eq!(allowance(1_000, None, Some(strange)), millis(1_000), "{strange:?}");
        assert_eq!(allowance(0, None, Some(strange)), HOUR, "{strange:?}");
    }
    for (text, expected) in [("1", 1), ("010", 10), (" 10\t", 10), ("999", 999)] {
        assert_eq!(allowance(1_000, None, Some(text)), millis(expected), "{text:?}");
    }
    assert_eq!(deadline(1_000).allowance(&request(None, Some(b"\xff"))), millis(1_000));
}

#[test]
fn only_what_is_less_than_the_route_gives_shortens_it() {
    let shortened = |route, grpc: Option<&str>, header: Option<&str>| {
        deadline(route).shortened(&request(grpc.map(str::as_bytes), header.map(str::as_bytes)))
    };
    assert_eq!(shortened(15_000, None, None), None);
    assert_eq!(shortened(15_000, Some("2S"), Some("300")), Some(millis(300)));
    assert_eq!(shortened(100, Some("2S"), Some("300")), None);
    assert_eq!(shortened(100, Some("100m"), None), None, "as much is no less");
    assert_eq!(shortened(0, Some("2S"), None), Some(millis(2_000)));
    assert_eq!(shortened(0, Some("1H"), Some("nonsense")), None, "who says nothing has an hour");
    assert_eq!(shortened(7_200_000, Some("90M"), None), Some(HOUR * 3 / 2));
}

#[test]
fn an_upstream_is_told_that_there_is_some_time_left() {
    let told =
        |left| (TimeLeft::new(left, false).millis().to_owned(), TimeLeft::new(left, false).grpc().to_owned());
    assert_eq!(told(millis(1_500)), ("1500".to_owned(), "1500000u".to_owned()));
    assert_eq!(told(Duration::ZERO), ("1".to_owned(), "1n".to_owned()), "0 is read as no limit by some");
}

#[test]
fn whose_limit_it_was_is_told_apart() {
    let call = |kind, left| PlainRequest::get("/").with("content-type", kind).with("grpc-timeout", left);
    let route = deadline(1_000);
    assert!(route.is_clients_own(&call("application/grpc", "200m")));
    assert!(route.is_clients_own(&call("application/grpc+proto", "200m").with("x-left-ms", "100")));
    assert!(!route.is_clients_own(&call("application/grpc", "2S")), "the operator gives less");
    assert!(!route.is_clients_own(&call("application/json", "200m")), "an HTTP client hears of a 504");
    assert!(!route.is_clients_own(&PlainRequest::get("/").with("content-type", "application/grpc")));
    assert!(is_clients_end(b"response_timeout") && is_clients_end(b"upstream_response_timeout"));
    for other in
        ["upstream_per_try_timeout", "via_upstream", "max_duration_timeout", "no_healthy_upstream", ""]
    {
        assert!(!is_clients_end(other.as_bytes()), "{other}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Durations of every size.
    fn duration() -> impl Strategy<Value = Duration> {
        (any::<u64>(), 0..64_u32, 0..1_000_000_000_u32)
            .prop_map(|(secs, shift, nanos)| Duration::new(secs >> shift, nanos))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_as_a_little_less_and_never_more(left in duration()) {
            let text = encode_grpc_timeout(left);
            prop_assert!(text.len() <= 9, "{}", text);
            let read = grpc_timeout(text.as_bytes());
            prop_assert!(read.is_some(), "{}", text);
            let read = read.unwrap_or_default();
            prop_assert!(read <= left.max(NANO), "{} for {:?}", text, left);
            // Six digits are always left, as no unit is more than a thousand times the one before.
            if left <= HOUR * 99_999_999 {
                prop_assert!(left - read.min(left) <= left / 99_999, "{} for {:?}", text, left);
            }
            prop_assert_eq!(encode_grpc_timeout(read), text, "and written again as it was");
        }

        #[test]
        fn every_number_with_a_unit_is_read(number in 0..100_000_000_u64, unit in 0..6_usize) {
            let (letter, length) = [("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000)]
                .into_iter()
                .chain([("M", 60_000_000_000), ("H", 3_600_000_000_000_u128)])
                .nth(unit)
                .unwrap_or_default();
            for text in [format!("{number}{letter}"), format!("{number:08}{letter}")] {
                let read = grpc_timeout(text.as_bytes()).map(|read| read.as_nanos());
                prop_assert_eq!(read, Some(u128::from(number) * length));
            }
        }

        #[test]
        fn no_header_panics_or_gives_more_than_the_route(
            route in 1..100_000_u64,
            grpc in prop::option::of(prop::collection::vec(any::<u8>(), 0..12)),
            text in prop::option::of("[0-9 +-]{0,22}[HSMmunx]?"),
        ) {
            let text = text.as_deref().map(str::as_bytes);
            prop_assert!(deadline(route).allowance(&request(grpc.as_deref(), text)) <= millis(route));
            prop_assert!(deadline(route).allowance(&request(text, grpc.as_deref())) <= millis(route));
        }
    }
}

#[test]
fn what_a_client_gives_its_request_is_its_own_limit_whoever_enforces_it() {
    let limit = |headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(PlainRequest::get("/"), |request, (name, value)| request.with(name, value.as_bytes()));
        clients_limit(&request, &["x-left-ms".into(), "x-other-ms".into()])
    };
    assert_eq!(limit(&[]), None);
    assert_eq!(limit(&[("grpc-timeout", "200m")]), Some(millis(200)));
    assert_eq!(limit(&[("x-left-ms", "300")]), Some(millis(300)));
    assert_eq!(limit(&[("x-other-ms", "300"), ("x-left-ms", "400")]), Some(millis(300)));
    assert_eq!(limit(&[("x-envoy-upstream-rq-timeout-ms", "50"), ("grpc-timeout", "1S")]), Some(millis(50)));
    assert_eq!(limit(&[("x-envoy-upstream-rq-per-try-timeout-ms", "40")]), Some(millis(40)));
    for nothing in [("x-left-ms", "0"), ("x-left-ms", "soon"), ("grpc-timeout", "5"), ("x-another-ms", "5")] {
        assert_eq!(limit(&[nothing]), None, "{nothing:?}");
    }
}
