//! What Envoy's configuration must have around our filters: said once for those who write it (`render`) and those who look at it (`check`,
//! `doctor`).
//!
//! Invariant: what is written is what is looked for. Trade-off: what a document needs is read off its tree, not off what it means: only so
//! can a path be named that its writer finds.

mod bodies;
mod cluster;

pub use bodies::{Need, bodies};
pub use cluster::{has_own_filters, heeded, override_sources, refused_beside};

/// The labels in the names of the filters' metrics.
pub const LABELS: [&str; 10] =
    ["route", "upstream", "policy", "reason", "result", "state", "filter", "endpoint", "version", "header"];

/// What a label looks like in a metric's name, as an expression: the value is between this and [`LABEL_END`].
pub fn label_begin(label: &str) -> String {
    format!(r"{label}=\.=")
}

/// What ends a label's value, as an expression.
pub const LABEL_END: &str = r";\.;";

/// The field without which a filter that holds headers gets no body.
pub const STOP_FLAG: &str = "allow_on_headers_stop_iteration";

/// What is to be done after a trap: with any other policy a worker answers 503 from then on.
pub const RELOAD: &str = "FAIL_RELOAD";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use switchyard_frame::metrics::catalogue::CHAPTERS;

    #[test]
    fn the_labels_are_those_of_the_catalogue() {
        let of = CHAPTERS.iter().flat_map(|chapter| chapter.metrics).flat_map(|metric| metric.labels);
        assert_eq!(of.copied().collect::<BTreeSet<_>>(), BTreeSet::from(LABELS));
    }
}
