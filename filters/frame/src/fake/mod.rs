//! Workers of a filter as tests see them, on the recording host.
//!
//! A [`Worker`] leads the newest root, [`Roots`] all of them. Trade-off: a filter is foreign to its tests as this crate is, so each
//! test crate has a marker of its own, a [`Subject`].

mod fate;
mod request;
mod roots;
mod time;
mod worker;

pub use fate::Fate;
pub use request::Request;
pub use roots::{Done, Roots};
pub use switchyard_host::fake::Head;
pub use time::{pass, settle};
pub use worker::{ROOT, SET_TICK, Worker};

/// The stream of a subject's filter.
pub type StreamOf<S> = <<S as Subject>::Filter as crate::Filter>::Stream;
/// The root of a subject's filter.
pub type RootOf<S> = crate::Root<<S as Subject>::Filter>;
/// The VM of a subject's filter.
pub type VmOf<S> = crate::Vm<<<S as Subject>::Filter as crate::Filter>::Vm>;

/// A filter whose workers tests make.
pub trait Subject: Sized + 'static {
    /// The filter.
    type Filter: crate::Filter;
    /// How far the clock goes at a time, in milliseconds.
    const STEP: u64;

    /// A document whose route `api` has this section of the filter's.
    fn document(section: &str) -> String;
}
