//! All queries that are shipped, and where each stands.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;
use switchyard_test_harness::prometheus::shipped;

/// One query.
pub(super) struct Query {
    /// `grafana/overview.json, Panic, by upstream: {{upstream}}`.
    pub(super) place: String,
    pub(super) text: String,
}

/// What Grafana puts in place of its variables when all is chosen.
const VARIABLES: [(&str, &str); 4] =
    [("$__rate_interval", "10s"), ("$instance", ".*"), ("$upstream", ".*"), ("$route", ".*")];

/// Those of all panels.
pub(super) fn of_panels() -> anyhow::Result<Vec<Query>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy-config/grafana");
    let mut found = Vec::new();
    for file in std::fs::read_dir(&folder)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        for panel in dashboard["panels"].as_array().context("no panels")? {
            for target in panel["targets"].as_array().context("no targets")? {
                let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let mut text = of(&target["expr"]);
                for (variable, value) in VARIABLES {
                    text = text.replace(variable, value);
                }
                anyhow::ensure!(!text.contains('$'), "{name}: {text} has a variable that nobody knows");
                let place = format!("{name}, {}: {}", of(&panel["title"]), of(&target["legendFormat"]));
                found.push(Query { place, text });
            }
        }
    }
    Ok(found)
}

/// Those of the recording rules, as they are recorded.
pub(super) fn of_rules() -> anyhow::Result<Vec<Query>> {
    let named = |rule: &Value| {
        let name = rule.get("record")?.as_str()?;
        Some(Query { place: format!("rules.yml, {name}"), text: name.to_owned() })
    };
    Ok(rules("rules.yml")?.iter().filter_map(named).collect())
}

/// Those of the alerts.
pub(super) fn of_alerts() -> anyhow::Result<Vec<Query>> {
    let named = |rule: &Value| {
        let (name, text) = (rule.get("alert")?.as_str()?, rule.get("expr")?.as_str()?);
        Some(Query { place: name.to_owned(), text: text.to_owned() })
    };
    Ok(rules("alerts.yml")?.iter().filter_map(named).collect())
}

fn rules(file: &str) -> anyhow::Result<Vec<Value>> {
    let all: Value = serde_saphyr::from_str(&std::fs::read_to_string(shipped().join(file))?)?;
    let groups = all["groups"].as_array().context("no groups")?;
    Ok(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect())
}
