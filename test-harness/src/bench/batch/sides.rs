//! The ways that are compared: no batching, and batch.wasm with each of its policies, each a listener of one Envoy in front of
//! the same service.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::batching::{batch_section, batching};
use crate::envoy::{Bootstrap, pieces};
use crate::services::{Protocol, Service};

/// How long an answer may take under `adaptive`.
pub(super) const TARGET_MS: u64 = 50;

/// When requests leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Unbatched,
    FixedDelay,
    WhileBusy,
    LeastSquares,
    Aimd,
}

impl Side {
    pub(super) const ALL: [Self; 5] =
        [Self::Unbatched, Self::FixedDelay, Self::WhileBusy, Self::LeastSquares, Self::Aimd];

    /// Its name in the report, and its listener's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unbatched => "unbatched",
            Self::FixedDelay => "fixed_delay",
            Self::WhileBusy => "while_busy",
            Self::LeastSquares => "adaptive_least_squares",
            Self::Aimd => "adaptive_aimd",
        }
    }

    /// What its batch section says, besides the protocol. The service takes one call at a time.
    fn settings(self) -> Option<Value> {
        let adaptive = |estimator: &str| {
            let target = format!("{TARGET_MS}ms");
            json!({ "leaves": "adaptive", "adaptive": { "target": target, "estimator": estimator }, "max_in_flight": 1 })
        };
        match self {
            Self::Unbatched => None,
            Self::FixedDelay => Some(json!({ "leaves": "fixed_delay", "max_in_flight": 1 })),
            Self::WhileBusy => Some(json!({ "leaves": "while_busy", "max_in_flight": 1 })),
            Self::LeastSquares => Some(adaptive("least_squares")),
            Self::Aimd => Some(adaptive("aimd")),
        }
    }

    /// The filters of its listener.
    pub(super) fn filters(self, service: &Service) -> Vec<Value> {
        let section = self.settings().map(|settings| batch_section(Protocol::JsonRpc, &settings));
        section.map(|section| batch_filter(&batching(service, &section))).into_iter().collect()
    }
}

/// batch.wasm with this document.
pub(super) fn batch_filter(document: &Value) -> Value {
    let mut filter = pieces::wasm_filter("batch", &document.to_string());
    if let Some(plugin) = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut) {
        plugin.insert("allow_on_headers_stop_iteration".to_owned(), json!(true));
    }
    filter
}

/// The cluster that all listeners have behind them.
pub(super) fn plain(address: SocketAddr) -> Bootstrap {
    Bootstrap::empty().cluster(pieces::cluster("checkout", &[address]))
}

/// All of these sides in front of the service.
pub(super) fn bootstrap(sides: &[Side], service: &Service) -> Bootstrap {
    sides.iter().fold(plain(service.address()), |bootstrap, side| {
        let routes = [pieces::route_to("checkout")];
        bootstrap.listener(pieces::listener(side.name(), &routes, &side.filters(service)))
    })
}
