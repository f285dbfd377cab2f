//! What a file is.

use serde_json::Value;
use std::fmt;

/// What a file is, by the fields it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Switchyard document.
    Document,
    /// What Envoy starts with.
    Bootstrap,
    /// Resources in a file that Envoy watches: extensions (ECDS), listeners, clusters; or a list of HTTP filters, as a part of a bootstrap.
    Resources,
    /// Kubernetes manifests.
    Manifests,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Document => "document",
            Self::Bootstrap => "bootstrap",
            Self::Resources => "file of resources",
            Self::Manifests => "manifest",
        })
    }
}

impl Kind {
    /// What these trees of one file are together.
    pub(super) fn of(trees: &[Value]) -> Result<Self, String> {
        let kinds = || trees.iter().filter(|tree| !tree.is_null()).map(Self::of_tree);
        let first = kinds().next().unwrap_or(Self::Document);
        if kinds().nth(1).is_none() {
            return Ok(first);
        }
        match kinds().find(|kind| *kind != Self::Manifests) {
            None => Ok(first),
            Some(other) if kinds().any(|kind| kind == Self::Manifests) => {
                Err(format!("holds manifests and a {other}; put that into a file of its own"))
            }
            Some(other) => Err(format!(
                "holds {} YAML documents; a {other} stands alone: remove the others",
                kinds().count()
            )),
        }
    }

    fn of_tree(tree: &Value) -> Self {
        let has = |keys: &[&str]| keys.iter().any(|key| tree.get(key).is_some());
        // A site file of `switchyard render` has the admin's address as a text.
        let is_admin = |admin: &Value| admin.get("address").is_none_or(Value::is_object);
        if tree.get("apiVersion").is_some() && tree.get("kind").is_some() {
            Self::Manifests
        } else if has(&["static_resources", "dynamic_resources", "staticResources", "dynamicResources"])
            || tree.get("admin").is_some_and(is_admin)
        {
            Self::Bootstrap
        } else if ["resources", "http_filters"].iter().any(|list| tree.get(list).is_some_and(Value::is_array))
        {
            Self::Resources
        } else {
            Self::Document
        }
    }
}
