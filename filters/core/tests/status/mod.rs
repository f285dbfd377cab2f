//! The status page's JSON, and the records that it is made of: what comes out is well-formed, bounded and holds no markup, whatever went in.

mod asking;
mod merged;
mod page;
mod records;
mod room;
mod shown;

use switchyard_core::Timestamp;
use switchyard_core::outlier::{Ledger, Tally};
use switchyard_core::status::{Seen, Tables, Transitions};

/// Tables in which nothing is known.
struct Nothing;

impl Tables for Nothing {
    fn ledger(&self, _upstream: &str) -> Ledger {
        Ledger::default()
    }

    fn tally(&self, _upstream: &str) -> Tally {
        Tally::default()
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Nothing was seen, at this time.
fn nothing_seen<'a>(now: Timestamp) -> Seen<'a> {
    Seen {
        now,
        build: "0.1.0",
        configurations: Vec::new(),
        workers: Vec::new(),
        is_waiting: false,
        watched: Vec::new(),
        transitions: Transitions::default(),
    }
}
