//! Leave to install packages for the whole machine.
//!
//! Invariant: a command that a developer runs for something else never brings a second compiler unasked. What promises to do all its
//! own set-up (`test`, `demo`) has leave; what else builds (`build`, `bench`, `dist`) has it by `--install`, and in CI.

/// Whether packages may be installed for the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Install {
    /// They may.
    Allowed,
    /// They may not: what is missing is said instead.
    Refused,
}

impl Install {
    /// As the user says on the command line, and as CI (which has nobody to ask) says by `CI=true`.
    pub(crate) fn asked(flag: bool) -> Self {
        Self::given(flag, std::env::var("CI").ok().as_deref())
    }

    fn given(flag: bool, ci: Option<&str>) -> Self {
        match flag || ci.is_some_and(|ci| ci == "true" || ci == "1") {
            true => Self::Allowed,
            false => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Install;

    #[test]
    fn only_the_flag_and_ci_allow_it() {
        assert_eq!(Install::given(true, None), Install::Allowed);
        assert_eq!(Install::given(false, Some("true")), Install::Allowed);
        assert_eq!(Install::given(false, Some("1")), Install::Allowed);
        assert_eq!(Install::given(false, Some("false")), Install::Refused);
        assert_eq!(Install::given(false, Some("")), Install::Refused);
        assert_eq!(Install::given(false, None), Install::Refused);
    }
}
