//! The section `retry_on`: which failures are worth another attempt.

use super::HeaderMatch;
use super::outlier::Statuses;
use crate::error::{Errors, Path, suggestion};
use crate::read::{Read, expected, section, whole};
use serde_json::Value;

section! {
    /// Which failures are worth another attempt; one that holds is enough.
    RetryOn {
        required {}
        optional {
            /// HTTP statuses: "503" or "500-599". Default: ["502-504"].
            statuses: Vec<Statuses>,
            /// gRPC statuses by name or number; the filter engine sees them in trailers, too. Default: [unavailable].
            grpc_statuses: Vec<GrpcStatus>,
            /// No connection. Default: true.
            connect_failure: bool,
            /// The endpoint refused the stream before it looked at it. Default: true.
            refused_stream: bool,
            /// The connection or stream broke off before an answer. With engine router also an attempt that took longer than
            /// per_try_timeout. Default: true.
            reset: bool,
            /// No answer in time. Default: false.
            timeout: bool,
            /// Response headers; with engine router only that one is present. Default: none.
            headers: Vec<HeaderMatch>,
            /// What a JSON answer says (engine filter). Default: none.
            body: Vec<BodyMatch>,
        }
    }
}

section! {
    /// A condition on one place of a JSON answer: exactly one of exists, equals, matches.
    BodyMatch {
        required {
            /// Which place, as a JSON pointer: "/error/code"; `*` is any element of a list: "/errors/*/code".
            pointer: String,
        }
        optional {
            /// `true`: something stands there that is not null.
            #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
            exists: bool,
            /// This value stands there.
            equals: Any,
            /// A text, number or boolean stands there that this expression matches whole.
            matches: String,
        }
    }
}

/// Any JSON value; the reader of fields refuses `null`.
#[derive(Clone, Debug)]
pub(crate) struct Any(pub(crate) Value);

impl Read for Any {
    fn read(value: &Value, _: &Path<'_>, _: &mut Errors) -> Option<Self> {
        Some(Self(value.clone()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Any {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Any".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": ["boolean", "number", "string", "array", "object"]})
    }
}

/// The names of gRPC's statuses, from 0.
const GRPC: [&str; 17] = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// A gRPC status that is no success.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrpcStatus(pub(crate) u8);

impl GrpcStatus {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        GRPC.get(usize::from(self.0)).copied().unwrap_or_default()
    }
}

impl Read for GrpcStatus {
    fn read(value: &Value, at: &Path<'_>, errors: &mut Errors) -> Option<Self> {
        let number = match value.as_str() {
            Some(name) => GRPC.iter().position(|known| *known == name).and_then(|at| u64::try_from(at).ok()),
            None => whole(value),
        };
        match number.filter(|number| (1..=16).contains(number)).and_then(|number| u8::try_from(number).ok()) {
            Some(number) => Some(Self(number)),
            None => {
                let names = GRPC.iter().skip(1).copied();
                let near = value.as_str().map(|name| suggestion(name, names)).unwrap_or_default();
                let what = "a gRPC status that is an error; write a name as in unavailable, or 1 to 16";
                expected(&format!("{what}{near}"), value, at, errors)
            }
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for GrpcStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GrpcStatus".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = GRPC.iter().skip(1).copied().collect();
        schemars::json_schema!({"oneOf": [{"type": "integer", "minimum": 1, "maximum": 16}, {"enum": names}]})
    }
}
