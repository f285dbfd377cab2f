//! libFuzzer's way to [`switchyard_fuzz::batch::id_list`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::batch::id_list(bytes));
