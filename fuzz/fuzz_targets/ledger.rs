//! libFuzzer's way to [`switchyard_fuzz::shared::ledger`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::shared::ledger(bytes));
