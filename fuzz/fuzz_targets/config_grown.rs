//! libFuzzer's way to [`switchyard_fuzz::config::config_grown`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::config::config_grown(bytes));
