//! Reports of load: their three forms, what is a weight, when it counts; and that nothing an endpoint writes is more than a report or none.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::orca::{
    BINARY_REPORT_HEADER, MOST_BYTES, MetricName, REPORT_HEADER, Report, ReportPolicy, ReportedWeight,
};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn wanted(names: &[&str]) -> Vec<MetricName> {
    names.iter().map(|name| MetricName::of(name).expect("a metric")).collect()
}

fn read(value: &str) -> Option<Report> {
    Report::read(value.as_bytes(), &wanted(&["named_metrics.queue", "utilization.disk", "mem_utilization"]))
}

/// What the forms below say.
const WHOLE: Report = Report {
    rps_fractional: 100.5,
    eps: 2.0,
    application_utilization: 0.75,
    cpu_utilization: 0.5,
    named: 7.0,
};

/// `WHOLE` as a message: the fields above, mem_utilization 0.25, utilization disk 0.125, named_metrics queue 7 and other 9, rps 3,
/// and a field that nobody knows.
fn message() -> Vec<u8> {
    let double = |number: u8, value: f64| [&[number << 3 | 1][..], &value.to_le_bytes()].concat();
    let entry = |number: u8, key: &str, value: f64| {
        let length = |text: &[u8]| u8::try_from(text.len()).expect("short");
        let inner = [&[1 << 3 | 2, length(key.as_bytes())][..], key.as_bytes(), &double(2, value)].concat();
        [&[number << 3 | 2, length(&inner)][..], &inner].concat()
    };
    [
        double(1, 0.5),
        double(2, 0.25),
        vec![3 << 3, 3],
        entry(4, "joules", -1.0),
        entry(5, "disk", 0.125),
        double(6, 100.5),
        double(7, 2.0),
        entry(8, "queue", 7.0),
        entry(8, "other", 9.0),
        double(9, 0.75),
        vec![14 << 3 | 5, 1, 2, 3, 4],
    ]
    .concat()
}

fn base64(bytes: &[u8], padded: bool) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        text.extend((0..=chunk.len()).map(|place| char::from(DIGITS[bits >> (18 - 6 * place) & 63])));
        text.extend((chunk.len()..3).filter(|_| padded).map(|_| '='));
    }
    text
}

#[test]
fn the_three_forms_say_the_same() {
    let text = "TEXT cpu_utilization=0.5, mem_utilization=0.25,utilization.disk=0.125,rps_fractional=100.5,eps=2,\
                named_metrics.queue=7,named_metrics.other=9,application_utilization=0.75,request_cost.joules=-1,sometime=3";
    let json = r#"JSON {"cpuUtilization": 0.5, "mem_utilization": 0.25, "utilization": {"disk": 0.125}, "rpsFractional": "100.5",
        "rps_fractional_later": {}, "eps": 2, "namedMetrics": {"queue": 7, "other": 9}, "application_utilization": 75e-2, "rps": null}"#;
    let binary = format!("BIN {}", base64(&message(), true));
    for value in [text, &text.replace('=', ":"), json, &binary] {
        assert_eq!(read(value), Some(WHOLE), "{value}");
    }
    assert_eq!(read("TEXT "), Some(Report::default()), "says nothing");
}

#[test]
fn every_metric_that_an_operator_names_counts_in_every_form() {
    let json = r#"JSON {"cpu_utilization": 0.5, "memUtilization": "0.25", "utilization": {"disk": 0.125},
        "named_metrics": {"queue": 7, "other": 9}, "applicationUtilization": 0.75}"#;
    let text = "TEXT cpu_utilization=0.5,mem_utilization=0.25,utilization.disk=0.125,named_metrics.queue=7,\
                named_metrics.other=9,application_utilization=0.75";
    let binary = format!("BIN {}", base64(&message(), true));
    for (name, value) in [
        ("cpu_utilization", 0.5),
        ("mem_utilization", 0.25),
        ("utilization.disk", 0.125),
        ("named_metrics.queue", 7.0),
        ("application_utilization", 0.75),
        ("utilization.queue", 0.0),
    ] {
        for form in [text, json, &binary] {
            let report = Report::read(form.as_bytes(), &wanted(&[name])).expect("a report");
            assert_eq!(report.named, value, "{name} in {form}");
        }
    }
    for name in ["utilization.", "named_metrics.", "utilization", "eps", ""] {
        assert_eq!(MetricName::of(name), None, "{name}");
    }
}

