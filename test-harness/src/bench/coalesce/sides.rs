//! Those that are compared, each with two workers (Varnish has its threads) in front of the same upstream.
//!
//! Invariant: our module stands alone before a plain cluster, as the caches of the others do, with its defaults: switchyard.wasm, which is
//! what users run, and coalesce.wasm, to see what the other stages cost a burst.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::burst::Clients;
use super::peer::Kind;
use crate::bench::chain::module;
use crate::bench::foreign::Foreign;
use crate::envoy::{Bootstrap, Envoy, pieces};
use crate::steered::balanced;
use crate::upstream::Upstreams;

/// Who lets identical requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Switchyard,
    /// coalesce.wasm.
    Single,
    Nginx,
    Varnish,
}

impl Side {
    pub(super) const ALL: [Self; 4] = [Self::Switchyard, Self::Single, Self::Nginx, Self::Varnish];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Switchyard => "switchyard",
            Self::Single => "single",
            Self::Nginx => "nginx",
            Self::Varnish => "varnish",
        }
    }
}

/// A side that runs, and the clients that are connected to it.
pub(super) struct Running {
    pub(super) side: Side,
    pub(super) version: Value,
    pub(super) clients: Clients,
    _server: Server,
}

/// Kept for its end.
enum Server {
    Envoy(#[expect(dead_code, reason = "ends when dropped")] Envoy),
    Peer(#[expect(dead_code, reason = "ends when dropped")] Foreign),
}

impl Running {
    /// Starts a side with so many clients.
    pub(super) async fn start(side: Side, upstreams: &Upstreams, clients: usize) -> anyhow::Result<Self> {
        let (server, address, version) = match side {
            Side::Switchyard => envoy(upstreams, "switchyard").await?,
            Side::Single => envoy(upstreams, "coalesce").await?,
            Side::Nginx => peer(Kind::Nginx, upstreams).await?,
            Side::Varnish => peer(Kind::Varnish, upstreams).await?,
        };
        let clients = Clients::connect(address, clients).await?;
        Ok(Self { side, version, clients, _server: server })
    }
}

type Started = (Server, SocketAddr, Value);

async fn envoy(upstreams: &Upstreams, module: &str) -> anyhow::Result<Started> {
    let bootstrap = coalescing(plain(upstreams), (module, "proxy"), upstreams);
    let envoy = Envoy::start(bootstrap.concurrency(2).component_log_level("wasm:warn")).await?;
    let info: Value = serde_json::from_slice(&envoy.admin("/server_info").await?.body)?;
    let address = envoy.listener_address("proxy").await?;
    Ok((Server::Envoy(envoy), address, info.get("version").cloned().unwrap_or_default()))
}

async fn peer(kind: Kind, upstreams: &Upstreams) -> anyhow::Result<Started> {
    let upstream = upstreams.addresses().first().copied();
    let peer = kind.start(upstream.ok_or_else(|| anyhow::anyhow!("no upstream"))?).await?;
    let address = peer.address;
    Ok((Server::Peer(peer), address, json!(kind.version()?)))
}

/// The cluster that all listeners have behind them.
pub(super) fn plain(upstreams: &Upstreams) -> Bootstrap {
    Bootstrap::empty().cluster(pieces::cluster("checkout", &upstreams.addresses()))
}

/// Adds a listener, named like the scope, whose only wasm filter is this module.
pub(super) fn coalescing(
    bootstrap: Bootstrap,
    (name, scope): (&str, &str),
    upstreams: &Upstreams,
) -> Bootstrap {
    let mut document = balanced(upstreams, &json!({ "policy": "round_robin" }));
    if let Some(route) = document.pointer_mut("/routes/0").and_then(Value::as_object_mut) {
        route.insert("coalesce".to_owned(), json!({ "scope": scope }));
    }
    let filter = module(name, name, &document);
    bootstrap.listener(pieces::listener(scope, &[pieces::route_to("checkout")], &[filter]))
}
