//! A value that several workers change: read, changed, and written if nobody else has written in between.
//!
//! Invariant: a change is made on what was read last, and counts only if it was written, or if there was nothing to write; it is tried
//! a bounded number of times and then given up. Trade-off: what became of a change that was given up is for its owner to say, since
//! traffic goes on without it. Source: proxy-wasm's shared data has a compare-and-swap by a number, and nothing else.

/// One value of shared data.
pub trait SharedValue {
    /// The value and its compare-and-swap number; `None`: it cannot be had.
    fn read(&mut self) -> Option<(Vec<u8>, u32)>;
    /// Writes it if it is still the one that was read, and says so; `None`: it cannot be written.
    fn swap(&mut self, value: &[u8], cas: u32) -> Option<bool>;
}

/// Lets `change` make a new value of the value until nobody else wrote in between, so many times at most; a change to `None` writes
/// nothing. What the change that counted returned; `None` if none did.
pub fn update<R>(
    value: &mut impl SharedValue,
    tries: usize,
    mut change: impl FnMut(&[u8]) -> (Option<Vec<u8>>, R),
) -> Option<R> {
    for _ in 0..tries {
        let (bytes, cas) = value.read()?;
        let (changed, result) = change(&bytes);
        let is_done = match changed {
            None => true,
            Some(bytes) => value.swap(&bytes, cas)?,
        };
        if is_done {
            return Some(result);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that so many others overtake.
    struct Contended {
        value: u8,
        cas: u32,
        others: usize,
        reads: usize,
    }

    impl SharedValue for Contended {
        fn read(&mut self) -> Option<(Vec<u8>, u32)> {
            self.reads += 1;
            Some((vec![self.value], self.cas))
        }

        fn swap(&mut self, value: &[u8], cas: u32) -> Option<bool> {
            if self.others > 0 {
                self.others -= 1;
                (self.value, self.cas) = (self.value + 10, self.cas + 1);
            }
            let is_ours = self.cas == cas;
            if is_ours {
                (self.value, self.cas) = (*value.first()?, cas + 1);
            }
            Some(is_ours)
        }
    }

    fn add_one(bytes: &[u8]) -> (Option<Vec<u8>>, u8) {
        let value = bytes.first().copied().unwrap_or_default();
        (Some(vec![value + 1]), value)
    }

    #[test]
    fn a_change_is_made_on_what_others_wrote_and_given_up_in_the_end() {
        let mut value = Contended { value: 1, cas: 1, others: 2, reads: 0 };
        assert_eq!(update(&mut value, 3, add_one), Some(21));
        assert_eq!((value.value, value.reads), (22, 3));
        value.others = 3;
        assert_eq!(update(&mut value, 3, add_one), None, "it is given up");
        assert_eq!((value.value, value.reads), (52, 6), "and nothing of it is written");
        assert_eq!(update(&mut value, 0, add_one), None);
    }

    #[test]
    fn a_change_that_writes_nothing_counts_at_once() {
        let mut value = Contended { value: 1, cas: 1, others: 9, reads: 0 };
        assert_eq!(update(&mut value, 3, |bytes| (None, bytes.len())), Some(1));
        assert_eq!((value.others, value.reads), (9, 1));
    }
}
