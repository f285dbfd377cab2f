//! A service with calls for several things at once, for what batches requests: JSON-RPC 2.0, arrays of instances,
//! embeddings, and objects by ids, all on one port, each by its path ([`Protocol`]).
//!
//! Every call has a cost, and so has each of its items; calls take turns. Calls fail on command or by a seeded share, in
//! whole or in one item ([`Fault`]). Each call records how many items it had and whose they were.
//!
//! Invariant: what is set is in force for the calls that arrive after it returns.

mod cost;
mod fault;
mod gzip;
mod manner;
mod protocol;
mod question;
mod record;
mod server;
mod truth;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use tokio::net::TcpListener;

pub use cost::Cost;
pub use fault::{Fault, Faults, Victims};
pub use manner::Manner;
pub use protocol::{Protocol, Reply, owner, truth};
pub use question::Question;
pub use record::{CAPACITY, Call, Mishap, NOBODY, QUESTION_HEADER};
pub use truth::{Tally, Verdict, judge};

use server::{State, lock};

/// One running service. Dropping it closes its socket and all its connections.
pub struct Service {
    state: Arc<State>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Service {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start(cost: Cost) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
        let (state, address) = (Arc::new(State::new(cost)?), listener.local_addr()?);
        let task = tokio::spawn(server::run(listener, Arc::clone(&state)));
        Ok(Self { state, address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What calls cost from now on.
    pub fn costs(&self, cost: Cost) {
        *lock(&self.state.cost) = cost;
    }

    /// Shares of calls go wrong from now on; `None`: no longer.
    pub fn fails(&self, faults: Option<Faults>) {
        lock(&self.state.plan).shares(faults);
    }

    /// The next so many calls of these go wrong, before any share is thought of. One to which the fault can do nothing, an
    /// error, or a change of order of one item, counts and stays as it is.
    pub fn fails_next(&self, count: u64, fault: Fault, victims: Victims) {
        lock(&self.state.plan).next(count, fault, victims);
    }

    /// How it answers from now on; `None`: as it should.
    pub fn behaves(&self, manner: Option<Manner>) {
        *lock(&self.state.manner) = manner;
    }

    /// The next so many calls are held until they are released, and go on from there.
    pub fn hold_next(&self, count: u64) {
        self.state.held.store(count, Ordering::Release);
    }

    /// Lets go of all calls that are held now.
    pub fn release(&self) {
        self.state.releases.send_replace(());
    }

    /// How many calls it is busy with, or holds.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.state.under_way.now()
    }

    /// The most calls that were there at a time since [`Service::forget`].
    #[must_use]
    pub fn most_at_a_time(&self) -> u64 {
        self.state.under_way.most()
    }

    /// How many calls it has seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        lock(&self.state.log).calls
    }

    /// How many items they asked for, all together.
    #[must_use]
    pub fn items(&self) -> u64 {
        lock(&self.state.log).items
    }

    /// The calls that it has seen, oldest first; the last [`CAPACITY`] of them.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state.log).kept.iter().cloned().collect()
    }

    /// Those of them that had this item.
    #[must_use]
    pub fn calls_with(&self, tag: &str) -> Vec<Call> {
        let has_it = |call: &&Call| call.tags.iter().flatten().any(|other| other == tag);
        lock(&self.state.log).kept.iter().filter(has_it).cloned().collect()
    }

    /// How many calls there were of each number of items.
    #[must_use]
    pub fn sizes(&self) -> BTreeMap<usize, u64> {
        lock(&self.state.log).sizes.clone()
    }

    /// The items of the largest call; 0 without any.
    #[must_use]
    pub fn most_items(&self) -> usize {
        lock(&self.state.log).sizes.keys().next_back().copied().unwrap_or(0)
    }

    /// Calls with items of several principals, or with other credentials than their items': how many, and the first few.
    #[must_use]
    pub fn mixed_calls(&self) -> (u64, Vec<Call>) {
        let log = lock(&self.state.log);
        (log.mixed_calls, log.mixed.clone())
    }

    /// How often each fault has struck.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<Fault, u64> {
        lock(&self.state.log).faults.clone()
    }

    /// What went wrong with calls that had this item, as far as it could miss something by that.
    #[must_use]
    pub fn mishaps(&self, tag: &str) -> Vec<Mishap> {
        lock(&self.state.log).mishaps.get(tag).cloned().unwrap_or_default()
    }

    /// Forgets the calls seen so far.
    pub fn forget(&self) {
        *lock(&self.state.log) = record::Log::default();
        self.state.under_way.forget();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}
