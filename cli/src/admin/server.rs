//! Which Envoy it is.

use serde_json::Value;

/// What an Envoy says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// `1.40.0`, or all that it says where that has no number.
    pub version: String,
    /// The first two parts of the version's number.
    pub number: Option<(u32, u32)>,
    /// `LIVE`.
    pub state: String,
    /// Since when it runs, in seconds.
    pub uptime: u64,
    /// Its worker threads.
    pub workers: u64,
}

impl Server {
    /// From the answer to `/server_info`, whose version is `COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
    pub(super) fn of(info: &Value) -> Self {
        let text = |pointer: &str| info.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (full, uptime) = (text("/version"), text("/uptime_current_epoch").trim_end_matches('s'));
        let version = full.split('/').nth(1).unwrap_or(full);
        let mut parts = version.split('.').map(|part| part.parse().ok());
        let number = parts.next().flatten().zip(parts.next().flatten());
        Self {
            version: version.to_owned(),
            number,
            state: text("/state").to_owned(),
            uptime: uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0),
            workers: info.pointer("/command_line_options/concurrency").and_then(Value::as_u64).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_version_is_the_second_part_and_a_strange_one_is_kept() {
        let info = json!({
            "version": "9e55/1.40.0/Clean/RELEASE/BoringSSL", "state": "LIVE", "uptime_current_epoch": "308s",
            "command_line_options": { "concurrency": 2 },
        });
        let server = Server::of(&info);
        assert_eq!((server.version.as_str(), server.number), ("1.40.0", Some((1, 40))));
        assert_eq!((server.uptime, server.workers, server.state.as_str()), (308, 2, "LIVE"));
        let dev = Server::of(&json!({ "version": "9e55/1.41.0-dev/Modified/DEBUG/BoringSSL" }));
        assert_eq!((dev.version.as_str(), dev.number), ("1.41.0-dev", Some((1, 41))));
        let strange = Server::of(&json!({ "version": "mine" }));
        assert_eq!((strange.version.as_str(), strange.number), ("mine", None));
    }
}
