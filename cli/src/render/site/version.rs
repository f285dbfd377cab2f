//! Which Envoy a platform carries.
//!
//! Source: the platforms' release notes, read second hand (docs/platforms.md says what was run).

use super::settings::Form;
use std::fmt;

/// A version of which only the first two numbers matter: `1.31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub u32, pub u32);

impl Minor {
    /// Reads `1.31`, `v1.31.2` and their kind.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self(major, minor))
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// The Envoy that a version of Istio carries, if that is known.
pub fn envoy_of_istio(istio: Minor) -> Option<Minor> {
    [(30, 38), (31, 39)].iter().find(|(of, _)| istio == Minor(1, *of)).map(|(_, envoy)| Minor(1, *envoy))
}

/// The Envoy that a version of Envoy Gateway carries, if that is known.
pub fn envoy_of_gateway(gateway: Minor) -> Option<Minor> {
    let known = [(6, 36), (7, 37), (8, 38), (9, 39)];
    known.iter().find(|(of, _)| gateway == Minor(1, *of)).map(|(_, envoy)| Minor(1, *envoy))
}

/// The first version of a platform that takes a form or a field, and why.
pub type Least = (Minor, &'static str);

/// The first Istio that takes this form as it is rendered.
pub fn least_istio(form: Form) -> Least {
    match form {
        Form::EnvoyFilter => (
            Minor(1, 27),
            "carries the first Envoy (1.35) that knows allow_on_headers_stop_iteration, and an older one refuses the whole listener",
        ),
        Form::WasmPlugin => (Minor(1, 27), "surely knows failStrategy FAIL_RELOAD"),
        Form::TrafficExtension => (Minor(1, 30), "knows TrafficExtension"),
    }
}

/// The first Envoy Gateway that takes what is rendered.
pub fn least_gateway() -> Least {
    (Minor(1, 5), "knows loadBalancer.endpointOverride, by which clusters are steered")
}
