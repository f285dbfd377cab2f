//! libFuzzer's way to [`switchyard_fuzz::orca::orca`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::orca::orca(bytes));
