//! `switchyard status URL --watch`: the status page in a terminal.
//!
//! It reads `/status.json` once a second. Invariants: a form of another version is an error that says so; an answer that does not come ends it. Trade-off: what
//! a counter did in a second is known when workers have said something twice, and is of the time between what they said, which ends a look ago.

mod draw;
mod form;

use crate::admin::Client;
use crate::shown::Screen;
use crate::{Exit, Output, output};
use anyhow::{Context as _, Result, ensure};
use draw::{Before, draw};
use form::Page;
use serde_json::Value;
use std::sync::mpsc;
use std::time::Duration;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// Within this, workers answer one who looks for the first time.
const MOMENT: Duration = Duration::from_millis(250);
/// What is said when nobody answers.
const WHERE: &str = "the status page is asked, so name the listener that has it, as in http://127.0.0.1:9902 (docs/status.md)";

/// Shows the page that `client` asks for again and again, so often or, without a number, until it is interrupted.
///
/// # Errors
/// When it does not answer, or in a form that is not known.
pub(super) fn watch(
    client: &Client,
    looks: Option<u64>,
    form: Output,
    out: &mut impl Screen,
) -> Result<Exit> {
    let mut before: Option<Before> = None;
    // Nobody writes to it: to wait for it is to let time pass.
    let (_kept, nobody) = mpsc::channel::<()>();
    let wait = |time| {
        let _ = nobody.recv_timeout(time);
    };
    for look in 1_u64.. {
        let mut said = asked(client)?;
        if said.get("asking") == Some(&Value::Bool(true)) {
            // Workers were asked by this look alone, and answer to the next.
            wait(MOMENT);
            said = asked(client)?;
        }
        match form {
            Output::Json => output::json(&said, out)?,
            Output::Text => {
                let page: Page = serde_json::from_value(said).context("docs/status.md has another form")?;
                out.clear()?;
                draw(&page, before.as_ref(), client.address(), out)?;
                // Until something new is said, the next look has the same to compare with.
                if !before.as_ref().is_some_and(|before| before.are_of(&page)) {
                    before = Before::of(&page);
                }
            }
        }
        out.flush()?;
        if looks.is_some_and(|looks| look >= looks) {
            break;
        }
        wait(PERIOD);
    }
    Ok(Exit::Good)
}

/// What the page says now.
fn asked(client: &Client) -> Result<Value> {
    let said = client.json("/status.json").context(WHERE)?;
    let version = said.get("version").and_then(Value::as_u64);
    ensure!(
        version == Some(1),
        "{}/status.json: is not of form 1, which this program knows; take the program of the same release",
        client.address()
    );
    Ok(said)
}

#[cfg(test)]
mod tests;
