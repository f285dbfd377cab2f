//! Sources of endpoints and the exact words that refuse a wrong one.

use switchyard_config::Document;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn errors(endpoints: &str) -> Vec<String> {
    let document = format!(r#"{{"upstreams": [{{"name": "a", "endpoints": {endpoints}}}]}}"#);
    let Err(refused) = Document::from_json(document.as_bytes()) else { return Vec::new() };
    let short = |error: String| error.trim_start_matches("upstreams[0].endpoints.").to_owned();
    refused.iter().map(|error| short(error.to_string())).collect()
}

const WRONG: &[(&str, &[&str])] = &[
    ("7", &["upstreams[0].endpoints: 7 is not a list of endpoints, or one of envoy, etcd, consul, http"]),
    ("null", &["upstreams[0].endpoints: is null; write a value or remove it"]),
    ("{}", &["upstreams[0].endpoints: names no source; add one of envoy, etcd, consul, http"]),
    (
        r#"{"envoi": {}}"#,
        &[
            r#"envoi: unknown field; did you mean "envoy"?"#,
            "upstreams[0].endpoints: names no source; add one of envoy, etcd, consul, http",
        ],
    ),
    (r#"{"envoy": 7}"#, &["envoy: 7 is not an object"]),
    (
        r#"{"envoy": {"admin_cluster": "a"}, "etcd": {"cluster": "e", "prefix": "p"}}"#,
        &["upstreams[0].endpoints: has several sources (envoy, etcd); keep one"],
    ),
    (r#"{"envoy": {}}"#, &["envoy.admin_cluster: is missing"]),
    (
        r#"{"envoy": {"admin_cluster": "", "hash_key": "host", "eds_health_status": "yes", "cluster": "a"}}"#,
        &[
            "envoy.cluster: unknown field; there are admin_cluster, hash_key, failed_active_health_check, failed_outlier_check, eds_health_status, interval, timeout, allow_empty, max_body, host",
            r#"envoy.hash_key: "host" is not one of address, hostname"#,
            r#"envoy.eds_health_status: "yes" is not true or false"#,
            "envoy.admin_cluster: is empty; name a cluster",
        ],
    ),
    (
        r#"{"envoy": {"admin_cluster": "a", "interval": "99ms", "timeout": "0s", "max_body": 1023, "host": "a b"}}"#,
        &[
            r#"envoy.host: "a b" is no host; use visible ASCII"#,
            r#"envoy.interval: is shorter than 100ms; write "100ms" or more"#,
            "envoy.timeout: is zero; it takes more than zero",
            "envoy.max_body: 1023 bytes are out of range; it takes 1KiB to 64MiB",
        ],
    ),
    (
        r#"{"etcd": {"cluster": "e", "prefix": "p", "interval": "61m", "timeout": "61s", "max_body": "65MiB", "host": ""}}"#,
        &[
            "etcd.host: is empty; name a host or remove it",
            r#"etcd.interval: is longer than 1h; write "1h" or less"#,
            r#"etcd.timeout: is longer than 60s; write "60s" or less"#,
            "etcd.max_body: 68157440 bytes are out of range; it takes 1KiB to 64MiB",
        ],
    ),
    (
        r#"{"etcd": {"cluster": "", "prefix": ""}}"#,
        &[
            "etcd.prefix: is empty, which is every key there is; name a prefix",
            "etcd.cluster: is empty; name a cluster",
        ],
    ),
    (r#"{"etcd": {}}"#, &["etcd.cluster: is missing", "etcd.prefix: is missing"]),
    (
        r#"{"consul": {"cluster": "c", "service": "", "tag": "", "datacenter": "", "wait": "11m", "token": "x"}}"#,
        &[
            "consul.token: unknown field; there are cluster, service, tag, datacenter, passing, wait, interval, timeout, allow_empty, max_body, host",
            "consul.service: is empty; name a service",
            "consul.tag: is empty; name one or remove it",
            "consul.datacenter: is empty; name one or remove it",
            r#"consul.wait: is longer than 600s; write "600s" or less"#,
        ],
    ),
    (
        r#"{"http": {"cluster": "c", "path": "v1", "list": "a", "address": "/~", "port": "p", "weight": "~2"}}"#,
        &[
            r#"http.path: "v1" is no path; begin it with "/""#,
            r#"http.list: "a" is no JSON pointer; write "/a""#,
            r#"http.address: "/~" has a lone ~; write it as "~0""#,
            r#"http.port: "p" is no JSON pointer; write "/p""#,
            r#"http.weight: "~2" is no JSON pointer; write "/~2""#,
        ],
    ),
    (
        r#"{"http": {"path": "/a b"}}"#,
        &[
            "http.cluster: is missing",
            r#"http.path: "/a b" has characters that no request line takes; write them as %20 and the like"#,
        ],
    ),
];

#[test]
fn a_wrong_source_is_refused_in_words() {
    for (endpoints, meant) in WRONG {
        assert_eq!(errors(endpoints), *meant, "{endpoints}");
    }
}

#[test]
fn a_prefix_is_bounded() {
    let of =
        |length| errors(&format!(r#"{{"etcd": {{"cluster": "e", "prefix": "{}"}}}}"#, "p".repeat(length)));
    assert_eq!(of(1024), Vec::<String>::new());
    assert_eq!(of(1025), ["etcd.prefix: is 1025 bytes long; it takes 1024 at most"]);
}
