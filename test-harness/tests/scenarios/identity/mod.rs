//! Users whom only Envoy can tell apart: what our filters are shown of their requests is the same, but for what the filters in front
//! or the listener say of who asks. Nobody gets what is another's, and one user's requests share as before.

mod apart;

use apart::Apart;
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Two users behind this are told apart in coalescing, in the micro-cache, in batches and in kept answers, and each shares with itself.
async fn keeps_apart(front: Front) -> Outcome {
    let scene = Apart::start(front, 1).await?;
    scene.in_flights().await?;
    scene.in_the_micro_cache().await?;
    scene.in_batches().await?;
    scene.in_kept_answers().await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_whose_token_was_taken_off_are_told_apart_by_its_claims_in_the_metadata() -> Outcome {
    keeps_apart(Front::token_in_metadata()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn across_workers_the_requests_of_one_token_are_one_and_anothers_are_not() -> Outcome {
    Apart::start(Front::token_in_metadata()?, 2).await?.in_crowds().await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_told_apart_by_what_ext_authz_says_in_the_metadata_however_long_it_took() -> Outcome {
    keeps_apart(Front::authorized_in_metadata().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_told_apart_by_their_certificates() -> Outcome {
    keeps_apart(Front::certificates()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_whose_token_was_taken_off_are_told_apart_by_its_claims_in_a_header() -> Outcome {
    keeps_apart(Front::token_in_header()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_told_apart_by_the_headers_that_ext_authz_adds() -> Outcome {
    keeps_apart(Front::authorized_in_headers().await?).await
}

/// Nothing tells the two apart, and nothing can warn of it: this is what docs/coalesce.md says first of all.
#[tokio::test(flavor = "multi_thread")]
async fn users_whose_token_was_taken_off_without_a_word_are_taken_for_one() -> Outcome {
    let scene = Apart::start(Front::token_taken_off()?, 1).await?;
    scene.as_one_in_flights().await
}
