//! Stage two: what the document means. Private fields, so an invalid one cannot be made.
//!
//! Invariant: a resolved document decides without looking anything up by name, and every number in it is
//! within the bounds that the core relies on.

mod asked;
mod balance;
mod batch;
mod clusters;
mod coalesce;
mod coalesce_key;
mod deadline;
mod discovery;
mod fallback;
mod hash_on;
mod heartbeat;
mod hosts;
mod key_header;
mod key_rules;
mod load_report;
mod matcher;
mod outlier;
mod retry;
mod retry_on;
mod ring;
mod route;
mod stored;
mod target;
mod upstream;
mod watched;

use crate::error::{ConfigErrors, Errors, Fault, Path, cut};
use crate::raw;
use crate::read::Read;
use crate::values;
pub use batch::Batching;
pub use clusters::{ClusterPatterns, ClusterPlaces};
use core::cell::OnceCell;
use core::hash::Hash;
use core::time::Duration;
use hashbrown::HashMap;
pub use route::Route;
use serde_json::Value;
use std::rc::Rc;
use switchyard_core::discovery::StoredDocument;
use switchyard_core::route::{Matcher, RouteTable};
pub use target::Target;
pub use upstream::Upstream;

/// Whether decisions are acted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Decide and act.
    #[default]
    Enforce,
    /// Decide and count only.
    Shadow,
}

/// A valid configuration.
///
/// ```
/// use switchyard_config::Document;
///
/// let text = br#"{
///     "upstreams": [{"name": "web", "endpoints": [{"address": "10.0.0.1:80"}], "balance": {"policy": "random"}}],
///     "routes": [{"match": {"path_prefix": "/"}, "upstream": "web"}]
/// }"#;
/// let document = Document::from_json(text).expect("a valid document");
/// assert_eq!(document.upstreams().len(), 1);
///
/// let errors = Document::from_json(br#"{"mode": "of"}"#).expect_err("it names path, value and fix");
/// assert!(errors.to_string().contains("mode"), "{errors}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Document {
    mode: Mode,
    explain: bool,
    log_decisions: bool,
    default_cluster: Option<Box<str>>,
    upstreams: Vec<Upstream>,
    routes: Rc<[Route]>,
    matchers: Rc<[Matcher]>,
    table: OnceCell<Rc<RouteTable>>,
    stored: Option<Rc<StoredDocument>>,
    patterns: ClusterPatterns,
}

impl Document {
    /// The document that this tree means; `null` is an empty one.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_value(value: &Value) -> Result<Self, ConfigErrors> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let mut errors = Errors::default();
        let raw = raw::Document::read(value, &Path::Root, &mut errors);
        let document = raw.map(|raw| Self::resolve(&raw, &mut errors));
        errors.finish(document)
    }

    fn resolve(raw: &raw::Document, errors: &mut Errors) -> Self {
        let at = Path::Root.field("default_cluster");
        if raw.default_cluster.as_deref() == Some("") {
            errors.add(&at, "is empty; name a cluster or remove it");
        }
        let retries = route::retries_of_upstreams(raw, errors);
        let (upstreams, patterns) = upstream::resolve_all(raw, retries, errors);
        let (mut routes, matchers) = route::resolve_all(raw, &upstreams, errors);
        let named = upstreams.iter().enumerate();
        routes.extend(named.map(|(position, one)| Route::envoys(position, one.name(), one.retry().cloned())));
        Self {
            mode: if raw.mode == Some(raw::Mode::Shadow) { Mode::Shadow } else { Mode::Enforce },
            explain: raw.explain.unwrap_or_default(),
            log_decisions: raw.log_decisions.unwrap_or_default(),
            default_cluster: raw.default_cluster.as_deref().map(Into::into),
            upstreams,
            routes: routes.into(),
            matchers: matchers.into(),
            table: OnceCell::new(),
            stored: stored::resolve(raw, errors).map(Rc::new),
            patterns,
        }
    }

    /// Whether decisions are acted on.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether every response says why it came from where it came.
    pub fn explain(&self) -> bool {
        self.explain
    }

    /// Whether of every request it is said what was decided for it.
    pub fn log_decisions(&self) -> bool {
        self.log_decisions
    }

    /// The cluster that needs no cluster header.
    pub fn default_cluster(&self) -> Option<&str> {
        self.default_cluster.as_deref()
    }

    /// Where the document is, if it is not this one, which then is empty.
    pub fn stored(&self) -> Option<&StoredDocument> {
        self.stored.as_deref()
    }

    /// All upstreams, in order; routes refer to them by position.
    pub fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// All routes, in order: those of the document, then Envoy's own, one for each upstream.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The same document with these upstreams in the place of those at these positions: with other members
    /// ([`Upstream::with_members`]). Routes refer to the same positions.
    #[must_use]
    pub fn with_upstreams(&self, others: impl IntoIterator<Item = (usize, Upstream)>) -> Self {
        let mut document = self.clone();
        for (position, other) in others {
            if let Some(upstream) = document.upstreams.get_mut(position) {
                *upstream = other;
            }
        }
        document
    }

    /// Which requests each route is for, in the order of [`Document::routes`]; Envoy's own have no conditions, and none here.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Which route a request is of. All who decide by this document share the one table, and may keep it without the rest; it is
    /// made when somebody asks first.
    pub fn table(&self) -> &Rc<RouteTable> {
        let table = || RouteTable::new(Rc::clone(&self.matchers)).with_clusters(self.clusters());
        self.table.get_or_init(|| Rc::new(table()))
    }
}

