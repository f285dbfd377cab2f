//! Headers that are another one in nearly every request.

#![allow(missing_docs, reason = "a test is documented by its name")]

use switchyard_core::request_key::Noise;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What is told of so many requests, each with these headers.
fn told(noise: &mut Noise, requests: u32, headers: impl Fn(u32) -> Vec<(String, String)>) -> Vec<String> {
    let mut told = Vec::new();
    for request in 0..requests {
        if noise.looks() {
            let headers = headers(request);
            told.extend(noise.look(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))));
        }
    }
    told
}

fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

#[test]
fn a_header_that_is_ever_new_is_told_once() {
    let mut noise = Noise::default();
    let headers = |request| vec![pair("accept", "json"), pair("x-once", request)];
    assert_eq!(told(&mut noise, 256, headers), ["x-once"]);
    assert_eq!(told(&mut noise, 50_000, headers), [""; 0]);
}

#[test]
fn a_header_with_few_values_or_in_few_requests_is_not_told() {
    let mut noise = Noise::default();
    let headers = |request: u32| {
        let rare = (request.is_multiple_of(3)).then(|| pair("x-rare", request));
        [pair("x-version", request % 16), pair("x-user", request / 2)].into_iter().chain(rare).collect()
    };
    assert_eq!(told(&mut noise, 50_000, headers), [""; 0]);
}

#[test]
fn all_that_are_found_at_a_time_are_told_in_order() {
    let headers = |request| vec![pair("b", request), pair("a", request), pair("c", "x")];
    assert_eq!(told(&mut Noise::default(), 256, headers), ["a", "b"]);
}

#[test]
fn what_is_looked_at_and_told_is_bounded() {
    let many = |request| (0..100).map(|number| pair(&format!("x-{number:03}"), request)).collect();
    let mut noise = Noise::default();
    assert_eq!(told(&mut noise, 256, many).len(), 8);
    assert_eq!(told(&mut noise, 100_000, many), [""; 0]);
    let long = |request| vec![pair(&"x".repeat(65), request)];
    assert_eq!(told(&mut Noise::default(), 10_000, long), [""; 0]);
}

#[test]
fn most_requests_are_not_looked_at() {
    let mut noise = Noise::default();
    let looked = (0..17 * 256 * 4).filter(|_| noise.looks()).count();
    assert_eq!(looked, 4 * 256);
}

#[test]
fn a_header_is_told_if_it_is_in_half_of_the_requests_and_nine_of_ten_times_new() {
    let is_told = |requests: u32, new: u32| {
        let headers = |request: u32| {
            let value = request.min(new - 1);
            (request < requests).then(|| pair("x-some", value)).into_iter().collect()
        };
        !told(&mut Noise::default(), 256, headers).is_empty()
    };
    assert!(is_told(128, 128) && !is_told(127, 127));
    assert!(is_told(200, 180) && !is_told(200, 179));
}

#[test]
fn of_more_names_than_64_those_that_come_later_are_not_looked_at() {
    let calm = |number| (0..number).map(|name| pair(&format!("calm-{name}"), "x")).collect::<Vec<_>>();
    let with = |number: u32| {
        told(&mut Noise::default(), 256, |request| {
            calm(number).into_iter().chain([pair("x-new", request)]).collect()
        })
    };
    assert_eq!((with(63), with(64)), (vec!["x-new".to_owned()], Vec::new()));
}
