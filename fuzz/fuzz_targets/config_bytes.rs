//! libFuzzer's way to [`switchyard_fuzz::config::config_bytes`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::config::config_bytes(bytes));
