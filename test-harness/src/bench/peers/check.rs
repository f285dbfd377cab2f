//! Whether each of the four does at all what is compared: a setting that does nothing would make a fine figure of nothing.
//!
//! Trade-off: bounds are wide, so that a busy machine passes; they tell a feature from its absence, and figures tell how good it is.

use std::time::Duration;

use anyhow::Context as _;

use super::ejection::{self, Fault};
use super::hashing;
use super::pace::KEYS;
use super::retries::{self, Script};
use super::sides::Side;

/// Most of the living endpoints' users move where keys are divided by the number of endpoints.
const MOST_MOVED: u64 = KEYS / 4;
/// A bad endpoint's own share is 0.2.
const MOST_AT_BAD: f64 = 0.1;
/// One endpoint of four fails: 0.75 without retries.
const LEAST_SUCCESS: f64 = 0.95;

/// Fails if this side does not hash consistently, does not eject, or does not try again.
pub(super) async fn all(side: Side) -> anyhow::Result<()> {
    let name = side.name();
    let short = Duration::from_millis(300);
    let hashed = hashing::run(side, short, short).await.with_context(|| format!("{name} should hash"))?;
    anyhow::ensure!(hashed.moved < MOST_MOVED, "{name} moved {} users of living endpoints", hashed.moved);
    let bad = ejection::run(side, Fault::Status500).await?.share_at_bad();
    anyhow::ensure!(
        bad < MOST_AT_BAD,
        "{name} gave {bad:.2} of the requests to the endpoint it should eject"
    );
    let success = retries::run(side, Script::OneOfFour).await?.success_rate();
    anyhow::ensure!(
        success > LEAST_SUCCESS,
        "{name} should try again, and {success:.2} of the requests succeeded"
    );
    Ok(())
}
