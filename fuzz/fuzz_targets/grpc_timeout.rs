//! libFuzzer's way to [`switchyard_fuzz::times::grpc_timeout`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::times::grpc_timeout(bytes));
