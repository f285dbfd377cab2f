//! What an operator sees of requests: the access log and the traces of `envoy-config/logs.yaml`, in the shipped bootstrap.
//!
//! Invariant: the log is a file of its own, since Envoy opens standard output anew and would write over its own log there; lines are in
//! it soon after a request has ended, and no test waits for more than a line.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::bootstrap::Bootstrap;
use super::{Envoy, pieces};

/// The file, beside Envoy's own log.
const FILE: &str = "access.log";
/// Envoy writes what it has gathered this often, in milliseconds.
pub(super) const FLUSH: &str = "20";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

impl Bootstrap {
    /// With the access log of `envoy-config/logs.yaml`; see [`Envoy::access_log`].
    #[must_use]
    pub fn access_log(self) -> Self {
        self.observed("access_log", |part| part)
    }

    /// With the traces of `envoy-config/logs.yaml`, which go to `collector`; unless `whole`, without what Envoy knows since 1.38 only: what
    /// was decided in each span, and the span in front of our filters.
    #[must_use]
    pub fn traces(self, collector: SocketAddr, whole: bool) -> Self {
        let with = self.cluster(pieces::cluster("collector", &[collector]));
        if !whole {
            return with.observed("tracing", |mut part| {
                if let Some(part) = part.as_object_mut() {
                    part.remove("custom_tags");
                }
                part
            });
        }
        let with = with.observed("tracing", |part| part);
        match shipped("http_filters") {
            Ok(first) => with.edit(|bootstrap| {
                let filters = bootstrap.pointer_mut(&format!("{MANAGER}/http_filters"));
                if let (Some(filters), Some(first)) =
                    (filters.and_then(Value::as_array_mut), first.as_array())
                {
                    filters.splice(0..0, first.iter().cloned());
                }
            }),
            Err(error) => with.with_problem(format!("{error:#}")),
        }
    }

    fn observed(self, part: &str, change: impl FnOnce(Value) -> Value) -> Self {
        match shipped(part) {
            Ok(value) => self.edit(|bootstrap| {
                if let Some(manager) = bootstrap.pointer_mut(MANAGER).and_then(Value::as_object_mut) {
                    manager.insert(part.to_owned(), change(value));
                }
            }),
            Err(error) => self.with_problem(format!("{error:#}")),
        }
    }
}

fn shipped(part: &str) -> anyhow::Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config/logs.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let tree: Value = serde_saphyr::from_str(&text)?;
    tree.get(part).cloned().with_context(|| format!("logs.yaml has no {part}"))
}

/// Whether the bootstrap has the log; it goes to a file in this directory then.
pub(super) fn to_file(bootstrap: &mut Value, directory: &Path) -> bool {
    let log = bootstrap.pointer_mut(&format!("{MANAGER}/access_log/0/typed_config"));
    let Some(log) = log.and_then(Value::as_object_mut) else { return false };
    let kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
    log.insert("@type".to_owned(), json!(kind));
    log.insert("path".to_owned(), json!(directory.join(FILE)));
    true
}

/// The lines so far, each with what was decided as JSON.
pub(super) fn lines(directory: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(directory.join(FILE)).unwrap_or_default();
    // The last one may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter_map(read).collect()
}

fn read(line: &str) -> Option<Value> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    for (_, value) in line.as_object_mut()?.iter_mut().filter(|(name, _)| name.starts_with("switchyard")) {
        // What is no JSON stays a text, which no test takes for it.
        if let Some(decided) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) {
            *value = decided;
        }
    }
    Some(line)
}

impl Envoy {
    /// The line that the access log has of the request for this path, the first if there are several.
    ///
    /// # Errors
    /// If there comes none, with the end of Envoy's log.
    pub async fn logged(&self, path: &str) -> anyhow::Result<Value> {
        let mut all = self.all_logged(path, 1).await?;
        Ok(all.remove(0))
    }

    /// The lines that the access log has of requests for this path, when there are so many.
    ///
    /// # Errors
    /// If there do not come as many.
    pub async fn all_logged(&self, path: &str, count: usize) -> anyhow::Result<Vec<Value>> {
        self.until(&format!("{count} lines about {path}"), async || {
            let mut lines = self.access_log();
            lines.retain(|line| line.get("path") == Some(&json!(path)));
            Ok((lines.len() >= count).then_some(lines))
        })
        .await
    }
}
