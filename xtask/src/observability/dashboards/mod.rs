//! Grafana's dashboards, a file for each question that people come with.
//!
//! Invariant: each takes its data source from a variable, keeps its uid, and says of every panel what it shows and when it is bad.

mod batching;
mod coalescing;
mod cost;
mod grafana;
mod overview;
mod retries;
mod upstream;

use anyhow::Result;
use grafana::Dashboard;

fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        upstream::dashboard(),
        retries::dashboard(),
        coalescing::dashboard(),
        batching::dashboard(),
        cost::dashboard(),
    ]
}

/// The name of each file, and what belongs into it.
///
/// # Errors
/// When a query asks for a label that its metric does not have.
pub(super) fn dashboards() -> Result<Vec<(String, String)>> {
    all().iter().map(|dashboard| Ok((dashboard.file(), dashboard.json()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn every_panel_says_what_it_shows_and_has_its_data_from_the_variable() {
        let mut uids = BTreeSet::new();
        for (file, text) in dashboards().unwrap() {
            let dashboard: Value = serde_json::from_str(&text).unwrap();
            let uid = dashboard["uid"].as_str().unwrap().to_owned();
            assert_eq!(format!("{uid}.json"), format!("switchyard-{file}"));
            assert!(uids.insert(uid));
            let names: Vec<_> = dashboard["templating"]["list"]
                .as_array()
                .unwrap()
                .iter()
                .map(|variable| variable["name"].as_str().unwrap())
                .collect();
            assert_eq!(names[..2], ["datasource", "instance"], "{file}");
            let mut titles = BTreeSet::new();
            for panel in dashboard["panels"].as_array().unwrap() {
                let title = panel["title"].as_str().unwrap();
                assert!(titles.insert(title), "{file}: {title} stands twice");
                assert!(panel["description"].as_str().unwrap().len() > 40, "{file}: {title}");
                assert_eq!(panel["datasource"]["uid"], "${datasource}");
                for target in panel["targets"].as_array().unwrap() {
                    assert!(target["expr"].as_str().unwrap().contains("$instance"), "{file}: {title}");
                }
            }
        }
        assert_eq!(uids.len(), 6);
    }
}
