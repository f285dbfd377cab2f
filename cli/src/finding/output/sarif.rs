//! Findings as SARIF 2.1.0: every code that was found is a rule, every finding a result.
//!
//! Trade-off: a result names the line on which what it is about begins, and no column: paths of a document are what people go by.
//! Source: OASIS, Static Analysis Results Interchange Format 2.1.0.

use super::super::{Code, Finding, Severity};
use super::Report;
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location, LogicalLocation, Message, MultiformatMessageString, Notification,
    PhysicalLocation, Region, ReportingConfiguration, ReportingDescriptor, Result as Found, ResultLevel, Run,
    Sarif, Tool, ToolComponent,
};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// All of a report as a log of one run.
pub(super) fn log(report: &Report) -> Sarif {
    let codes: BTreeMap<&str, &Code> =
        report.findings.iter().map(|finding| (finding.code.id, finding.code)).collect();
    let rules: Vec<_> = codes.values().map(|code| rule(code)).collect();
    let driver =
        ToolComponent::builder().name("switchyard").version(env!("CARGO_PKG_VERSION")).rules(rules).build();
    let results: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            let index = codes.keys().position(|id| *id == finding.code.id).unwrap_or_default();
            result(finding, i64::try_from(index).unwrap_or_default())
        })
        .collect();
    let unread = report.unread.iter().map(|refused| {
        Notification::builder().message(Message::builder().text(refused.to_string()).build()).build()
    });
    let invocation = Invocation::builder()
        .execution_successful(report.unread.is_empty())
        .tool_execution_notifications(unread.collect::<Vec<_>>())
        .build();
    let tool = Tool::builder().driver(driver).build();
    let run = Run::builder().tool(tool).results(results).invocations(vec![invocation]).build();
    Sarif::builder().schema(SCHEMA).version(serde_json::json!("2.1.0")).runs(vec![run]).build()
}

fn rule(code: &Code) -> ReportingDescriptor {
    let text = |text: &str| MultiformatMessageString::builder().text(text).build();
    ReportingDescriptor::builder()
        .id(code.id)
        .short_description(text(code.title))
        .help(MultiformatMessageString::builder().text(code.page).markdown(code.page).build())
        .default_configuration(ReportingConfiguration::builder().level(code.severity.word()).build())
        .build()
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
    }
}

fn result(finding: &Finding, rule: i64) -> Found {
    let fix = finding.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
    let place = if finding.place.is_empty() { String::new() } else { format!("{}: ", finding.place) };
    let path = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
    let message = Message::builder().text(format!("{place}{path}{}{fix}", finding.problem)).build();
    // A file's name stands in a URI.
    let uri = finding.file.replace('%', "%25").replace(' ', "%20");
    let artifact = ArtifactLocation::builder().uri(uri).build();
    let line = finding.line.and_then(|line| i64::try_from(line).ok());
    let physical = PhysicalLocation {
        region: line.map(|line| Region::builder().start_line(line).build()),
        ..PhysicalLocation::builder().artifact_location(artifact).build()
    };
    let logical = [&finding.place, &finding.path].map(String::as_str).join("/");
    let logical = LogicalLocation::builder().fully_qualified_name(logical.trim_matches('/')).build();
    let location = Location::builder().physical_location(physical).logical_locations(vec![logical]).build();
    Found::builder()
        .rule_id(finding.code.id)
        .rule_index(rule)
        .level(level(finding.code.severity))
        .message(message)
        .locations(vec![location])
        .build()
}