#[test]
fn zero_is_a_number_and_null_says_nothing() {
    for value in ["TEXT cpu_utilization=0,eps=0", r#"JSON {"cpu_utilization": null, "utilization": null}"#] {
        assert_eq!(read(value), Some(Report::default()), "{value}");
    }
}

#[test]
fn the_binary_header_counts_first_and_of_several_the_first() {
    let head = |fields: &[(&str, &str)]| {
        let head = fields.iter().fold(PlainRequest::default(), |head, (name, value)| head.with(name, value));
        Report::of(&head, &[]).map(|report| report.cpu_utilization)
    };
    let text = |cpu: &str| format!("TEXT cpu_utilization={cpu}");
    let binary = base64(&message(), false);
    assert_eq!(head(&[]), None);
    assert_eq!(head(&[(REPORT_HEADER, &text("0.1")), (REPORT_HEADER, &text("0.2"))]), Some(0.1));
    assert_eq!(head(&[(REPORT_HEADER, &text("0.1")), (BINARY_REPORT_HEADER, &binary)]), Some(0.5));
    assert_eq!(head(&[(REPORT_HEADER, &text("0.1")), (BINARY_REPORT_HEADER, "?")]), None, "as in Envoy");
}

#[test]
fn what_no_endpoint_should_write_is_no_report() {
    let long = format!("TEXT cpu_utilization=0.5,{}", "a=1,".repeat(MOST_BYTES / 4));
    let broken = format!("BIN {}", base64(&message()[..40], true));
    for value in [
        "",
        "TEXT",
        "text cpu_utilization=0.5",
        "cpu_utilization=0.5",
        "BAD cpu_utilization=0.5",
        "TEXT cpu_utilization",
        "TEXT cpu_utilization=",
        "TEXT cpu_utilization=NaN",
        "TEXT cpu_utilization=inf",
        "TEXT cpu_utilization=infinity",
        "TEXT cpu_utilization=1e999",
        "TEXT cpu_utilization=-0.1",
        "TEXT cpu_utilization=0.5 0.6",
        "TEXT cpu_utilization=0.5,cpu_utilization=0.6",
        "TEXT cpu_utilization=0.5,named_metrics.queue=-1",
        "TEXT cpu_utilization=0.5,eps=many",
        "TEXT cpu_utilization=0.5\u{e9}",
        "JSON ",
        "JSON []",
        "JSON {",
        r#"JSON {"cpu_utilization": true}"#,
        r#"JSON {"cpu_utilization": "NaN"}"#,
        r#"JSON {"cpu_utilization": -1}"#,
        r#"JSON {"cpu_utilization": 1e999}"#,
        r#"JSON {"cpu_utilization": 0.5, "cpuUtilization": 0.5}"#,
        r#"JSON {"named_metrics": [1]}"#,
        r#"JSON {"named_metrics": {"queue": {}}}"#,
        "BIN ????",
        "BIN A",
        &broken,
        &long,
    ] {
        assert_eq!(read(value), None, "{value}");
    }
}

