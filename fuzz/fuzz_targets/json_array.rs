//! libFuzzer's way to [`switchyard_fuzz::batch::json_array`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::batch::json_array(bytes));