/// Names that stand in metric names and lists: letters, digits and `_ . : / -`.
fn check_name(name: &str, at: &Path<'_>, errors: &mut Errors) {
    if name.is_empty() {
        errors.add(at, "is empty; give it a name");
    } else if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.:/-".contains(letter)) {
        errors
            .add(at, format!("{:?} cannot stand in a metric; use letters, digits and _ . : / -", cut(name)));
    }
}

/// Header names are compared as Envoy holds them: lower case.
fn check_header_name(name: &str, at: &Path<'_>, errors: &mut Errors) {
    let token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if name.is_empty() {
        errors.add(at, "is empty; name a header");
    } else if name.eq_ignore_ascii_case("host") {
        // Envoy holds Host under the name it has in HTTP/2, also for HTTP/1.
        errors.add(at, format!("{name:?} is :authority in Envoy; write \":authority\""));
    } else if !name.strip_prefix(':').unwrap_or(name).chars().all(token) {
        errors.add_as(Fault::WrongType, at, format!("{:?} is not a header name", cut(name)));
    } else if name.chars().any(|letter| letter.is_ascii_uppercase()) {
        errors.add(
            at,
            format!("{:?}; write it in lower case: {:?}", cut(name), cut(&name.to_ascii_lowercase())),
        );
    }
}

/// A path begins with a slash, and stands in a request line.
fn check_path(path: &str, at: &Path<'_>, errors: &mut Errors) {
    if !path.starts_with('/') {
        errors.add_as(Fault::WrongType, at, format!("{:?} is no path; begin it with \"/\"", cut(path)));
    } else if !is_graphic(path) {
        errors.add(at, blank(path));
    }
}

/// Whether a text can stand in a request line or a host.
fn is_graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn blank(text: &str) -> String {
    format!("{:?} has characters that no request line takes; write them as %20 and the like", cut(text))
}

/// A JSON pointer is empty, or begins with a slash and has `~` only in `~0` and `~1` (RFC 6901, section 3).
fn check_pointer(pointer: &str, at: &Path<'_>, errors: &mut Errors) {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let right = format!("/{pointer}");
        errors.add_as(
            Fault::WrongType,
            at,
            format!("{:?} is no JSON pointer; write {:?}", cut(pointer), cut(&right)),
        );
    } else if pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
        errors.add(at, format!("{:?} has a lone ~; write it as \"~0\"", cut(pointer)));
    }
}

/// Adds an error at the second and every later copy of a key.
fn refuse_duplicates<K: Copy + Eq + Hash>(
    keys: impl Iterator<Item = (usize, K)>,
    mut complain: impl FnMut(usize, K, usize),
) {
    let mut seen: HashMap<K, usize> = HashMap::new();
    for (index, key) in keys {
        if let Some(first) = seen.get(&key) {
            complain(index, key, *first);
        } else {
            seen.insert(key, index);
        }
    }
}

/// A number that must lie in `low..=high`; `None` adds an error.
fn bounded(value: Option<u64>, default: u64, low: u64, high: u64, at: &Path<'_>, errors: &mut Errors) -> u64 {
    match value {
        None => default,
        Some(value) if (low..=high).contains(&value) => value,
        Some(value) => {
            errors.add_as(
                Fault::OutOfRange,
                at,
                format!("{value} is out of range; it takes {low} to {high}"),
            );
            default
        }
    }
}

/// A number that was checked to fit.
fn narrow<T: TryFrom<u64> + Default>(number: u64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// A duration of at least `least_ms`; zero is spoken of as such.
fn at_least(
    value: Option<values::Duration>,
    default_ms: u64,
    least_ms: u64,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Duration {
    let duration = value.map_or(Duration::from_millis(default_ms), |value| value.0);
    if duration.is_zero() {
        errors.add_as(Fault::OutOfRange, at, "is zero; it takes more than zero");
    } else if duration < Duration::from_millis(least_ms) {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("is shorter than {least_ms}ms; write \"{least_ms}ms\" or more"),
        );
    }
    duration
}

/// A duration that must lie in `least..=most`, both of them whole in the unit that shows them.
fn within(
    value: Option<values::Duration>,
    default: Duration,
    (least, most): (Duration, Duration),
    at: &Path<'_>,
    errors: &mut Errors,
) -> Duration {
    let shown = |duration: Duration| match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    };
    let duration = value.map_or(default, |value| value.0);
    if duration.is_zero() && !least.is_zero() {
        errors.add_as(Fault::OutOfRange, at, "is zero; it takes more than zero");
    } else if duration < least {
        let least = shown(least);
        errors.add_as(Fault::OutOfRange, at, format!("is shorter than {least}; write \"{least}\" or more"));
    } else if duration > most {
        let most = shown(most);
        errors.add_as(Fault::OutOfRange, at, format!("is longer than {most}; write \"{most}\" or less"));
    }
    duration
}

/// A size that must lie in `low..=high`, both of them round.
fn size(
    value: Option<values::ByteSize>,
    default: u64,
    (low, high): (u64, u64),
    at: &Path<'_>,
    errors: &mut Errors,
) -> u64 {
    let bytes = value.map_or(default, values::ByteSize::bytes);
    if !(low..=high).contains(&bytes) {
        let shown = |bytes: u64| match (bytes >> 10, bytes >> 20) {
            (0, _) => bytes.to_string(),
            (kibi, 0) => format!("{kibi}KiB"),
            (_, mebi) => format!("{mebi}MiB"),
        };
        let (low, high) = (shown(low), shown(high));
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("{bytes} bytes are out of range; it takes {low} to {high}"),
        );
    }
    bytes
}
