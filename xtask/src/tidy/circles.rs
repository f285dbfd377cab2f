//! Circles in a graph of names.

use std::collections::{BTreeMap, BTreeSet};

/// Who needs whom.
pub(super) type Arrow = (String, String);

/// A circle, if there is one: its names in order, the first one again at its end.
pub(super) fn circle(arrows: &BTreeSet<Arrow>) -> Option<Vec<String>> {
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        needs.entry(from).or_default().push(to);
    }
    let mut done = BTreeSet::new();
    let starts: Vec<&str> = needs.keys().copied().collect();
    starts.into_iter().find_map(|start| walk(start, &needs, &mut Vec::new(), &mut done))
}

/// Follows the arrows from `name`, which `path` leads to.
fn walk<'a>(
    name: &'a str,
    needs: &BTreeMap<&'a str, Vec<&'a str>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(first) = path.iter().position(|seen| *seen == name) {
        let around = path.get(first..).unwrap_or_default().iter().chain([&name]);
        return Some(around.map(|name| (*name).to_owned()).collect());
    }
    if !done.insert(name) {
        return None;
    }
    path.push(name);
    let next = needs.get(name).map(Vec::as_slice).unwrap_or_default();
    let found = next.iter().find_map(|next| walk(next, needs, path, done));
    path.pop();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arrows: &[(&str, &str)]) -> Option<Vec<String>> {
        circle(&arrows.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect())
    }

    #[test]
    fn a_circle_is_told_by_its_names_and_a_diamond_is_none() {
        assert_eq!(of(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]), None);
        let circle = of(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]);
        assert_eq!(circle.unwrap_or_default().join(" "), "b c d b");
        assert_eq!(of(&[]), None);
    }
}
