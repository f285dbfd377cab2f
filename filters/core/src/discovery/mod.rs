//! Where endpoints come from, if they do not stand in the document: Envoy's own view of the cluster, etcd, Consul, or any address that
//! answers with JSON.
//!
//! And where the document itself is, if it lives in a store: a [`Keeper`] asks for that.
//!
//! A [`Source`] says what is asked ([`Ask`]) and reads what is answered ([`Read`], or why not: [`Refusal`]); a [`Poller`] says when, and
//! keeps the last list that was believed, a [`Roster`], which is also what workers hand each other.
//!
//! Invariants: an answer is believed whole or not at all, so one that breaks off never makes a list shorter; an empty list is believed
//! only where that is allowed; what is kept is bounded by [`MOST_MEMBERS`]; no bytes, whoever wrote them, make anything here panic.
//! Trade-off: a member that cannot be named to Envoy (a host name, a pipe) is skipped and counted, and does not spoil the others.

mod ask;
mod consul;
mod document;
mod encoding;
mod envoy;
mod etcd;
mod http;
mod listing;
mod member;
mod pace;
mod poller;
mod read;
mod refusal;
mod roster;
mod source;
mod stored;
mod turns;

pub use ask::{Answer, Ask, Method};
pub use consul::Consul;
pub use envoy::{Considered, Envoy, HashKey};
pub use etcd::Etcd;
pub use http::Http;
pub use listing::{Listing, Skipped};
pub use member::{MOST_NAME, MOST_PLACE, Member, Standing};
pub use poller::{List, News, Poller, State, Tally, Wanted};
pub use read::{Cursor, Read};
pub use refusal::{Reason, Refusal};
pub use roster::{MOST_MEMBERS, Roster};
pub use source::{Registry, Source};
pub use stored::{Brought, Keeper, Store, StoredDocument};
