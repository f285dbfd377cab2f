//! Where the endpoints of an upstream come from: a list, or what is asked for one.

use super::Endpoint;
use crate::error::{Errors, Path};
use crate::read::{Read, expected, section, words};
use crate::values::{ByteSize, Duration};
use serde_json::Value;

/// `endpoints` of an upstream.
#[derive(Clone, Debug)]
pub(crate) enum Endpoints {
    /// These.
    List(Vec<Endpoint>),
    /// Those that this tells.
    Source(Box<Source>),
}

impl Read for Endpoints {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        match value {
            Value::Array(_) => Vec::read(value, at, errors).map(Self::List),
            Value::Object(_) => Source::read(value, at, errors).map(|source| Self::Source(source.into())),
            other => expected("a list of endpoints, or one of envoy, etcd, consul, http", other, at, errors),
        }
    }
}

section! {
    /// Where endpoints come from, if they are not listed: exactly one of envoy, etcd, consul, http. What was read last stays in
    /// force while a source does not answer. There is no place for a token here: give it to Envoy, whose credential_injector adds it in the
    /// cluster that is asked.
    Source {
        required {}
        optional {
            /// Envoy's own admin: the endpoints that it has for the upstream's cluster, and what it knows of their health.
            envoy: EnvoySource,
            /// etcd, by its JSON gateway (v3).
            etcd: EtcdSource,
            /// Consul.
            consul: ConsulSource,
            /// Any service that answers with JSON.
            http: HttpSource,
        }
    }
}

section! {
    /// Envoy's admin as a source.
    EnvoySource {
        required {
            /// The cluster by which Envoy reaches its own admin: Istio's and Envoy Gateway's is `prometheus_stats`, kgateway's `admin_port_cluster`.
            admin_cluster: String,
        }
        optional {
            /// What consistent hashing hashes. Default: address.
            hash_key: HashKey,
            /// Endpoints whose active health checks fail are out of rotation. Default: true.
            failed_active_health_check: bool,
            /// Endpoints that Envoy's own outlier detection has ejected are out of rotation. Default: true.
            failed_outlier_check: bool,
            /// Endpoints that the control plane says are unhealthy are out of rotation, and draining ones get nothing new. Default: true.
            eds_health_status: bool,
            /// How often is asked, 100ms to 1h. Long answers are asked for less often: a second passes for each MiB. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for, at most 1m. Default: 1s.
            timeout: Duration,
            /// An empty list is believed, and takes all endpoints away. Default: false.
            allow_empty: bool,
            /// The longest answer that is read, 1KiB to 64MiB. Envoys before 1.38 tell of all their clusters at once. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}

words! {
    /// What consistent hashing hashes of an endpoint that Envoy tells of.
    HashKey {
        /// Its address.
        Address = "address",
        /// Its host name, if no other endpoint of the upstream has the same; its address otherwise.
        Hostname = "hostname",
    }
}

section! {
    /// etcd as a source. Every key below the prefix is an endpoint; its value is `ip:port`, or JSON with `address` (also `addr`,
    /// `Addr`, `host`, `ip`), `port`, `weight`, `zone`, `region`, `priority`, or a list of those in `nodes`. Host names are skipped.
    EtcdSource {
        required {
            /// The Envoy cluster of etcd's client port.
            cluster: String,
            /// What the keys begin with: "/services/checkout/".
            prefix: String,
        }
        optional {
            /// How often is asked, 100ms to 1h. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for, at most 1m. Default: 1s.
            timeout: Duration,
            /// An empty list is believed, and takes all endpoints away. Default: false.
            allow_empty: bool,
            /// The longest answer that is read, 1KiB to 64MiB. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}

section! {
    /// Consul as a source: the addresses and weights of a service's instances. Host names are skipped.
    ConsulSource {
        required {
            /// The Envoy cluster of Consul's HTTP port.
            cluster: String,
            /// The service's name in Consul.
            service: String,
        }
        optional {
            /// Only instances with this tag. Default: all.
            tag: String,
            /// The datacenter. Default: the agent's own.
            datacenter: String,
            /// Only instances all of whose checks pass. Otherwise the others are there too: one with a warning by its weight for that, one
            /// that is critical out of rotation. Default: true.
            passing: bool,
            /// How long Consul holds an ask until something changes, at most 10m, so that a change is known at once; "0s": not at
            /// all. Default: 30s.
            wait: Duration,
            /// How often is asked at most, 100ms to 1h. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for beyond `wait`, at most 1m. Default: 1s.
            timeout: Duration,
            /// An empty list is believed, and takes all endpoints away. Default: false.
            allow_empty: bool,
            /// The longest answer that is read, 1KiB to 64MiB. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}

section! {
    /// A service that answers with JSON, in which JSON pointers say where things are. An `etag` that it sends is sent back, and 304 means that
    /// nothing has changed.
    HttpSource {
        required {
            /// The Envoy cluster of the service.
            cluster: String,
            /// What is asked for by GET: path and query.
            path: String,
        }
        optional {
            /// Pointer to the list of endpoints. Default: "", the whole answer.
            list: String,
            /// Pointer, in an entry of the list, to its IP or `ip:port`; "": the entry is that. Default: /address.
            address: String,
            /// Pointer to its port. Default: none, it stands in the address.
            port: String,
            /// Pointer to its weight, of which 0 gets nothing new. Default: none, all have 1.
            weight: String,
            /// Pointer to its priority. Default: none, all have 0.
            priority: String,
            /// Pointer to what consistent hashing hashes. Default: none, the address.
            hash_key: String,
            /// Pointer to its region. Default: none.
            region: String,
            /// Pointer to its zone. Default: none.
            zone: String,
            /// How often is asked, 100ms to 1h. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for, at most 1m. Default: 1s.
            timeout: Duration,
            /// An empty list is believed, and takes all endpoints away. Default: false.
            allow_empty: bool,
            /// The longest answer that is read, 1KiB to 64MiB. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}

#[cfg(feature = "schema")]
mod schema {
    use super::{Endpoint, Endpoints, Source};
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    impl JsonSchema for Endpoints {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "Endpoints".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({"anyOf": [
                {"type": "array", "items": generator.subschema_for::<Endpoint>(), "minItems": 1},
                generator.subschema_for::<Source>()
            ]})
        }
    }
}
