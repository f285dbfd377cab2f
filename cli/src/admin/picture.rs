//! What an Envoy runs, from its four answers.
//!
//! Invariant: sorted by names, so that the same Envoy makes the same picture.

use super::dump::{resources, section};
use super::{Address, Cluster, Metrics, Place, Rejected, Running, Server};
use crate::source::{File, Kind};
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an Envoy runs.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Where it was asked.
    pub address: Address,
    /// Which Envoy it is.
    pub server: Server,
    /// Our plugins in it.
    pub plugins: Vec<Running>,
    /// Its clusters.
    pub clusters: BTreeMap<String, Cluster>,
    /// Its tables of routes.
    pub routes: Vec<Value>,
    /// What it has refused.
    pub rejected: Vec<Rejected>,
    /// `stats_config` of its bootstrap.
    pub stats_config: Value,
    /// Its statistics.
    pub metrics: Metrics,
}

impl Picture {
    /// From the answers to `/server_info`, `/config_dump`, `/clusters?format=json` and `/stats?format=json`.
    ///
    /// # Errors
    /// When the dump is none.
    pub fn of(
        address: &Address,
        server: &Value,
        dump: &Value,
        clusters: &Value,
        stats: &Value,
    ) -> Result<Self> {
        if !dump.get("configs").is_some_and(Value::is_array) {
            bail!("{address}/config_dump: has no `configs`, so it is no configuration of an Envoy");
        }
        let routes =
            resources(dump, "RoutesConfigDump", "route_config").into_iter().map(|(_, tree)| tree).collect();
        Ok(Self {
            address: address.clone(),
            server: Server::of(server),
            plugins: plugins(dump),
            clusters: Cluster::all(dump, clusters),
            routes,
            rejected: Rejected::all(dump),
            stats_config: section(dump, "BootstrapConfigDump")
                .and_then(|dump| dump.pointer("/bootstrap/stats_config"))
                .cloned()
                .unwrap_or_default(),
            metrics: Metrics::of(stats),
        })
    }
}

fn plugins(dump: &Value) -> Vec<Running> {
    let extensions = resources(dump, "EcdsConfigDump", "ecds_filter");
    let mut referred = Vec::new();
    let mut found = Vec::new();
    let listeners = resources(dump, "ListenersConfigDump", "listener");
    let clusters = resources(dump, "ClustersConfigDump", "cluster");
    let listeners = listeners.into_iter().map(|(name, tree)| (Place::Listener(name), tree));
    let clusters = clusters.into_iter().map(|(name, tree)| (Place::Cluster(name), tree));
    for (place, tree) in listeners.chain(clusters) {
        let named = discovered(&tree);
        let trees = extensions
            .iter()
            .filter(|(name, _)| named.contains(&name.as_str()))
            .map(|(_, tree)| tree.clone());
        found.extend(carried(std::iter::once(tree.clone()).chain(trees).collect(), &place));
        referred.extend(named.into_iter().map(str::to_owned));
    }
    for (name, tree) in extensions.into_iter().filter(|(name, _)| !referred.contains(name)) {
        found.extend(carried(vec![tree], &Place::Extension(name)));
    }
    found.sort_by(|one, other| {
        (&one.place, one.filter, one.name()).cmp(&(&other.place, other.filter, other.name()))
    });
    found
}

/// A dump has plugins in the form that bootstraps have them in.
fn carried(trees: Vec<Value>, place: &Place) -> Vec<Running> {
    let file = File { name: place.to_string(), kind: Kind::Bootstrap, trees };
    file.documents().into_iter().map(|carried| Running::new(place.clone(), carried)).collect()
}

/// The names of the filters below `tree` whose configuration comes by ECDS.
fn discovered(tree: &Value) -> Vec<&str> {
    match tree {
        Value::Array(items) => items.iter().flat_map(discovered).collect(),
        Value::Object(fields) => {
            let own = fields.get("config_discovery").and_then(|_| fields.get("name")).and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(discovered)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
