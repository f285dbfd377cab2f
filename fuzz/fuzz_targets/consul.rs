//! libFuzzer's way to [`switchyard_fuzz::discovery::consul`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::discovery::consul(bytes));
