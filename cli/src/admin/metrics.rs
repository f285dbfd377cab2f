//! The filters' metrics, and what else of Envoy's statistics bears on them.
//!
//! A name carries its labels, `wasmcustom.switchyard.route=.=api;.;decisions_total`; before Envoy 1.39 those of upstream filters stand behind
//! `cluster.NAME.`, once for each cluster. What stands under a name of the release before has the name of now here, whichever of the two
//! releases the proxy runs.

use serde_json::Value;
use std::collections::BTreeMap;
use switchyard_frame::metrics::catalogue::{CHAPTERS, Description, Kind};

/// What stands before the names of the filters' metrics.
const OURS: &str = "wasmcustom.switchyard.";

/// A metric of ours under its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its name without `switchyard_`: `decisions_total`.
    pub metric: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// A counter's or a gauge's value.
    pub value: u64,
}

impl Series {
    fn of(name: &str, value: u64) -> Option<Self> {
        let (_, mut rest) = name.split_once(OURS)?;
        let mut labels = BTreeMap::new();
        while let Some((pair, after)) = rest.split_once(";.;") {
            let (label, of_label) = pair.split_once("=.=")?;
            labels.insert(label.to_owned(), of_label.to_owned());
            rest = after;
        }
        Some(Self { metric: rest.to_owned(), labels, value })
    }

    /// The value of a label; empty where it has none of this name.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    ours: Vec<Series>,
    envoys: BTreeMap<String, u64>,
}

impl Metrics {
    /// From the answer to `/stats?format=json`; histograms are left out.
    pub(super) fn of(stats: &Value) -> Self {
        let mut all = Self::default();
        for stat in stats.get("stats").and_then(Value::as_array).into_iter().flatten() {
            let name = stat.get("name").and_then(Value::as_str);
            let Some((name, value)) = name.zip(stat.get("value").and_then(Value::as_u64)) else { continue };
            match Series::of(name, value) {
                Some(series) => all.add(series),
                None => drop(all.envoys.insert(name.to_owned(), value)),
            }
        }
        all.rename();
        all
    }

    /// Gives those with a name of the release before the name of now, and drops them where they have that already.
    fn rename(&mut self) {
        let is_former = |series: &Series| described(|metric| metric.was == Some(&*series.metric)).is_some();
        let (former, now): (Vec<_>, Vec<_>) = self.ours.drain(..).partition(is_former);
        self.ours = now;
        for mut series in former {
            let now = described(|metric| metric.was == Some(&*series.metric));
            series.metric = now.map_or_else(String::new, |metric| metric.name.to_owned());
            if !self.ours.iter().any(|one| one.metric == series.metric && one.labels == series.labels) {
                self.ours.push(series);
            }
        }
    }

    /// One of several clusters' is the same metric: what was counted is counted together, what stands somewhere is what stands highest.
    fn add(&mut self, series: Series) {
        let same = |one: &&mut Series| one.metric == series.metric && one.labels == series.labels;
        match self.ours.iter_mut().find(same) {
            Some(one) if is_gauge(&series.metric) => one.value = one.value.max(series.value),
            Some(one) => one.value = one.value.saturating_add(series.value),
            None => self.ours.push(series),
        }
    }

    /// Whether there is none of ours.
    pub fn is_empty(&self) -> bool {
        self.ours.is_empty()
    }

    /// All of this name.
    pub fn named<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = &'a Series> {
        self.ours.iter().filter(move |series| series.metric == metric)
    }

    /// The sum of those of this name that have these labels.
    pub fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |series: &&Series| labels.iter().all(|(name, value)| series.label(name) == *value);
        self.named(metric).filter(has).fold(0, |sum, series| sum.saturating_add(series.value))
    }

    /// All of ours.
    pub fn ours(&self) -> &[Series] {
        &self.ours
    }

    /// Envoy's own, by name.
    pub fn envoys(&self) -> impl Iterator<Item = (&str, u64)> {
        self.envoys.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The sum of Envoy's own whose names end so.
    pub fn envoys_sum(&self, end: &str) -> u64 {
        let found = self.envoys().filter(|(name, _)| name.ends_with(end));
        found.fold(0, |sum, (_, value)| sum.saturating_add(value))
    }
}

fn described(is_it: impl Fn(&Description) -> bool) -> Option<&'static Description> {
    CHAPTERS.iter().flat_map(|chapter| chapter.metrics).find(|metric| is_it(metric))
}

fn is_gauge(name: &str) -> bool {
    let is_it = |metric: &Description| metric.name == name || metric.was == Some(name);
    described(is_it).is_some_and(|metric| metric.kind == Kind::Gauge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use switchyard_frame::metrics::catalogue::{DECISIONS, EJECTIONS_ACTIVE, READMISSIONS, UNMATCHED};

    #[test]
    fn labels_are_taken_out_of_names_and_clusters_are_put_together() {
        let metrics = Metrics::of(&json!({ "stats": [
            { "name": "wasmcustom.switchyard.route=.=api;.;upstream=.=web;.;decisions", "value": 5 },
            { "name": "wasmcustom.switchyard.unmatched", "value": 2 },
            { "name": "wasmcustom.switchyard.unmatched_total", "value": 2 },
            { "name": "cluster.a.wasmcustom.switchyard.upstream=.=web;.;readmissions", "value": 1 },
            { "name": "cluster.b.wasmcustom.switchyard.upstream=.=web;.;readmissions", "value": 2 },
            { "name": "cluster.a.wasmcustom.switchyard.upstream=.=web;.;ejections_active", "value": 2 },
            { "name": "cluster.b.wasmcustom.switchyard.upstream=.=web;.;ejections_active", "value": 2 },
            { "name": "wasm.switchyard.vm_reload_success", "value": 3 },
            { "name": "wasm.switchyard.outlier.vm_reload_success", "value": 1 },
            { "name": "text", "value": "readout" },
            { "histograms": {} },
        ] }));
        assert_eq!(metrics.sum(DECISIONS.name, &[("route", "api"), ("upstream", "web")]), 5);
        assert_eq!(metrics.sum(DECISIONS.name, &[("route", "other")]), 0);
        assert_eq!(metrics.sum(UNMATCHED.name, &[]), 2);
        assert_eq!(metrics.sum(READMISSIONS.name, &[("upstream", "web")]), 3);
        assert_eq!(metrics.sum(EJECTIONS_ACTIVE.name, &[]), 2, "all clusters' gauge is one");
        assert_eq!(metrics.envoys_sum(".vm_reload_success"), 4);
        assert_eq!(metrics.ours().len(), 4);
    }
}
