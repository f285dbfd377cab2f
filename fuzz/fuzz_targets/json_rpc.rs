//! libFuzzer's way to [`switchyard_fuzz::batch::json_rpc`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::batch::json_rpc(bytes));
