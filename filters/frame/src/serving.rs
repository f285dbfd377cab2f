//! Which roots of a VM serve, for the status page: an old and a new configuration of a plugin are two roots, and both live while the old one drains.
//!
//! Invariant: as many are remembered as live. A root's context is greater the later its configuration came; of those with one `root_id`, which are one
//! plugin's, the newest has the word.

use core::cell::{Cell, RefCell};

/// The roots of a VM that serve.
#[derive(Debug, Default)]
pub(crate) struct Serving {
    /// By which the page tells VMs apart.
    first: Cell<u32>,
    /// Their plugins' names and their contexts.
    roots: RefCell<Vec<(Box<[u8]>, u32)>>,
}

impl Serving {
    /// The root of this context, which has this number, serves the plugin of this name.
    pub(crate) fn begin(&self, plugin: Vec<u8>, context: u32, number: u32) {
        if self.first() == 0 {
            self.first.set(number);
        }
        if let Ok(mut roots) = self.roots.try_borrow_mut() {
            roots.push((plugin.into(), context));
        }
    }

    /// The number of the first root that was known; 0: none was.
    pub(crate) fn first(&self) -> u32 {
        self.first.get()
    }

    /// It has ended.
    pub(crate) fn end(&self, context: u32) {
        if let Ok(mut roots) = self.roots.try_borrow_mut() {
            roots.retain(|(_, known)| *known != context);
        }
    }

    /// Whether a newer root serves the same plugin.
    pub(crate) fn is_succeeded(&self, context: u32) -> bool {
        self.roots.try_borrow().is_ok_and(|roots| {
            let own = roots.iter().find(|(_, known)| *known == context);
            own.is_some_and(|(own, _)| roots.iter().any(|(plugin, other)| plugin == own && *other > context))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_root_of_a_plugin_has_the_word_until_it_ends() {
        let serving = Serving::default();
        for (plugin, context, number) in [("shop", 2, 7), ("other", 3, 8), ("shop", 4, 9)] {
            serving.begin(plugin.into(), context, number);
        }
        assert_eq!(serving.first(), 7);
        assert_eq!([2, 3, 4, 5].map(|context| serving.is_succeeded(context)), [true, false, false, false]);
        serving.end(4);
        assert!(!serving.is_succeeded(2));
    }
}
