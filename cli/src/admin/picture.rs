//! What an Envoy runs, from its four answers.
//!
//! Invariant: sorted by names, so that the same Envoy makes the same picture.

use super::dump::{resources, sections};
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
    /// Our plugins in it, the status page among them.
    pub plugins: Vec<Running>,
    /// Its listeners, and the filters of theirs that come by ECDS.
    pub listeners: Vec<Value>,
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
    /// The plugins that decide, and have or could have a document.
    pub fn filters(&self) -> impl Iterator<Item = &Running> {
        self.plugins.iter().filter(|plugin| !plugin.carried.is_page)
    }

    /// The status pages: status.wasm, wherever it stands.
    pub fn pages(&self) -> impl Iterator<Item = &Running> {
        self.plugins.iter().filter(|plugin| plugin.carried.is_page)
    }

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
            listeners: listeners(dump),
            clusters: Cluster::all(dump, clusters),
            routes,
            rejected: Rejected::all(dump),
            stats_config: sections(dump, "BootstrapConfigDump")
                .find_map(|dump| dump.pointer("/bootstrap/stats_config"))
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
    let kinds = [("ListenersConfigDump", "listener"), ("ClustersConfigDump", "cluster")];
    for (kind, field) in kinds {
        for (name, mut tree) in resources(dump, kind, field) {
            let mut parts = Vec::new();
            if field == "listener" {
                let upstream = upstream_filters(&mut tree);
                parts.push((Place::Listener(name.clone()), tree));
                parts.push((Place::Router(name), upstream));
            } else {
                parts.push((Place::Cluster(name), tree));
            }
            for (place, tree) in parts {
                let named = discovered(&tree);
                let trees = extensions.iter().filter(|(name, _)| named.contains(&name.as_str()));
                let trees = trees.map(|(_, tree)| tree.clone()).collect::<Vec<_>>();
                referred.extend(named.into_iter().map(str::to_owned));
                found.extend(carried(std::iter::once(tree).chain(trees).collect(), &place));
            }
        }
    }
    for (name, tree) in extensions.into_iter().filter(|(name, _)| !referred.contains(name)) {
        found.extend(carried(vec![tree], &Place::Extension(name)));
    }
    found.sort_by(|one, other| {
        (&one.place, one.filter, one.name()).cmp(&(&other.place, other.filter, other.name()))
    });
    found
}

/// Takes the lists of filters out that routers below `tree` give the clusters which have none of their own.
fn upstream_filters(tree: &mut Value) -> Value {
    match tree {
        Value::Array(items) => items.iter_mut().map(upstream_filters).collect(),
        Value::Object(fields) => {
            let own = fields.remove("upstream_http_filters");
            own.into_iter().chain(fields.values_mut().map(upstream_filters)).collect()
        }
        _ => Value::Array(Vec::new()),
    }
}

fn listeners(dump: &Value) -> Vec<Value> {
    let listeners = resources(dump, "ListenersConfigDump", "listener").into_iter().map(|(_, tree)| tree);
    let mut found: Vec<_> = listeners.collect();
    let named: Vec<_> = found.iter().flat_map(discovered).map(str::to_owned).collect();
    let extensions = resources(dump, "EcdsConfigDump", "ecds_filter").into_iter();
    found.extend(extensions.filter(|(name, _)| named.contains(name)).map(|(_, tree)| tree));
    found
}

/// A dump has plugins in the form that bootstraps have them in.
fn carried(trees: Vec<Value>, place: &Place) -> Vec<Running> {
    let file = File::of_trees(place.to_string(), Kind::Bootstrap, trees);
    file.plugins().into_iter().map(|carried| Running::new(place.clone(), carried)).collect()
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
