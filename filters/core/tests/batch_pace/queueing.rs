//! Whether answers come in time, of one server that takes 10 ms for a call and 0.2 ms for each item.
//!
//! With these costs it serves 3000 a second in batches that take half of the target, and 5000 in the largest there could be.

use super::server::{Outcome, Policy, Run};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What each policy makes of it: batches as large as there are requests, by least squares, by trial.
fn compared(name: &str, run: &Run) -> [Outcome; 3] {
    Policy::ALL.map(|policy| {
        let outcome = run.with(policy);
        let Outcome { late, p50, p99, longest, mean_size, .. } = outcome;
        println!(
            "{name}, {policy:?}: {late:.2} % late, p50 {p50:.1}, p99 {p99:.1}, at most {longest:.1} ms; {mean_size:.1} items"
        );
        outcome
    })
}

/// So many a second, three times as many, and so many again.
fn triples(rate: f64) -> Run {
    Run { rates: vec![(0.0, rate), (7_000.0, 3.0 * rate), (14_000.0, rate)], ..Run::default() }
}

#[test]
fn the_target_holds_while_load_triples() {
    let [plain, fitted, tried] = compared("800 a second, 2400, 800", &triples(800.0));
    assert!(fitted.late < 0.05 && fitted.p99 < 45.0, "{fitted:?}");
    assert!(fitted.p99 < plain.p99 + 1.0, "and nothing is lost against batches without a bound: {plain:?}");
    assert!(tried.late < 0.5, "{tried:?}");
}

#[test]
fn a_line_does_better_than_trial_at_the_edge_of_what_the_target_allows() {
    let [_, fitted, tried] = compared("1000 a second, 3000, 1000", &triples(1_000.0));
    assert!(fitted.late < 8.0 && fitted.p99 < 60.0, "{fitted:?}");
    assert!(2.0 * fitted.late < tried.late && fitted.p99 < tried.p99, "{tried:?}");
    let noisy = Run { rates: vec![(0.0, 2_000.0)], noise: 0.3, ..Run::default() };
    let [_, fitted, tried] = compared("2000 a second, times off by up to 30 %", &noisy);
    assert!(fitted.late < 0.5 && fitted.late < tried.late, "{fitted:?}, {tried:?}");
}

#[test]
fn a_burst_that_is_too_large_for_the_target_is_late_in_part_only() {
    let [plain, fitted, tried] = compared("300 at once", &Run { bursts: 300, ..Run::default() });
    assert!(plain.late > 99.0, "in one batch all are late: {plain:?}");
    assert!(fitted.late < 80.0 && tried.late < 80.0, "{fitted:?}, {tried:?}");
}

#[test]
fn more_than_the_target_allows_does_not_end_in_ever_smaller_batches() {
    let rates = vec![(0.0, 800.0), (7_000.0, 4_600.0), (14_000.0, 800.0)];
    let [plain, fitted, tried] = compared("800 a second, 4600, 800", &Run { rates, ..Run::default() });
    assert!(fitted.longest < 1.1 * plain.longest, "{fitted:?}, {plain:?}");
    assert!(tried.longest < 3.0 * plain.longest, "{tried:?}");
    let slow = Run { costs: vec![(0.0, 40.0, 0.2)], ..Run::default() };
    let [plain, fitted, _] = compared("a call takes 40 ms", &slow);
    assert!(fitted.p50 < 1.1 * plain.p50 && fitted.longest < 300.0, "{fitted:?}, {plain:?}");
}

#[test]
fn a_server_that_slows_down_is_followed() {
    let costs = vec![(0.0, 10.0, 0.2), (7_000.0, 20.0, 0.4), (14_000.0, 10.0, 0.2)];
    let [plain, fitted, tried] = compared("twice as slow for a while", &Run { costs, ..Run::default() });
    assert!(fitted.late < plain.late + 2.0 && fitted.p99 < plain.p99 + 5.0, "{fitted:?}, {plain:?}");
    assert!(fitted.late <= tried.late, "{tried:?}");
    let hiccups = Run { rates: vec![(0.0, 1_500.0)], hiccup: 200, ..Run::default() };
    let [plain, fitted, tried] = compared("one batch in 200 takes 200 ms more", &hiccups);
    assert!(fitted.late < plain.late + 1.0, "{fitted:?}, {plain:?}");
    assert!(fitted.late <= tried.late, "{tried:?}");
}

#[test]
fn batches_that_wait_for_each_other_are_not_taken_for_slow() {
    for rate in [800.0, 1_000.0, 1_200.0] {
        for max_items in [64, 512] {
            let run = Run { in_flight: 4, max_items, ..triples(rate) };
            let [plain, fitted, _] =
                compared(&format!("4 under way, one at a time, {rate} and thrice that"), &run);
            assert!(fitted.late < plain.late + 1.0 && fitted.p99 < plain.p99 + 15.0, "{fitted:?}, {plain:?}");
            assert!(fitted.late_at_last <= plain.late_at_last + 1.0, "and it ends: {fitted:?}, {plain:?}");
        }
    }
}

#[test]
fn a_server_of_several_at_a_time_holds_the_target_where_batches_without_a_bound_do_not() {
    let run = Run { in_flight: 4, at_a_time: 4, ..triples(2_000.0) };
    let [plain, fitted, _] = compared("4 under way, 4 at a time, 2000 and thrice that", &run);
    assert!(plain.late > 5.0 && fitted.late < 0.1, "{fitted:?}, {plain:?}");
}
