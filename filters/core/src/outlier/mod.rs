//! Passive health: judge every attempt, eject endpoints that fail, readmit those that recovered.
//!
//! Three questions, three modules. `classify`: what does the end of an attempt say about the endpoint? `decide`:
//! which endpoints stand out? `enforce`: what becomes of them, within which bounds? Between them lie the two
//! tables that all workers share: the [`Ledger`] of states and consecutive failures, the [`Tally`] of windows.
//!
//! Source: Envoy's `OutlierDetection` for the detectors that it has, gRFC A50 and linkerd's circuit breaking for
//! what they do otherwise; docs/outlier.md has the formulas and the differences.

mod classify;
mod decide;
mod enforce;
mod heartbeat;
mod ledger;
mod reason;
mod settings;
mod tally;
mod timeline;
mod watched;
mod window;

pub use classify::{
    Answer, EndedBy, Ending, FIRST_MOMENTS, Failure, Neutral, Origin, Outcome, RouteLimit, http_status,
    limit_has_passed,
};
pub use decide::{Figures, InFlight, Ticket, Verdict, evaluate};
pub use enforce::{Cluster, Effects, Event, LONGEST_TRIAL, Spared, Transition};
pub use heartbeat::{Check, DESTINATION_HEADER, Elsewhere, GRPC_HEALTH_PATH, Heartbeat, MOST_SERVICE};
pub use ledger::{EndpointKey, Ledger, RECORD_BYTES, Record, VERSION};
pub use reason::Reason;
pub use settings::{
    ConsecutivePolicy, EjectionPolicy, FailurePercentagePolicy, FailurePolicy, LatencyPolicy, Readmission,
    Settings, Signal, StallPolicy, SuccessRatePolicy, Threshold,
};
pub use tally::Tally;
pub use timeline::{PRECISION, Timeline};
pub use watched::{MOST_BYTES, MOST_PARTS, Part, Published, Watched, WatchedEndpoint};
pub use window::{BUCKETS, Counts, Histogram, STEPS, Window, bucket_at, next_bucket};
