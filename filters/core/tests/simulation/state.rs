//! Where a request is, and that it is let go or answered at most once.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is held.
    Paused,
    /// It has gone on.
    Upstream,
    /// The filter has answered it.
    Answered,
    Ended,
}

impl State {
    /// It goes on after it was held.
    pub(crate) fn resumes(&mut self) {
        assert_eq!(*self, Self::Paused, "only who waits is let go");
        *self = Self::Upstream;
    }

    /// The filter answers it.
    pub(crate) fn answers(&mut self) {
        assert_eq!(*self, Self::Paused, "only who waits is answered");
        *self = Self::Answered;
    }
}
