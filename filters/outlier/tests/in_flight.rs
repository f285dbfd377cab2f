//! Attempts under way: counted until they are answered or over, and no longer.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use crate::worker;

use switchyard_core::health::Health;
use switchyard_frame::Stream as _;
use switchyard_outlier::Stream;
use worker::{A, HTTP1_GONE, Worker};

type End = fn(&Worker, &mut Stream);

#[test]
fn what_is_in_flight_is_taken_back_however_the_attempt_ends() {
    let ends: [(&str, End); 5] = [
        ("success", |worker, stream| {
            worker.answer(stream, "200");
            worker.complete(stream);
        }),
        ("error status", |worker, stream| worker.answer(stream, "500")),
        ("truncated", |worker, stream| {
            worker.answer(stream, "200");
            stream.on_done(&worker.host);
        }),
        ("reset", |worker, stream| stream.on_done(&worker.host)),
        ("client gone", |worker, stream| {
            worker.integer("response.flags", HTTP1_GONE);
            stream.on_done(&worker.host);
        }),
    ];
    let stall = r#"{"stall": {"limit": "1s", "requests": 2}, "consecutive_5xx": 0,
        "consecutive_local_origin_failure": 0, "consecutive_gateway_failure": 0}"#;
    for (name, end) in ends {
        let mut worker = Worker::alone(stall);
        let mut streams = [worker.begin(A), worker.begin(A), worker.begin(A)];
        streams.iter_mut().for_each(|stream| end(&worker, stream));
        worker.pass(1_000);
        assert_eq!(worker.record(A).health, Health::Healthy, "{name}");
        // Two that wait stall; one would not, and the three of before are gone.
        let waits = worker.begin(A);
        worker.pass(1_000);
        assert_eq!(worker.record(A).health, Health::Healthy, "{name}");
        let waits = (waits, worker.begin(A));
        worker.pass(1_000);
        assert_eq!(worker.record(A).health, Health::Ejected, "{name}");
        drop(waits);
    }
}
