//! What is written out.

use super::{Format, Report, Seen};
use crate::finding::{Finding, codes};
use crate::source::{Reason, Refused};
use serde_json::{Value, json};

fn report() -> Report {
    let found = |code, place: &str, path: &str, value: Option<&str>, fix: Option<&str>| Finding {
        code,
        file: "a b.yaml".to_owned(),
        place: place.to_owned(),
        path: path.to_owned(),
        line: (!path.is_empty()).then_some(3),
        value: value.map(ToOwned::to_owned),
        problem: "is wrong".to_owned(),
        fix: fix.map(ToOwned::to_owned),
    };
    Report {
        findings: vec![
            found(&codes::WRONG_TYPE, "switchyard.router", "mode", Some("\"of\""), Some("write it\nright")),
            found(&codes::IDLE_SPLIT, "", "", None, None),
        ],
        seen: vec![Seen {
            file: "c.yaml".to_owned(),
            place: String::new(),
            says: "ok, 1 upstreams, 2 routes".to_owned(),
        }],
        files: 2,
        unread: vec![Refused {
            file: "d.yaml".to_owned(),
            problem: "is no text".to_owned(),
            reason: Reason::Unread,
        }],
    }
}

fn written(format: Format) -> String {
    let mut out = Vec::new();
    report().write(format, &mut anstream::StripStream::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_finding_is_a_paragraph() {
    insta::assert_snapshot!(written(Format::Text), @r#"
    error SY0202 not what the field takes: a b.yaml:3 (switchyard.router)
        path     mode
        value    "of"
        problem  is wrong
        fix      write it
                 right
        page     switchyard check --explain SY0202 (docs/findings.md#sy0202)

    warning SY0407 all of the split goes to one upstream: a b.yaml
        problem  is wrong
        page     switchyard check --explain SY0407 (docs/findings.md#sy0407)

    c.yaml: ok, 1 upstreams, 2 routes
    1 error, 1 warning in 2 files
    "#);
}

#[test]
fn json_has_everything() {
    let json: Value = serde_json::from_str(&written(Format::Json)).unwrap();
    assert_eq!((&json["errors"], &json["warnings"], &json["files"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!(
        json["findings"][0],
        json!({
            "code": "SY0202", "title": "not what the field takes", "severity": "error", "file": "a b.yaml",
            "place": "switchyard.router", "path": "mode", "line": 3, "value": "\"of\"", "problem": "is wrong",
            "fix": "write it\nright", "page": "docs/findings.md#sy0202",
        })
    );
    assert_eq!(json["findings"][1]["value"], Value::Null);
    assert_eq!(
        json["unread"],
        json!([{"file": "d.yaml", "problem": "is no text"}]),
        "nobody takes it for good"
    );
    assert_eq!(json["good"][0]["says"], json!("ok, 1 upstreams, 2 routes"));
}

/// What code hosts ask of SARIF beyond what the types of the library make sure.
#[test]
fn sarif_is_what_code_hosts_read() {
    let log: Value = serde_json::from_str(&written(Format::Sarif)).unwrap();
    assert_eq!(log["version"], json!("2.1.0"));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (2, 2));
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        // The project has no address of its own that a helpUri could name: the page itself is there.
        assert_eq!(rule.get("helpUri"), None);
        assert!(!rule["help"]["text"].as_str().unwrap().is_empty());
        assert_eq!(rule["help"]["markdown"], rule["help"]["text"]);
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty());
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "a%20b.yaml");
        assert!(result["message"]["text"].as_str().unwrap().contains("is wrong"));
    }
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], json!(false));
    assert_eq!(invocation["toolExecutionNotifications"][0]["message"]["text"], json!("d.yaml: is no text"));
    let region = |index: usize| results[index]["locations"][0]["physicalLocation"].get("region").cloned();
    assert_eq!((region(0), region(1)), (Some(json!({"startLine": 3})), None));
    let logical = &results[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
    assert_eq!(logical, "switchyard.router/mode");
}
