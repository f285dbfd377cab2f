//! YAML for people: fields in the order in which one reads them, comments at the head, no anchors.
//!
//! Invariant: the same tree gives the same bytes, whatever order it was built in. What YAML 1.1 would take for something else (`on`,
//! `1.10`) is quoted, since Kubernetes' readers speak 1.1.

use anyhow::Result;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Map, Value};

/// The fields that come before all others of their map, in this order; the others come by the alphabet.
const FIRST: [&str; 15] = [
    "@type",
    "listeners",
    "applyTo",
    "name",
    "mode",
    "explain",
    "log_decisions",
    "default_cluster",
    "cluster",
    "cluster_pattern",
    "endpoints",
    "match",
    "upstreams",
    "upstream",
    "address",
];

/// Fields that come after all others of their map.
const LAST: [&str; 3] = ["configuration", "http_filters", "load_assignment"];

struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Ordered(item)))?;
                list.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                in_order(fields)
                    .into_iter()
                    .try_for_each(|(name, value)| map.serialize_entry(name, &Ordered(value)))?;
                map.end()
            }
            // Envoy's reader makes a text of every number with a fraction, be it `.0`.
            scalar => match scalar.as_f64().filter(|number| !scalar.is_u64() && is_whole(*number)) {
                Some(number) => serializer.serialize_i64(number as i64),
                None => scalar.serialize(serializer),
            },
        }
    }
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0
}

fn in_order(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |name: &str| {
        let first = FIRST.iter().position(|field| *field == name);
        let last = LAST.iter().position(|field| *field == name).map(|place| FIRST.len() + 1 + place);
        first.or(last).unwrap_or(FIRST.len())
    };
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by(|one, other| (rank(one.0), one.0).cmp(&(rank(other.0), other.0)));
    sorted
}

/// The tree, below these lines of comment.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(head: &[String], tree: &Value) -> Result<String> {
    let mut text = String::new();
    // What ends a line for any reader of YAML ends it here, too, so nothing of a head is ever outside a comment.
    let ends = |sign: char| sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}');
    for line in head.iter().flat_map(|entry| entry.split(ends)) {
        let line = if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") };
        text.push_str(&line);
    }
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_fmt_writer_with_options(&mut text, &Ordered(tree), options)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_come_first_and_documents_last_and_the_order_of_building_does_not_matter() {
        let tree = json!({"zone": 1, "configuration": {"routes": [], "upstreams": []}, "alpha": [{"weight": 1, "name": "a"}], "name": "one"});
        let text = write(&["One.".to_owned(), String::new(), "Two.".to_owned()], &tree).unwrap();
        let wanted = "# One.\n#\n# Two.\nname: one\nalpha:\n- name: a\n  weight: 1\nzone: 1\nconfiguration:\n  upstreams: []\n  routes: []\n";
        assert_eq!(text, wanted);
        let mut other = serde_json::from_str::<Value>(&tree.to_string()).unwrap();
        let name = other.as_object_mut().unwrap().remove("name").unwrap();
        other["name"] = name;
        assert_eq!(write(&[], &other).unwrap(), write(&[], &tree).unwrap());
    }

    /// Whatever a head says, all of it is a comment.
    #[test]
    fn no_line_of_a_head_leaves_the_comment() {
        for end in ["\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}"] {
            let head = [format!("/x{end}apiVersion: evil{end}---{end}kind: Secret")];
            let text = write(&head, &json!({ "good": true })).unwrap();
            assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), json!({ "good": true }), "{text:?}");
            let all: Vec<_> = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).collect();
            assert!(
                all.iter().all(|line| line.is_empty() || line.starts_with('#') || *line == "good: true"),
                "{text:?}"
            );
        }
    }

    /// What Kubernetes' YAML 1.1 would misread stays a text, and so do Istio's names.
    #[test]
    fn what_is_written_is_read_back() {
        let texts = [
            "on",
            "yes",
            "1.10",
            "0x1",
            "outbound|8080||cart.shop",
            "a: b",
            "- x",
            "",
            " x",
            "500-599",
            "10s",
            "{a}",
            "/x#y",
            "1:30",
        ];
        let tree = json!({ "texts": texts, "long": "word ".repeat(60), "lines": "a\nb\n" });
        let text = write(&[], &tree).unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), tree, "{text}");
        assert!(text.contains("\"on\"") || text.contains("'on'"), "{text}");
    }
}
