//! Output whose reader may have seen enough, as in `switchyard check FILE | head`.
//!
//! Invariant: a reader that leaves changes nothing of the exit code: the command goes on, and what was found is still said by it.

use std::io::{ErrorKind, Result, Write};

/// A writer that goes on writing, to nobody, when its reader has left.
pub(crate) struct MayLeave<W> {
    to: W,
    has_left: bool,
}

impl<W: Write> MayLeave<W> {
    /// A writer to a reader that is there yet.
    pub(crate) fn new(to: W) -> Self {
        Self { to, has_left: false }
    }

    fn unless_left<T>(&mut self, otherwise: T, act: impl FnOnce(&mut W) -> Result<T>) -> Result<T> {
        if self.has_left {
            return Ok(otherwise);
        }
        match act(&mut self.to) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.has_left = true;
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for MayLeave<W> {
    fn write(&mut self, piece: &[u8]) -> Result<usize> {
        self.unless_left(piece.len(), |to| to.write(piece))
    }

    fn flush(&mut self) -> Result<()> {
        self.unless_left((), W::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many pieces.
    struct Reader(usize, ErrorKind);

    impl Write for Reader {
        fn write(&mut self, piece: &[u8]) -> Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(self.1)?;
            Ok(piece.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_leaves_is_no_error_and_a_full_disk_is() {
        let mut left = MayLeave::new(Reader(1, ErrorKind::BrokenPipe));
        assert!((0..3).all(|_| left.write_all(b"a line").is_ok()));
        let mut full = MayLeave::new(Reader(1, ErrorKind::StorageFull));
        assert!(full.write_all(b"a line").is_ok() && full.write_all(b"a line").is_err());
    }
}
