//! What is asked over the network: a cluster, how often, and how long it is waited for.
//!
//! Trade-off: whether the cluster exists, Envoy knows only when it is asked.

use super::{is_graphic, size, within};
use crate::error::{Errors, Fault, Path, cut};
use crate::values;
use core::time::Duration;
use switchyard_core::memory::MOST_ANSWER;

/// Consul holds an ask no longer.
const MOST_WAIT: Duration = Duration::from_secs(600);

/// As it is written.
pub(super) struct Written<'a> {
    /// The field that names the cluster, and what it says.
    pub(super) cluster: (&'static str, Option<&'a str>),
    pub(super) host: Option<&'a str>,
    pub(super) interval: Option<values::Duration>,
    pub(super) timeout: Option<values::Duration>,
    pub(super) max_body: Option<values::ByteSize>,
}

/// As it is meant.
pub(super) struct Asked {
    pub(super) cluster: Box<str>,
    pub(super) host: Option<Box<str>>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) max_body: usize,
}

/// What a section says of it, whose field of this name names the cluster.
macro_rules! written {
    ($raw:ident, $cluster:ident) => {
        $crate::resolve::asked::Written {
            cluster: (stringify!($cluster), $raw.$cluster.as_deref()),
            host: $raw.host.as_deref(),
            interval: $raw.interval,
            timeout: $raw.timeout,
            max_body: $raw.max_body,
        }
    };
}
pub(super) use written;

impl Written<'_> {
    /// What it means; `None`: it names no cluster.
    pub(super) fn resolve(&self, at: &Path<'_>, errors: &mut Errors) -> Option<Asked> {
        let (field, cluster) = self.cluster;
        if cluster == Some("") {
            errors.add(&at.field(field), "is empty; name a cluster");
        }
        match self.host {
            Some("") => errors.add(&at.field("host"), "is empty; name a host or remove it"),
            Some(host) if !is_graphic(host) => {
                errors.add_as(
                    Fault::WrongType,
                    &at.field("host"),
                    format!("{:?} is no host; use visible ASCII", cut(host)),
                );
            }
            _ => {}
        }
        let (least, default) = (Duration::from_millis(100), Duration::from_secs(5));
        let most = Duration::from_secs(3600);
        let interval = within(self.interval, default, (least, most), &at.field("interval"), errors);
        let second = Duration::from_secs(1);
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(60));
        let timeout = within(self.timeout, second, (least, most), &at.field("timeout"), errors);
        let most = u64::try_from(MOST_ANSWER).unwrap_or(u64::MAX);
        let max_body = size(self.max_body, 16 << 20, (1 << 10, most), &at.field("max_body"), errors);
        Some(Asked {
            cluster: cluster?.into(),
            host: self.host.map(Into::into),
            interval,
            timeout,
            max_body: usize::try_from(max_body).unwrap_or(MOST_ANSWER),
        })
    }
}

/// How long Consul holds an ask.
pub(super) fn wait(raw: Option<values::Duration>, at: &Path<'_>, errors: &mut Errors) -> Duration {
    within(raw, Duration::from_secs(30), (Duration::ZERO, MOST_WAIT), &at.field("wait"), errors)
}

/// The only one of those, by their names, that is there; `None`: it is not known which one is meant. `what`: what each of them is, and which there are.
pub(super) fn the_one<T, const N: usize>(
    found: [Option<(&'static str, Option<T>)>; N],
    (what, names): (&str, &str),
    bad: &[&str],
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<T> {
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        errors.add(at, format!("has several {what}s ({}); keep one", names.join(", ")));
        return None;
    }
    if found.is_empty() && bad.is_empty() {
        errors.add(at, format!("names no {what}; add one of {names}"));
    }
    // One that could not be read may be the one that is meant.
    found.pop().filter(|_| bad.is_empty())?.1
}
