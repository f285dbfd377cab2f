//! Who may depend on whom: crates by a list, modules inside a crate by having no circles.
//!
//! Invariant: every crate of the workspace is in the list. Trade-off: a module's needs are read off its text, where an item that its
//! parent hands on counts as the parent's; so some circles go unseen, and none is seen that is not there.

use super::circles::{Arrow, circle};
use crate::workspace::{files, shown};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Crates and the crates of ours that they may depend on.
const CRATES: [(&str, &[&str]); 18] = [
    ("cli", PROGRAM),
    ("filters/core", &[]),
    ("filters/config", &["switchyard-core"]),
    ("filters/host", &["switchyard-core"]),
    ("filters/frame", &["switchyard-core", "switchyard-config", "switchyard-host"]),
    ("filters/batch", FILTER),
    ("filters/coalesce", FILTER),
    ("filters/outlier", FILTER),
    ("filters/retry", FILTER),
    ("filters/router", FILTER),
    ("filters/status", FILTER),
    ("filters/switchyard", CHAIN),
    ("test-harness", &["switchyard-core"]),
    ("test-harness/core-bench", &["switchyard-core"]),
    ("test-harness/noop", &[]),
    ("test-harness/tests", &["switchyard-cli", "switchyard-test-harness"]),
    ("test-harness/trap", TRAP),
    ("xtask", &["switchyard-cli", "switchyard-config", "switchyard-frame"]),
];

/// What a filter stands on.
const FILTER: &[&str] = &["switchyard-core", "switchyard-config", "switchyard-host", "switchyard-frame"];

/// What the chain of the downstream filters is made of.
const CHAIN: &[&str] =
    &["switchyard-batch", "switchyard-coalesce", "switchyard-frame", "switchyard-retry", "switchyard-router"];

/// What the program has inside.
const PROGRAM: &[&str] = &[
    "switchyard-batch",
    "switchyard-coalesce",
    "switchyard-config",
    "switchyard-core",
    "switchyard-frame",
    "switchyard-host",
    "switchyard-outlier",
    "switchyard-retry",
    "switchyard-router",
    "switchyard-switchyard",
];

/// What is made of filters.
const TRAP: &[&str] = &[
    "switchyard-batch",
    "switchyard-coalesce",
    "switchyard-config",
    "switchyard-core",
    "switchyard-frame",
    "switchyard-host",
    "switchyard-outlier",
    "switchyard-retry",
    "switchyard-router",
];

/// The crates' manifests say what the list does.
///
/// # Errors
/// When a manifest cannot be read.
pub(super) fn crates(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let workspace = read(&root.join("Cargo.toml"))?;
    for member in members(&workspace) {
        if CRATES.iter().all(|(folder, _)| *folder != member) {
            wrong.push(format!("{member} is not in the list of crates, xtask/src/tidy/arrows.rs"));
        }
    }
    for (folder, allowed) in CRATES {
        let manifest = read(&root.join(folder).join("Cargo.toml"))?;
        for name in needs(&manifest).filter(|name| !allowed.contains(name)) {
            wrong.push(format!("{folder} depends on {name}, against docs/architecture.md"));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The folders that a workspace's manifest lists.
fn members(workspace: &str) -> impl Iterator<Item = &str> {
    let list = workspace.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    list.map_or("", |(list, _)| list).lines().filter_map(|line| line.split('"').nth(1))
}

/// The crates of ours that a manifest depends on, but for those of tests.
fn needs(manifest: &str) -> impl Iterator<Item = &str> {
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| name.starts_with("switchyard-"))
}

/// There are no circles between the modules of a filter's crate, nor between those of an idea in the core.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn modules(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for (folder, _) in CRATES.iter().filter(|(folder, _)| folder.starts_with("filters/")) {
        let source = root.join(folder).join("src");
        let mut texts = Vec::new();
        for file in files(&source, &["rs"])? {
            let name = file.strip_prefix(&source).unwrap_or(&file).to_string_lossy().into_owned();
            texts.push((module(&name), read(&file).with_context(|| shown(&file))?));
        }
        // In the core each folder is an idea that somebody reads by itself.
        let ideas = texts.iter().filter(|_| *folder == "filters/core").filter_map(|(path, _)| path.first());
        let ideas: BTreeSet<&str> = ideas.map(String::as_str).chain([""]).collect();
        for inside in ideas {
            if let Some(circle) = circle(&arrows(&texts, inside)) {
                wrong.push(format!("{folder} {inside} has a circle: {}", circle.join(" -> ")));
            }
        }
    }
    Ok(())
}

/// The path of the module in a file: `outlier/decide/mod.rs` is `outlier::decide`, `lib.rs` the empty one.
fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    path.split('/').filter(|part| !["lib", "main", "mod"].contains(part)).map(str::to_owned).collect()
}

