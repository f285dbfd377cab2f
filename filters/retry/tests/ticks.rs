//! When the filter ticks: quickly while a request waits, slowly while there is something to tell, and else not at all.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use crate::worker;

use switchyard_host::Status;
use switchyard_retry::{Flow, NEWS_TICK, TICK};
use worker::{GET, OK, Request, START, Worker};

const WAITS: &str = r#"{"engine": "filter", "back_off":
    {"base": "200ms", "max": "200ms", "jitter": "decorrelated"}}"#;

fn quick() -> u64 {
    u64::try_from(TICK.as_millis()).expect("a period")
}

fn slow() -> u64 {
    u64::try_from(NEWS_TICK.as_millis()).expect("a period")
}

fn held(worker: &mut Worker) -> Request {
    let mut request = worker.send(&GET);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    request
}

#[test]
fn nothing_ticks_before_the_first_request() {
    let mut worker = Worker::alone(WAITS);
    assert_eq!(worker.period(), 0);
    worker.pass(10_000);
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_request_that_succeeds_ticks_slowly_for_a_second() {
    let mut worker = Worker::alone(WAITS);
    worker.succeed();
    assert_eq!(worker.period(), slow());
    worker.pass(1_000);
    assert_eq!(worker.period(), slow());
    worker.pass(100);
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_request_that_waits_ticks_quickly() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    assert_eq!(worker.period(), quick());
    worker.pass(195);
    assert!(worker.is_quiet());
    let call = worker.next_call();
    assert_eq!(worker.period(), quick(), "the call's answer is waited for");
    worker.pass(1_000);
    assert_eq!(worker.period(), quick());
    worker.reply(&call, OK, b"fine");
    worker.answer_to(&request);
    worker.end(request);
    worker.pass(100);
    assert_eq!(worker.period(), slow());
    worker.pass(1_100);
    assert_eq!(worker.period(), 0);
}

#[test]
fn ticks_stay_quick_for_a_moment_so_that_they_need_not_be_set_for_every_request() {
    let mut worker = Worker::filter(r#""hedge": {}"#);
    worker.succeed();
    worker.host.forget_calls();
    for _ in 0..100 {
        worker.pass(10);
        worker.succeed();
    }
    assert_eq!(worker.host.calls("proxy_set_tick_period_milliseconds"), 0);
    assert_eq!(worker.period(), quick());
}

#[test]
fn two_requests_that_wait_are_woken_each_in_its_time() {
    let mut worker = Worker::alone(WAITS);
    let _one = held(&mut worker);
    worker.pass(100);
    let two = held(&mut worker);
    worker.pass(95);
    assert!(worker.is_quiet());
    worker.next_call();
    worker.end(two);
    worker.pass(95);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert!(worker.is_quiet(), "the second has left");
}

#[test]
fn a_quick_tick_with_nothing_due_costs_two_host_calls_at_most() {
    let mut worker = Worker::alone(WAITS);
    let _request = held(&mut worker);
    worker.pass(60);
    for _ in 0..5 {
        worker.host.forget_calls();
        worker.pass(5);
        assert!(worker.host.all_calls() <= 1, "the time");
    }
}

#[test]
fn a_late_request_is_told_though_the_ticks_have_stopped() {
    let mut worker = Worker::alone(WAITS);
    let mut request = worker.send(&GET);
    worker.pass(5_000);
    assert_eq!(worker.period(), 0);
    worker.answer(&mut request, OK, true);
    worker.end(request);
    assert_eq!(worker.count("attempts_total", ""), 1);
}

#[test]
fn a_clock_that_steps_back_stops_no_ticks_and_no_request() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.pass(100);
    worker.set_time(START - 3_600_000);
    worker.tick();
    assert!(worker.is_quiet());
    worker.end(request);
    worker.succeed();
    worker.pass(2_000);
    assert_eq!(worker.period(), 0);
    assert_eq!(worker.count("attempts_total", ""), 2);
}

#[test]
fn a_host_without_a_clock_waits_for_one() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.host.fail("proxy_get_current_time_nanoseconds", Status::InternalFailure);
    worker.pass(1_000);
    assert!(worker.is_quiet());
    worker.host.recover("proxy_get_current_time_nanoseconds");
    worker.next_call();
    worker.end(request);
}

