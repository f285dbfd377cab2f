//! A document made ready to be asked: it has the endpoints that were given for upstreams that have them from elsewhere, and an upstream
//! for each cluster that requests are said to go to and that a section with `cluster_pattern` stands for.
//!
//! Invariant: nothing else of it is changed, and what comes out is checked as any document is.

use crate::source::File;
use anyhow::{Result, bail};
use core::str::FromStr;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use switchyard_config::{Document, Route, Upstream};

/// The endpoints of one upstream, as they are given on the command line: `checkout=10.0.0.1:8080,10.0.0.2:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenEndpoints {
    /// The upstream's name.
    pub upstream: String,
    /// `ip:port` of each.
    pub addresses: Vec<String>,
}

impl FromStr for GivenEndpoints {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (upstream, list) =
            text.split_once('=').ok_or_else(|| format!("{text:?}: write UPSTREAM=ip:port,ip:port"))?;
        let addresses: Vec<_> = list.split(',').map(|one| one.trim().to_owned()).collect();
        if upstream.is_empty() || addresses.iter().any(String::is_empty) {
            return Err(format!("{text:?}: write UPSTREAM=ip:port,ip:port"));
        }
        Ok(Self { upstream: upstream.to_owned(), addresses })
    }
}

/// A document, ready.
#[derive(Clone, Debug)]
pub struct Prepared {
    tree: Value,
    document: Document,
    followed: Vec<Followed>,
}

/// A cluster that a section stands for among others, and what its own upstream is called here: names of clusters are not always names
/// that a document may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Followed {
    pub(super) cluster: String,
    pub(super) name: String,
}

impl Prepared {
    /// The document of this file, with these endpoints, as it is once requests have gone to these clusters.
    ///
    /// # Errors
    /// When there is no document, it is wrong or kept in a store, or an upstream is unknown.
    pub fn of_file<'a>(
        file: &File,
        endpoints: &[GivenEndpoints],
        clusters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        if file.document()?.stored().is_some() {
            bail!(
                "{}: the document is kept in a store (its field `document`), and this file only says where; give the document itself",
                file.name
            );
        }
        let trees = file.documents().into_iter().map(|carried| carried.tree);
        let mut tree = trees.into_iter().find(|tree| !tree.is_null()).unwrap_or_default();
        let followed: Vec<_> =
            clusters.into_iter().filter_map(|cluster| follow(&mut tree, cluster)).collect();
        let mut endpoints = endpoints.to_vec();
        for given in &mut endpoints {
            given.upstream = own_name(&followed, &given.upstream).to_owned();
        }
        let prepared = Self::of_tree(&tree, &endpoints).map_err(|error| error.context(file.name.clone()))?;
        Ok(Self { followed, ..prepared })
    }

    /// The document that this tree is, with these endpoints.
    ///
    /// # Errors
    /// When it is wrong, or an upstream is unknown.
    pub fn of_tree(tree: &Value, endpoints: &[GivenEndpoints]) -> Result<Self> {
        let mut tree = if tree.is_null() { json!({}) } else { tree.clone() };
        give(&mut tree, endpoints)?;
        let document = Document::from_value(&tree).map_err(|errors| anyhow::anyhow!("{errors}"))?;
        Ok(Self { tree, document, followed: Vec::new() })
    }

    /// It as it is written, with the endpoints that were given.
    pub fn tree(&self) -> &Value {
        &self.tree
    }

    /// The same, made to explain.
    pub fn explaining(&self) -> Value {
        let mut tree = self.tree.clone();
        if let Some(fields) = tree.as_object_mut() {
            fields.insert("explain".to_owned(), json!(true));
        }
        tree
    }

    /// What it means.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The upstream of this name.
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        let name = own_name(&self.followed, name);
        self.document.upstreams().iter().find(|upstream| upstream.name() == name)
    }

    /// Where the endpoints of this upstream come from, if nobody has said which they are: `envoy`, `etcd`, …
    pub fn source_of(&self, upstream: &str) -> Option<String> {
        self.upstream(upstream)?.source()?;
        let endpoints = self.tree_of(upstream)?.get("endpoints")?.as_object()?;
        Some(endpoints.keys().next().cloned().unwrap_or_default())
    }

    /// Whether a section stands for this cluster among others.
    pub fn follows(&self, cluster: &str) -> bool {
        self.followed.iter().any(|followed| followed.cluster == cluster)
    }

    /// Those for which that is so.
    pub(super) fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// The route of this name; `cluster:…` for one of Envoy's own.
    pub fn route(&self, name: &str) -> Option<&Route> {
        let own = name.strip_prefix(ENVOYS).map(|cluster| own_name(&self.followed, cluster));
        let name = own.map_or_else(|| name.to_owned(), |own| format!("{ENVOYS}{own}"));
        self.document.routes().iter().find(|route| route.name() == name)
    }

    /// The section of this upstream as it is written.
    pub fn tree_of(&self, upstream: &str) -> Option<&Value> {
        let upstream = own_name(&self.followed, upstream);
        let list = self.tree.get("upstreams")?.as_array()?;
        list.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(upstream))
    }
}

