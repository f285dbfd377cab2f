//! What does Switchyard cost, and what does it save?

use super::grafana::{Dashboard, Panel, graph, number};
use crate::observability::query::{RELOADS, envoys, family, shown};
use switchyard_frame::metrics::catalogue::*;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "cost",
        title: "Cost",
        description: "What the filters cost: attempts beyond requests, memory, VMs, series.",
        choices: Vec::new(),
        panels: [load(), memory(), machinery()].into_iter().flatten().collect(),
    }
}

fn load() -> Vec<Panel> {
    let upstream =
        || envoys("envoy_cluster_upstream_rq_total", &["envoy_cluster_name"]).rate().sum(&["instance"]);
    let clients = || envoys("envoy_http_downstream_rq_total", &[]).rate().sum(&["instance"]);
    vec![
        graph(
            "Requests of clients and to upstreams",
            "reqps",
            "What clients ask, and what upstreams see, retries, hedges, heartbeats and asks for lists included; less coalescing and batching.",
        )
        .line(clients(), "clients of {{instance}}")
        .line(upstream(), "upstreams of {{instance}}"),
        number(
            "Attempts per request",
            "none",
            "What upstreams see, by what clients ask. Above 1: retries and heartbeats; below 1: coalescing and batching save more than those cost.",
        )
        .line(upstream().over(clients()), "{{instance}}"),
        graph(
            "Heartbeats",
            "reqps",
            "Requests that the router makes by itself to see whether endpoints live: load that no client has asked for.",
        )
        .line(shown(&HEARTBEATS).rate().sum(&["upstream"]), "{{upstream}}"),
    ]
}

fn memory() -> Vec<Panel> {
    vec![
        graph(
            "Memory of Envoy",
            "bytes",
            "What Envoy has allocated, its VMs' memory not included, and what its process has of the machine, which includes it.",
        )
        .line(envoys("envoy_server_memory_allocated", &[]).now().max(&["instance"]), "{{instance}}: allocated")
        .line(
            envoys("envoy_server_memory_physical_size", &[]).now().max(&["instance"]),
            "{{instance}}: of the machine",
        ),
        graph(
            "Bytes that filters hold",
            "bytes",
            "Bodies and answers that coalescing and batching keep for those that wait, all workers together. docs/memory.md says how much may be.",
        )
        .line(shown(&COALESCE_BYTES_HELD).now().sum(&["instance"]), "{{instance}}: coalescing")
        .line(shown(&BATCH_BYTES_HELD).now().sum(&["instance"]), "{{instance}}: batching"),
    ]
}

fn machinery() -> Vec<Panel> {
    vec![
        graph(
            "VMs",
            "none",
            "Wasm VMs that are there: one per worker and module, and two of each on the main thread. It doubles for a while when a module is replaced.",
        )
        .line(
            envoys("envoy_wasm_envoy_wasm_runtime_v8_active", &[]).now().max(&["instance"]),
            "{{instance}}: VMs",
        )
        .line(envoys("envoy_server_concurrency", &[]).now().max(&["instance"]), "{{instance}}: workers"),
        graph(
            "VMs that died",
            "none",
            "VMs that trapped and were made again since Envoy's start. There should be none: requests in such a VM have ended. Envoy's log has the reason.",
        )
        .line(family(RELOADS).chosen().now().sum(&["instance"]), "{{instance}}"),
        graph(
            "Series that are not shown",
            "none",
            "Series over the bound of a VM, since Envoy's start. There should be none; have fewer routes or upstreams in a document.",
        )
        .line(shown(&METRICS_DROPPED).now().sum(&["instance"]), "{{instance}}"),
        graph(
            "Documents in a store",
            "none",
            "For how many seconds the store has not been heard when it was asked last, and errors a second. Nothing where the document is in Envoy's configuration.",
        )
        .line(shown(&DOCUMENT_AGE).now().max(&["instance", "filter"]), "{{filter}} on {{instance}}: age in seconds")
        .line(shown(&DOCUMENT_VERSION).now().max(&["instance", "filter"]), "{{filter}} on {{instance}}: version")
        .line(shown(&DOCUMENT_CHANGES).rate().sum(&["instance", "filter"]), "{{filter}} on {{instance}}: changes")
        .line(
            shown(&DOCUMENT_ERRORS).rate().sum(&["instance", "filter", "reason"]),
            "{{filter}} on {{instance}}: {{reason}}",
        ),
    ]
}
