//! libFuzzer's way to [`switchyard_fuzz::route::route_table`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::route::route_table(bytes));
