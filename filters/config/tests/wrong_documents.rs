//! Wrong documents and the exact words that refuse them.
//!
//! `@balance X` stands for a document with one upstream `a` whose balance is X; `@route X` for one with the
//! upstreams `a` and `checkout` and the one route X.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use switchyard_config::{Document, MAX_LISTED};

const WRONG: &[(&str, &[&str])] = &[
    (r#"{"upstreams": 5}"#, &[r#"upstreams: 5 is not a list"#]),
    (r#"[]"#, &[r#"document: a list of 0 is not an object"#]),
    (r#""text""#, &[r#"document: "text" is not an object"#]),
    (r#"{"upstreams": [], "routs": []}"#, &[r#"routs: unknown field; did you mean "routes"?"#]),
    (r#"{"mode": "shaddow"}"#, &[r#"mode: "shaddow" is not one of enforce, shadow; did you mean "shadow"?"#]),
    (r#"{"mode": 1}"#, &[r#"mode: 1 is not one of enforce, shadow"#]),
    (r#"{"explain": "yes"}"#, &[r#"explain: "yes" is not true or false"#]),
    (r#"{"default_cluster": ""}"#, &[r#"default_cluster: is empty; name a cluster or remove it"#]),
    (
        r#"{"upstreams": [{}]}"#,
        &[r#"upstreams[0].name: is missing"#, r#"upstreams[0].endpoints: is missing"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": []}]}"#,
        &[r#"upstreams[0].endpoints: is empty; name one endpoint at least"#],
    ),
    (
        r#"{"upstreams": [{"name": "", "endpoints": [{"address": "1.2.3.4:80"}]}]}"#,
        &[r#"upstreams[0].name: is empty; give it a name"#],
    ),
    (
        r#"{"upstreams": [{"name": "a b", "endpoints": [{"address": "1.2.3.4:80"}]}]}"#,
        &[r#"upstreams[0].name: "a b" cannot stand in a metric; use letters, digits and _ . : / -"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "cluster": "", "endpoints": [{"address": "1.2.3.4:80"}]}]}"#,
        &[r#"upstreams[0].cluster: is empty; name a cluster or remove it"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}, {"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}]}"#,
        &[r#"upstreams[1].name: "a" is the name of upstreams[0] already; names are unique"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "weight": 0}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].weight: 0 is no share; write 1 or more, or `health: ejected` to take the endpoint out"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "weight": -1}]}]}"#,
        &[r#"upstreams[0].endpoints[0].weight: -1 is not a whole number of 0 or more"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "weight": 1.5}]}]}"#,
        &[r#"upstreams[0].endpoints[0].weight: 1.5 is not a whole number of 0 or more"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "weight": 4294967296}]}]}"#,
        &[r#"upstreams[0].endpoints[0].weight: 4294967296 is out of range; it takes 1 to 4294967295"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "weight": 4294967295}, {"address": "1.2.3.5:80"}]}]}"#,
        &[
            r#"upstreams[0].endpoints: the weights sum to 4294967296; Envoy takes a sum of at most 4294967295"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}, {"address": "1.2.3.4:80"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[1].address: "1.2.3.4:80" is endpoint 0 already; give it a higher weight instead"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "localhost:80"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].address: "localhost:80" is not ip:port; write "10.0.0.1:8080" or "[2001:db8::1]:8080", no host names"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].address: "1.2.3.4" is not ip:port; write "10.0.0.1:8080" or "[2001:db8::1]:8080", no host names"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:0"}]}]}"#,
        &[r#"upstreams[0].endpoints[0].address: "1.2.3.4:0" has port 0; name a port"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "[2001:DB8:0::1]:80"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].address: "[2001:DB8:0::1]:80"; write it as Envoy does: "[2001:db8::1]:80""#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"adress": "1.2.3.4:80"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].adress: unknown field; did you mean "address"?"#,
            r#"upstreams[0].endpoints[0].address: is missing"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "health": "sick"}]}]}"#,
        &[r#"upstreams[0].endpoints[0].health: "sick" is not one of healthy, ejected"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "hash_key": ""}]}]}"#,
        &[r#"upstreams[0].endpoints[0].hash_key: is empty; remove it to hash the address"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}], "outlier": {"consecutive_5xx": 5}}]}"#,
        &[r#"upstreams[0].outlier: is not supported yet; remove it"#],
    ),
    (r#"@balance {}"#, &[r#"upstreams[0].balance.policy: is missing"#]),
    (
        r#"@balance {"policy": "ring_hsh"}"#,
        &[
            r#"upstreams[0].balance.policy: "ring_hsh" is not one of round_robin, random, weighted_random, smooth_weighted_round_robin, least_request, peak_ewma, ring_hash, maglev; did you mean "ring_hash"?"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash"}"#,
        &[r#"upstreams[0].balance.hash_on: is missing; say what is hashed, as in [{header: x-user}]"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": []}"#,
        &[r#"upstreams[0].balance.hash_on: is empty; name what is hashed, as in [{header: x-user}]"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{}]}"#,
        &[
            r#"upstreams[0].balance.hash_on[0]: names nothing to hash; it takes one of header, cookie, query_parameter, source_ip, path"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"header": "x", "source_ip": true}]}"#,
        &[
            r#"upstreams[0].balance.hash_on[0]: names several parts; one entry takes one of header, cookie, query_parameter, source_ip, path"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"header": "X-User"}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].header: "X-User"; write it in lower case: "x-user""#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"header": "x user"}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].header: "x user" is not a header name"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"header": ""}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].header: is empty; name a header"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"source_ip": false}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].source_ip: false says nothing; write true or remove it"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"query_parameter": ""}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].query_parameter: is empty; name a parameter"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {}}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].cookie.name: is missing"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "a=b"}}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].cookie.name: "a=b" is not a cookie name"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "sid", "ttl": "1h", "path": "shop"}}]}"#,
        &[
            r#"upstreams[0].balance.hash_on[0].cookie.path: is not a path; write "/" or another that begins with a slash"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "sid", "path": "/"}}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].cookie.path: is for new cookies; give a ttl too, or remove it"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "sid", "ttl": 60}}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].cookie.ttl: 60 has no unit; write "60s" or "60ms""#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "minimum_ring_size": 5000, "maximum_ring_size": 1024}"#,
        &[
            r#"upstreams[0].balance.minimum_ring_size: 5000 is more than maximum_ring_size (1024); lower it or raise that"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "minimum_ring_size": 0}"#,
        &[r#"upstreams[0].balance.minimum_ring_size: 0 is out of range; it takes 1 to 8388608"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "maximum_ring_size": 8388609}"#,
        &[r#"upstreams[0].balance.maximum_ring_size: 8388609 is out of range; it takes 1 to 8388608"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "hash_function": "md5"}"#,
        &[r#"upstreams[0].balance.hash_function: "md5" is not one of xx_hash, murmur_hash_2"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "hash_balance_factor": 99}"#,
        &[r#"upstreams[0].balance.hash_balance_factor: 99 is out of range; it takes 100 to 100000"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "no_hash": "maglev"}"#,
        &[
            r#"upstreams[0].balance.no_hash: is for requests that have nothing to hash; name a policy that needs no hash"#,
        ],
    ),
    (
        r#"@balance {"policy": "maglev", "hash_on": [{"path": true}], "table_size": 65536}"#,
        &[r#"upstreams[0].balance.table_size: 65536 is not prime; the nearest are 65521 and 65537"#],
    ),
    (
        r#"@balance {"policy": "maglev", "hash_on": [{"path": true}], "table_size": 5000012}"#,
        &[r#"upstreams[0].balance.table_size: 5000012 is out of range; it takes 2 to 5000011"#],
    ),
    (
        r#"@balance {"policy": "maglev", "hash_on": [{"path": true}], "minimum_ring_size": 1024}"#,
        &[r#"upstreams[0].balance.minimum_ring_size: belongs to ring_hash; remove it or change the policy"#],
    ),
    (
        r#"@balance {"policy": "random", "hash_on": [{"path": true}]}"#,
        &[r#"upstreams[0].balance.hash_on: belongs to ring_hash and maglev; remove it or change the policy"#],
    ),
    (
        r#"@balance {"policy": "random", "candidates": 0}"#,
        &[r#"upstreams[0].balance.candidates: 0 is out of range; it takes 1 to 16"#],
    ),
    (
        r#"@balance {"policy": "random", "candidates": 17}"#,
        &[r#"upstreams[0].balance.candidates: 17 is out of range; it takes 1 to 16"#],
    ),
    (
        r#"@balance {"policy": "random", "healthy_panic_threshold": 101}"#,
        &[
            r#"upstreams[0].balance.healthy_panic_threshold: 101 is not a percentage; write a whole number from 0 to 100"#,
        ],
    ),
    (
        r#"@balance {"policy": "random", "healthy_panic_threshold": -1}"#,
        &[
            r#"upstreams[0].balance.healthy_panic_threshold: -1 is not a percentage; write a whole number from 0 to 100"#,
        ],
    ),
    (
        r#"@balance {"policy": "random", "healthy_panic_threshold": "half"}"#,
        &[
            r#"upstreams[0].balance.healthy_panic_threshold: "half" is not a percentage; write a whole number from 0 to 100"#,
        ],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {}}"#,
        &[r#"upstreams[0].balance.slow_start.window: is missing"#],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": "10"}}"#,
        &[r#"upstreams[0].balance.slow_start.window: "10" has no unit; write "10s" or "10ms""#],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": 10}}"#,
        &[r#"upstreams[0].balance.slow_start.window: 10 has no unit; write "10s" or "10ms""#],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": "-10s"}}"#,
        &[
            r#"upstreams[0].balance.slow_start.window: "-10s" is not a duration; write a number and us, ms, s, m or h, as in "250ms""#,
        ],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": "0s"}}"#,
        &[r#"upstreams[0].balance.slow_start.window: is zero; remove slow_start to have none"#],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": "10s", "aggression": 0}}"#,
        &[r#"upstreams[0].balance.slow_start.aggression: 0 is out of range; it takes more than 0 to 100"#],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": "10s", "min_weight_percent": 0}}"#,
        &[
            r#"upstreams[0].balance.slow_start.min_weight_percent: 0 would never start the ramp; write 1 or more"#,
        ],
    ),
    (
        r#"@balance {"policy": "least_request", "choice_count": 1}"#,
        &[r#"upstreams[0].balance.choice_count: 1 is out of range; it takes 2 to 16"#],
    ),
    (
        r#"@balance {"policy": "least_request", "active_request_bias": -1}"#,
        &[r#"upstreams[0].balance.active_request_bias: -1 is out of range; it takes 0 to 100"#],
    ),
    (
        r#"@balance {"policy": "least_request", "decay": "10s"}"#,
        &[r#"upstreams[0].balance.decay: belongs to peak_ewma; remove it or change the policy"#],
    ),
    (
        r#"@balance {"policy": "peak_ewma", "decay": "0s"}"#,
        &[r#"upstreams[0].balance.decay: is zero; it takes more than zero"#],
    ),
    (
        r#"@balance {"policy": "peak_ewma", "default_latency": "9000h"}"#,
        &[r#"upstreams[0].balance.default_latency: "9000h" is not at most "8760h" (a year)"#],
    ),
    (r#"@route {"upstream": "a"}"#, &[r#"routes[0].match: is missing"#]),
    (r#"@route {"match": {}}"#, &[r#"routes[0]: goes nowhere; add `upstream` or `split`"#]),
    (
        r#"@route {"match": {}, "upstream": "b"}"#,
        &[r#"routes[0].upstream: "b" is not an upstream of this document"#],
    ),
    (
        r#"@route {"match": {}, "upstream": "checkuot"}"#,
        &[r#"routes[0].upstream: "checkuot" is not an upstream of this document; did you mean "checkout"?"#],
    ),
    (
        r#"@route {"match": {}, "upstream": "a", "split": [{"upstream": "a", "weight": 1}]}"#,
        &[r#"routes[0]: has both upstream and split; keep one"#],
    ),
    (
        r#"@route {"match": {}, "split": []}"#,
        &[r#"routes[0].split: the weights sum to 0; give one share at least a weight of 1 or more"#],
    ),
    (
        r#"@route {"match": {}, "split": [{"upstream": "a", "weight": 0}, {"upstream": "checkout", "weight": 0}]}"#,
        &[r#"routes[0].split: the weights sum to 0; give one share at least a weight of 1 or more"#],
    ),
    (
        r#"@route {"match": {}, "split": [{"upstream": "a", "weight": 1}, {"upstream": "a", "weight": 1}]}"#,
        &[r#"routes[0].split[1].upstream: "a" has a share at 0 already; add the weights"#],
    ),
    (r#"@route {"match": {}, "split": [{"upstream": "a"}]}"#, &[r#"routes[0].split[0].weight: is missing"#]),
    (
        r#"@route {"match": {}, "upstream": "a", "split_on": [{"path": true}]}"#,
        &[r#"routes[0].split_on: belongs to a split; add `split` or remove it"#],
    ),
    (
        r#"@route {"match": {"path_prefix": "/a", "path": "/a"}, "upstream": "a"}"#,
        &[r#"routes[0].match: has several rules for the path; keep one of path_prefix, path, path_regex"#],
    ),
    (
        r#"@route {"match": {"path_prefix": "api"}, "upstream": "a"}"#,
        &[r#"routes[0].match.path_prefix: "api" begins with no slash, so no path can match it"#],
    ),
    (
        r#"@route {"match": {"path_regex": "("}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.path_regex: "(" is not a regular expression: found open group without closing ')'"#,
        ],
    ),
    (
        r#"@route {"match": {"methods": []}, "upstream": "a"}"#,
        &[r#"routes[0].match.methods: is empty, so no request can match; remove it to allow every method"#],
    ),
    (
        r#"@route {"match": {"methods": ["get"]}, "upstream": "a"}"#,
        &[r#"routes[0].match.methods[0]: "get" is not a method; write it in capitals, as in GET"#],
    ),
    (
        r#"@route {"match": {"headers": [{"name": "x"}]}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.headers[0]: says nothing about the value; add one of exact, prefix, regex, present"#,
        ],
    ),
    (
        r#"@route {"match": {"headers": [{"name": "x", "exact": "1", "prefix": "2"}]}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.headers[0]: has several rules for the value; keep one of exact, prefix, regex, present"#,
        ],
    ),
    (
        r#"@route {"match": {"headers": [{"name": "X", "present": true}]}, "upstream": "a"}"#,
        &[r#"routes[0].match.headers[0].name: "X"; write it in lower case: "x""#],
    ),
    (
        r#"@route {"mtach": {}, "upstream": "a"}"#,
        &[r#"routes[0].mtach: unknown field; did you mean "match"?"#, r#"routes[0].match: is missing"#],
    ),
    (
        r#"@route {"match": {}, "upstream": "a", "retry": {"num_retries": 2}}"#,
        &[r#"routes[0].retry: is not supported yet; remove it"#],
    ),
    (
        r#"@route {"match": {}, "upstream": "a", "coalesce": {}, "batch": {}}"#,
        &[
            r#"routes[0].coalesce: is not supported yet; remove it"#,
            r#"routes[0].batch: is not supported yet; remove it"#,
        ],
    ),
    (
        r#"@route {"match": {}, "upstream": "a", "name": "my route"}"#,
        &[r#"routes[0].name: "my route" cannot stand in a metric; use letters, digits and _ . : / -"#],
    ),
];

fn expand(short: &str) -> String {
    let endpoints = r#""endpoints": [{"address": "1.2.3.4:80"}]"#;
    if let Some(balance) = short.strip_prefix("@balance ") {
        return format!(r#"{{"upstreams": [{{"name": "a", {endpoints}, "balance": {balance}}}]}}"#);
    }
    if let Some(route) = short.strip_prefix("@route ") {
        let upstreams = format!(r#"{{"name": "a", {endpoints}}}, {{"name": "checkout", {endpoints}}}"#);
        return format!(r#"{{"upstreams": [{upstreams}], "routes": [{route}]}}"#);
    }
    short.to_owned()
}

fn errors(document: &str) -> Vec<String> {
    let refused = Document::from_json(document.as_bytes()).expect_err(document);
    assert_eq!(refused.total(), refused.iter().count(), "{document}");
    refused.iter().map(ToString::to_string).collect()
}

#[test]
fn every_wrong_document_is_refused_in_these_words() {
    for (document, expected) in WRONG {
        assert_eq!(errors(&expand(document)), *expected, "{document}");
    }
}

#[test]
fn all_errors_of_a_document_come_at_once_and_bad_fields_are_not_called_missing() {
    let document = r#"{
        "mode": "of",
        "upstreams": [
            {"name": 7, "endpoints": [{"address": "x"}], "balance": {"policy": "maglev", "table_size": 10}},
            {"name": "b", "endpoints": "none"}
        ],
        "routes": [{"match": {"path": 1}, "upstream": "c"}, {"match": {}, "split": 5}]
    }"#;
    assert_eq!(
        errors(document),
        [
            r#"mode: "of" is not one of enforce, shadow"#,
            "upstreams[0].name: 7 is not a text; put it in quotes",
            r#"upstreams[1].endpoints: "none" is not a list"#,
            "routes[0].match.path: 1 is not a text; put it in quotes",
            "routes[1].split: 5 is not a list",
            r#"upstreams[0].endpoints[0].address: "x" is not ip:port; write "10.0.0.1:8080" or "[2001:db8::1]:8080", no host names"#,
            "upstreams[0].balance.table_size: 10 is not prime; the nearest are 7 and 11",
            "upstreams[0].balance.hash_on: is missing; say what is hashed, as in [{header: x-user}]",
            r#"routes[0].upstream: "c" is not an upstream of this document"#,
        ]
    );
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    assert_eq!(errors("{\"a\": }"), ["document: is not JSON: expected value at line 1 column 7"]);
    assert_eq!(errors("[1,]"), ["document: is not JSON: trailing comma at line 1 column 4"]);
    assert_eq!(errors("upstreams:"), ["document: is not JSON: expected value at line 1 column 1"]);
    let not_utf8 = Document::from_json(b"{\"a\": \"\xff\"}").expect_err("not UTF-8");
    assert!(not_utf8.to_string().starts_with("document: is not JSON: invalid unicode"), "{not_utf8}");
    let twice = errors(r#"{"routes": [], "routes": []}"#);
    assert_eq!(twice, [r#"document: is not JSON: the key "routes" stands twice at line 1 column 28"#]);
}

#[test]
fn a_mebibyte_of_nonsense_is_one_short_error() {
    let nonsense: String =
        (0..1 << 20).map(|position: u32| char::from(b'a' + (position % 26) as u8)).collect();
    for text in
        [nonsense.clone(), format!("[{}", "[".repeat(1 << 20)), format!("{{\"mode\": \"{nonsense}\"}}")]
    {
        let refused = Document::from_json(text.as_bytes()).expect_err("nonsense");
        assert_eq!(refused.total(), 1);
        assert!(refused.to_string().len() < 300, "{refused}");
    }
}

#[test]
fn more_errors_than_anybody_reads_are_counted() {
    let upstreams = vec!["{}"; 1000].join(",");
    let refused =
        Document::from_json(format!(r#"{{"upstreams": [{upstreams}]}}"#).as_bytes()).expect_err("empty");
    assert_eq!(refused.iter().count(), MAX_LISTED);
    assert_eq!(refused.total(), 2000);
    assert!(refused.to_string().ends_with("and 1900 more"));
}
