//! libFuzzer's way to [`switchyard_fuzz::json::json`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::json::json(bytes));
