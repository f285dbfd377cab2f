//! Envoy's own view of a cluster: its admin's `GET /clusters?format=json`.

/// How the hosts of a cluster become members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envoy {
    /// What consistent hashing hashes.
    pub hash_key: HashKey,
    /// Which of Envoy's words count.
    pub counts: Counts,
}

/// What consistent hashing hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashKey {
    /// The address.
    #[default]
    Address,
    /// The host's name as Envoy has it, where it is no other host's, too.
    Hostname,
}

/// Which of Envoy's words on the health of a host count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// That active health checks failed.
    pub failed_active_health_check: bool,
    /// That Envoy's own outlier detection ejected it.
    pub failed_outlier_check: bool,
    /// What the control plane says of it.
    pub eds_health_status: bool,
}

impl Default for Counts {
    fn default() -> Self {
        Self { failed_active_health_check: true, failed_outlier_check: true, eds_health_status: true }
    }
}
