//! All shares of an answer at once, as long as they say.

use switchyard_core::batch::{Answer, Broken, Part, Protocol, Share};

/// What filters do one at a time.
pub(crate) trait SplitAll {
    /// What each part gets of an answer.
    fn split_all<P: core::borrow::Borrow<Part>>(
        &self,
        parts: &[P],
        answer: Answer<'_>,
    ) -> Result<Vec<Share>, Broken>;
}

impl SplitAll for Protocol {
    fn split_all<P: core::borrow::Borrow<Part>>(
        &self,
        parts: &[P],
        answer: Answer<'_>,
    ) -> Result<Vec<Share>, Broken> {
        let shares = self.split(parts, answer)?;
        assert_eq!((shares.len(), shares.is_empty()), (parts.len(), parts.is_empty()));
        let made = (0..shares.len()).map(|place| {
            let share = shares.share(place, answer.body).expect("memory");
            assert_eq!((share.body.len(), share.outcome), (shares.length(place), shares.outcome(place)));
            assert!(share.body.capacity() <= share.body.len() + 8, "no longer than it is");
            share
        });
        Ok(made.collect())
    }
}
