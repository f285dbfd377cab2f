//! On which line of a file a part of its tree begins.
//!
//! Invariant: a line is that of the part itself, or where the part is missing, of the nearest thing around it that is there.
//! Trade-off: the text is read a second time, and only when something was found in it. Inside a text (a document as the JSON of a
//! StringValue or in a ConfigMap) there are no lines: it is the text's.

use super::{Spot, yaml};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// The lines of a text's trees.
#[derive(Debug)]
pub struct Lines(Vec<Spanned<Node>>);

/// A tree of which nothing is kept but where its parts begin.
#[derive(Debug)]
pub(super) enum Node {
    Leaf,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Lines {
    /// Those of a text that could be read before; of one that cannot, none.
    pub(super) fn of(text: &str) -> Self {
        Self(yaml::read(text, true).unwrap_or_default())
    }

    /// The line, from 1, on which `path` begins, seen from this spot; of a path that is not there, the last part of it that is.
    pub fn line(&self, spot: &Spot, path: &str) -> Option<u64> {
        let root = self.0.get(spot.tree)?;
        let (start, line) = walk(root, &spot.path, None);
        let below = walk(start, path, line);
        // What stands around a plugin is told from the top of the file.
        let (_, line) = if below.1 == line { walk(root, path, line) } else { below };
        line.filter(|line| *line > 0)
    }
}

/// The deepest part of `path` that is there, and the line of its key or item; `line` if there is no part.
fn walk<'a>(
    mut node: &'a Spanned<Node>,
    path: &str,
    mut line: Option<u64>,
) -> (&'a Spanned<Node>, Option<u64>) {
    let mut rest = path;
    while let Some((next, at, after)) = step(node, rest) {
        (node, line, rest) = (next, Some(at), after);
    }
    (node, line)
}

/// The first part of a path within `node`, its line, and the rest. Keys may have dots in them, so the longest that fits is meant.
fn step<'a, 'p>(node: &'a Spanned<Node>, path: &'p str) -> Option<(&'a Spanned<Node>, u64, &'p str)> {
    match &node.value {
        Node::Leaf => None,
        Node::List(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            let item = items.get(index.parse::<usize>().ok()?)?;
            Some((item, item.referenced.line(), rest))
        }
        Node::Map(fields) => {
            let path = path.strip_prefix('.').unwrap_or(path);
            let fits = |key: &str| {
                let rest = path.strip_prefix(key)?;
                (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
            };
            let fitting = fields.iter().filter_map(|(key, node)| Some((key, node, fits(&key.value)?)));
            let (key, node, rest) = fitting.max_by_key(|(key, ..)| key.value.len())?;
            Some((node, key.referenced.line(), rest))
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// What is a value without parts.
macro_rules! leaves {
    ($($name:ident: $of:ty),*) => {
        $(fn $name<E: de::Error>(self, _: $of) -> Result<Node, E> {
            Ok(Node::Leaf)
        })*
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    leaves!(visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment
a:
  b: [1, 2,
      3]
  c.d: {e: 4}
  c:
    d: 5
---
f:
- g: x
-
  h: |
    two
    lines
";

    fn line(tree: usize, at: &str, path: &str) -> Option<u64> {
        Lines::of(TEXT).line(&Spot { tree, path: at.to_owned() }, path)
    }

    #[test]
    fn a_part_is_on_the_line_of_its_key_or_item() {
        assert_eq!(line(0, "", "a"), Some(2));
        assert_eq!(line(0, "", "a.b[2]"), Some(4));
        assert_eq!(line(0, "", "a.c.d.e"), Some(5), "the longest key is meant");
        assert_eq!(line(1, "", "f[1].h"), Some(12));
        assert_eq!(line(1, "f[0]", "g"), Some(10));
    }

    #[test]
    fn what_is_missing_is_where_it_would_be() {
        assert_eq!(line(0, "", "a.b[7]"), Some(3));
        assert_eq!(line(0, "a", "zz"), Some(2));
        assert_eq!(line(1, "", "f[1].h.deeper"), Some(12));
        assert_eq!(line(0, "", "zz"), None);
        assert_eq!(line(7, "", "a"), None);
    }

    #[test]
    fn what_is_around_a_plugin_is_told_from_the_top() {
        assert_eq!(line(1, "f[1]", "f[0].g"), Some(10));
    }
}
