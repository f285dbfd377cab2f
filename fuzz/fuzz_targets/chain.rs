//! libFuzzer's way to [`switchyard_fuzz::chain::chain`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::chain::chain(bytes));
