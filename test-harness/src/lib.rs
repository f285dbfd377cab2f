//! What the scenarios run on: a real Envoy, upstreams that misbehave on command, load with keys, and the
//! judgement of what came out.
//!
//! Invariants: ports are chosen by the kernel; nothing waits for time to pass, only for conditions
//! ([`wait`]); what a test started ends with it; a failing test shows Envoy's log.

pub mod batching;
pub mod bench;
pub mod browser;
pub mod coalescing;
pub mod collector;
pub mod compose;
pub mod demo;
pub mod dns;
pub mod ejecting;
pub mod envoy;
pub mod etcd;
pub mod front;
pub mod listed;
pub mod load;
pub mod processor;
pub mod prometheus;
pub mod retrying;
pub mod services;
pub mod soak;
pub mod statistics;
pub mod steered;
pub mod talking;
pub mod upstream;
pub mod wait;

/// What a scenario imports: `use switchyard_test_harness::prelude::*;`.
pub mod prelude {
    pub use crate::batching::{
        batch_alone, batch_alone_routes, batch_section, batch_stat, batching, gathered, patient_section,
        start_batching, until_active, until_busy, until_gathered,
    };
    pub use crate::browser::Browser;
    pub use crate::coalescing::{
        alone, answers, client_of_each_worker, clients_by_worker, coalesce_stat, coalescing,
        start_coalescing, together, until_followers, until_under_way, until_waiting,
    };
    pub use crate::collector::{Collector, Span};
    pub use crate::dns::Dns;
    pub use crate::ejecting::{
        bad, ejecting, ejections, outlier_stat, send, start_ejecting, until_ejected, with_outlier,
    };
    pub use crate::envoy::{Bootstrap, Crossings, Envoy, Form, Modules, pieces};
    pub use crate::etcd::Etcd;
    pub use crate::front::{Certificate, Front};
    pub use crate::load::{Client, Load, Reading, Report, Request, Response};
    pub use crate::processor::Processor;
    pub use crate::prometheus::Prometheus;
    pub use crate::retrying::{retry_stat, retrying, start_retrying};
    pub use crate::services::{
        Call, Cost, Fault, Faults, Protocol, Question, Service, Tally, Verdict, Victims,
    };
    pub use crate::statistics::assert_shares;
    pub use crate::steered::{
        balanced, batched, coalesced, endpoint, http2, retried, ring_hash, routed, steered,
    };
    pub use crate::talking::{Echoes, Talk};
    pub use crate::upstream::{Behaviour, Recorded, Upstream, Upstreams};
    pub use crate::wait;
}
