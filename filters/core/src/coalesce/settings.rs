//! What an operator may set about coalescing; plain values, validated by the configuration.

use crate::request_key::KeyRules;
use core::time::Duration;

/// Everything about coalescing of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Count what would have been collapsed, and hold nothing back.
    pub shadow: bool,
    /// Whose requests share an answer.
    pub scope: Scope,
    /// What tells requests apart.
    pub key: KeyPolicy,
    /// Statuses whose answers are shared.
    pub share_status: Vec<u16>,
    /// The longest body that is shared, in bytes.
    pub max_body_bytes: u64,
    /// The most followers that one flight has in one worker.
    pub max_followers: u32,
    /// The most flights of the route in one worker.
    pub max_flights: u32,
    /// What answers of the route may take in one worker, the copies that clients have not read yet included; in bytes.
    pub max_bytes_held: u64,
    /// How long a follower waits; then it goes on by itself as soon as it is its turn, and at the latest when it has waited for
    /// twice as long.
    pub max_wait: Duration,
    /// How long a leader may take before the oldest follower leads in its place.
    pub max_leader_age: Duration,
    /// How long the leader's body may stand still before the oldest follower leads in its place.
    pub stall_timeout: Duration,
    /// What becomes of the followers when the leader fails.
    pub on_error: OnError,
    /// How often followers of one burst lead after a failure; then they are released.
    pub max_elections: u32,
    /// How many released followers are under way at a time, in all workers of the flight together.
    pub release_concurrency: u32,
    /// How long the body of a request may take to be whole, if it is a part of the key.
    pub body_timeout: Duration,
    /// For how long a key whose answer may not be shared is passed on at once.
    pub pass_ttl: Duration,
    /// For how long an answer serves further requests; zero: not at all.
    pub hold: Duration,
    /// For how long after that it serves in place of a failure.
    pub stale_if_error: Duration,
    /// What answers that are kept for [`Settings::hold`] and [`Settings::stale_if_error`] may take in one worker, in bytes.
    pub max_stored_bytes: u64,
    /// Whether a request with `cache-control: no-cache` (or `max-age=0`, or `pragma: no-cache`) goes on by itself.
    pub honour_no_cache: bool,
}

/// Whose requests share an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those of one worker.
    Worker,
    /// Those of all workers.
    #[default]
    Proxy,
}

/// What tells requests apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Of their heads. A request with `authorization`, `proxy-authorization` or `cookie` is coalesced only if they are named here.
    pub rules: KeyRules,
    /// Whether a POST is coalesced, with its body as a part of the key.
    pub body: bool,
    /// The longest body that is made part of a key, in bytes.
    pub max_body_bytes: u64,
    /// Credentials that are not in the key do not keep a request from being coalesced: every client may get the answer
    /// that another client's credentials obtained.
    pub share_across_principals: bool,
}

/// What becomes of the followers when the leader fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The oldest of them leads.
    #[default]
    Elect,
    /// They go on by themselves, a few at a time.
    Release,
    /// They get the failure, if its status is one of these; else the oldest of them leads.
    Share(Vec<u16>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shadow: false,
            scope: Scope::default(),
            key: KeyPolicy { max_body_bytes: 64 << 10, ..KeyPolicy::default() },
            share_status: vec![200, 203, 204, 300, 301, 404, 405, 410, 414, 501],
            max_body_bytes: 1 << 20,
            max_followers: 1024,
            max_flights: 4096,
            max_bytes_held: 64 << 20,
            max_wait: Duration::from_secs(10),
            max_leader_age: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(1),
            on_error: OnError::default(),
            max_elections: 3,
            release_concurrency: 8,
            body_timeout: Duration::from_secs(1),
            pass_ttl: Duration::from_secs(10),
            hold: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            max_stored_bytes: 8 << 20,
            honour_no_cache: false,
        }
    }
}
