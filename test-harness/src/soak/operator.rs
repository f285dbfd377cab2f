//! What the script has the operator do to Envoy, at its times.
//!
//! Invariant: what is begun here is ended here, before the phase is judged: whoever died rises, who was stopped goes on, the clock is right again.

use std::time::{Duration, Instant};

use super::action::{Action, TRAPS};
use super::script::Phase;
use super::sky::pass;
use super::stage::Stage;
use crate::load::Client;

/// What overload actions are on.
const OVERLOAD: &str = "overload.envoy.overload_actions.stop_accepting_requests.active";

/// Does all that the phase has the operator do.
///
/// # Errors
/// If Envoy does not take what is good, or takes what is not.
pub(super) async fn operate(stage: &Stage, phase: &Phase, began: Instant) -> anyhow::Result<()> {
    for (at, action) in &phase.actions {
        pass(Duration::from_millis(u64::from(*at)).saturating_sub(began.elapsed())).await;
        act(stage, *action).await.map_err(|error| error.context(format!("{action:?}")))?;
    }
    Ok(())
}

async fn act(stage: &Stage, action: Action) -> anyhow::Result<()> {
    match action {
        Action::Die(place) | Action::Rise(place) => match stage.endpoints.get(place) {
            Some(endpoint) => endpoint.live(matches!(action, Action::Rise(_))).await,
            None => Ok(()),
        },
        Action::Leave(place) => stage.members(Some(place)).await,
        Action::Join => stage.members(None).await,
        Action::Document(version) => stage.document(version, true).await,
        Action::BadDocument(version) => stage.document(version, false).await,
        Action::Clusters => stage.clusters().await,
        Action::Stop(ms) => {
            stage.signal("STOP")?;
            pass(Duration::from_millis(ms.into())).await;
            stage.signal("CONT")
        }
        Action::Starve(ms) => starve(Duration::from_millis(ms.into())).await,
        Action::Pressure(ms) => {
            stage.pressure("1")?;
            stage.envoy.wait_for_stat(OVERLOAD, |active| active == 1).await?;
            pass(Duration::from_millis(ms.into())).await;
            stage.pressure("0")?;
            stage.envoy.wait_for_stat(OVERLOAD, |active| active == 0).await.map(drop)
        }
        Action::Jump(ms) => stage.clock(ms).map(drop),
        Action::Trap(place) => trap(stage, place).await,
    }
}

/// Two threads for each processor that do nothing, as fast as they can.
async fn starve(time: Duration) -> anyhow::Result<()> {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let burn = move || {
        let began = Instant::now();
        while began.elapsed() < time {
            std::hint::spin_loop();
        }
    };
    let burning: Vec<_> = (0..2 * processors).map(|_| tokio::task::spawn_blocking(burn)).collect();
    for one in burning {
        one.await?;
    }
    Ok(())
}

/// A request with which a worker's VM dies; what becomes of it is nobody's business.
async fn trap(stage: &Stage, place: usize) -> anyhow::Result<()> {
    let address = stage.envoy.listener_address("ingress").await?;
    let when = TRAPS.get(place % TRAPS.len()).copied().unwrap_or("router:request-headers");
    let request = Client::to(address).request(hyper::Method::PUT, "/filter/trap").body("body");
    let asked = tokio::time::timeout(Duration::from_secs(8), request.header("x-trap", when).send());
    // One that is lost with its VM, or that Envoy ends.
    let _ = asked.await;
    Ok(())
}

/// Everything is as it was.
///
/// # Errors
/// If it cannot be.
pub(super) async fn put_right(stage: &Stage, phase: &Phase) -> anyhow::Result<()> {
    if phase.has(|action| matches!(action, Action::Jump(_))) {
        stage.clock(0)?;
    }
    // Shrinking may have left out what ends a state of things.
    if phase.has(|action| matches!(action, Action::Leave(_))) {
        stage.members(None).await?;
    }
    for endpoint in &stage.endpoints {
        endpoint.live(true).await?;
    }
    Ok(())
}
