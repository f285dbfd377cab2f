//! `cargo xtask tidy`: what is written about the project is true of it.
//!
//! Paths and commands that the documentation names exist; every Envoy bootstrap under envoy-config/ loads in a
//! real Envoy; every Switchyard document and example is valid; generated files are current; figures are those that benchmarks gave; crates and the modules in
//! them depend on each other the way docs/architecture.md says.

mod arrows;
mod circles;
mod markdown;
pub(crate) mod rendered;

use crate::setup::Envoy;
use crate::workspace::{files, pages, quietly, root, shown, wasm_dir, working};
use crate::{Arguments, figures, schema};
use anyhow::{Context, Result};
use clap::CommandFactory as _;
use markdown::Markdown;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use switchyard_cli::check::check;
use switchyard_cli::finding::Severity;
use switchyard_cli::source::{File, Kind};

/// Checks everything and prints what is wrong; returns whether nothing was.
///
/// # Errors
/// When a file that must be there cannot be read.
pub(crate) fn tidy(envoy: &Envoy) -> Result<bool> {
    let mut wrong = Vec::new();
    documentation(&mut wrong)?;
    configurations(envoy, &mut wrong)?;
    generated(&mut wrong)?;
    figures::check(&mut wrong)?;
    arrows::crates(&root(), &mut wrong)?;
    arrows::modules(&root(), &mut wrong)?;
    module_docs(&root(), &mut wrong)?;
    for problem in &wrong {
        eprintln!("tidy: {problem}");
    }
    println!(
        "tidy: {}",
        if wrong.is_empty() { "all in order".to_owned() } else { format!("{} problems", wrong.len()) }
    );
    Ok(wrong.is_empty())
}

fn documentation(wrong: &mut Vec<String>) -> Result<()> {
    for page in pages()? {
        let text = fs::read_to_string(&page).with_context(|| format!("reading {}", page.display()))?;
        let place = shown(&page);
        let markdown = Markdown::of(&text);
        for path in markdown.paths {
            let folder = page.parent().unwrap_or(&page);
            // What is made by a command is not in the checkout.
            if !path.starts_with("target/") && !root().join(&path).exists() && !folder.join(&path).exists() {
                wrong.push(format!("{place} names {path}, which is not there"));
            }
        }
        for command in markdown.commands {
            if let Some(problem) = refused(&command) {
                wrong.push(format!("{place} names `{command}`: {problem}"));
            }
        }
        for example in markdown.documents {
            match File::parse("an example", &example) {
                Ok(file) => wrong.extend(errors(&file).map(|error| format!("{place}, an example: {error}"))),
                Err(error) => wrong.push(format!("{place}: {error}")),
            }
        }
    }
    Ok(())
}

/// Why clap does not take a command that the documentation names, if it does not. Words in capitals stand for
/// whatever a reader puts there.
fn refused(command: &str) -> Option<String> {
    let parsed = if command.starts_with("switchyard ") {
        let words = shlex::split(command).unwrap_or_default();
        switchyard_cli::Arguments::command().try_get_matches_from(words)
    } else {
        let words = command.split_whitespace().skip(2).map(|word| match word {
            "NAME" => "router",
            other => other,
        });
        Arguments::command().try_get_matches_from(std::iter::once("cargo xtask").chain(words))
    };
    match parsed {
        Err(error) if error.use_stderr() => {
            Some(error.to_string().lines().next().unwrap_or_default().to_owned())
        }
        _ => None,
    }
}

fn errors(file: &File) -> impl Iterator<Item = String> {
    file.documents().into_iter().filter_map(|found| Some(found.result.err()?.to_string()))
}

/// The errors that `switchyard check` finds in a file that carries a document or refers to one. What else is there, Prometheus' file, is none
/// of ours.
fn found(file: &File) -> Vec<String> {
    let is_document = file.trees.iter().any(|tree| tree.get("upstreams").is_some());
    let carries = file.kind != Kind::Document && !file.documents().is_empty();
    if !is_document && !carries && file.elsewhere().is_empty() {
        return Vec::new();
    }
    let found = check(file).findings.into_iter().filter(|finding| finding.code.severity == Severity::Error);
    found.map(|finding| format!("{} {}: {}", finding.code.id, finding.path, finding.problem)).collect()
}

/// The one tree in a file.
fn tree(path: &str) -> Result<Value> {
    let file = File::read(&root().join(path))?;
    file.trees.into_iter().next().with_context(|| format!("{path} is empty"))
}

