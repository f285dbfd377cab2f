//! What a host call may answer besides success.

use core::fmt;

/// A host call that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The ABI function, `proxy_get_property`.
    pub call: &'static str,
    /// What it answered.
    pub status: Status,
}

impl fmt::Display for HostError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered {:?}", self.call, self.status)
    }
}

impl core::error::Error for HostError {}

/// A proxy-wasm ABI 0.2.1 status other than `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No such key, property or header.
    NotFound,
    /// The argument is wrong, or the call is not allowed in this phase.
    BadArgument,
    /// Nothing there (queues).
    Empty,
    /// Somebody else wrote in between (shared data).
    CasMismatch,
    /// The host failed.
    InternalFailure,
    /// The host's answer could not be decoded.
    Malformed,
    /// Any other number.
    Other(u32),
}

impl Status {
    /// The status behind the number that the ABI returns; `None` for 0, `Ok`.
    pub fn from_abi(number: u32) -> Option<Self> {
        match number {
            0 => None,
            1 => Some(Self::NotFound),
            2 => Some(Self::BadArgument),
            7 => Some(Self::Empty),
            8 => Some(Self::CasMismatch),
            10 => Some(Self::InternalFailure),
            other => Some(Self::Other(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_abi_number_has_a_status_and_only_zero_is_ok() {
        assert_eq!(Status::from_abi(0), None);
        for number in 1..=20 {
            assert!(Status::from_abi(number).is_some(), "{number}");
        }
        assert_eq!(Status::from_abi(8), Some(Status::CasMismatch));
        assert_eq!(
            Status::from_abi(12),
            Some(Status::Other(12)),
            "unimplemented, which the SDK has no name for"
        );
    }

    #[test]
    fn an_error_names_the_call_and_the_answer() {
        let error = HostError { call: "proxy_get_property", status: Status::NotFound };
        assert_eq!(error.to_string(), "proxy_get_property answered NotFound");
    }
}
