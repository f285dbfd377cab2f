//! Reports of load, in their three forms.
//!
//! Invariants: whatever stands there, no number of a report is negative, infinite or none; what is too long is not looked at. The same
//! report in text, in JSON and in protobuf is the same report, or is refused in each.

use crate::draw::Draw;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use switchyard_core::orca::{BINARY_REPORT_HEADER, MOST_BYTES, MetricName, REPORT_HEADER, Report};
use switchyard_core::request::PlainRequest;

/// Numbers that every form writes exactly; the last is none that counts.
const NUMBERS: [f64; 6] = [0.0, 0.25, 1.0, 77.5, 1e9, -1.0];

fn wanted() -> [MetricName; 4] {
    ["utilization.gpu", "named_metrics.queue", "mem_utilization", "application_utilization"]
        .map(|name| MetricName::of(name).expect("a name"))
}

/// A header's value, and a report that was made.
pub fn orca(bytes: &[u8]) {
    let read = Report::read(bytes, &wanted());
    read.iter().for_each(is_sound);
    assert!(read.is_none() || bytes.len() <= MOST_BYTES);
    let plain = PlainRequest::get("/").with(REPORT_HEADER, bytes);
    assert_eq!(Report::of(&plain, &wanted()), read);
    let binary = plain.with(BINARY_REPORT_HEADER, bytes);
    let of_both = Report::of(&binary, &wanted());
    of_both.iter().for_each(is_sound);
    let mut prefixed = b"BIN ".to_vec();
    prefixed.extend_from_slice(bytes);
    if prefixed.len() <= MOST_BYTES && prefixed.len() > 4 {
        assert_eq!(of_both, Report::read(&prefixed, &wanted()), "what is in -bin needs no form");
    }
    made(&mut Draw::of(bytes));
}

fn is_sound(report: &Report) {
    let Report { rps_fractional, eps, application_utilization, cpu_utilization, named } = *report;
    for number in [rps_fractional, eps, application_utilization, cpu_utilization, named] {
        assert!(number.is_finite() && number >= 0.0, "{report:?}");
    }
}

/// The same report is read of each form.
fn made(draw: &mut Draw<'_>) {
    let forms = forms(draw);
    let [text, json, binary] = forms.each_ref().map(|form| Report::read(form.as_bytes(), &wanted()));
    assert_eq!(text, json, "{forms:?}");
    // A report of nothing has no bytes, and so there is none.
    assert!(text == binary || forms[2] == "BIN ", "{forms:?}");
}

/// A report in each form.
fn forms(draw: &mut Draw<'_>) -> [String; 3] {
    let own = [
        ("rps_fractional", 6),
        ("eps", 7),
        ("application_utilization", 9),
        ("cpu_utilization", 1),
        ("mem_utilization", 2),
    ];
    let (mut text, mut json, mut binary) = (Vec::new(), serde_json::Map::new(), Vec::new());
    for (name, number) in own {
        if draw.one_in(2) {
            let value = draw.one(&NUMBERS);
            text.push(format!("{name}={value}"));
            json.insert(name.to_owned(), value.into());
            binary.push(number << 3 | 1);
            binary.extend(value.to_le_bytes());
        }
    }
    for (map, number) in [("utilization", 5_u8), ("named_metrics", 8)] {
        let mut entries = serde_json::Map::new();
        for key in ["gpu", "queue", ""] {
            if draw.one_in(2) {
                let value = draw.one(&NUMBERS);
                text.push(format!("{map}.{key}={value}"));
                entries.insert(key.to_owned(), value.into());
                let entry =
                    [&[0x0a, key.len() as u8][..], key.as_bytes(), &[0x11], &value.to_le_bytes()].concat();
                binary.extend([number << 3 | 2, entry.len() as u8]);
                binary.extend(entry);
            }
        }
        json.insert(map.to_owned(), entries.into());
    }
    [
        format!("TEXT {}", text.join(", ")),
        format!("JSON {}", serde_json::Value::from(json)),
        format!("BIN {}", BASE64_STANDARD.encode(binary)),
    ]
}
