//! libFuzzer's way to [`switchyard_fuzz::batch::embeddings`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::batch::embeddings(bytes));
