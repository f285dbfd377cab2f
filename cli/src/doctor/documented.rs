//! The upstreams of the documents that are in force, with the clusters that serve them.

use crate::admin::{Cluster, Picture};
use crate::source::Filter;
use switchyard_config::{Document, Upstream};

/// An upstream, and its cluster if Envoy has it.
#[derive(Clone, Debug)]
pub(super) struct Steered<'a> {
    /// The upstream.
    pub(super) upstream: Upstream,
    /// Its cluster.
    pub(super) cluster: Option<&'a Cluster>,
}

/// The documents that say where requests go, each once, with the sections that stand for many clusters put in for each of those that Envoy has.
pub(super) fn documents(picture: &Picture) -> Vec<Document> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for plugin in picture.plugins.iter().filter(|plugin| plugin.filter != Filter::Outlier) {
        let (Ok(document), Some(hash)) = (&plugin.carried.result, plugin.document()) else { continue };
        if !seen.contains(&hash) {
            found.push(document.with_clusters(picture.clusters.keys().map(String::as_str)));
            seen.push(hash);
        }
    }
    found
}

/// Every upstream of these documents, the first of those of one name.
pub(super) fn steered<'a>(picture: &'a Picture, documents: &[Document]) -> Vec<Steered<'a>> {
    let mut found: Vec<Steered<'a>> = Vec::new();
    for upstream in documents.iter().flat_map(Document::upstreams) {
        if !found.iter().any(|one| one.upstream.name() == upstream.name()) {
            found.push(Steered {
                upstream: upstream.clone(),
                cluster: picture.clusters.get(upstream.cluster()),
            });
        }
    }
    found
}