#[test]
fn a_weight_is_requests_per_second_for_each_unit_of_how_busy_that_makes() {
    let policy = ReportPolicy { error_utilization_penalty: 2.0, ..ReportPolicy::default() };
    let weight = |rps_fractional, eps, application_utilization, cpu_utilization, named| {
        policy.weight(&Report { rps_fractional, eps, application_utilization, cpu_utilization, named })
    };
    // Envoy's own cases: 1000 / 0.5, and 1000 / (0.5 + 2 * 100 / 1000).
    assert_eq!(weight(1000.0, 0.0, 0.5, 0.9, 0.0), Some(2000.0));
    assert_eq!(weight(1000.0, 100.0, 0.5, 0.0, 0.0).map(f64::trunc), Some(1428.0));
    assert_eq!(weight(100.0, 0.0, 0.0, 0.25, 0.0), Some(400.0), "cpu_utilization, for want of another");
    assert_eq!(weight(100.0, 0.0, 0.5, 0.25, 0.2), Some(500.0), "the operator's own metrics first");
    for (rps, eps, utilization) in [
        (0.0, 0.0, 0.5),
        (100.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (f64::MAX, 0.0, 0.1),
        (f64::MIN_POSITIVE, 1e9, 1.0),
    ] {
        assert_eq!(weight(rps, eps, utilization, 0.0, 0.0), None, "{rps} {eps} {utilization}");
    }
}

#[test]
fn a_weight_counts_after_the_blackout_and_until_it_expires() {
    let policy = ReportPolicy::default();
    let at = Timestamp::from_millis;
    let first = ReportedWeight::after(None, 5.0, at(1_000_000), &policy);
    assert_eq!(first.usable(at(1_009_999), &policy), None, "for ten seconds");
    assert_eq!(first.usable(at(1_010_000), &policy), Some(5.0));
    assert_eq!(first.usable(at(1_179_999), &policy), Some(5.0));
    assert_eq!(first.usable(at(1_180_000), &policy), None, "for three minutes");
    let goes_on = ReportedWeight::after(Some(first), 6.0, at(1_179_999), &policy);
    assert_eq!(goes_on.usable(at(1_179_999), &policy), Some(6.0));
    let anew = ReportedWeight::after(Some(first), 7.0, at(1_180_000), &policy);
    assert_eq!(anew.usable(at(1_189_999), &policy), None, "the blackout begins again");
    assert_eq!(anew.usable(at(1_190_000), &policy), Some(7.0));
    // The clock steps back by an hour: with the next report the blackout begins, and does not last an hour.
    let back = ReportedWeight::after(Some(anew), 8.0, at(1), &policy);
    assert_eq!(back.usable(at(10_001), &policy), Some(8.0));
    let none = ReportPolicy { blackout_period: Duration::ZERO, ..policy };
    assert_eq!(ReportedWeight::after(None, 9.0, at(5), &none).usable(at(5), &none), Some(9.0));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn is_sound(report: &Report) -> bool {
        let Report { rps_fractional, eps, application_utilization, cpu_utilization, named } = report;
        [rps_fractional, eps, application_utilization, cpu_utilization, named]
            .iter()
            .all(|number| number.is_finite() && **number >= 0.0)
    }

    /// Pieces of which reports are made, in any order.
    fn nearly() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("cpu_utilization".to_owned()),
            Just("rps_fractional".to_owned()),
            Just("named_metrics.queue".to_owned()),
            "[-+0-9.eE]{0,9}",
            "[=:,{}\\[\\]\" .]{1,2}",
            any::<f64>().prop_map(|number| number.to_string()),
            any::<char>().prop_map(String::from),
        ];
        let form = prop_oneof![Just("TEXT "), Just("JSON "), Just("BIN "), Just("")];
        (form, prop::collection::vec(piece, 0..12))
            .prop_map(|(form, pieces)| form.to_owned() + &pieces.concat())
    }

    fn check(value: &[u8]) -> Result<(), TestCaseError> {
        let wanted = wanted(&["named_metrics.queue", "cpu_utilization"]);
        if let Some(report) = Report::read(value, &wanted) {
            prop_assert!(is_sound(&report), "{report:?}");
            if let Some(weight) = ReportPolicy::default().weight(&report) {
                prop_assert!(weight.is_finite() && weight > 0.0, "{report:?}: {weight}");
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_writes_is_a_report_or_none(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            nearly in nearly(),
        ) {
            check(&bytes)?;
            check(nearly.as_bytes())?;
            for form in ["TEXT ", "JSON ", "BIN "] {
                check(&[form.as_bytes(), &bytes].concat())?;
            }
            check(format!("BIN {}", base64(&bytes, bytes.len() % 2 == 0)).as_bytes())?;
        }

        #[test]
        fn a_message_that_lost_or_changed_a_byte_is_a_report_or_none(place in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
            let mut message = message();
            let (place, end) = (place.index(message.len()), end.index(message.len()));
            message[place] = byte;
            check(format!("BIN {}", base64(&message, true)).as_bytes())?;
            check(format!("BIN {}", base64(&message[..end], true)).as_bytes())?;
        }

        #[test]
        fn numbers_come_through_every_form(cpu in 0.0..1e9_f64, rps in 1e-6..1e9_f64, queue in 0.0..1e9_f64) {
            let text = format!("TEXT cpu_utilization={cpu},rps_fractional={rps},named_metrics.queue={queue}");
            let json = format!(r#"JSON {{"cpu_utilization":{cpu},"rps_fractional":{rps},"named_metrics":{{"queue":{queue}}}}}"#);
            let expected = Report { cpu_utilization: cpu, rps_fractional: rps, named: queue, ..Report::default() };
            prop_assert_eq!(read(&text), Some(expected));
            let near = read(&json).expect("a report");
            // A number in JSON is read to the last bit but one.
            for (one, other) in [(near.cpu_utilization, cpu), (near.rps_fractional, rps), (near.named, queue)] {
                prop_assert!((one - other).abs() <= other * 1e-15);
            }
        }
    }
}
