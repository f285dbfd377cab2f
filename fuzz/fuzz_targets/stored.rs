//! libFuzzer's way to [`switchyard_fuzz::discovery::stored`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::discovery::stored(bytes));
