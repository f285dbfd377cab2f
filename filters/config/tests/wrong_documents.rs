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
    (r#"{"log_decisions": 1}"#, &["log_decisions: 1 is not true or false"]),
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
            r#"upstreams[0].endpoints[0].weight: 0 is no share; write 1 or more, or `health: ejected` to eject the endpoint"#,
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
    (r#"@balance {}"#, &[r#"upstreams[0].balance.policy: is missing"#]),
    (
        r#"@balance {"policy": "ring_hsh"}"#,
        &[
            r#"upstreams[0].balance.policy: "ring_hsh" is not one of round_robin, random, weighted_random, smooth_weighted_round_robin, least_request, peak_ewma, load_reported, ring_hash, maglev; did you mean "ring_hash"?"#,
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
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "sid", "domain": "a.b", "same_site": "lax", "secure": true}}]}"#,
        &[
            r#"upstreams[0].balance.hash_on[0].cookie.domain: is for new cookies; give a ttl too, or remove it"#,
            r#"upstreams[0].balance.hash_on[0].cookie.same_site: is for new cookies; give a ttl too, or remove it"#,
            r#"upstreams[0].balance.hash_on[0].cookie.secure: is for new cookies; give a ttl too, or remove it"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "sid", "ttl": "1h", "domain": "a.b; Path=/", "same_site": "none"}}]}"#,
        &[
            r#"upstreams[0].balance.hash_on[0].cookie.domain: "a.b; Path=/" is a URL or a path; name the host alone"#,
            r#"upstreams[0].balance.hash_on[0].cookie.same_site: none is taken by browsers with `secure: true` alone; add it"#,
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"cookie": {"name": "__Secure-a", "ttl": "1h"}}, {"cookie": {"name": "__Host-a", "ttl": "1h", "secure": true}}]}"#,
        &[
            r#"upstreams[0].balance.hash_on[0].cookie.name: begins with __Secure-, which browsers take with `secure: true` alone; add it"#,
            r#"upstreams[0].balance.hash_on[1].cookie.name: begins with __Host-, which browsers take with `secure: true` and `path: /`, and without a domain"#,
        ],
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
        r#"@balance {"policy": "random", "fail_traffic_on_panic": "yes"}"#,
        &[r#"upstreams[0].balance.fail_traffic_on_panic: "yes" is not true or false"#],
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
        &[r#"upstreams[0].balance.slow_start.window: "-10s" is negative; it takes zero or more"#],
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
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "points_per_endpoint": 0}"#,
        &[r#"upstreams[0].balance.points_per_endpoint: 0 is out of range; it takes 1 to 65536"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "points_per_endpoint": 100, "minimum_ring_size": 100, "maximum_ring_size": 1000}"#,
        &[
            r#"upstreams[0].balance.minimum_ring_size: has no meaning beside points_per_endpoint; remove one of them"#,
            r#"upstreams[0].balance.maximum_ring_size: has no meaning beside points_per_endpoint; remove one of them"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "weight": 100000}, {"address": "1.2.3.5:80"}],
            "balance": {"policy": "ring_hash", "hash_on": [{"path": true}], "points_per_endpoint": 84}}]}"#,
        &[
            r#"upstreams[0].balance.points_per_endpoint: 84 points for each unit of a weight of 100001 in all are too many; a ring has 8388608 at most: take fewer, or lower the weights"#,
        ],
    ),
    (
        r#"@balance {"policy": "maglev", "hash_on": [{"path": true}], "points_per_endpoint": 100, "load_report": {}}"#,
        &[
            r#"upstreams[0].balance.points_per_endpoint: belongs to ring_hash; remove it or change the policy"#,
            r#"upstreams[0].balance.load_report: belongs to load_reported; remove it or change the policy"#,
        ],
    ),
    (
        r#"@balance {"policy": "load_reported", "load_report": {"blackout_period": "2h", "weight_expiration_period": "0s",
            "weight_update_period": "50ms", "error_utilization_penalty": -1, "maximum_weight_ratio": 0.5}}"#,
        &[
            r#"upstreams[0].balance.load_report.blackout_period: is longer than 1h; write "1h" or less"#,
            r#"upstreams[0].balance.load_report.weight_expiration_period: is zero; it takes more than zero"#,
            r#"upstreams[0].balance.load_report.weight_update_period: is shorter than 100ms; write "100ms" or more"#,
            r#"upstreams[0].balance.load_report.error_utilization_penalty: -1 is out of range; it takes 0 to 1000"#,
            r#"upstreams[0].balance.load_report.maximum_weight_ratio: 0.5 is out of range; it takes 1 to 100"#,
        ],
    ),
    (
        r#"@balance {"policy": "load_reported", "load_report": {"metric_names_for_computing_utilization": ["named_metrics.", "eps", 5]}}"#,
        &[
            r#"upstreams[0].balance.load_report.metric_names_for_computing_utilization[2]: 5 is not a text; put it in quotes"#,
            r#"upstreams[0].balance.load_report.metric_names_for_computing_utilization[0]: "named_metrics." does not say how busy an endpoint is; write application_utilization, cpu_utilization, mem_utilization, or a name of its own behind "utilization." or "named_metrics.""#,
            r#"upstreams[0].balance.load_report.metric_names_for_computing_utilization[1]: "eps" does not say how busy an endpoint is; write application_utilization, cpu_utilization, mem_utilization, or a name of its own behind "utilization." or "named_metrics.""#,
        ],
    ),
    (
        r#"@balance {"policy": "load_reported", "load_report": {"metric_names_for_computing_utilization": []}, "no_hash": "random"}"#,
        &[
            r#"upstreams[0].balance.no_hash: belongs to ring_hash and maglev; remove it or change the policy"#,
            r#"upstreams[0].balance.load_report.metric_names_for_computing_utilization: is empty; name a metric or remove it"#,
        ],
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
        r#"@route {"match": {"hosts": []}, "upstream": "a"}"#,
        &[r#"routes[0].match.hosts: is empty, so no request can match; remove it to allow every host"#],
    ),
    (
        r#"@route {"match": {"hosts": ["", "a.b:80", "http://a.b", "a/b", "*a*", "a*b", "*.", "bücher.de", "a b", "[::x]", ".a", "*:80", 5]}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.hosts[12]: 5 is not a text; put it in quotes"#,
            r#"routes[0].match.hosts[0]: "" is empty; name a host"#,
            r#"routes[0].match.hosts[1]: "a.b:80" has a port, which is not compared; remove it"#,
            r#"routes[0].match.hosts[2]: "http://a.b" is a URL or a path; name the host alone"#,
            r#"routes[0].match.hosts[3]: "a/b" is a URL or a path; name the host alone"#,
            r#"routes[0].match.hosts[4]: "*a*" has several stars; it takes one, at its beginning or its end"#,
            r#"routes[0].match.hosts[5]: "a*b" has a star inside; it takes one, at its beginning or its end"#,
            r#"routes[0].match.hosts[6]: "*." is empty; name a host"#,
            r#"routes[0].match.hosts[7]: "bücher.de" is not as hosts are written in a request; write its labels in Punycode, as in xn--bcher-kva.example"#,
            r#"routes[0].match.hosts[8]: "a b" is not a host; write one as in shop.example.com or [2001:db8::1]"#,
            r#"routes[0].match.hosts[9]: "[::x]" is not a host; write one as in shop.example.com or [2001:db8::1]"#,
            r#"routes[0].match.hosts[10]: ".a" is not a host; write one as in shop.example.com or [2001:db8::1]"#,
            r#"routes[0].match.hosts[11]: "*:80" has a port, which is not compared; remove it"#,
        ],
    ),
    (
        r#"@route {"match": {"ignore_case": true}, "upstream": "a"}"#,
        &[r#"routes[0].match.ignore_case: is for path_prefix and path; add one of them or remove it"#],
    ),
    (
        r#"@route {"match": {"ignore_case": true, "path_regex": "/a"}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.ignore_case: does not reach into path_regex; remove it, and begin the expression with (?i)"#,
        ],
    ),
    (
        r#"@route {"match": {"query": [{"name": "k"}, {"name": "", "present": true}, {"name": "a=b", "exact": ""}, {"present": true}]}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.query[3].name: is missing"#,
            r#"routes[0].match.query[0]: says nothing about the value; add one of exact, prefix, regex, present"#,
            r#"routes[0].match.query[1].name: is empty; name a parameter"#,
            r#"routes[0].match.query[2].name: "a=b" is not a parameter's name; write it as it stands in the path"#,
            r#"routes[0].match.query[2].exact: is empty; name a value or use present"#,
        ],
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
    (r#"@route {"match": {}, "upstream": "a", "batch": {}}"#, &["routes[0].batch.protocol: is missing"]),
    (
        r#"@route {"match": {}, "upstream": "a", "name": "my route"}"#,
        &[r#"routes[0].name: "my route" cannot stand in a metric; use letters, digits and _ . : / -"#],
    ),
    (
        r#"{"mode": null, "routes": null}"#,
        &["mode: is null; write a value or remove it", "routes: is null; write a value or remove it"],
    ),
    (
        r#"@route {"match": {"path_prefix": null}, "upstream": "a"}"#,
        &["routes[0].match.path_prefix: is null; write a value or remove it"],
    ),
    (r#"@route {"match": null, "upstream": "a"}"#, &["routes[0].match: is null; write a value or remove it"]),
    (
        r#"@route {"match": {"headers": [{"name": "host", "exact": "a"}]}, "upstream": "a"}"#,
        &[r#"routes[0].match.headers[0].name: "host" is :authority in Envoy; write ":authority""#],
    ),
    (
        r#"@balance {"policy": "maglev", "hash_on": [{"header": "host"}]}"#,
        &[r#"upstreams[0].balance.hash_on[0].header: "host" is :authority in Envoy; write ":authority""#],
    ),
    (
        r#"{"default_cluster": "a\r\nb"}"#,
        &[r#"default_cluster: "a\r\nb" holds a control character; remove it"#],
    ),
    (
        r#"{"upstreams": [{"name": "a", "cluster": "b\u0000", "endpoints": [{"address": "1.2.3.4:80", "hash_key": "\u007f"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].hash_key: "\u{7f}" holds a control character; remove it"#,
            r#"upstreams[0].cluster: "b\0" holds a control character; remove it"#,
        ],
    ),
    (
        r#"@route {"match": {"headers": [{"name": "x", "exact": "1\n"}, {"name": "x", "prefix": "\u0085"}]}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.headers[0].exact: "1\n" holds a control character; remove it"#,
            r#"routes[0].match.headers[1].prefix: "\u{85}" holds a control character; remove it"#,
        ],
    ),
    (
        r#"{"\r\nmode: fine": 1}"#,
        &[
            r#"\r\nmode: fine: unknown field; there are mode, explain, log_decisions, default_cluster, upstreams, routes, document"#,
        ],
    ),
    (
        r#"@route {"match": {"methods": [1, "get"]}, "upstream": "a"}"#,
        &[
            "routes[0].match.methods[0]: 1 is not a text; put it in quotes",
            r#"routes[0].match.methods[1]: "get" is not a method; write it in capitals, as in GET"#,
        ],
    ),
    (
        r#"{"upstreams": [5, {"name": "a b", "endpoints": ["x", {"address": "y"}]}], "routes": [5, {"match": {}, "upstream": "web"}, {"match": {}}]}"#,
        &[
            "upstreams[0]: 5 is not an object",
            r#"upstreams[1].endpoints[0]: "x" is not an object"#,
            "routes[0]: 5 is not an object",
            r#"upstreams[1].name: "a b" cannot stand in a metric; use letters, digits and _ . : / -"#,
            r#"upstreams[1].endpoints[1].address: "y" is not ip:port; write "10.0.0.1:8080" or "[2001:db8::1]:8080", no host names"#,
            "routes[2]: goes nowhere; add `upstream` or `split`",
        ],
    ),
    (
        r#"{"upstreams": [{"name": 7, "endpoints": [{"address": "1.2.3.4:80"}]}], "routes": [{"match": {}, "upstream": "web"}]}"#,
        &["upstreams[0].name: 7 is not a text; put it in quotes"],
    ),
    (r#"{"upstreams": 5, "routes": [{"match": {}, "upstream": "web"}]}"#, &["upstreams: 5 is not a list"]),
    (
        r#"@balance {"policy": "maglv", "hash_on": [{"header": "X"}], "table_size": 10}"#,
        &[
            r#"upstreams[0].balance.policy: "maglv" is not one of round_robin, random, weighted_random, smooth_weighted_round_robin, least_request, peak_ewma, load_reported, ring_hash, maglev; did you mean "maglev"?"#,
            r#"upstreams[0].balance.hash_on[0].header: "X"; write it in lower case: "x""#,
            "upstreams[0].balance.table_size: 10 is not prime; the nearest are 7 and 11",
        ],
    ),
    (
        r#"@balance {"policy": "maglev", "hash_on": [5, {"cookie": 5}, {"source_ip": false, "header": "X"}, {"cookie": {"name": 5, "ttl": "1h", "path": "x"}}]}"#,
        &[
            "upstreams[0].balance.hash_on[0]: 5 is not an object",
            "upstreams[0].balance.hash_on[1].cookie: 5 is not an object",
            "upstreams[0].balance.hash_on[3].cookie.name: 5 is not a text; put it in quotes",
            "upstreams[0].balance.hash_on[2].source_ip: false says nothing; write true or remove it",
            r#"upstreams[0].balance.hash_on[2].header: "X"; write it in lower case: "x""#,
            r#"upstreams[0].balance.hash_on[3].cookie.path: is not a path; write "/" or another that begins with a slash"#,
        ],
    ),
    (
        r#"@balance {"policy": "random", "decay": "1s", "default_latency": "1s"}"#,
        &[
            "upstreams[0].balance.decay: belongs to peak_ewma; remove it or change the policy",
            "upstreams[0].balance.default_latency: belongs to peak_ewma; remove it or change the policy",
        ],
    ),
    (
        r#"@route {"match": {"path": "a", "path_prefix": "b", "headers": [{"name": 5, "regex": "("}]}, "upstream": "b", "split": [{"upstream": "c", "weight": 1}]}"#,
        &[
            "routes[0].match.headers[0].name: 5 is not a text; put it in quotes",
            "routes[0].match: has several rules for the path; keep one of path_prefix, path, path_regex",
            r#"routes[0].match.path_prefix: "b" begins with no slash, so no path can match it"#,
            r#"routes[0].match.path: "a" begins with no slash, so no path can match it"#,
            r#"routes[0].match.headers[0].regex: "(" is not a regular expression: found open group without closing ')'"#,
            "routes[0]: has both upstream and split; keep one",
            r#"routes[0].upstream: "b" is not an upstream of this document"#,
            r#"routes[0].split[0].upstream: "c" is not an upstream of this document"#,
        ],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": -10}}"#,
        &["upstreams[0].balance.slow_start.window: -10 is negative; it takes zero or more"],
    ),
    (
        r#"@balance {"policy": "random", "slow_start": {"window": "0.1234us"}}"#,
        &[r#"upstreams[0].balance.slow_start.window: "0.1234us" is finer than a nanosecond; round it"#],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "maximum_ring_size": 512}"#,
        &[
            "upstreams[0].balance.maximum_ring_size: 512 is less than minimum_ring_size (1024 by default); raise it or lower that",
        ],
    ),
    (
        r#"@balance {"policy": "ring_hash", "hash_on": [{"path": true}], "minimum_ring_size": 0, "maximum_ring_size": 512}"#,
        &["upstreams[0].balance.minimum_ring_size: 0 is out of range; it takes 1 to 8388608"],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}, {"address": "1.2.3.5:80"}, {"address": "1.2.3.6:80"}], "balance": {"policy": "maglev", "hash_on": [{"path": true}], "table_size": 2}}]}"#,
        &["upstreams[0].balance.table_size: 2 slots are too few for 3 endpoints; take a greater prime"],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80", "hash_key": "k"}, {"address": "1.2.3.5:80", "hash_key": "k"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[1].hash_key: "k" is the hash_key of endpoint 0 already; keys are unique"#,
        ],
    ),
    (
        r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "[fe80::1%3]:80"}]}]}"#,
        &[
            r#"upstreams[0].endpoints[0].address: "[fe80::1%3]:80" has a scope id; Envoy's addresses have none"#,
        ],
    ),
    (
        r#"@route {"match": {}, "upstream": "a", "name": "route-1"}, {"match": {}, "upstream": "a"}"#,
        &[r#"routes[0].name: "route-1" is what routes[1] is called without a name; take another"#],
    ),
    (
        r#"@route {"match": {}, "upstream": "a"}, {"match": {}, "upstream": "a", "name": "route-0"}"#,
        &[r#"routes[1].name: "route-0" is what routes[0] is called without a name; take another"#],
    ),
    (
        r#"@route {"match": {"path": "/a?b"}, "upstream": "a"}, {"match": {"path_prefix": "/a#b"}, "upstream": "a"}"#,
        &[
            r#"routes[0].match.path: "/a?b" holds ? or #; a path is matched without its query"#,
            r#"routes[1].match.path_prefix: "/a#b" holds ? or #; a path is matched without its query"#,
        ],
    ),
    (
        r#"@route {"match": {"headers": [{"name": "x", "exact": ""}, {"name": "x", "prefix": ""}]}, "upstream": "a"}"#,
        &[
            "routes[0].match.headers[0].exact: is empty; name a value or use present",
            "routes[0].match.headers[1].prefix: is empty; name a value or use present",
        ],
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
    let Err(refused) = Document::from_json(document.as_bytes()) else { return vec!["is taken".to_owned()] };
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
            r#"upstreams[1].endpoints: "none" is not a list of endpoints, or one of envoy, etcd, consul, http"#,
            "routes[0].match.path: 1 is not a text; put it in quotes",
            "routes[1].split: 5 is not a list",
            r#"upstreams[0].endpoints[0].address: "x" is not ip:port; write "10.0.0.1:8080" or "[2001:db8::1]:8080", no host names"#,
            "upstreams[0].balance.table_size: 10 is not prime; the nearest are 7 and 11",
            "upstreams[0].balance.hash_on: is missing; say what is hashed, as in [{header: x-user}]",
        ]
    );
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    assert_eq!(errors("{\"a\": }"), ["document: is not JSON: expected value at line 1 column 7"]);
    assert_eq!(errors("[1,]"), ["document: is not JSON: trailing comma at line 1 column 4"]);
    for (yaml, problem) in [
        ("upstreams:", "expected value at line 1 column 1"),
        ("{upstreams: []}", "key must be a string at line 1 column 2"),
    ] {
        let hint = "; a filter takes JSON text or a google.protobuf.Struct, not YAML text";
        assert_eq!(errors(yaml), [format!("document: is not JSON: {problem}{hint}")]);
    }
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

#[test]
fn lists_and_documents_are_bounded() {
    let hash_on = vec![r#"{"path": true}"#; 17].join(",");
    assert_eq!(
        errors(&expand(&format!(r#"@balance {{"policy": "maglev", "hash_on": [{hash_on}]}}"#))),
        ["upstreams[0].balance.hash_on: has 17 entries; it takes at most 16"]
    );
    let upstream = |index| format!(r#"{{"name": "u{index}", "endpoints": [{{"address": "1.2.3.4:80"}}]}}"#);
    let upstreams: Vec<String> = (0..65).map(upstream).collect();
    let shares: Vec<String> =
        (0..65).map(|index| format!(r#"{{"upstream": "u{index}", "weight": 1}}"#)).collect();
    let split = format!(
        r#"{{"upstreams": [{}], "routes": [{{"match": {{}}, "split": [{}]}}]}}"#,
        upstreams.join(","),
        shares.join(",")
    );
    assert_eq!(errors(&split), ["routes[0].split: has 65 shares; it takes at most 64"]);

    let limit = 16 << 20;
    assert!(Document::from_json(format!("{{}}{}", " ".repeat(limit - 2)).as_bytes()).is_ok());
    let long = " ".repeat(limit + 1);
    let refused = "document: is 16777217 bytes long; it takes at most 16777216";
    assert_eq!(errors(&long), [refused]);
    assert_eq!(Document::from_struct(long.as_bytes()).expect_err("long").to_string(), refused);
}

#[test]
fn words_are_compared_only_for_errors_that_are_listed() {
    // With a comparison for each of the 40,000 × 5,001 pairs this would take a minute; nobody would wait.
    let upstreams: Vec<String> = (0..5001)
        .map(|index| format!(r#"{{"name": "upstream-{index}", "endpoints": [{{"address": "1.2.3.4:80"}}]}}"#))
        .collect();
    let routes = vec![r#"{"match": {}, "upstream": "upstraem-1"}"#; 40_000].join(",");
    let document = format!(r#"{{"upstreams": [{}], "routes": [{routes}]}}"#, upstreams.join(","));
    let refused = Document::from_json(document.as_bytes()).expect_err("unknown upstreams");
    assert_eq!(refused.total(), 40_000);
    assert!(refused.to_string().ends_with("and 39900 more"));
    assert!(refused.iter().all(|error| error.problem.ends_with(r#"did you mean "upstream-1"?"#)));
}
