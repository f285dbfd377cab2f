//! What is counted arrives under its name and its former one, once, and is bounded.

use super::*;
use switchyard_core::Timestamp;
use switchyard_core::status::{Snapshot, Worker};
use switchyard_host::Status;
use switchyard_host::fake::FakeHost;

const SEEN: Metric<Counter, 1> = Metric::of_test("seen_total", Some("seen"), ["one"]);
const HELD: Metric<Gauge, 1> = Metric::of_test("held", None, ["one"]);
const NOW: Metric<Gauge, 1> = Metric::of_test("now_seconds", Some("now_s"), ["one"]);
const WAITS: Metric<Histogram, 1> = Metric::of_test("waits_milliseconds", Some("waits_ms"), ["one"]);

#[test]
fn labels_are_encoded_as_the_shipped_stats_tags_expect_and_an_empty_one_is_none() {
    assert_eq!(
        series_name("ejections", &[("upstream", "checkout"), ("reason", "consecutive_5xx")]),
        "switchyard.upstream=.=checkout;.;reason=.=consecutive_5xx;.;ejections"
    );
    assert_eq!(series_name("panics", &[]), "switchyard.panics");
    assert_eq!(series_name("x", &[("route", ""), ("upstream", "a")]), "switchyard.upstream=.=a;.;x");
}

#[test]
fn a_name_is_defined_once_and_written_only_when_it_moved() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    let first = registry.counter(&host, &SEEN, ["a"]);
    let again = registry.counter(&host, &SEEN, ["a"]);
    first.increment();
    again.add(2);
    assert_eq!(host.calls("proxy_define_metric"), 1, "its former name is defined on the tick");
    registry.flush(&host);
    registry.flush(&host);
    assert_eq!(host.counter("switchyard.one=.=a;.;seen_total"), 3);
    assert_eq!(host.counter("switchyard.one=.=a;.;seen"), 3);
    assert_eq!(host.calls("proxy_define_metric"), 2);
    assert_eq!(host.calls("proxy_increment_metric"), 2);
}

#[test]
fn a_host_that_takes_nothing_for_a_while_has_both_names_right_afterwards() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    let seen = registry.counter(&host, &SEEN, ["a"]);
    for call in ["proxy_increment_metric", "proxy_define_metric"] {
        seen.increment();
        host.fail(call, Status::InternalFailure);
        registry.flush(&host);
        host.recover(call);
    }
    registry.flush(&host);
    registry.flush(&host);
    for name in ["seen_total", "seen"] {
        assert_eq!(host.counter(&format!("switchyard.one=.=a;.;{name}")), 2, "{name}");
    }
}

#[test]
fn a_gauge_has_both_names_at_once_and_a_histogram_its_former_one_on_the_tick() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    registry.set_gauge(&host, &NOW, ["a"], 7);
    for name in ["now_seconds", "now_s"] {
        assert_eq!(host.counter(&format!("switchyard.one=.=a;.;{name}")), 7, "{name}");
    }
    let waits = registry.histogram(&host, &WAITS, ["a"]);
    let before = host.calls("proxy_record_metric");
    waits.record(&host, 5);
    assert_eq!(host.calls("proxy_record_metric") - before, 1, "on the way of a request");
    registry.flush(&host);
    for name in ["waits_milliseconds", "waits_ms"] {
        assert_eq!(host.counter(&format!("switchyard.one=.=a;.;{name}")), 5, "{name}");
    }
}

#[test]
fn who_looks_is_told_all_values_and_what_a_vm_told_histograms() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    let seen = registry.counter(&host, &SEEN, ["a"]);
    seen.add(3);
    registry.flush(&host);
    seen.add(4);
    registry.set_gauge(&host, &NOW, ["a"], 7);
    let waits = registry.histogram(&host, &WAITS, ["a"]);
    waits.record(&host, 5);
    waits.record(&host, 6);
    let mut said = SnapshotWriter::new(Worker::default());
    registry.say(&host, &mut said);
    let said = Snapshot::decode(said.finish().expect("memory")).expect("a snapshot");
    let mut said: Vec<_> = said.records().map(|record| format!("{record:?}")).collect();
    said.sort();
    let expected = [
        r#"AmountOfVm("switchyard.one=.=a;.;waits_milliseconds_count", 2)"#,
        r#"AmountOfVm("switchyard.one=.=a;.;waits_milliseconds_sum", 11)"#,
        r#"Counter("switchyard.one=.=a;.;now_seconds", 7)"#,
        r#"Counter("switchyard.one=.=a;.;seen_total", 7)"#,
    ];
    assert_eq!(said, expected, "what is pending counts; former names are not shown");
    assert_eq!(host.counter("switchyard.one=.=a;.;seen_total"), 7, "so that nobody says less afterwards");
}

#[test]
fn what_has_no_room_or_is_for_another_to_say_is_not_asked_for() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    for series in 0..4_000 {
        registry.counter(&host, &SEEN, [&format!("{series:040}")]);
    }
    let say = |mut said: SnapshotWriter| {
        host.forget_calls();
        registry.say(&host, &mut said);
        let said = Snapshot::decode(said.finish().expect("memory")).expect("a snapshot");
        (said.records().count() as u64, host.all_calls())
    };
    let (records, calls) = say(SnapshotWriter::new(Worker::default()));
    assert!((500..1_000).contains(&calls) && records == calls + 1, "{records} of {calls}");
    assert_eq!(say(SnapshotWriter::of_succeeded(Worker::default())), (0, 0));
    assert!(registry.room() > 4_000 * 80, "{}", registry.room());
}

#[test]
fn beyond_the_bound_series_are_dropped_and_the_drop_is_counted() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    for series in 0..MAX_SERIES + 5 {
        registry.counter(&host, &SEEN, [&series.to_string()]).increment();
    }
    registry.flush(&host);
    assert_eq!(host.counter("switchyard.metrics_dropped_total"), 5);
    assert_eq!(host.counter(&format!("switchyard.one=.={};.;seen_total", MAX_SERIES - 1)), 1);
    assert_eq!(host.counter(&format!("switchyard.one=.={MAX_SERIES};.;seen_total")), 0);
}

#[test]
fn a_name_that_there_is_no_room_for_is_counted_once_however_often_it_is_told() {
    let (registry, host) = (Registry::default(), FakeHost::default());
    parts::prepare("filter", &host).expect("shared data");
    for series in 0..MAX_SERIES {
        registry.counter(&host, &SEEN, [&series.to_string()]);
    }
    for tick in 0..10 {
        registry.adjust_gauge(&HELD, ["a"], if tick % 2 == 0 { 1 } else { -1 });
        registry.tell_gauges("filter", &host);
        registry.set_gauge(&host, &NOW, ["a"], tick);
        registry.histogram(&host, &WAITS, ["a"]).record(&host, tick);
        registry.counter(&host, &SEEN, ["late"]).increment();
        host.set_now(Timestamp::from_millis(1_000 * (tick + 1)));
        registry.flush(&host);
    }
    assert_eq!(host.counter("switchyard.metrics_dropped_total"), 4);
    for series in 0..2 * MAX_SERIES {
        registry.set_gauge(&host, &NOW, [&format!("more{series}")], 1);
    }
    registry.flush(&host);
    assert_eq!(
        host.counter("switchyard.metrics_dropped_total"),
        MAX_SERIES as u64,
        "what is remembered is bounded"
    );
}
