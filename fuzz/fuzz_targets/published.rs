//! libFuzzer's way to [`switchyard_fuzz::wire::published`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::wire::published(bytes));
