//! libFuzzer's way to [`switchyard_fuzz::discovery::http_list`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::discovery::http_list(bytes));
