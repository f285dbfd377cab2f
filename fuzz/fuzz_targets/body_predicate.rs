//! libFuzzer's way to [`switchyard_fuzz::json::body_predicate`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::json::body_predicate(bytes));
