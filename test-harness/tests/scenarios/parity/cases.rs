//! What is compared: one case is one cluster of Envoy's, and one upstream of ours that should choose the same.

use std::net::SocketAddr;

use serde_json::{Value, json};
use switchyard_test_harness::load::{Client, Request};

/// An endpoint of a case.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) weight: u32,
    pub(crate) hash_key: Option<String>,
    /// Whether the Switchyard document leaves it in rotation. Envoy is not told.
    pub(crate) healthy: bool,
}

/// Adds what is hashed to request number `i` whose path is `path`.
pub(crate) type Ask = fn(&Client, &str, u64) -> Request;

/// Native and ours, told the same thing in their two languages.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) hosts: Vec<Host>,
    policy: Value,
    balance: Value,
    pub(crate) hash_policy: Value,
    hash_on: Value,
    pub(crate) ask: Ask,
}

impl Case {
    /// Ring hash on the header x-user.
    pub(crate) fn ring(name: &str, function: &str, minimum: u64) -> Self {
        let kind = "type.googleapis.com/envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash";
        let policy =
            json!({ "@type": kind, "hash_function": function.to_uppercase(), "minimum_ring_size": minimum });
        let balance =
            json!({ "policy": "ring_hash", "hash_function": function, "minimum_ring_size": minimum });
        Self::with(name, policy, balance)
    }

    /// Maglev on the header x-user.
    pub(crate) fn maglev(name: &str, table_size: u64) -> Self {
        let kind = "type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev";
        let policy = json!({ "@type": kind, "table_size": table_size });
        Self::with(name, policy, json!({ "policy": "maglev", "table_size": table_size }))
    }

    fn with(name: &str, policy: Value, balance: Value) -> Self {
        Self {
            name: name.to_owned(),
            hosts: Vec::new(),
            policy,
            balance,
            hash_policy: json!([{ "header": { "header_name": "x-user" } }]),
            hash_on: json!([{ "header": "x-user" }]),
            ask: |client, path, i| client.get(path).header("x-user", format!("user-{i}")),
        }
    }

    /// Over these endpoints, all of weight 1.
    pub(crate) fn over(self, addresses: &[SocketAddr]) -> Self {
        self.weighted(addresses, |_| 1)
    }

    /// Over these endpoints, number `i` of weight `weight(i)`.
    pub(crate) fn weighted(mut self, addresses: &[SocketAddr], weight: fn(usize) -> u32) -> Self {
        let host = |(i, address): (usize, &SocketAddr)| Host {
            address: *address,
            weight: weight(i),
            hash_key: None,
            healthy: true,
        };
        self.hosts = addresses.iter().enumerate().map(host).collect();
        self
    }

    /// With a change to every endpoint.
    pub(crate) fn each_host(mut self, change: fn(usize, &mut Host)) -> Self {
        self.hosts.iter_mut().enumerate().for_each(|(i, host)| change(i, host));
        self
    }

    /// Hashes other parts of the request than the header x-user.
    pub(crate) fn hashing(mut self, hash_policy: Value, hash_on: Value, ask: Ask) -> Self {
        (self.hash_policy, self.hash_on, self.ask) = (hash_policy, hash_on, ask);
        self
    }

    /// The `load_balancing_policy` of Envoy's cluster.
    pub(crate) fn native_policy(&self) -> Value {
        json!({ "policies": [{ "typed_extension_config": { "name": "native", "typed_config": self.policy } }] })
    }

    /// The `load_assignment` of Envoy's cluster.
    pub(crate) fn load_assignment(&self, cluster: &str) -> Value {
        let endpoints: Vec<Value> = self.hosts.iter().map(Host::native).collect();
        json!({ "cluster_name": cluster, "endpoints": [{ "lb_endpoints": endpoints }] })
    }

    /// The upstream of the Switchyard document, whose cluster is `cluster`.
    pub(crate) fn upstream(&self, cluster: &str) -> Value {
        let balance = with(self.balance.clone(), "hash_on", self.hash_on.clone());
        let endpoints: Vec<Value> = self.hosts.iter().map(Host::ours).collect();
        json!({ "name": self.name, "cluster": cluster, "endpoints": endpoints, "balance": balance })
    }
}

impl Host {
    fn native(&self) -> Value {
        let socket = json!({ "address": self.address.ip().to_string(), "port_value": self.address.port() });
        let endpoint = json!({
            "endpoint": { "address": { "socket_address": socket } },
            "load_balancing_weight": self.weight,
        });
        match &self.hash_key {
            Some(key) => {
                with(endpoint, "metadata", json!({ "filter_metadata": { "envoy.lb": { "hash_key": key } } }))
            }
            None => endpoint,
        }
    }

    fn ours(&self) -> Value {
        let health = if self.healthy { "healthy" } else { "ejected" };
        let endpoint =
            json!({ "address": self.address.to_string(), "weight": self.weight, "health": health });
        match &self.hash_key {
            Some(key) => with(endpoint, "hash_key", json!(key)),
            None => endpoint,
        }
    }
}

/// The object with one more field.
pub(crate) fn with(mut object: Value, field: &str, value: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    object
}

