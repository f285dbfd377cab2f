//! Which answers may go to others than those who asked, and for how long.

#![allow(missing_docs, reason = "a test is documented by its name")]

mod held;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod shared;

use core::time::Duration;
use switchyard_core::coalesce::Settings;
use switchyard_core::request::PlainRequest;

/// Answers are held for ten seconds.
fn settings() -> Settings {
    Settings { hold: Duration::from_secs(10), ..Settings::default() }
}

fn answer(headers: &[(&str, &str)]) -> PlainRequest {
    headers.iter().fold(PlainRequest::default(), |answer, (name, value)| answer.with(name, value))
}

/// For how many milliseconds an answer with these headers serves later requests like `request`.
fn held_for(request: &PlainRequest, headers: &[(&str, &str)]) -> u128 {
    settings().hold_for(&answer(headers), request).as_millis()
}

fn held(headers: &[(&str, &str)]) -> u128 {
    held_for(&PlainRequest::get("/"), headers)
}

fn serves_stale(headers: &[(&str, &str)]) -> bool {
    settings().may_serve_stale(&answer(headers), &PlainRequest::get("/"))
}

/// A directive in all the ways it may be written.
fn ways(word: &str) -> [String; 6] {
    [
        word.to_owned(),
        word.to_ascii_uppercase(),
        format!("{word}=5"),
        format!("{word} =\"a, b\""),
        format!("max-age=5,{word}"),
        format!(" public ,\t{word} , max-age=5"),
    ]
}
