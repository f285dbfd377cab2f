//! The status page in a listener of clients.
//!
//! Trade-off: filter chains of one listener count as one, since who reaches which is a matter of addresses and names that are not looked at.

use crate::check::found::Found;
use crate::finding::codes;
use crate::source::{File, Kind};
use serde_json::Value;

/// Of every listener in `tree`.
pub(super) fn find(tree: &Value) -> Vec<Found> {
    listeners(tree).into_iter().filter_map(|(path, listener)| in_front(path, listener)).collect()
}

/// The listeners of a bootstrap or of a file of resources; a list of HTTP filters stands for the one that it will be in.
fn listeners(tree: &Value) -> Vec<(String, &Value)> {
    let lists = [
        ("static_resources.listeners", "/static_resources/listeners"),
        ("staticResources.listeners", "/staticResources/listeners"),
        ("resources", "/resources"),
    ];
    let mut found = Vec::new();
    for (path, pointer) in lists {
        let items = tree.pointer(pointer).and_then(Value::as_array).into_iter().flatten().enumerate();
        found.extend(items.map(|(index, item)| (format!("{path}[{index}]"), item)));
    }
    let filters = tree.get("http_filters");
    found.extend(filters.map(|filters| ("http_filters".to_owned(), filters)));
    found
}

fn in_front(path: String, listener: &Value) -> Option<Found> {
    let file = File::of_trees(String::new(), Kind::Resources, vec![listener.clone()]);
    let plugins = file.plugins();
    let page = plugins.iter().find(|one| one.is_page)?;
    let filter = plugins.iter().find(|one| one.serves_clients())?;
    let problem = format!(
        "{} stands in the listener of {}, so clients see the status page",
        page.plugin.name, filter.plugin.name
    );
    let found = Found::new(&codes::PAGE_IN_FRONT, path, problem);
    Some(found.fix("move it to a listener that clients do not reach, as that of the metrics"))
}
