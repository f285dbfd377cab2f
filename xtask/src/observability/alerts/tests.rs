//! Each alert has its page in the runbook, and nobody else has one.

use super::*;
use crate::workspace::root;
use std::collections::BTreeSet;

#[test]
fn every_alert_has_a_page_in_the_runbook_and_every_page_an_alert() {
    let runbook = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let pages: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let all = all();
    let alerts: Vec<_> = all.iter().flat_map(|(_, alerts)| alerts).map(|alert| alert.name).collect();
    assert_eq!(pages, alerts, "in the order of alerts.yml");
    assert_eq!(alerts.iter().collect::<BTreeSet<_>>().len(), alerts.len());
    for page in runbook.split("\n### ").skip(1) {
        for part in ["**Means.**", "**Look.**", "**Do.**"] {
            assert!(page.contains(part), "{part} is missing: {page}");
        }
    }
}

#[test]
fn every_label_of_a_summary_is_one_that_the_alert_has() {
    for alert in all().iter().flat_map(|(_, alerts)| alerts) {
        let own = alert.fires.labels_of_alert();
        for part in alert.summary.split("{{ $labels.").skip(1) {
            let label = part.split(" }}").next().unwrap_or_default();
            assert!(own.contains(&label), "{}: {label}", alert.name);
        }
        assert!(alert.silent.has_series(), "{} is silent since there is nothing", alert.name);
    }
}
