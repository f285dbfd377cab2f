//! libFuzzer's way to [`switchyard_fuzz::wire::queue_messages`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchyard_fuzz::wire::queue_messages(bytes));
