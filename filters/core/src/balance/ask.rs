//! What a policy is asked.

use crate::Timestamp;
use crate::health::Admission;
use crate::load::LoadsWithin;
use fastrand::Rng;

/// What a policy looks at: of its own list only.
pub(super) struct Ask<'a> {
    pub(super) hash: Option<u64>,
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut Rng,
    pub(super) loads: LoadsWithin<'a>,
    pub(super) admission: Admission<'a>,
}
