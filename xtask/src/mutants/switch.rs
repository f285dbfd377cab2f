//! What asks which mutant is active: a function that is added to the copied crate.
//!
//! Invariants: without the variables no mutant is active. A traced process names each mutant whose place it reaches, once, at the moment it does:
//! so a test that aborts has told, too. Trade-off: one load and one comparison at each place, which makes tests a little slower.

/// The active mutant's number.
pub(super) const ACTIVE: &str = "SWITCHYARD_MUTANT";

/// The file that a traced process adds the numbers of reached mutants to.
pub(super) const TRACE: &str = "SWITCHYARD_MUTANT_TRACE";

/// What is added to a crate's root for so many mutants.
pub(super) fn source(mutants: usize) -> String {
    SOURCE
        .replace("MUTANTS", &mutants.to_string())
        .replace("ACTIVE_NAME", ACTIVE)
        .replace("TRACE_NAME", TRACE)
}

const SOURCE: &str = r#"
#[doc(hidden)]
pub use mutants_switch::mutants_is;

#[allow(warnings)]
mod mutants_switch {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

    const UNREAD: u32 = u32::MAX;
    const TRACED: u32 = u32::MAX - 1;
    const NONE: u32 = u32::MAX - 2;
    static ACTIVE: AtomicU32 = AtomicU32::new(UNREAD);
    static ASKED: [AtomicBool; MUTANTS] = [const { AtomicBool::new(false) }; MUTANTS];

    #[inline]
    pub fn mutants_is(number: u32) -> bool {
        let active = ACTIVE.load(Relaxed);
        if active < TRACED { active == number } else { seldom(number) }
    }

    #[cold]
    #[inline(never)]
    fn seldom(number: u32) -> bool {
        if ACTIVE.load(Relaxed) == UNREAD {
            let given = std::env::var("ACTIVE_NAME").ok().and_then(|text| text.parse().ok());
            let without = if std::env::var_os("TRACE_NAME").is_some() { TRACED } else { NONE };
            ACTIVE.store(given.unwrap_or(without), Relaxed);
            return mutants_is(number);
        }
        if !ASKED[number as usize].swap(true, Relaxed) {
            if let Some(path) = std::env::var_os("TRACE_NAME") {
                let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
                std::io::Write::write_all(&mut file, format!("{number}\n").as_bytes()).unwrap();
            }
        }
        false
    }
}

/// Either of two iterators: what a function that gives `impl Iterator` gives, mutated or not.
#[doc(hidden)]
#[allow(warnings)]
#[derive(Clone, Debug)]
pub enum MutantsEither<A, B> {
    Mutated(A),
    Original(B),
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for MutantsEither<A, B> {
    type Item = A::Item;
    fn next(&mut self) -> Option<A::Item> {
        match self {
            Self::Mutated(some) => some.next(),
            Self::Original(some) => some.next(),
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Mutated(some) => some.size_hint(),
            Self::Original(some) => some.size_hint(),
        }
    }
}

impl<A: DoubleEndedIterator, B: DoubleEndedIterator<Item = A::Item>> DoubleEndedIterator for MutantsEither<A, B> {
    fn next_back(&mut self) -> Option<A::Item> {
        match self {
            Self::Mutated(some) => some.next_back(),
            Self::Original(some) => some.next_back(),
        }
    }
}

impl<A: ExactSizeIterator, B: ExactSizeIterator<Item = A::Item>> ExactSizeIterator for MutantsEither<A, B> {}
"#;

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_made_for_so_many_mutants_and_is_rust() {
        let source = super::source(7);
        assert!(
            source.contains("[AtomicBool; 7]") && source.contains("\"SWITCHYARD_MUTANT_TRACE\""),
            "{source}"
        );
        assert!(!source.contains("_NAME") && !source.contains("MUTANTS]"), "{source}");
        syn::parse_file(&source).unwrap();
    }
}