fn configurations(envoy: &Envoy, wrong: &mut Vec<String>) -> Result<()> {
    for file in files(&root().join("envoy-config"), &["yaml"])? {
        let place = shown(&file);
        let read = File::read(&file)?;
        wrong.extend(found(&read).into_iter().map(|error| format!("{place}: {error}")));
        if read.kind == Kind::Bootstrap
            && let Err(error) = validate(envoy, &file)
        {
            wrong.push(format!("{place} does not load: {error:#}"));
        }
    }
    // The bootstrap carries the example document word for word, so that one explains the other.
    let (example, bootstrap) = (tree("envoy-config/switchyard.yaml")?, tree("envoy-config/envoy.yaml")?);
    if !holds(&bootstrap, &example) {
        wrong.push(
            "envoy-config/envoy.yaml does not carry the document of envoy-config/switchyard.yaml".to_owned(),
        );
    }
    Ok(())
}

/// Whether `part` stands somewhere in `tree`.
fn holds(tree: &Value, part: &Value) -> bool {
    tree == part
        || match tree {
            Value::Array(items) => items.iter().any(|item| holds(item, part)),
            Value::Object(fields) => fields.values().any(|field| holds(field, part)),
            _ => false,
        }
}

/// Loads a bootstrap with `envoy --mode validate`, with the modules that were built here. Envoy gets the text as it stands,
/// not what another reader made of it: its YAML is its own (`0.2` is a text).
fn validate(envoy: &Envoy, bootstrap: &Path) -> Result<()> {
    let bar = working("envoy --mode validate");
    let text = fs::read_to_string(bootstrap)?;
    let folder = tempfile::tempdir()?;
    let here = |text: &str| {
        let text = text.replace("/etc/switchyard/ecds", &folder.path().display().to_string());
        text.replace("/etc/switchyard/", &format!("{}/", wasm_dir().display()))
    };
    let text = here(&text);
    if text.contains("path_config_source") {
        rendered::copy_beside(bootstrap, folder.path(), here)?;
    }
    let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    fs::write(file.path(), text)?;
    let mut command = Command::new(&envoy.path);
    command.args(["--mode", "validate", "--log-level", "error", "--config-path"]).arg(file.path());
    let result = quietly("envoy --mode validate", &mut command);
    bar.finish_and_clear();
    result.map(|_| ())
}

fn generated(wrong: &mut Vec<String>) -> Result<()> {
    for (path, text) in schema::generated()? {
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            wrong.push(format!("{} is not current; run cargo xtask schema", shown(&path)));
        }
    }
    Ok(())
}

/// Every module opens by saying what it is.
fn module_docs(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for file in files(root, &["rs"])? {
        if !fs::read_to_string(&file)?.starts_with("//!") {
            wrong.push(format!("{} does not begin by saying what it is (//!)", shown(&file)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_programs_check_finds_no_error_in_what_is_shipped_and_one_in_what_is_wrong() {
        let files = files(&root().join("envoy-config"), &["yaml"]).unwrap();
        for file in &files {
            assert_eq!(found(&File::read(file).unwrap()), [""; 0], "{}", file.display());
        }
        let wrong = File::parse("f", "upstreams: []\nroutes: [{}]").unwrap();
        assert!(found(&wrong)[0].starts_with("SY0"), "{:?}", found(&wrong));
        let bootstrap = File::parse("f", "static_resources: {listeners: [], clusters: []}").unwrap();
        assert_eq!(found(&bootstrap), [""; 0], "it carries nothing of ours");
    }

    #[test]
    fn a_command_that_is_not_there_is_refused_and_help_is_not() {
        assert_eq!(refused("cargo xtask demo"), None);
        assert_eq!(refused("cargo xtask --help"), None);
        assert_eq!(refused("cargo xtask bench NAME --json"), None);
        assert_eq!(refused("cargo xtask check FILE"), None);
        assert!(refused("cargo xtask dmeo").is_some());
        assert_eq!(refused("switchyard explain FILE --request 'GET /cart' -H 'x-user: alice'"), None);
        assert!(refused("switchyard explain FILE --reqest 'GET /cart'").is_some());
        assert!(refused("cargo xtask test --olny x").is_some());
    }

    #[test]
    fn a_part_is_found_at_any_depth() {
        let part = json!({"routes": []});
        assert!(holds(&json!({"a": [1, {"b": {"routes": []}}]}), &part));
        assert!(!holds(&json!({"a": [1, {"b": {"routes": [1]}}]}), &part));
    }
}
