//! libFuzzer's way to [`switchyard_fuzz::request::query`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::request::query(bytes));
