//! libFuzzer's way to [`switchyard_fuzz::consistent::ring_and_maglev`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::consistent::ring_and_maglev(bytes));
