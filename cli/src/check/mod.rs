//! `switchyard check`: what is wrong with documents, and what is legal and hurts.
//!
//! A document is read by the code that runs in the filters (`errors`); one that is valid is looked at once more (`hurts`), and so is
//! what stands around it in Envoy's configuration (`around`) or in a manifest (`manifests`).
//!
//! Invariant: a warning is given only where what it says is so for certain from the file alone. Trade-off: what a control plane sends is in
//! no file.

mod around;
mod errors;
mod found;
mod hurts;
mod manifests;
mod suppress;

use crate::finding::{Finding, Format, Report, Seen, Severity, codes};
use crate::source::{Carried, File, Filter, Kind, Reason, Refused, Spot};
use crate::{Exit, pages};
use anyhow::{Result, bail};
use found::Found;
use std::cell::LazyCell;
use std::io::Write;
use std::path::PathBuf;
pub use suppress::Suppress;
use switchyard_config::Document;

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Documents, Envoy bootstraps, files of resources or Kubernetes manifests, in YAML or JSON; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "explain")]
    pub files: Vec<PathBuf>,
    /// How findings are written out.
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
    /// Leaves findings of these codes out, everywhere or below a path of the document (`SY0406@upstreams[2]`).
    #[arg(long, value_name = "CODE[,CODE...][@PATH]")]
    pub suppress: Vec<Suppress>,
    /// How bad a finding must be for the exit code to be 1.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value = "error")]
    pub fail_on: Severity,
    /// Prints what a code means, and what to do.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["files", "output", "suppress", "fail_on"])]
    pub explain: Option<String>,
}

const AFTER_HELP: &str = "Examples:
  switchyard check switchyard.yaml
  switchyard check --fail-on warning envoy.yaml               also fail where it only hurts
  switchyard check --suppress SY0406,SY0407@routes[3] *.yaml  leave out what is meant
  kubectl get wasmplugin,envoyfilter -o yaml | switchyard check -
  switchyard check --output sarif switchyard.yaml > check.sarif
  switchyard check --explain SY0404                           what a code means

Exit codes: 0 nothing is wrong, 1 something was found, 2 a file could not be read.";

/// Runs it.
///
/// # Errors
/// When a file cannot be read, or there is no such code; what was found in the other files is written out before.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit> {
    if let Some(id) = &arguments.explain {
        let Some(code) = pages::find(id) else { bail!("{}", pages::unknown(id)) };
        write!(out, "{}", pages::page(code))?;
        return Ok(Exit::Good);
    }
    let mut report = Report::default();
    for path in &arguments.files {
        match checked(File::read(path)) {
            Ok(one) => {
                report.findings.extend(one.findings);
                report.seen.extend(one.seen);
                report.files += 1;
            }
            Err(refused) => report.unread.push(refused),
        }
    }
    report.findings.retain(|finding| !arguments.suppress.iter().any(|suppress| suppress.covers(finding)));
    report.write(arguments.output, out)?;
    out.flush()?;
    if !report.unread.is_empty() {
        bail!("{}", report.unread.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: "));
    }
    let is_bad = |finding: &Finding| finding.code.severity >= arguments.fail_on;
    Ok(if report.findings.iter().any(is_bad) { Exit::Found } else { Exit::Good })
}

/// What is found in a file that was read; what is no YAML, or several documents, is found, too.
///
/// # Errors
/// When it could not be read.
pub fn checked(read: Result<File, Refused>) -> Result<Report, Refused> {
    let refused = match read {
        Ok(file) => return Ok(check(&file)),
        Err(refused) => refused,
    };
    let code = match refused.reason {
        Reason::Unread => return Err(refused),
        Reason::Syntax => &codes::SYNTAX,
        Reason::Several => &codes::SEVERAL,
    };
    let (problem, fix) = errors::split(&refused.problem);
    let found = Found::new(code, "", problem);
    let found = fix.into_iter().fold(found, Found::fix);
    Ok(Report { findings: vec![found.in_file(&refused.file, "")], files: 1, ..Report::default() })
}

/// Everything that is found in `file`.
pub fn check(file: &File) -> Report {
    let carried = &file.plugins();
    let mut report = Report { files: 1, ..Report::default() };
    if carried.is_empty() && file.elsewhere().is_empty() {
        report.findings.push(nothing(file));
        return report;
    }
    let lines = LazyCell::new(|| file.lines());
    for (position, one) in carried.iter().enumerate() {
        let place = place(one);
        // What is wrong with one document is said once, however many plugins have it.
        let is_new = !carried.iter().take(position).any(|before| before.tree == one.tree);
        let found = match &one.result {
            Ok(document) if is_new => hurts::find(document, &one.tree),
            Err(errors) if is_new => errors::find(errors, &one.tree),
            Ok(_) | Err(_) => Vec::new(),
        };
        let around = around::plugin(one).into_iter().chain(manifests::plugin(one));
        report.findings.extend(found.into_iter().chain(around).map(|found| {
            let finding = found.in_file(&file.name, &place);
            Finding { line: lines.line(&one.spot, &finding.path), ..finding }
        }));
        report.seen.extend(one.result.as_ref().ok().map(|document| seen(file, place, one, document)));
    }
    report.seen.extend(elsewhere(file, carried));
    report.findings.extend(whole(file, carried).into_iter().map(|finding| {
        // Which of several manifests it is in, nothing says.
        let is_one = file.trees.len() == 1;
        Finding { line: is_one.then(|| lines.line(&Spot::default(), &finding.path)).flatten(), ..finding }
    }));
    report
}

/// A file without a plugin of ours is not what was meant.
fn nothing(file: &File) -> Finding {
    let code = if file.kind == Kind::Manifests { &codes::NO_PLUGIN_IN_MANIFEST } else { &codes::NO_PLUGIN };
    let problem = format!("no Switchyard plugin in this {}, so there is nothing to check", file.kind);
    let fix = "name the file that has one, or check the document by itself";
    Found::new(code, "", problem).fix(fix).in_file(&file.name, "")
}

/// What is to be said of a file whose documents are all in others.
fn elsewhere(file: &File, carried: &[Carried]) -> Option<Seen> {
    let names = file.elsewhere().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let says = format!("ok, and no document in it: {names}; check that, too");
    carried.is_empty().then(|| Seen { file: file.name.clone(), place: String::new(), says })
}

/// What is found in the file and in no plugin of it.
fn whole(file: &File, carried: &[Carried]) -> Vec<Finding> {
    let found = around::find(file, carried).into_iter().chain(manifests::find(file));
    found.map(|found| found.in_file(&file.name, "")).collect()
}

/// `EnvoyFilter shop/switchyard, shop/switchyard`.
fn place(carried: &Carried) -> String {
    let plugin = &carried.plugin;
    let parts = [&plugin.manifest, &plugin.name].map(String::as_str);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn seen(file: &File, place: String, carried: &Carried, document: &Document) -> Seen {
    let says = match document.stored() {
        None if carried.is_page => "ok, the status page, which has no document".to_owned(),
        None if carried.tree.is_null() && carried.does(Filter::Outlier) => {
            "ok, without a document of its own: it goes by those in force".to_owned()
        }
        Some(_) => "ok, the document is in a store; check that one, too".to_owned(),
        None => {
            let routes = document.routes().iter().filter(|route| !route.is_envoys()).count();
            let too_many =
                if routes > hurts::MOST_ROUTES { "; too many to be compared with each other" } else { "" };
            format!("ok, {} upstreams, {routes} routes{too_many}", document.upstreams().len())
        }
    };
    Seen { file: file.name.clone(), place, says }
}

#[cfg(test)]
mod tests;
