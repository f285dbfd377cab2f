//! Where the document is, if it lives in a store.

use crate::read::section;
use crate::values::{ByteSize, Duration};

section! {
    /// Where the document is: in one of these. What stands there is JSON, as it would stand here, and is checked whole before anything of it is in
    /// force. No token stands here: Envoy's `credential_injector`, in the cluster that is asked, adds it.
    StoredDocument {
        required {}
        optional {
            /// The value of a key of etcd's, by its JSON gateway (v3).
            etcd: EtcdKey,
            /// The value of a key of Consul's.
            consul: ConsulKey,
            /// The answer of any service.
            http: HttpDocument,
        }
    }
}

section! {
    /// A key of etcd's whose value is the document.
    EtcdKey {
        required {
            /// The Envoy cluster of etcd's client port.
            cluster: String,
            /// The key: "/switchyard/document".
            key: String,
        }
        optional {
            /// How often is asked, 100ms to 1h. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for, at most 1m. Default: 1s.
            timeout: Duration,
            /// The longest answer that is read, 1KiB to 64MiB. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}

section! {
    /// A key of Consul's whose value is the document.
    ConsulKey {
        required {
            /// The Envoy cluster of Consul's HTTP port.
            cluster: String,
            /// The key: "switchyard/document".
            key: String,
        }
        optional {
            /// The datacenter. Default: the agent's own.
            datacenter: String,
            /// How long Consul holds an ask until something changes, at most 10m, so that a change is known at once; "0s": not at
            /// all. Default: 30s.
            wait: Duration,
            /// How often is asked at most, 100ms to 1h. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for beyond `wait`, at most 1m. Default: 1s.
            timeout: Duration,
            /// The longest answer that is read, 1KiB to 64MiB. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}

section! {
    /// A service whose answer is the document. An `etag` that it sends is sent back, and 304 means that nothing has changed.
    HttpDocument {
        required {
            /// The Envoy cluster of the service.
            cluster: String,
            /// What is asked for by GET: path and query.
            path: String,
        }
        optional {
            /// How often is asked, 100ms to 1h. Default: 5s.
            interval: Duration,
            /// How long an answer is waited for, at most 1m. Default: 1s.
            timeout: Duration,
            /// The longest answer that is read, 1KiB to 64MiB. Default: 16MiB.
            max_body: ByteSize,
            /// The host asked for. Default: the cluster's name.
            host: String,
        }
    }
}
