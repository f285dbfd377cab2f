//! Which root of a VM does what is done once, though several could: a listener's old and new configuration, or two listeners.
//!
//! Invariant: at most one root owns a thing, the one that was configured last with it; when that ends, another that asks for it has it.

use core::cell::RefCell;
use hashbrown::HashMap;

/// Owners by the name of what they own: configurations, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Owners(RefCell<HashMap<Box<str>, u32>>);

impl Owners {
    /// This root owns it from now on; who has owned it before.
    pub(crate) fn take(&self, name: &str, root: u32) -> Option<u32> {
        self.0.try_borrow_mut().ok()?.insert(name.into(), root)
    }

    /// Whether this root owns it; what nobody owns it has by asking.
    pub(crate) fn owns(&self, name: &str, root: u32) -> bool {
        self.0.try_borrow_mut().is_ok_and(|mut owners| *owners.entry_ref(name).or_insert(root) == root)
    }

    /// This root has ended.
    pub(crate) fn leave(&self, root: u32) {
        if let Ok(mut owners) = self.0.try_borrow_mut() {
            owners.retain(|_, owner| *owner != root);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_has_it_until_it_ends_and_then_whoever_asks() {
        let owners = Owners::default();
        assert_eq!([owners.take("a", 1), owners.take("a", 2)], [None, Some(1)]);
        assert_eq!([owners.owns("a", 1), owners.owns("a", 2), owners.owns("b", 1)], [false, true, true]);
        owners.leave(2);
        assert_eq!([owners.owns("a", 1), owners.owns("a", 3), owners.owns("b", 3)], [true, false, false]);
    }
}
