//! What is counted under a name and outlives configurations: requests in flight to an endpoint, retries under way.
//!
//! Invariants: whoever asks for the same name while anybody holds what is counted under it gets that, so what one configuration has
//! counted the next one knows, and gives back there. Bounded: a name that nobody holds any more is forgotten, at the latest when twice as
//! many have come.

use hashbrown::HashMap;
use std::rc::{Rc, Weak};

/// As few names are not worth a look at who holds them.
const FEW: usize = 32;

/// Counts by name.
#[derive(Debug)]
pub struct Lasting<T> {
    known: HashMap<Box<str>, Weak<T>>,
    /// How many were held when that was looked at last.
    held: usize,
}

impl<T> Default for Lasting<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), held: 0 }
    }
}

impl<T: Default> Lasting<T> {
    /// What is counted under this name: that which others hold, or a new one.
    pub fn of(&mut self, name: &str) -> Rc<T> {
        if self.known.len() >= FEW.max(2 * self.held) {
            self.known.retain(|_, one| one.strong_count() > 0);
            self.held = self.known.len();
        }
        let known = self.known.entry_ref(name).or_default();
        known.upgrade().unwrap_or_else(|| {
            let one = Rc::default();
            *known = Rc::downgrade(&one);
            one
        })
    }

    /// How many names are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_name_means_the_same_while_anybody_holds_it() {
        let mut lasting: Lasting<Cell<u32>> = Lasting::default();
        let one = lasting.of("a");
        one.set(7);
        assert_eq!((lasting.of("a").get(), lasting.of("b").get()), (7, 0));
        drop(one);
        assert_eq!(lasting.of("a").get(), 0, "nobody held it");
    }

    #[test]
    fn no_number_of_names_makes_it_grow() {
        let mut lasting: Lasting<Cell<u32>> = Lasting::default();
        let mut held = Vec::new();
        for round in 0..100 {
            held = (0..50).map(|number| lasting.of(&format!("{round}/{number}"))).collect();
            assert!(lasting.len() <= 2 * 100, "{}", lasting.len());
        }
        drop(held);
    }
}
