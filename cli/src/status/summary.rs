//! What is shown of a picture.

use super::counts::{counts, refused};
use crate::admin::{Metrics, Picture, Running};
use crate::source::Filter;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use switchyard_config::{Document, Upstream};
use switchyard_core::outlier::Reason;
use switchyard_frame::metrics::catalogue::{
    BUILD_INFO, DECISIONS, EJECTIONS_ACTIVE, ENDPOINT_EJECTED_REASON, ENDPOINT_STATE, ENDPOINTS, PANICS,
    RETRY_BUDGET_BALANCE,
};

/// What runs.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub(super) envoy: Server,
    /// Plugins that are alike stand here once.
    pub(super) plugins: Vec<Plugin>,
    /// Whether all plugins that have a document have the same; `null` without any.
    pub(super) one_document: Option<bool>,
    /// Versions of the modules.
    pub(super) versions: BTreeSet<String>,
    pub(super) upstreams: Vec<UpstreamState>,
    /// Budgets of retries: what is left.
    pub(super) budgets: BTreeMap<String, u64>,
    pub(super) counts: BTreeMap<String, u64>,
    /// What Envoy refuses now.
    pub(super) rejected: Vec<String>,
    /// What Envoy has refused since its start, by its counters.
    pub(super) refused: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Server {
    pub(super) address: String,
    pub(super) version: String,
    pub(super) state: String,
    pub(super) uptime_seconds: u64,
    pub(super) workers: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) filter: String,
    pub(super) module: String,
    pub(super) sha256: String,
    pub(super) vm_id: String,
    pub(super) root_id: String,
    pub(super) failure_policy: String,
    pub(super) stop_flag: bool,
    pub(super) document: Option<String>,
    pub(super) places: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct UpstreamState {
    pub(super) name: String,
    pub(super) cluster: String,
    /// Whether the document lists its endpoints; otherwise whom it asks.
    pub(super) source: String,
    pub(super) endpoints: u64,
    pub(super) ejected: u64,
    pub(super) panics: u64,
    pub(super) decisions: u64,
    /// Who is not healthy, and why.
    pub(super) out: BTreeMap<String, String>,
}

/// What runs, of this picture.
pub fn summarize(picture: &Picture) -> Summary {
    let server = &picture.server;
    let metrics = &picture.metrics;
    let hashes: BTreeSet<_> = picture.plugins.iter().filter_map(Running::document).collect();
    Summary {
        envoy: Server {
            address: picture.address.to_string(),
            version: server.version.clone(),
            state: server.state.clone(),
            uptime_seconds: server.uptime,
            workers: server.workers,
        },
        plugins: plugins(&picture.plugins),
        one_document: (!hashes.is_empty()).then_some(hashes.len() == 1),
        versions: metrics.named(BUILD_INFO.name).map(|info| info.label("version").to_owned()).collect(),
        upstreams: upstreams(picture),
        budgets: metrics
            .named(RETRY_BUDGET_BALANCE.name)
            .map(|series| {
                let route = series.label("route");
                let upstream = || format!("upstream {}", series.label("upstream"));
                (if route.is_empty() { upstream() } else { format!("route {route}") }, series.value)
            })
            .collect(),
        counts: counts(metrics),
        rejected: picture.rejected.iter().map(|one| format!("{}: {}", one.what, one.why)).collect(),
        refused: refused(metrics),
    }
}

fn plugins(running: &[Running]) -> Vec<Plugin> {
    let mut found: Vec<Plugin> = Vec::new();
    for one in running {
        let plugin = Plugin {
            name: one.name().to_owned(),
            filter: one.filter.to_string(),
            module: one.carried.plugin.module.clone(),
            sha256: one.sha256().to_owned(),
            vm_id: one.carried.vm_id().to_owned(),
            root_id: one.carried.root_id().to_owned(),
            failure_policy: one.carried.failure_policy().to_owned(),
            stop_flag: one.carried.stop_flag(),
            document: one.document(),
            places: Vec::new(),
        };
        let same = |known: &&mut Plugin| Plugin { places: Vec::new(), ..(**known).clone() } == plugin;
        let place = one.place.to_string();
        match found.iter_mut().find(same) {
            Some(known) => known.places.push(place),
            None => found.push(Plugin { places: vec![place], ..plugin }),
        }
    }
    found
}

fn upstreams(picture: &Picture) -> Vec<UpstreamState> {
    let names = picture.clusters.keys().map(String::as_str);
    let documents = picture
        .plugins
        .iter()
        .filter(|plugin| plugin.filter != Filter::Outlier)
        .filter_map(|plugin| plugin.carried.result.as_ref().ok())
        .map(|document| document.with_clusters(names.clone()));
    let mut found = BTreeMap::new();
    for document in documents {
        for upstream in Document::upstreams(&document) {
            found.entry(upstream.name().to_owned()).or_insert_with(|| state(&picture.metrics, upstream));
        }
    }
    found.into_values().collect()
}

fn state(metrics: &Metrics, upstream: &Upstream) -> UpstreamState {
    let name = upstream.name();
    let of = [("upstream", name)];
    let is_its = |series: &&crate::admin::Series| series.label("upstream") == name;
    let out =
        metrics.named(ENDPOINT_STATE.name).filter(is_its).filter(|state| state.value > 0).map(|state| {
            let labels = [("upstream", name), ("endpoint", state.label("endpoint"))];
            let number = u8::try_from(metrics.sum(ENDPOINT_EJECTED_REASON.name, &labels)).unwrap_or(0);
            let why = Reason::from_number(number).map_or("unknown", Reason::name);
            let what = if state.value == 1 { "ejected" } else { "half open" };
            (state.label("endpoint").to_owned(), format!("{what}, {why}"))
        });
    UpstreamState {
        name: name.to_owned(),
        cluster: upstream.cluster().to_owned(),
        source: upstream
            .source()
            .map_or_else(|| "the document".to_owned(), |source| source.cluster.to_string()),
        endpoints: match upstream.endpoints().len() as u64 {
            0 => metrics.sum(ENDPOINTS.name, &of),
            listed => listed,
        },
        ejected: metrics
            .named(EJECTIONS_ACTIVE.name)
            .filter(is_its)
            .map(|gauge| gauge.value)
            .max()
            .unwrap_or(0),
        panics: metrics.sum(PANICS.name, &of),
        decisions: metrics.sum(DECISIONS.name, &of),
        out: out.collect(),
    }
}
