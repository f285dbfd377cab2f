//! Which of the filters a plugin is.
//!
//! Trade-off: a platform renames whatever it likes, so everything that may tell is looked at, and where nothing does, nothing is said.

use super::Plugin;
use std::fmt;

/// What a plugin is of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// All that is decided on the way to Envoy's router.
    Switchyard,
    /// Identical requests share an answer.
    Coalesce,
    /// Distinct requests share a call.
    Batch,
    /// Where a request goes.
    Router,
    /// Whether it is tried again.
    Retry,
    /// Who is ejected.
    Outlier,
    /// The page that shows what the others do; it decides nothing.
    Status,
}

impl Filter {
    /// The names of the modules that take a document.
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("switchyard", Self::Switchyard),
        ("outlier", Self::Outlier),
        ("coalesce", Self::Coalesce),
        ("batch", Self::Batch),
        ("router", Self::Router),
        ("retry", Self::Retry),
    ];

    /// By the file or image of the module, else by the root's id, else by the plugin's name.
    pub fn of(plugin: &Plugin, root_id: &str) -> Option<Self> {
        let by_module = Self::named(Self::stem(&plugin.module));
        by_module.or_else(|| Self::named(root_id)).or_else(|| Self::named(&plugin.name))
    }

    /// What the file or image of a module is called: its last part, without tag, digest, query and `.wasm`.
    pub(super) fn stem(module: &str) -> &str {
        let file = module.rsplit('/').next().unwrap_or_default();
        file.split([':', '@', '?']).next().unwrap_or_default().trim_end_matches(".wasm")
    }

    /// `retry`, `switchyard-retry`, `shop/switchyard.retry`.
    pub(super) fn named(text: &str) -> Option<Self> {
        let parts = || text.split(['.', '-', '_', '/', ':']);
        let of = |part: &str| Self::NAMES.iter().find(|(name, _)| *name == part).map(|(_, filter)| *filter);
        let single = parts().filter_map(of).find(|filter| *filter != Self::Switchyard);
        single.or_else(|| parts().next_back().and_then(of))
    }

    /// Whether a module of this filter does what `other` does: switchyard.wasm has all but outlier.
    pub fn does(self, other: Self) -> bool {
        self == other || self == Self::Switchyard && other != Self::Outlier
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, filter)| filter == self);
        // The one that is not among them.
        formatter.write_str(name.map_or("status", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_known_by_its_module_its_root_or_its_name() {
        for (module, root_id, name, filter) in [
            ("/etc/switchyard/switchyard.wasm", "router", "switchyard.outlier", Some(Filter::Switchyard)),
            ("/etc/switchyard/outlier.wasm", "", "", Some(Filter::Outlier)),
            ("oci://registry.example/team/switchyard:0.1.0", "", "x", Some(Filter::Switchyard)),
            ("oci://registry.example/switchyard-retry@sha256:1", "", "x", Some(Filter::Retry)),
            ("/var/lib/istio/data/ab/cd.wasm", "outlier", "shop/x", Some(Filter::Outlier)),
            ("/var/lib/istio/data/ab/cd.wasm", "", "shop/switchyard-outlier", Some(Filter::Outlier)),
            ("/etc/switchyard/retry.wasm", "retry", "switchyard.retry", Some(Filter::Retry)),
            ("", "switchyard", "shop/switchyard", Some(Filter::Switchyard)),
            ("", "", "shop/switchyard", Some(Filter::Switchyard)),
            ("", "", "switchyard.mine", None),
        ] {
            let plugin = Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() };
            assert_eq!(Filter::of(&plugin, root_id), filter, "{module} {root_id} {name}");
        }
        let names = [Filter::Switchyard, Filter::Retry, Filter::Status].map(|filter| filter.to_string());
        assert_eq!(names, ["switchyard", "retry", "status"]);
    }

    #[test]
    fn the_one_module_does_what_four_do() {
        for (_, filter) in Filter::NAMES {
            assert!(filter.does(filter));
            assert_eq!(Filter::Switchyard.does(filter), filter != Filter::Outlier);
            assert!(filter == Filter::Batch || filter == Filter::Switchyard || !filter.does(Filter::Batch));
        }
    }
}
