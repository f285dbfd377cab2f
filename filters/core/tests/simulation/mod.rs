//! What the simulations of batching and coalescing share: the world between the workers of a virtual proxy, which is
//! the same whatever they do together.
//!
//! Everything is drawn from one generator and happens by one agenda, so that a seed tells everything. What a simulation
//! knows of its own filter (streams, upstreams, what is to happen) stays with it, even where two look alike: here is
//! nothing that asks who uses it. The simulation of retries has neither slots nor queues, and takes only the agenda, the
//! draws and the tally.

mod agenda;
pub(crate) mod draws;
mod house;
mod mail;
pub(crate) mod mishaps;
mod outside;
mod slots;
mod state;
mod tally;

pub(crate) use house::House;
pub(crate) use mail::Tongue;
pub(crate) use mishaps::Mishaps;
pub(crate) use outside::{Happens, Outside, START};
pub(crate) use state::State;
pub(crate) use tally::Tally;
