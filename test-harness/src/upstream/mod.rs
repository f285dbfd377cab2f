//! HTTP servers that answer, fail, stall, reset, drip or lie on command, and record every request they saw.
//!
//! HTTP/1.1 and HTTP/2 in clear text on one port. The same code runs inside a test and, as the binary
//! `switchyard-upstream`, in a container, where it is told over its control path:
//!
//! ```text
//! PUT /_control            a Behaviour as JSON        GET /_requests     what was seen
//! POST /_control/release   lets go of what is held
//! ```
//!
//! Invariant: a change of behaviour is in force when the call that made it returns. Control requests are
//! answered under every behaviour but `Refuse`, and are not recorded.

pub(crate) mod answer;
mod behaviour;
pub(crate) mod body;
pub(crate) mod record;
pub(crate) mod server;
pub(crate) mod under_way;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError};

pub use behaviour::Behaviour;
pub use record::{BODY_CAPACITY, CAPACITY, Recorded};

use record::Sequence;
use server::{Gate, Rule, State};

/// The response header with the upstream's name.
pub const NAME_HEADER: &str = "x-upstream";
/// The response header with the upstream's ip:port.
pub const ADDRESS_HEADER: &str = "x-upstream-address";

/// One running server. Dropping it closes its socket and all its connections.
pub struct Upstream {
    state: Arc<State>,
    gate: tokio::sync::watch::Sender<Gate>,
    task: tokio::task::JoinHandle<()>,
}

impl Upstream {
    /// Listens on `listen` (port 0: a free one) under a name that its answers carry.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start(name: &str, listen: SocketAddr) -> anyhow::Result<Self> {
        let (state, gate, task) = server::start(name, listen, Arc::new(Sequence::new())).await?;
        Ok(Self { state, gate, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.state.address
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Treats all requests from now on in this way. Returns when it is in force: after [`Behaviour::Refuse`]
    /// connections are refused, and after any other they are accepted again.
    ///
    /// # Errors
    /// If the port was taken by someone else in the meantime.
    pub async fn behave(&self, behaviour: Behaviour) -> anyhow::Result<()> {
        let gate = if behaviour == Behaviour::Refuse { Gate::Shut } else { Gate::Open };
        self.state.set(behaviour);
        server::turn(&self.gate, &self.state, gate).await
    }

    /// Treats the next `count` requests in this way, the ones after them as before. Not for `Refuse`.
    pub fn behave_next(&self, count: u64, behaviour: Behaviour) {
        *self.state.next.lock().unwrap_or_else(PoisonError::into_inner) = (count, behaviour);
    }

    /// Treats requests with this value of this header in this way until [`Upstream::behave`]; they use up nothing
    /// of [`Upstream::behave_next`]. The last rule that holds is the one that counts. Not for `Refuse`.
    ///
    /// # Errors
    /// If that cannot be the name of a header.
    pub fn behave_for(&self, header: &str, value: &str, behaviour: Behaviour) -> anyhow::Result<()> {
        let rule = Rule { header: header.try_into()?, value: value.to_owned(), behaviour };
        self.state.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
        Ok(())
    }

    /// How many requests it has seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state.log.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// The requests it has seen, oldest first; the last [`CAPACITY`] of them.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.log.lock().unwrap_or_else(PoisonError::into_inner).kept.iter().cloned().collect()
    }

    /// How many requests it is busy with: they have arrived, and their answers are not complete.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.state.under_way.now()
    }

    /// The most requests that were under way at a time since [`Upstream::forget`].
    #[must_use]
    pub fn most_at_a_time(&self) -> u64 {
        self.state.under_way.most()
    }

    /// Lets go of all requests that are held ([`Behaviour::Held`]) now; those that come later wait for the next
    /// release.
    pub fn release(&self) {
        self.state.releases.send_replace(());
    }

    /// Forgets the requests seen so far.
    pub fn forget(&self) {
        self.state.forget();
    }

    /// Runs until the process is ended: what the container does.
    ///
    /// # Errors
    /// If the server's task dies.
    pub async fn serve(mut self) -> anyhow::Result<()> {
        Ok((&mut self.task).await?)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.gate.send_replace(Gate::Shut);
        self.task.abort();
    }
}

/// Several upstreams, named `upstream-1`, `upstream-2`, … They share one order of requests.
pub struct Upstreams {
    all: Vec<Upstream>,
}

impl Upstreams {
    /// `n` servers on 127.0.0.1, each on a free port.
    ///
    /// # Errors
    /// If a socket cannot be had.
    pub async fn start(n: usize) -> anyhow::Result<Self> {
        Self::start_at(&vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); n]).await
    }

    /// `n` servers on addresses of their own, 127.0.1.1, 127.0.1.2, …, 127.0.2.1, … (250 each), on free ports.
    ///
    /// # Errors
    /// If a socket cannot be had.
    pub async fn hosts(n: usize) -> anyhow::Result<Self> {
        let byte = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
        let address = |i: usize| IpAddr::from([127, 0, byte(1 + i / 250), byte(1 + i % 250)]);
        Self::start_at(&(0..n).map(|i| SocketAddr::new(address(i), 0)).collect::<Vec<_>>()).await
    }

    /// One server on each address.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub async fn start_at(addresses: &[SocketAddr]) -> anyhow::Result<Self> {
        let sequence = Arc::new(Sequence::new());
        let mut all = Vec::new();
        for (i, address) in addresses.iter().enumerate() {
            let name = format!("upstream-{}", i + 1);
            let (state, gate, task) = server::start(&name, *address, Arc::clone(&sequence)).await?;
            all.push(Upstream { state, gate, task });
        }
        Ok(Self { all })
    }

    /// The addresses, in order.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().map(Upstream::address).collect()
    }

    /// The upstream of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Upstream> {
        self.all.iter().find(|upstream| upstream.name() == name)
    }

    /// Requests seen, by name; zeros too.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.all.iter().map(|upstream| (upstream.name().to_owned(), upstream.count())).collect()
    }

    /// Forgets what all of them have seen.
    pub fn forget(&self) {
        self.all.iter().for_each(Upstream::forget);
    }
}

impl std::ops::Deref for Upstreams {
    type Target = [Upstream];

    fn deref(&self) -> &[Upstream] {
        &self.all
    }
}
