//! Gets answers of an admin interface.
//!
//! Invariant: a GET, and no other method; no redirect is followed, no proxy of the environment is asked, and no answer is read beyond
//! [`MOST_BYTES`] or waited for beyond the time that was given.

use super::{Address, Picture};
use anyhow::{Error, Result, anyhow, bail};
use serde_json::Value;
use std::io;
use std::time::Duration;

/// The longest answer that is read.
pub const MOST_BYTES: u64 = 64 << 20;

/// What is asked for of an admin, without queries (the status page, which is none, is asked for itself): what `admin.allow_paths` must let through.
pub const PATHS: [&str; 4] = ["/server_info", "/config_dump", "/clusters", "/stats"];

/// Of the statistics what is looked at: a filter that all Envoys since 1.36 know.
const STATS: &str = "/stats?format=json&filter=switchyard%7Cwasm%7Cupdate_rejected%7Cconfig_fail";

/// Asks one Envoy.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    agent: ureq::Agent,
    timeout: Duration,
}

impl Client {
    /// Asks the Envoy at `address`, and waits so long for each answer.
    pub fn new(address: Address, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("switchyard/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { address, agent: config.into(), timeout }
    }

    /// Whom it asks.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// All that is asked for, put together; `asking` is told each path before it is asked for.
    ///
    /// # Errors
    /// When an answer does not come, or is none of an Envoy.
    pub fn picture(&self, asking: impl Fn(&str)) -> Result<Picture> {
        let json = |path| {
            asking(path);
            self.json(path)
        };
        let server = json("/server_info")?;
        if server.get("version").is_none() || server.get("state").is_none() {
            bail!(
                "{}: answers /server_info with JSON that has no version and no state, so it is no Envoy's admin; {}",
                self.address,
                WHERE
            );
        }
        let (dump, clusters) = (json("/config_dump")?, json("/clusters?format=json")?);
        Picture::of(&self.address, &server, &dump, &clusters, &json(STATS)?)
    }

    /// The JSON at this path.
    ///
    /// # Errors
    /// When there is none.
    pub fn json(&self, path: &str) -> Result<Value> {
        let bytes = self.get(path)?;
        let at = format!("{}{path}", self.address);
        let begins_as_markup = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
        if begins_as_markup {
            bail!("{at}: answers with HTML and not with JSON, so it is no Envoy's admin; {WHERE}");
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            if error.is_eof() {
                anyhow!(
                    "{at}: the answer breaks off after {} bytes of JSON ({error}); ask again",
                    bytes.len()
                )
            } else {
                anyhow!("{at}: the answer is no JSON ({error}), so it is no Envoy's admin; {WHERE}")
            }
        })
    }

    fn get(&self, path: &str) -> Result<Vec<u8>> {
        let failed = |error| self.failed(path, &error);
        let mut answer = self.agent.get(format!("{}{path}", self.address)).call().map_err(failed)?;
        match answer.status().as_u16() {
            200 => answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(failed),
            403 => bail!(
                "{}{path}: 403, so its admin.allow_paths lets this path through to nobody; add {}, all of which are read and none of \
                 which changes anything",
                self.address,
                PATHS.map(|path| format!("{{prefix: {path}}}")).join(", ")
            ),
            status => bail!(
                "{}{path}: answers {status} and not 200, so it is no Envoy's admin; {WHERE}",
                self.address
            ),
        }
    }

    fn failed(&self, path: &str, error: &ureq::Error) -> Error {
        let (at, seconds) = (&self.address, self.timeout.as_secs());
        let slow =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        match error {
            ureq::Error::Timeout(_) => {
                anyhow!(
                    "{at}{path}: no whole answer within {seconds} s; a busy or large Envoy takes longer, so try --timeout {}",
                    seconds * 4
                )
            }
            ureq::Error::Io(cause) if slow(cause) => {
                anyhow!(
                    "{at}{path}: no whole answer within {seconds} s; a busy or large Envoy takes longer, so try --timeout {}",
                    seconds * 4
                )
            }
            ureq::Error::HostNotFound => anyhow!("{at}: there is no host of this name; {WHERE}"),
            ureq::Error::ConnectionFailed => anyhow!("{at}: cannot be reached; {WHERE}"),
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
                anyhow!("{at}: cannot be reached, nobody listens there; {WHERE}")
            }
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                anyhow!("{at}{path}: the answer breaks off ({cause}); ask again")
            }
            ureq::Error::Io(cause) => anyhow!("{at}{path}: {cause}; {WHERE}"),
            ureq::Error::BodyExceedsLimit(_) => anyhow!(
                "{at}{path}: the answer is longer than {} MiB, the most that is read",
                MOST_BYTES >> 20
            ),
            other => anyhow!(
                "{at}{path}: speaks no HTTP that is understood ({other}), so it is no Envoy's admin; {WHERE}"
            ),
        }
    }
}

/// How to find the address.
const WHERE: &str = "the address is that of `admin:` in Envoy's bootstrap, on Istio port 15000 and on Envoy Gateway 19000 of the pod (kubectl \
                     port-forward)";
