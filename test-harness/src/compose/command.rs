//! A command that is given a time, and what it printed.
//!
//! Invariant: it has ended when this returns. Trade-off: what a killed command had started itself may go on; of the
//! compose tools that is nothing, since the engine does the work.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wait_timeout::ChildExt as _;

/// What a command left behind.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs `command` without input, for `time` at most.
///
/// # Errors
/// When it does not start, or has to be killed: then with what it had printed.
pub(super) fn run(command: &mut Command, time: Duration) -> Result<Ended> {
    // Files, since nobody would empty a pipe while this waits.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .spawn()
        .with_context(|| format!("{:?} did not start", command.get_program()))?;
    let status = child.wait_timeout(time)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    let (stdout, stderr) = (text(&mut stdout)?, text(&mut stderr)?);
    let Some(status) = status else {
        bail!("{command:?} did not end within {time:?}; it had printed:\n{stdout}{stderr}");
    };
    Ok(Ended { status, stdout, stderr })
}

/// All that was written to a file.
fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn what_takes_too_long_is_killed_and_its_words_are_shown() {
        let asked = run(&mut shell("echo so far; exec sleep 600"), Duration::from_millis(500));
        let error = asked.unwrap_err().to_string();
        assert!(error.contains("did not end within 500ms") && error.ends_with("so far\n"), "{error}");
    }

    #[test]
    fn what_ends_gives_its_status_and_all_its_words() {
        let ended = run(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(60)).unwrap();
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(ended.status.code(), Some(3));
    }

    #[test]
    fn what_cannot_start_is_an_error_with_its_name() {
        let asked = run(&mut Command::new("no-such-program"), Duration::from_secs(60));
        assert!(asked.unwrap_err().to_string().contains("no-such-program"));
    }
}
