//! Passive health: judge every attempt, eject endpoints that fail, readmit those that recovered.

mod settings;

pub use settings::{
    ConsecutivePolicy, EjectionPolicy, FailurePercentagePolicy, FailurePolicy, Heartbeat, LatencyPolicy,
    Readmission, Settings, Signal, StallPolicy, SuccessRatePolicy, Threshold,
};
