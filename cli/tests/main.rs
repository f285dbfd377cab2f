//! The program from outside: arguments, files, admins; exit codes, standard output and standard error.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and has a server beside it"
)]

mod admin;
mod bad_input;
mod documentation;
mod program;
mod render;
mod requests;
