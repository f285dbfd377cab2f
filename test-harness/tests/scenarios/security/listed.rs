//! The lists of docs/security.md, read out of the page: what stands there is what modules are held to.
//!
//! Invariant: a module that no column names has no list, and a test that asks for it fails. Trade-off: the page's tables keep their shape: names in
//! the first column, a column for modules that have the same list, and nothing in a cell where they lack it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use anyhow::Context as _;
use serde_json::Value;

/// The page as it stands now; empty where there is none, which has no tables then.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
    std::fs::read_to_string(file).unwrap_or_default()
});

/// The host calls that the module makes, as the page has them.
pub(super) fn host_calls(module: &str) -> anyhow::Result<BTreeSet<&'static str>> {
    of("| host call |", module)
}

/// The callbacks that the module has, as the page has them.
pub(super) fn callbacks(module: &str) -> anyhow::Result<BTreeSet<&'static str>> {
    of("| callback |", module)
}

/// All that the module must be allowed.
pub(super) fn capabilities(module: &str) -> anyhow::Result<Vec<String>> {
    Ok(host_calls(module)?.into_iter().chain(callbacks(module)?).map(str::to_owned).collect())
}

/// What modules import and do not call, as the page has it.
pub(super) fn never_called() -> anyhow::Result<BTreeSet<&'static str>> {
    let (_, rest) = PAGE.split_once("never called:").context("what is never called")?;
    Ok(names(rest.split_once("\n\n").map_or(rest, |(paragraph, _)| paragraph)).collect())
}

/// The `vm_config` that the page shows, and the module that it is of.
pub(super) fn example() -> anyhow::Result<(String, Vec<String>)> {
    let block = PAGE.split("```yaml\n").skip(1).find(|block| block.contains("capability_restriction_config"));
    let text = block.and_then(|block| block.split("```").next()).context("an example")?;
    let example: Value = serde_saphyr::from_str(text)?;
    let file = example.pointer("/vm_config/code/local/filename").and_then(Value::as_str).context("a file")?;
    let allowed = example.pointer("/vm_config/capability_restriction_config/allowed_capabilities");
    let allowed = allowed.and_then(Value::as_object).context("a list")?;
    let module = file.trim_end_matches(".wasm").rsplit('/').next().unwrap_or_default();
    Ok((module.to_owned(), allowed.keys().cloned().collect()))
}

/// The names of the table with this head that have something in the module's column.
fn of(head: &str, module: &str) -> anyhow::Result<BTreeSet<&'static str>> {
    let mut lines = PAGE.lines().skip_while(|line| !line.starts_with(head));
    let heads = cells(lines.next().with_context(|| format!("a table {head}"))?);
    let column = heads.iter().position(|head| head.split(", ").any(|name| name == module));
    let column = column.with_context(|| format!("a column of {module} in the table {head}"))?;
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    let has = |row: &Vec<&str>| row.get(column).is_some_and(|cell| !cell.is_empty());
    Ok(rows.filter(has).filter_map(|row| row.first().copied()).flat_map(names).collect())
}

fn cells(row: &'static str) -> Vec<&'static str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// The names between back quotes.
fn names(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('`').skip(1).step_by(2).filter(|name| name.starts_with("proxy_"))
}
