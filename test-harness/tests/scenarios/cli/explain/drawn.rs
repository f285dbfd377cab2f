//! Random documents, and random requests that meet their conditions now and then: few names and values, so that they do.

#![allow(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use fastrand::Rng;
use serde_json::{Value, json};
use switchyard_cli::decision::Request;

const HOSTS: [&str; 5] =
    ["shop.example", "api.shop.example", "eu.api.shop.example", "shop.test", "other.test"];
const PATTERNS: [&str; 6] =
    ["shop.example", "*.shop.example", "*.api.shop.example", "shop.*", "*", "*-none.example"];
const PATHS: [&str; 9] = [
    "/",
    "/cart",
    "/cart/7",
    "/cartoon",
    "/Cart/9",
    "/catalog/a",
    "/v1/items/42",
    "/v2/items/x",
    "/deep/er/path",
];
const PREFIXES: [&str; 6] = ["/", "/cart", "/cart/", "/catalog", "/v1", "/deep/er"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const VALUES: [&str; 4] = ["alice", "bob", "beta-1", "7"];
const HEADERS: [&str; 3] = ["x-user", "x-tenant", "x-canary"];

fn one<'a>(random: &mut Rng, list: &[&'a str]) -> &'a str {
    list[random.usize(..list.len())]
}

/// A document of a few upstreams and routes, all in one cluster of Envoy's.
pub(super) fn document(random: &mut Rng) -> Value {
    let upstreams: Vec<_> = (0..random.usize(2..5)).map(|number| upstream(number, random)).collect();
    let routes: Vec<_> =
        (0..random.usize(3..10)).map(|number| route(number, upstreams.len(), random)).collect();
    json!({ "default_cluster": "checkout", "explain": true, "upstreams": upstreams, "routes": routes })
}

fn upstream(number: usize, random: &mut Rng) -> Value {
    let endpoints: Vec<_> = (1..=random.u8(1..8))
        .map(|last| {
            let address = format!("10.{}.{}.{last}:{}", number, random.u8(..), random.u16(1024..));
            json!({ "address": address, "weight": random.u32(1..6) })
        })
        .collect();
    let mut balance = match random.u8(..6) {
        0 | 1 => json!({ "policy": "ring_hash", "minimum_ring_size": random.u32(1..512) }),
        2 | 3 => json!({ "policy": "maglev", "table_size": 251 }),
        4 => json!({ "policy": one(random, &["round_robin", "random", "least_request", "weighted_random"]) }),
        _ => json!({ "policy": "ring_hash", "hash_function": "murmur_hash_2" }),
    };
    if balance["policy"] == "ring_hash" || balance["policy"] == "maglev" {
        balance["hash_on"] = hash_on(random);
        balance["no_hash"] = json!(one(random, &["random", "round_robin", "least_request"]));
    }
    balance["candidates"] = json!(random.u8(1..5));
    json!({ "name": format!("u{number}"), "cluster": "checkout", "endpoints": endpoints, "balance": balance })
}

fn hash_on(random: &mut Rng) -> Value {
    let entries: Vec<_> = (0..random.usize(1..4))
        .map(|_| {
            let mut entry = match random.u8(..8) {
                0..=2 => json!({ "header": one(random, &HEADERS) }),
                3 => json!({ "cookie": { "name": "sid" } }),
                4 => json!({ "cookie": { "name": "sid", "ttl": "60s" } }),
                5 => json!({ "query_parameter": "user" }),
                6 => json!({ "source_ip": true }),
                _ => one_of(random, &[json!({ "path": true }), json!({ "header": ":authority" })]),
            };
            if random.bool() {
                entry["terminal"] = json!(true);
            }
            entry
        })
        .collect();
    Value::Array(entries)
}

fn one_of(random: &mut Rng, list: &[Value]) -> Value {
    list[random.usize(..list.len())].clone()
}

fn route(number: usize, upstreams: usize, random: &mut Rng) -> Value {
    let mut route = json!({ "name": format!("r{number}"), "match": matcher(random) });
    if random.u8(..3) > 0 {
        route["upstream"] = json!(format!("u{}", random.usize(..upstreams)));
        return route;
    }
    let share = |number| json!({ "upstream": format!("u{number}"), "weight": number * 3 + 1 });
    route["split"] = (0..upstreams).map(share).collect();
    if random.u8(..4) > 0 {
        route["split_on"] = hash_on(random);
    }
    route
}

fn matcher(random: &mut Rng) -> Value {
    let mut matcher = json!({});
    if random.bool() {
        matcher["hosts"] = json!([one(random, &PATTERNS)]);
    }
    match random.u8(..6) {
        0..=2 => matcher["path_prefix"] = json!(one(random, &PREFIXES)),
        3 => matcher["path"] = json!(one(random, &PATHS)),
        4 => matcher["path_regex"] = json!(one(random, &["/v[0-9]+/items/[0-9]+", "/c.*", "/.*"])),
        _ => {}
    }
    if matcher.get("path_prefix").is_some() && random.u8(..3) == 0 {
        matcher["ignore_case"] = json!(true);
    }
    if random.u8(..4) == 0 {
        matcher["methods"] = json!([one(random, &METHODS), "PATCH"]);
    }
    for (field, names) in [("headers", &HEADERS[..]), ("query", &["user", "q"])] {
        if random.u8(..4) == 0 {
            matcher[field] = json!([value(one(random, names), random)]);
        }
    }
    matcher
}

/// A condition on a header or a parameter.
fn value(name: &str, random: &mut Rng) -> Value {
    let mut condition = json!({ "name": name });
    match random.u8(..4) {
        0 => condition["exact"] = json!(one(random, &VALUES)),
        1 => condition["prefix"] = json!("b"),
        2 => condition["present"] = json!(true),
        _ => condition["regex"] = json!("[a-z]+"),
    }
    if random.u8(..3) == 0 {
        condition["invert"] = json!(true);
    }
    condition
}

/// A request from this machine, as it comes to Envoy, whose own route leads to `checkout`.
pub(super) fn request(random: &mut Rng) -> Request {
    let mut path = one(random, &PATHS).to_owned();
    if random.bool() {
        path = format!("{path}?{}={}", one(random, &["user", "q"]), one(random, &VALUES));
    }
    let mut request = Request::new(one(random, &METHODS), &path).with("host", one(random, &HOSTS));
    for name in HEADERS {
        for _ in 0..[0, 1, 1, 2][random.usize(..4)] {
            request.add(name, one(random, &VALUES));
        }
    }
    if random.bool() {
        request.add("cookie", &format!("a=b; sid={}", random.u8(..)));
    }
    (request.source_ip, request.cluster) = (Some("127.0.0.1".to_owned()), Some("checkout".to_owned()));
    request
}
