//! Every metric there is: its name, its labels, and what a person must know of it. The one place: filters count by these constants,
//! docs/metrics.md, the dashboards and the rules are made of them.
//!
//! Invariant: a filter names no metric and no label by a string, and gives as many values as there are labels, so a metric that is renamed, or
//! gets another label, breaks the build and not a graph. What filters need ([`Metric`]) and what people read ([`Description`]) are two constants,
//! so that no prose is in a module.
//! Trade-off: a label that a series does not have is given as an empty value, as in Prometheus, rather than by a type of its own.

mod batch;
mod coalesce;
mod frame;
mod outlier;
mod retry;
mod router;

pub use batch::*;
pub use coalesce::*;
pub use frame::*;
pub use outlier::*;
pub use retry::*;
pub use router::*;

use super::{Counter, Gauge, Histogram};
use core::marker::PhantomData;

/// A metric of this kind with so many labels, as a filter asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Metric<K, const N: usize> {
    /// Without `switchyard_`.
    pub name: &'static str,
    /// Its name in the release before, under which it is written for this one release, too.
    pub was: Option<&'static str>,
    /// In the order in which values are given.
    pub labels: [&'static str; N],
    kind: PhantomData<K>,
}

impl<K, const N: usize> Metric<K, N> {
    const fn new(name: &'static str, was: Option<&'static str>, labels: [&'static str; N]) -> Self {
        Self { name, was, labels, kind: PhantomData }
    }

    /// A metric that only a test knows.
    #[cfg(test)]
    pub(super) const fn of_test(
        name: &'static str,
        was: Option<&'static str>,
        labels: [&'static str; N],
    ) -> Self {
        Self::new(name, was, labels)
    }

    /// Its full name in Prometheus.
    pub fn full_name(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

/// What stands before all names in Prometheus.
pub const PREFIX: &str = "switchyard_";

/// How values of a metric behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until Envoy starts again.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many values, by size.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A kind as a type.
pub trait OfKind {
    /// The kind.
    const KIND: Kind;
}

impl OfKind for Counter {
    const KIND: Kind = Kind::Counter;
}

impl OfKind for Gauge {
    const KIND: Kind = Kind::Gauge;
}

impl OfKind for Histogram {
    const KIND: Kind = Kind::Histogram;
}

/// What a person must know of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Without `switchyard_`.
    pub name: &'static str,
    /// Its name in the release before.
    pub was: Option<&'static str>,
    /// How its values behave.
    pub kind: Kind,
    /// All labels that a series of it may have.
    pub labels: &'static [&'static str],
    /// What is counted: `requests`, `milliseconds`.
    pub unit: &'static str,
    /// How many series there can be.
    pub bound: &'static str,
    /// What it says, in Markdown.
    pub meaning: &'static str,
    /// When it is worth a look; empty: never by itself.
    pub worry: &'static str,
}

/// The metrics of one filter.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// Whose they are.
    pub title: &'static str,
    /// The metrics, in the order of the documentation.
    pub metrics: &'static [Description],
}

/// All metrics, by filter.
pub const CHAPTERS: [Chapter; 6] = [
    Chapter { title: "Router", metrics: router::DESCRIBED },
    Chapter { title: "Outlier", metrics: outlier::DESCRIBED },
    Chapter { title: "Retry", metrics: retry::DESCRIBED },
    Chapter { title: "Coalesce", metrics: coalesce::DESCRIBED },
    Chapter { title: "Batch", metrics: batch::DESCRIBED },
    Chapter { title: "All filters", metrics: frame::DESCRIBED },
];

/// Makes a constant of each metric, and the descriptions of all of them: who adds one describes it.
macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal $(was $was:literal)? [$($label:ident),*]
        unit $unit:literal, bound $bound:literal, meaning $meaning:literal, worry $worry:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $id: $crate::metrics::catalogue::Metric<
                $crate::metrics::$kind,
                { <[&str]>::len(&[$(stringify!($label)),*]) },
            > = $crate::metrics::catalogue::Metric::new($name, $crate::metrics::catalogue::first(&[$($was)?]), [$(stringify!($label)),*]);
        )+

        pub(super) const DESCRIBED: &[$crate::metrics::catalogue::Description] = &[$(
            $crate::metrics::catalogue::Description {
                name: $id.name,
                was: $id.was,
                kind: <$crate::metrics::$kind as $crate::metrics::catalogue::OfKind>::KIND,
                labels: &$id.labels,
                unit: $unit,
                bound: $bound,
                meaning: $meaning,
                worry: $worry,
            },
        )+];
    };
}
use metrics;

/// A name that may be missing.
const fn first(names: &[&'static str]) -> Option<&'static str> {
    match names {
        [name, ..] => Some(name),
        [] => None,
    }
}

#[cfg(test)]
mod tests;
