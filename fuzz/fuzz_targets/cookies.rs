//! libFuzzer's way to [`switchyard_fuzz::request::cookies`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::request::cookies(bytes));
