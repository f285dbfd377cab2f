//! What the proxy knows of who asks that stands in no header.
//!
//! Envoy's `jwt_authn` takes the token off a request by default, and a client certificate was never in one: without these facts two
//! users' requests look the same.
//!
//! Invariant: facts that are not the same, byte by byte, keep requests apart.

/// Facts by name: a namespace of Envoy's dynamic metadata, or one of its attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    facts: Vec<(Box<str>, Box<[u8]>)>,
}

impl Known {
    /// That nothing is known; what a test or a caller says that has asked nobody.
    #[allow(clippy::unnecessary_wraps, reason = "it stands where a reader of facts may fail")]
    pub fn nothing() -> Option<Self> {
        Some(Self::default())
    }

    /// The facts, by name.
    pub fn facts(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.facts.iter().map(|(name, value)| (name.as_bytes(), &**value))
    }
}

impl FromIterator<(Box<str>, Box<[u8]>)> for Known {
    /// Of facts with one name all count.
    fn from_iter<T: IntoIterator<Item = (Box<str>, Box<[u8]>)>>(facts: T) -> Self {
        let mut facts: Vec<_> = facts.into_iter().collect();
        crate::sort::sort(&mut facts);
        Self { facts }
    }
}
