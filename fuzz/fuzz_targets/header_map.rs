//! libFuzzer's way to [`switchyard_fuzz::wire::header_map`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::wire::header_map(bytes));
