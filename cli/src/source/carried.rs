//! A plugin of ours, its document, and what stands around that.

use super::Filter;
use super::page::is_page;
use serde_json::Value;
use switchyard_config::{ConfigErrors, Document};

/// A plugin of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugin {
    /// Its name; empty for a file that is a document.
    pub name: String,
    /// The file, image or URL of its module; empty where nothing says so.
    pub module: String,
    /// The manifest that it stands in, `EnvoyFilter shop/switchyard`; empty elsewhere.
    pub manifest: String,
}

/// A part of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// In which of its YAML documents.
    pub tree: usize,
    /// Where in it, `static_resources.listeners[0]`; empty for all of it.
    pub path: String,
}

impl Spot {
    pub(super) fn item(&self, index: usize) -> Self {
        Self { tree: self.tree, path: format!("{}[{index}]", self.path) }
    }

    pub(super) fn field(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { tree: self.tree, path: format!("{}{dot}{name}", self.path) }
    }
}

/// A document and the plugin whose configuration it is; or the status page, with an empty one.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The plugin.
    pub plugin: Plugin,
    /// The document as it is written; what is no JSON stands here as text.
    pub tree: Value,
    /// What it means, or everything that is wrong with it.
    pub result: Result<Document, ConfigErrors>,
    /// The section `vm_config` and what stands around it, for what is to be said of that; `null` for a file that is a document.
    pub settings: Value,
    /// Whether it is the status page.
    pub is_page: bool,
    /// Where the document is; where a plugin has none, the plugin.
    pub spot: Spot,
}

impl Carried {
    /// What this plugin is, with the configuration that it has and what that means.
    pub(super) fn of(
        plugin: Plugin,
        settings: &Value,
        (tree, result): (Value, Result<Document, ConfigErrors>),
        spot: Spot,
    ) -> Self {
        let mut carried = Self { plugin, tree, result, settings: settings.clone(), is_page: false, spot };
        carried.is_page = is_page(&carried.plugin, carried.root_id(), &carried.tree);
        if carried.is_page {
            // Its empty configuration is no document, and none that is wrong.
            (carried.tree, carried.result) = (Value::Null, Ok(Document::default()));
        }
        carried
    }

    /// A field of Envoy's PluginConfig, which JSON may write in camel case, too: `vm_config`.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        either(&self.settings, name)
    }

    fn text(&self, name: &str) -> &str {
        self.setting(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its root's id.
    pub fn root_id(&self) -> &str {
        self.text("root_id")
    }

    /// The id of its VM: what shared data is shared by.
    pub fn vm_id(&self) -> &str {
        let id = self.setting("vm_config").and_then(|vm| either(vm, "vm_id"));
        id.and_then(Value::as_str).unwrap_or_default()
    }

    /// What becomes of it after a trap: Envoy's word, or Envoy's default.
    pub fn failure_policy(&self) -> &str {
        let is_open = self.setting("fail_open").and_then(Value::as_bool) == Some(true);
        match self.text("failure_policy") {
            "" | "UNSPECIFIED" if is_open => "FAIL_OPEN",
            "" | "UNSPECIFIED" => "FAIL_CLOSED",
            policy => policy,
        }
    }

    /// Whether it may hold a request's head and still be given its body. A BoolValue, which some write as an object.
    pub fn stop_flag(&self) -> bool {
        let flag = self.setting("allow_on_headers_stop_iteration");
        flag.and_then(|flag| flag.as_bool().or_else(|| flag.get("value")?.as_bool())).unwrap_or_default()
    }

    /// Which filter it is, if anything tells.
    pub fn filter(&self) -> Option<Filter> {
        if self.is_page { Some(Filter::Status) } else { Filter::of(&self.plugin, self.root_id()) }
    }

    /// Whether it decides about clients' requests: it has a document, and is no filter of attempts.
    pub fn serves_clients(&self) -> bool {
        !self.tree.is_null() && !self.does(Filter::Outlier)
    }

    /// Whether it is known to do what this filter does.
    pub fn does(&self, filter: Filter) -> bool {
        self.filter().is_some_and(|own| own.does(filter))
    }
}

/// A field in either of the ways in which JSON may write protobuf's names.
pub(super) fn either<'a>(tree: &'a Value, name: &str) -> Option<&'a Value> {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    tree.get(name).or_else(|| tree.get(camel))
}
