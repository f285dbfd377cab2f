//! libFuzzer's way to [`switchyard_fuzz::times::retry_after`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::times::retry_after(bytes));
