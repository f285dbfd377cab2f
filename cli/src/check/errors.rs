//! The errors of a document as findings: a code for each kind of fault, or for the section whose rule is broken.

use super::found::Found;
use crate::finding::{Code, codes};
use serde_json::Value;
use switchyard_config::{ConfigError, ConfigErrors, Fault};

/// What this program reads.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// How other forms of documents say their version.
const VERSIONS: [&str; 4] = ["version", "apiVersion", "api_version", "schema_version"];

/// All of them; `tree` is the document.
pub(super) fn find(errors: &ConfigErrors, tree: &Value) -> Vec<Found> {
    let mut found: Vec<_> = errors.iter().map(|error| of(error, tree)).collect();
    let more = errors.total() - found.len();
    if more > 0 {
        found.push(Found::new(&codes::MORE, "", format!("{more} more errors are not listed")));
    }
    found
}

fn of(error: &ConfigError, tree: &Value) -> Found {
    let code: &'static Code = match error.fault {
        Fault::Unreadable => &codes::UNREADABLE,
        Fault::UnknownField => &codes::UNKNOWN_FIELD,
        Fault::WrongType => &codes::WRONG_TYPE,
        Fault::Missing => &codes::MISSING,
        Fault::OutOfRange => &codes::OUT_OF_RANGE,
        Fault::Duplicate => &codes::DUPLICATE,
        Fault::UnknownName => &codes::UNKNOWN_NAME,
        Fault::Rule => section(&error.path),
    };
    let (problem, fix) = split(&error.problem);
    // A form of documents that says its version is one that this program does not know.
    if error.fault == Fault::UnknownField && VERSIONS.contains(&error.path.as_str()) {
        let problem = format!("unknown field: documents of Switchyard {OWN_VERSION} have no version");
        let fix =
            "remove it, or if the document is of a newer version, take that version's program and modules";
        return Found::new(code, error.path.as_str(), problem).value(value(tree, &error.path)).fix(fix);
    }
    let found = Found::new(code, error.path.as_str(), problem).value(value(tree, &error.path));
    match fix {
        Some(fix) => found.fix(fix),
        None => found,
    }
}

/// The code of the section in which a path leads.
fn section(path: &str) -> &'static Code {
    let mut fields = path.split('.').map(|part| part.split('[').next().unwrap_or_default());
    let (first, second) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    match (first, second, fields.next().unwrap_or_default()) {
        ("document", ..) => &codes::STORED,
        (_, "match", _) => &codes::MATCH,
        (_, "split_on", _) | (_, "balance", "hash_on") => &codes::HASH_ON,
        (_, "balance", _) => &codes::BALANCE,
        (_, "outlier", _) => &codes::OUTLIER,
        (_, "retry" | "retry_budget", _) => &codes::RETRY,
        (_, "coalesce", _) => &codes::COALESCE,
        (_, "batch", _) => &codes::BATCH,
        (_, "endpoints", _) => &codes::ENDPOINTS,
        ("routes", "upstream" | "split", _) => &codes::TARGETS,
        _ => &codes::OTHER,
    }
}

/// What is wrong, and what to do: it stands behind the first `; ` that is not inside a quoted value.
pub(super) fn split(problem: &str) -> (&str, Option<&str>) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, letter) in problem.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                let (before, after) = problem.split_at(place);
                if let Some(fix) = after.strip_prefix("; ") {
                    return (before, Some(fix));
                }
            }
            _ => {}
        }
    }
    (problem, None)
}

/// What stands at this path, as errors write it: `routes[0].match`.
fn value<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return tree.as_str().map(|_| tree);
    }
    path.split('.').try_fold(tree, |tree, part| {
        let mut pieces = part.split('[');
        let field = tree.get(pieces.next()?)?;
        pieces.try_fold(field, |list, index| list.get(index.strip_suffix(']')?.parse::<usize>().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use switchyard_config::Document;

    #[test]
    fn a_document_that_says_its_version_is_told_which_is_read() {
        for field in VERSIONS {
            let tree = json!({ field: "v2", "upstreams": [] });
            let errors = Document::from_value(&tree).unwrap_err();
            let found = find(&errors, &tree).remove(0).in_file("f", "");
            let problem = format!("unknown field: documents of Switchyard {OWN_VERSION} have no version");
            assert_eq!((found.code.id, found.path.as_str(), &found.problem), ("SY0201", field, &problem));
            assert!(found.fix.unwrap().contains("take that version's program"));
        }
        let tree = json!({ "upstreams": [{ "name": "a", "version": 2 }] });
        let errors = Document::from_value(&tree).unwrap_err();
        let problems: Vec<_> =
            find(&errors, &tree).into_iter().map(|one| one.in_file("f", "").problem).collect();
        assert!(problems.iter().all(|problem| !problem.contains("have no version")), "{problems:?}");
    }

    #[test]
    fn a_broken_rule_has_the_code_of_its_section() {
        for (path, code) in [
            ("document.etcd", "SY0309"),
            ("routes[3].match.hosts[0]", "SY0301"),
            ("routes[0].split_on", "SY0302"),
            ("upstreams[0].balance.hash_on[0].cookie", "SY0302"),
            ("upstreams[0].balance", "SY0303"),
            ("upstreams[12].outlier.probing", "SY0304"),
            ("upstreams[0].retry_budget", "SY0305"),
            ("routes[0].retry.fallback.stale_if_error", "SY0305"),
            ("routes[0].coalesce.key", "SY0306"),
            ("routes[0].batch", "SY0307"),
            ("upstreams[0].endpoints[1].address", "SY0308"),
            ("routes[0].split[1].upstream", "SY0310"),
            ("routes[0]", "SY0311"),
            ("upstreams[0].name", "SY0311"),
            ("", "SY0311"),
        ] {
            assert_eq!(section(path).id, code, "{path}");
        }
    }

    #[test]
    fn the_fix_stands_behind_the_semicolon_outside_of_quotes() {
        assert_eq!(split("is null; write a value"), ("is null", Some("write a value")));
        assert_eq!(
            split(r#""a; b" is not it; write "c; d"; or so"#),
            (r#""a; b" is not it"#, Some(r#"write "c; d"; or so"#))
        );
        assert_eq!(split(r#""a\"; b" is not it"#), (r#""a\"; b" is not it"#, None));
        assert_eq!(split("is missing"), ("is missing", None));
    }

    #[test]
    fn what_stands_at_a_path_is_found_and_no_list_is_shown() {
        let tree = json!({"routes": [{"match": {"methods": ["get"]}}], "mode": "of"});
        assert_eq!(value(&tree, "routes[0].match.methods[0]"), Some(&json!("get")));
        assert_eq!(value(&tree, "routes[1].match"), None);
        let errors = Document::from_value(&tree).unwrap_err();
        let found: Vec<_> = find(&errors, &tree).into_iter().map(|found| found.in_file("f", "")).collect();
        let mode = found.iter().find(|found| found.path == "mode").unwrap();
        assert_eq!(mode.value.as_deref(), Some("\"of\""));
        assert_eq!(mode.code.id, "SY0202");
        assert!(found.iter().all(|found| found.path != "routes[0].match" || found.value.is_none()));
    }

    #[test]
    fn those_that_are_not_listed_are_counted() {
        let tree = json!({"routes": vec![json!({"match": {}, "upstream": "b"}); 150]});
        let errors = Document::from_value(&tree).unwrap_err();
        let last = find(&errors, &tree).pop().unwrap().in_file("f", "");
        assert_eq!((last.code.id, last.problem.as_str()), ("SY0208", "50 more errors are not listed"));
    }
}
