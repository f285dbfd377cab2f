//! A file of tests.

use super::case::Case;
use super::reader::{Fields, Problems, texts};
use crate::decision::GivenEndpoints;
use crate::source::File;
use anyhow::{Result, bail};
use std::collections::BTreeSet;

/// Tests, and what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestFile {
    /// The document, from where the file is.
    pub document: Option<String>,
    /// Endpoints of upstreams that get them from elsewhere.
    pub endpoints: Vec<GivenEndpoints>,
    /// The tests, in order.
    pub cases: Vec<Case>,
}

impl TestFile {
    /// The tests in this file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(file: &File) -> Result<Self> {
        let problems = Problems::default();
        let tests = match file.trees.as_slice() {
            [tree] => Self::read(tree, &problems),
            _ => bail!("{}: is no file of tests: it holds {} YAML documents", file.name, file.trees.len()),
        };
        let problems = problems.take();
        if problems.is_empty() {
            return Ok(tests);
        }
        bail!("{}: {} errors\n{}", file.name, problems.len(), problems.join("\n"))
    }

    fn read(tree: &serde_json::Value, problems: &Problems) -> Self {
        let mut fields = Fields::of(tree, "", problems);
        let document = fields.text("document");
        let endpoints = fields.map("endpoints").into_iter().filter_map(|(upstream, at, value)| {
            Some(GivenEndpoints { upstream: upstream.to_owned(), addresses: texts(value, &at, problems)? })
        });
        let endpoints = endpoints.collect();
        let list = fields.list("tests");
        if tree.get("tests").is_none_or(|tests| tests.as_array().is_some_and(Vec::is_empty)) {
            problems.add("tests", "is missing or empty; write one test at least");
        }
        fields.done();
        let cases: Vec<_> = list.iter().filter_map(|(path, one)| Case::read(one, path, problems)).collect();
        let mut names = BTreeSet::new();
        for case in &cases {
            if !names.insert(case.name.as_str()) {
                problems.add("tests", format!("{:?} is the name of two tests; names are unique", case.name));
            }
        }
        // Where a test could not be read, its name may be right.
        if cases.len() == list.len() {
            let relations =
                cases.iter().flat_map(|case| case.expected.relations.iter().map(move |one| (case, one)));
            for (case, one) in relations.filter(|(_, one)| !names.contains(one.other.as_str())) {
                problems.add(
                    &format!("test {:?}: {}", case.name, one.field),
                    format!("{:?} is no test of this file", one.other),
                );
            }
        }
        Self { document, endpoints, cases }
    }
}
