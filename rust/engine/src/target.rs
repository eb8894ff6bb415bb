//! The writing end of a migration.

use crate::block::Block;
use crate::cancel::Cancel;
use crate::copy::sift::Sieve;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::plan::{Endpoint, Range, TablePlan};

/// What a writer did with a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub rows: u64,
    /// Bytes sent to the target.
    pub bytes: u64,
    /// Rows that were put aside.
    pub unfit: u64,
}

/// What a writing session is opened with, again when it was lost.
#[derive(Clone)]
pub struct WriterOpening {
    pub endpoint: Endpoint,
    pub cancel: Cancel,
    pub ledger: Option<Ledger>,
}

impl WriterOpening {
    /// Of a session that keeps no ledger.
    pub fn without_ledger(endpoint: &Endpoint, cancel: &Cancel) -> Self {
        Self { endpoint: endpoint.clone(), cancel: cancel.clone(), ledger: None }
    }
}

/// Called once every row of a range was accepted, just before its commit; an error rolls the range back.
pub type Accepted<'a> = &'a mut dyn FnMut() -> Result<()>;

/// One session on the target, with the ledger that it keeps.
pub trait Writer: Send {
    /// Writes all blocks of a range in one transaction, asks `accepted` and commits. An error among the
    /// blocks, or a warning from the server, rolls all of it back and is returned. The ledger's entry is part of
    /// the transaction.
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written>;

    /// The same for a range that has failed because of a row: what the target refuses is put aside. The blocks are those
    /// of a sifted plan, `table` is the plan to write.
    fn sift(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        sieve: &Sieve<'_>,
    ) -> Result<Written> {
        let _ = (table, range, blocks, sieve);
        Err(Error::new(Kind::Unsupported, "this target can't put rows aside"))
    }

    /// Rows of the table now.
    fn count(&mut self, table: &TablePlan) -> Result<u64>;

    /// What the ledger says of a range whose commit was not answered; nothing if it isn't done.
    fn landed(&mut self, table: &TablePlan, range: &Range) -> Result<Option<Written>> {
        let _ = (table, range);
        Ok(None)
    }

    /// True when its session is of no more use.
    fn lost(&self) -> bool {
        false
    }

    /// Opens its session again.
    fn renew(&mut self) -> Result<()> {
        Ok(())
    }
}
