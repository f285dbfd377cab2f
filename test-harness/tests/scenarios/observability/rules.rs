//! The shipped rules and alerts, as promtool sees them: each alert fires when it should, and is silent when it should not.

use super::Outcome;
use switchyard_test_harness::prometheus::{promtool, promtool_in, shipped};

#[test]
fn promtool_takes_the_configuration_the_rules_and_the_alerts() -> Outcome {
    let said = promtool(&["check", "rules", "rules.yml", "alerts.yml"])?;
    assert_eq!(said.matches("SUCCESS").count(), 2, "{said}");
    let said = promtool(&["check", "config", "prometheus.yml"])?;
    assert!(said.contains("prometheus.yml is valid"), "{said}");
    Ok(())
}

#[test]
fn every_alert_fires_when_it_should_and_is_silent_when_it_should_not() -> Outcome {
    let cases = std::fs::read_to_string(shipped().join("alerts_test.yml"))?;
    let alerts = std::fs::read_to_string(shipped().join("alerts.yml"))?;
    for name in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        for case in [format!("- name: {name} fires\n"), format!("- name: {name} is silent\n")] {
            assert!(cases.contains(&case), "{case}");
        }
    }
    promtool(&["test", "rules", "alerts_test.yml"]).map(drop)
}

/// That the cases above can fail: what is broken here is what they are there for.
#[test]
fn an_alert_that_cannot_fire_and_one_that_always_does_are_found() -> Outcome {
    for (was, broken, found) in [
        ("switchyard:panics:increase5m)", "switchyard:panic:increase5m)", "SwitchyardPanic"),
        (
            "(switchyard_endpoint_list_age_seconds) > 60",
            "(switchyard_endpoint_list_age_seconds) > 5",
            "SwitchyardEndpointListStale",
        ),
    ] {
        let folder = tempfile::tempdir()?;
        for file in ["rules.yml", "alerts.yml", "alerts_test.yml"] {
            let text = std::fs::read_to_string(shipped().join(file))?;
            let changed = if file == "alerts.yml" { text.replacen(was, broken, 1) } else { text.clone() };
            assert_eq!(changed != text, file == "alerts.yml", "{was} is not in {file}");
            std::fs::write(folder.path().join(file), changed)?;
        }
        let said = promtool_in(folder.path(), &["test", "rules", "alerts_test.yml"]);
        let said = format!("{:#}", said.expect_err("it is found"));
        assert!(said.contains("FAILED") && said.contains(found), "{said}");
    }
    Ok(())
}
