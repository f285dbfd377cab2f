//! Services registered in etcd: its JSON gateway's `POST /v3/kv/range`.

/// Which keys are members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etcd {
    /// What the keys begin with.
    pub prefix: Box<str>,
}
