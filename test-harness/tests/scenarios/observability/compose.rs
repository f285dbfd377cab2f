//! The profile `metrics` of docker-compose.yml: the compose tool takes it, and every file that it mounts is there.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Outcome;

/// What the compose tool of this machine makes of the file; `None`: there is no tool.
fn configuration(root: &Path) -> Option<Value> {
    [&["docker", "compose"][..], &["docker-compose"]].into_iter().find_map(|tool| {
        let [program, arguments @ ..] = tool else { return None };
        let asked = Command::new(program)
            .args(arguments)
            .args(["--profile", "metrics", "config"])
            .current_dir(root)
            .output();
        let said = asked.ok().filter(|said| said.status.success())?;
        serde_saphyr::from_str(&String::from_utf8_lossy(&said.stdout)).ok()
    })
}

#[test]
fn the_profile_metrics_has_prometheus_alertmanager_and_grafana_with_their_files() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(root.join("docker-compose.yml"))?)?;
    for service in ["prometheus", "alertmanager", "grafana"] {
        assert_eq!(file["services"][service]["profiles"][0], "metrics", "{service}");
        for volume in file["services"][service]["volumes"].as_array().expect("volumes") {
            let path = volume.as_str().and_then(|volume| volume.split(':').next()).expect("a path");
            assert!(root.join(path).exists(), "{service} mounts {path}");
        }
    }
    let Some(taken) = configuration(&root) else {
        println!("not all of it was run: no compose tool takes `--profile metrics config` here");
        return Ok(());
    };
    for service in ["envoy", "prometheus", "alertmanager", "grafana"] {
        assert!(taken["services"][service]["image"].is_string(), "{service}: {taken}");
    }
    Ok(())
}

#[test]
fn grafanas_provisioning_names_what_the_profile_mounts() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| -> anyhow::Result<Value> {
        Ok(serde_saphyr::from_str(&std::fs::read_to_string(root.join(path))?)?)
    };
    let compose = read("docker-compose.yml")?;
    let dashboards = read("envoy-config/grafana/provisioning/dashboards/switchyard.yml")?;
    let sources = read("envoy-config/grafana/provisioning/datasources/prometheus.yml")?;
    let folder = dashboards["providers"][0]["options"]["path"].as_str().expect("a folder");
    let mounts = compose["services"]["grafana"]["volumes"].to_string();
    assert!(mounts.contains(&format!("./envoy-config/grafana:{folder}:")), "{mounts}");
    assert_eq!(sources["datasources"][0]["url"], "http://prometheus:9090");
    let home = &compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(home, &format!("{folder}/overview.json"));
    Ok(())
}
