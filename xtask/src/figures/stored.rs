//! What a benchmark gave, as it stands in docs/figures: its JSON object, and when, where and on what it was measured.
//!
//! Invariant: a file is named like its benchmark, and has a day, a commit, a machine and an Envoy; the same figures are the same bytes.

use crate::run::BENCHES;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What is stored, by the benchmark's name.
pub(super) type All = BTreeMap<String, Stored>;

/// When, where and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) date: String,
    pub(super) commit: String,
    pub(super) machine: String,
    pub(super) envoy: String,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    benchmark: String,
    pub(super) date: String,
    pub(super) commit: String,
    pub(super) machine: String,
    pub(super) envoy: String,
    figures: BTreeMap<String, Value>,
}

impl Stored {
    /// What a benchmark printed, and where that was.
    pub(super) fn of(name: &str, taken: &Taken, json: &str) -> Result<Self> {
        let figures = serde_json::from_str(json).with_context(|| format!("{name} printed no JSON object"))?;
        let Taken { date, commit, machine, envoy } = taken.clone();
        Ok(Self { benchmark: name.to_owned(), date, commit, machine, envoy, figures })
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String> {
        let sorted: BTreeMap<_, _> =
            self.figures.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
        let text = serde_json::to_string_pretty(&Self { figures: sorted, ..self.clone() })?;
        Ok(format!("{text}\n"))
    }

    /// The figure at a path, if there is a number.
    pub(super) fn figure(&self, path: &str) -> Option<f64> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let rest = rest.split('.').filter(|key| !key.is_empty());
        rest.fold(self.figures.get(first), |value, key| value?.get(key))?.as_f64()
    }

    /// What is not as it must be.
    fn wrong(&self, name: &str) -> Vec<&'static str> {
        let checks = [
            (self.benchmark == name && BENCHES.contains(&name), "is not named like its benchmark"),
            (is_date(&self.date), "has no date like 2026-11-29"),
            (is_commit(&self.commit), "has no commit like abc1234 or abc1234+"),
            (!self.machine.trim().is_empty(), "has no machine"),
            (!self.envoy.trim().is_empty(), "has no envoy"),
            (!self.figures.is_empty(), "has no figures"),
        ];
        checks.into_iter().filter(|(is_right, _)| !is_right).map(|(_, problem)| problem).collect()
    }
}

/// The same with all keys in order, whatever order this build's JSON keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(fields.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// Whether it is a day, as `2026-11-29`.
pub(super) fn is_date(text: &str) -> bool {
    let shape: String =
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    shape == "0000-00-00"
}

/// Whether it is a short hash, with or without a `+`.
pub(super) fn is_commit(text: &str) -> bool {
    let hash = text.strip_suffix('+').unwrap_or(text);
    hash.len() >= 7 && hash.chars().all(|letter| letter.is_ascii_hexdigit())
}

/// Everything in the folder, and what is wrong with it.
pub(super) fn all(folder: &Path) -> Result<(All, Vec<String>)> {
    let (mut all, mut wrong) = (All::new(), Vec::new());
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    // What mutants came to has a folder of its own.
    paths.retain(|path| !path.is_dir());
    paths.sort();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let place = format!("docs/figures/{}", path.file_name().unwrap_or_default().to_string_lossy());
        match serde_json::from_str::<Stored>(&fs::read_to_string(&path)?) {
            Ok(stored) => {
                wrong.extend(stored.wrong(&name).into_iter().map(|problem| format!("{place} {problem}")));
                all.insert(name, stored);
            }
            Err(error) => wrong.push(format!("{place}: {error}")),
        }
    }
    Ok((all, wrong))
}

#[cfg(test)]
impl Taken {
    pub(super) fn example() -> Self {
        let [date, commit, machine, envoy] =
            ["2026-11-29", "abc1234+", "two cores", "1.40.0"].map(str::to_owned);
        Self { date, commit, machine, envoy }
    }
}

#[cfg(test)]
pub(super) fn example(name: &str, json: &str) -> All {
    All::from([(name.to_owned(), Stored::of(name, &Taken::example(), json).unwrap())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_when_and_where_and_its_keys_are_in_order() {
        let stored = Stored::of("core", &Taken::example(), r#"{"z": {"b": 1, "a": 0.5}, "c": "x"}"#).unwrap();
        let text = stored.text().unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let head = [
            "{",
            "\"benchmark\": \"core\",",
            "\"date\": \"2026-11-29\",",
            "\"commit\": \"abc1234+\",",
            "\"machine\": \"two cores\",",
            "\"envoy\": \"1.40.0\",",
            "\"figures\": {",
            "\"c\": \"x\",",
            "\"z\": {",
            "\"a\": 0.5,",
            "\"b\": 1",
        ];
        assert_eq!(lines[..head.len()], head);
        assert_eq!(serde_json::from_str::<Stored>(&text).unwrap(), stored);
    }

    #[test]
    fn a_path_leads_to_a_number_or_to_nothing() {
        let stored =
            Stored::of("core", &Taken::example(), r#"{"z": {"20x1000": {"b": 1.5}}, "c": "x"}"#).unwrap();
        assert_eq!(stored.figure("z.20x1000.b"), Some(1.5));
        assert_eq!(
            [stored.figure("z"), stored.figure("c"), stored.figure("z.q"), stored.figure("c.q")],
            [None; 4]
        );
    }

    #[test]
    fn what_is_not_as_it_must_be_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let good = Stored::of("core", &Taken::example(), r#"{"c": 1}"#).unwrap();
        let bad =
            Stored { date: "29.11.2026".into(), commit: "main".into(), machine: " ".into(), ..good.clone() };
        for (name, text) in [
            ("core", good.text().unwrap()),
            ("scale", bad.text().unwrap()),
            ("batch", good.text().unwrap().replace("\"machine\"", "\"mashine\"")),
        ] {
            fs::write(folder.path().join(format!("{name}.json")), text).unwrap();
        }
        let (all, wrong) = all(folder.path()).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["core", "scale"]);
        assert!(wrong[0].starts_with("docs/figures/batch.json: unknown field `mashine`"), "{wrong:?}");
        let scale = ["is not named like its benchmark", "has no date like 2026-11-29"];
        assert_eq!(wrong[1..3], scale.map(|problem| format!("docs/figures/scale.json {problem}")));
        assert_eq!(wrong.len(), 5);
    }
}