/// Every case, over as many of the 100 `hosts` as it needs.
pub(crate) fn all(hosts: &[SocketAddr]) -> Vec<Case> {
    let first = |n| hosts.get(..n).unwrap_or(hosts);
    let (three, ten) = (first(3), first(10));
    let mut cases = Vec::new();
    for function in ["xx_hash", "murmur_hash_2"] {
        for minimum in [1_024, 65_536] {
            let ring =
                |what: &str| Case::ring(&format!("ring-{function}-{minimum}-{what}"), function, minimum);
            cases.push(ring("3").over(three));
            cases.push(ring("10").over(ten));
            cases.push(ring("100").over(hosts));
            cases.push(ring("10-weighted").weighted(ten, unequal));
        }
        let ring = |what: &str| Case::ring(&format!("ring-{function}-1024-{what}"), function, 1_024);
        cases.push(ring("100-weighted").weighted(hosts, unequal));
    }
    for size in [65_537, 5_003] {
        let maglev = |what: &str| Case::maglev(&format!("maglev-{size}-{what}"), size);
        cases.push(maglev("3").over(three));
        cases.push(maglev("10").over(ten));
        cases.push(maglev("100").over(hosts));
        cases.push(maglev("10-weighted").weighted(ten, unequal));
        cases.push(maglev("100-weighted").weighted(hosts, unequal));
    }
    let policies = [
        ("ring", (|name| Case::ring(name, "xx_hash", 1_024)) as fn(&str) -> Case),
        ("maglev", |name| Case::maglev(name, 65_537)),
    ];
    for (policy, make) in policies {
        let case = |what: &str| make(&format!("{policy}-{what}"));
        let removed: Vec<_> = ten.iter().filter(|address| ten.get(4) != Some(address)).copied().collect();
        cases.push(case("one-removed").over(&removed));
        cases.push(
            case("one-ejected-by-us").weighted(ten, unequal).each_host(|i, host| host.healthy = i != 4),
        );
        cases
            .push(case("hash-keys").over(ten).each_host(|i, host| host.hash_key = Some(format!("host-{i}"))));
    }
    // What is hashed does not depend on the policy: once is enough.
    let ring = |what: &str| Case::ring(&format!("ring-{what}"), "xx_hash", 1_024);
    cases.extend(requests(&ring).map(|case| case.over(ten)));
    cases
}

fn unequal(i: usize) -> u32 {
    [1, 2, 3, 5, 8, 13, 21, 1, 100, 7].into_iter().cycle().nth(i).unwrap_or(1)
}

/// What may be hashed beside one header.
fn requests(case: &dyn Fn(&str) -> Case) -> [Case; 6] {
    let header = json!({ "header": { "header_name": "x-user" } });
    let query = json!({ "query_parameter": { "name": "user" } });
    let terminal = json!({ "header": { "header_name": "x-user" }, "terminal": true });
    [
        case("header-and-query").hashing(
            json!([header, query]),
            json!([{ "header": "x-user" }, { "query_parameter": "user" }]),
            // Sometimes one of them, sometimes both.
            |client, path, i| match i % 3 {
                0 => client.get(&format!("{path}?a=b&user=u{i}")),
                1 => client.get(path).header("x-user", format!("user-{i}")),
                _ => client
                    .get(&format!("{path}?user=u{i}&user=v"))
                    .header("x-user", format!("user-{}", i % 7)),
            },
        ),
        case("terminal").hashing(
            json!([terminal, query]),
            json!([{ "header": "x-user", "terminal": true }, { "query_parameter": "user" }]),
            |client, path, i| {
                let request = client.get(&format!("{path}?user=u%20{i}"));
                if i % 2 == 0 { request } else { request.header("x-user", format!("user-{}", i / 2)) }
            },
        ),
        case("two-values").hashing(json!([header]), json!([{ "header": "x-user" }]), |client, path, i| {
            // Both orders: Envoy sorts the values.
            let (first, second) = (format!("user-{}", i % 101), format!("user-{}", i / 101));
            client.get(path).header("x-user", first).header("x-user", second)
        }),
        case("cookie").hashing(
            json!([{ "cookie": { "name": "session" } }]),
            json!([{ "cookie": { "name": "session" } }]),
            |client, path, i| {
                let cookies = match i % 3 {
                    0 => format!("session=s{i}"),
                    1 => format!("a=b; session=\"s{i}\"; session=later"),
                    _ => format!("xsession=no;session=s{i}"),
                };
                client.get(path).header("cookie", cookies)
            },
        ),
        case("source-ip").hashing(
            json!([{ "connection_properties": { "source_ip": true } }, header]),
            json!([{ "source_ip": true }, { "header": "x-user" }]),
            |client, path, i| client.get(path).header("x-user", format!("user-{i}")),
        ),
        case("odd-values").hashing(json!([header]), json!([{ "header": "x-user" }]), |client, path, i| {
            let length = usize::try_from(i % 300).unwrap_or(0);
            let key = match i % 4 {
                0 => format!("{i}{}", "k".repeat(length)).into_bytes(),
                1 => [b"\xff\xfe\x80".as_slice(), i.to_string().as_bytes()].concat(),
                2 => format!("a, b;c=\"{i}\" d").into_bytes(),
                // Empty ones are left out: Envoy hashes them, to us they say of nobody who he is.
                _ => format!("x{i}é").into_bytes(),
            };
            client.get(path).header("x-user", key)
        }),
    ]
}
