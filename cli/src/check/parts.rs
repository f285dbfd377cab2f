//! What a plugin does, told from its module.

use crate::source::Plugin;

/// The parts of the chain that a plugin's module has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) coalesce: bool,
    pub(super) batch: bool,
    pub(super) router: bool,
    pub(super) retry: bool,
    pub(super) outlier: bool,
}

impl Parts {
    /// Those of this plugin: by the file or image of its module, or else by its name. One whose module is called otherwise has none that is
    /// known.
    pub(super) fn of(plugin: &Plugin) -> Self {
        let name = if plugin.module.is_empty() { &plugin.name } else { &plugin.module };
        let last = name.rsplit('/').next().unwrap_or_default();
        let stem = last.split([':', '@']).next().unwrap_or_default().trim_end_matches(".wasm");
        let short =
            ["switchyard-", "switchyard.", "switchyard_"].iter().find_map(|start| stem.strip_prefix(start));
        let is = |part: &str| stem == "switchyard" || short.unwrap_or(stem) == part;
        Self {
            coalesce: is("coalesce"),
            batch: is("batch"),
            router: is("router"),
            retry: is("retry"),
            outlier: short.unwrap_or(stem) == "outlier",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_file_its_image_or_the_plugins_name() {
        let of = |name: &str, module: &str| {
            Parts::of(&Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() })
        };
        let all = Parts { coalesce: true, batch: true, router: true, retry: true, outlier: false };
        assert_eq!(of("x", "/etc/switchyard/switchyard.wasm"), all);
        assert_eq!(of("x", "oci://registry.example/team/switchyard:0.1.0"), all);
        assert_eq!(of("shop/switchyard", ""), all);
        let retry = Parts { retry: true, ..Parts::default() };
        assert_eq!(of("x", "/a/retry.wasm"), retry);
        assert_eq!(of("x", "oci://registry.example/switchyard-retry@sha256:1"), retry);
        assert_eq!(of("switchyard.outlier", ""), Parts { outlier: true, ..Parts::default() });
        assert_eq!(of("switchyard.mine", ""), Parts::default());
    }
}
