//! The tables of outlier, in shared data, as the page reads them.
//!
//! Invariant: nothing is written.

use switchyard_core::outlier::{Ledger, Tally};
use switchyard_core::status::Tables;
use switchyard_frame::shared::tables::Table;
use switchyard_host::SharedData;

pub(crate) struct SharedTables<'a, H>(pub(crate) &'a H);

impl<H: SharedData> Tables for SharedTables<'_, H> {
    fn ledger(&self, upstream: &str) -> Ledger {
        Ledger::decode(&Table::ledger(upstream).read(self.0))
    }

    fn tally(&self, upstream: &str) -> Tally {
        Tally::decode(&Table::tally(upstream).read(self.0))
    }
}
