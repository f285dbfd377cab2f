//! Names, units and descriptions are as docs/metrics.md says they all are.

use super::*;
use hashbrown::HashSet;

fn all() -> impl Iterator<Item = &'static Description> {
    CHAPTERS.iter().flat_map(|chapter| chapter.metrics)
}

#[test]
fn no_name_is_given_twice_neither_of_now_nor_of_the_release_before() {
    let mut seen = HashSet::new();
    for metric in all() {
        for name in [Some(metric.name), metric.was].into_iter().flatten() {
            assert!(seen.insert(name), "{name} stands twice");
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

#[test]
fn counters_and_no_others_end_in_total() {
    for metric in all() {
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
    }
}

#[test]
fn names_are_plain_and_units_stand_in_full() {
    for metric in all() {
        let words: Vec<_> = metric.name.split('_').collect();
        assert!(
            words
                .iter()
                .all(|word| !word.is_empty()
                    && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())),
            "{}",
            metric.name
        );
        for short in ["ms", "us", "ns", "secs", "sec", "kb", "mb", "pct"] {
            assert!(!words.contains(&short), "{} has a unit by its first letters", metric.name);
        }
        for unit in ["seconds", "milliseconds", "microseconds"] {
            assert_eq!(words.contains(&unit), metric.unit == unit, "{} is in {}", metric.name, metric.unit);
        }
    }
}

#[test]
fn every_metric_is_described_in_a_row_of_a_table() {
    for metric in all() {
        for text in [metric.unit, metric.bound, metric.meaning] {
            assert!(!text.is_empty(), "{}", metric.name);
        }
        for text in [metric.unit, metric.bound, metric.meaning, metric.worry] {
            assert!(!text.contains(['|', '\n']) && !text.ends_with('.'), "{}: {text}", metric.name);
        }
    }
}

#[test]
fn a_metric_is_what_its_description_says() {
    assert_eq!(DECISIONS.labels, ["route", "upstream", "policy"]);
    let described = all().find(|metric| metric.name == DECISIONS.name).expect("it is described");
    assert_eq!((described.kind, described.labels), (Kind::Counter, &DECISIONS.labels[..]));
    assert_eq!(DECISIONS.full_name(), "switchyard_decisions_total");
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram].map(Kind::name);
    assert_eq!(kinds, ["counter", "gauge", "histogram"]);
}