#[test]
fn a_tick_that_comes_late_does_what_is_due_once() {
    let mut worker = Worker::alone(WAITS);
    let _requests = [held(&mut worker), held(&mut worker)];
    worker.set_time(START + 2_000);
    worker.tick();
    assert_eq!(worker.host.take_called().len(), 2);
    worker.tick();
    assert!(worker.is_quiet());
}

#[test]
fn an_attempt_that_is_never_answered_is_ended_by_the_watchdog() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.pass(200);
    let call = worker.call();
    worker.pass(14_800);
    assert!(worker.is_quiet(), "the call's own timeout is Envoy's");
    worker.pass(995);
    assert!(worker.is_quiet());
    worker.pass(5);
    assert_eq!(worker.answer_to(&request).status, 504);
    worker.reply(&call, OK, b"late");
    worker.end(request);
    assert!(worker.is_quiet());
    assert_eq!(worker.count("retry_watchdog_total", ""), 1);
    assert_eq!(worker.count("deadlines_exceeded_total", ""), 0);
}

#[test]
fn a_hedge_that_lost_needs_no_ticks() {
    let mut worker = Worker::filter(r#""hedge": {"initial_delay": "10ms"}"#);
    let mut request = worker.send(&GET);
    worker.pass(10);
    let _call = worker.call();
    assert_eq!(worker.answer(&mut request, OK, false), Flow::Continue);
    worker.pass(100);
    assert_eq!(worker.period(), slow());
    worker.pass(1_100);
    assert_eq!(worker.period(), 0, "nor does an answer that streams on");
}

#[test]
fn an_answer_that_was_given_needs_no_ticks_while_it_passes() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.pass(200);
    let call = worker.call();
    worker.reply(&call, OK, b"fine");
    worker.answer_to(&request);
    worker.pass(1_200);
    assert_eq!(worker.period(), 0);
}

#[test]
fn what_is_to_be_told_is_told_slowly_however_quick_the_ticks_are() {
    let mut worker = Worker::alone(WAITS);
    let _waits = held(&mut worker);
    worker.host.forget_calls();
    for _ in 0..20 {
        worker.succeed();
        worker.pass(5);
    }
    assert_eq!(worker.host.calls("proxy_set_shared_data"), 2, "in 100 ms");
}

#[test]
fn a_clock_that_steps_back_while_nothing_waits_keeps_no_ticks_running() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.end(request);
    worker.pass(10);
    assert_eq!(worker.period(), quick());
    worker.set_time(START - 3_600_000);
    worker.pass(100);
    assert_eq!(worker.period(), slow());
    worker.set_time(START - 7_200_000);
    worker.pass(1_200);
    assert_eq!(worker.period(), 0);
}

#[test]
fn a_clock_that_is_set_back_puts_no_deadline_off() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.pass(200);
    let _call = worker.call();
    worker.set_time(START - 3_600_000);
    worker.pass(15_900);
    assert_eq!(worker.answer_to(&request).status, 504);
}

#[test]
fn a_clock_that_is_set_back_puts_no_retry_off() {
    let mut worker = Worker::alone(WAITS);
    let request = held(&mut worker);
    worker.set_time(START - 3_600_000);
    worker.pass(300);
    let call = worker.call();
    worker.reply(&call, OK, b"fine");
    assert_eq!(worker.answer_to(&request).status, 200);
}

#[test]
fn a_request_that_fails_before_it_began_by_the_wall_has_its_time_and_no_more() {
    let mut worker = Worker::alone(WAITS);
    let mut request = worker.send(&GET);
    worker.set_time(START - 3_600_000);
    assert_eq!(worker.fail(&mut request), Flow::Pause);
    worker.pass(205);
    let _call = worker.call();
    worker.pass(15_900);
    assert_eq!(worker.answer_to(&request).status, 504);
}