/// Who of the children of `inside` needs whom.
fn arrows(texts: &[(Vec<String>, String)], inside: &str) -> BTreeSet<Arrow> {
    let parent: Vec<&str> = inside.split("::").filter(|part| !part.is_empty()).collect();
    let child = |path: &[String]| {
        let within = path.iter().zip(&parent).filter(|(part, of)| *part == *of).count() == parent.len();
        path.get(parent.len()).filter(|_| within).cloned()
    };
    let children: BTreeSet<String> = texts.iter().filter_map(|(path, _)| child(path)).collect();
    let mut arrows = BTreeSet::new();
    for (path, text) in texts {
        let Some(from) = child(path) else { continue };
        let needed = mentions(path, text).filter_map(|mentioned| child(&mentioned));
        arrows.extend(needed.filter(|to| *to != from && children.contains(to)).map(|to| (from.clone(), to)));
    }
    arrows
}

/// The paths in this crate that a module's text mentions, tests aside.
fn mentions<'a>(module: &'a [String], text: &'a str) -> impl Iterator<Item = Vec<String>> + 'a {
    let is_test = ["tests", "properties"].iter().any(|name| module.last().is_some_and(|last| last == name));
    let text = text.split("#[cfg(test)]\nmod tests").next().filter(|_| !is_test).unwrap_or_default();
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: String = code.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code.get(..at).unwrap_or_default();
            if before.ends_with("::")
                || before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
            {
                continue;
            }
            let mut rest = code.get(at..).unwrap_or_default();
            let mut path = module.to_vec();
            if let Some(after) = rest.strip_prefix("crate::") {
                (path, rest) = (Vec::new(), after);
            }
            while let Some(after) = rest.strip_prefix("super::") {
                path.pop();
                rest = after;
            }
            found.extend(heads(rest).map(|names| [path.clone(), names].concat()));
        }
    }
    found.into_iter()
}

/// What a path goes on with: `decide::Reason` with that, `{Timestamp, hash::{xxh64, Hash}}` with `Timestamp` and with `hash`.
fn heads(rest: &str) -> impl Iterator<Item = Vec<String>> {
    let names = |text: &str| -> Vec<String> {
        let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
        let path = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![names(rest)].into_iter() };
    let (mut depth, mut found, mut begins) = (0_usize, Vec::new(), true);
    for (at, letter) in group.char_indices() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            letter if begins && !letter.is_whitespace() => {
                found.push(names(group.get(at..).unwrap_or_default()));
                begins = false;
            }
            _ => {}
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[(&str, &str)]) -> Vec<(Vec<String>, String)> {
        files.iter().map(|(file, text)| (module(file), (*text).to_owned())).collect()
    }

    #[test]
    fn this_workspace_is_as_its_architecture_says() {
        let mut wrong = Vec::new();
        crates(&crate::workspace::root(), &mut wrong).unwrap();
        modules(&crate::workspace::root(), &mut wrong).unwrap();
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn a_circle_is_found_however_its_arrows_are_written() {
        let straight = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::A; use crate::b::B;"),
            ("a.rs", "use crate::{Time, b::{B, more::C}};"),
            (
                "b/mod.rs",
                "//! Not as crate::a does.\nuse crate::A; // or crate::a::A\nfn f() -> crate::c::C {}",
            ),
            ("b/more.rs", "use super::B;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
            ("c.rs", "use crate::Time;"),
        ];
        assert_eq!(circle(&arrows(&texts(&straight), "")), None);
        for line in ["use crate::{Time, a::A};", "use super::a::A;", "fn f(a: &crate::a::A) {}"] {
            let mut bent = straight.to_vec();
            bent[4].1 = line;
            let found = circle(&arrows(&texts(&bent), "")).unwrap_or_default().join(" ");
            assert!(["a b c a", "b c a b", "c a b c"].contains(&&*found), "{line}: {found}");
        }
        let mut deep = straight.to_vec();
        deep[3].1 = "use super::super::c::C; fn f() -> super::super::a::A {}";
        assert_eq!(circle(&arrows(&texts(&deep), "")).map(|circle| circle.len()), Some(3), "a -> b -> a");
    }

    #[test]
    fn inside_a_module_its_children_count() {
        let files = [
            ("x/mod.rs", "mod a; mod b;"),
            ("x/a.rs", "use super::b::B;"),
            ("x/b.rs", "use crate::x::a::A;"),
            ("y.rs", "use crate::x::a::A;"),
        ];
        assert_eq!(circle(&arrows(&texts(&files), "")), None);
        assert!(circle(&arrows(&texts(&files), "x")).is_some());
        assert_eq!(circle(&arrows(&texts(&files), "y")), None);
    }

    #[test]
    fn a_crate_that_nobody_lists_and_a_need_that_nobody_allows_are_seen() {
        let workspace = "[workspace]\nmembers = [\n    \"filters/core\",\n    \"filters/new\",\n]\n";
        assert_eq!(members(workspace).collect::<Vec<_>>(), ["filters/core", "filters/new"]);
        let manifest = "[package.metadata.modules]\nswitchyard-trap = 1\n[dependencies]\nlog.workspace = true\nswitchyard-host.workspace = true\n\
            switchyard-core = { path = \"x\" }\n[dev-dependencies]\nswitchyard-retry.workspace = true\n";
        assert_eq!(needs(manifest).collect::<Vec<_>>(), ["switchyard-host", "switchyard-core"]);
    }
}
