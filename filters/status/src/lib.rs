//! status.wasm: a page that shows what the filters do now, and the same as JSON.
//!
//! It is an HTTP filter for a listener of the operator's own, as that of the metrics, under the `vm_id` of the filters that it shows: `GET /status` is the
//! page, `GET /status.json` what it shows, and all else passes. What is in shared data it reads; workers, which know the rest, it wakes by a message to
//! the queue of each, and shows what they have said by the next look.
//!
//! Invariants: nothing that a client sends changes anything, but that a worker that does not answer a look loses its place; the page holds nothing of the data,
//! which its script writes as text; nobody waits: an answer is made of what is there. Trade-off: the first answer after a while has nothing of the workers yet, and says so.

#[cfg(all(feature = "abi", any(target_arch = "wasm32", clippy)))]
mod abi;
mod answer;
mod gather;
mod tables;

pub use answer::{CONTENT_SECURITY_POLICY, Looks, PAGE};