/// What the names of Envoy's own routes begin with.
pub(super) const ENVOYS: &str = "cluster:";

/// What the upstream of this name is called here.
fn own_name<'a>(followed: &'a [Followed], name: &'a str) -> &'a str {
    followed.iter().find(|followed| followed.cluster == name).map_or(name, |followed| &followed.name)
}

/// Adds an upstream for this cluster, if no upstream names it and a section stands for it.
fn follow(tree: &mut Value, cluster: &str) -> Option<Followed> {
    let sections = tree.get_mut("upstreams").and_then(Value::as_array_mut)?;
    let text = |section: &Value, name: &str| section.get(name).and_then(Value::as_str).map(str::to_owned);
    let own = |section: &Value| text(section, "cluster").or_else(|| text(section, "name"));
    let is_pattern = |section: &Value| section.get("cluster_pattern").is_some();
    if sections.iter().any(|section| !is_pattern(section) && own(section).as_deref() == Some(cluster)) {
        return None;
    }
    let stands_for = |section: &&Value| {
        let alone = Document::from_value(&json!({ "upstreams": [section], "routes": [] }));
        is_pattern(section) && alone.is_ok_and(|alone| alone.cluster_patterns().stand_for(cluster))
    };
    let mut section = sections.iter().find(stands_for)?.clone();
    let mut name =
        cluster.replace(|sign: char| !(sign.is_ascii_alphanumeric() || "_.:/-".contains(sign)), "_");
    while sections.iter().any(|section| text(section, "name").as_deref() == Some(&*name)) {
        name.push('_');
    }
    let fields = section.as_object_mut()?;
    fields.retain(|field, _| !matches!(field.as_str(), "cluster_pattern" | "max_clusters"));
    fields.insert("name".to_owned(), json!(name));
    fields.insert("cluster".to_owned(), json!(cluster));
    sections.push(section);
    Some(Followed { cluster: cluster.to_owned(), name })
}

fn give(tree: &mut Value, given: &[GivenEndpoints]) -> Result<()> {
    let mut by_name: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for GivenEndpoints { upstream, addresses } in given {
        let list = addresses.iter().map(|address| json!({ "address": address }));
        by_name.entry(upstream).or_default().extend(list);
    }
    let upstreams = tree.get_mut("upstreams").and_then(Value::as_array_mut);
    let mut names = Vec::new();
    for upstream in upstreams.into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = upstream.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(list) = by_name.remove(name.as_str()) {
            upstream.insert("endpoints".to_owned(), Value::Array(list));
        }
        names.push(name);
    }
    match by_name.keys().next() {
        Some(unknown) => bail!(
            "endpoints were given for {unknown:?}, which is no upstream of the document; it has {}",
            names.join(", ")
        ),
        None => Ok(()),
    }
}
