//! The writing end of a migration.

use crate::block::Block;
use crate::error::Result;
use crate::plan::{Range, TablePlan};

/// What a writer did with a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub rows: u64,
    /// Bytes sent to the target.
    pub bytes: u64,
}

/// Called once every row of a range was accepted, just before its commit; an error rolls the range back.
pub type Accepted<'a> = &'a mut dyn FnMut() -> Result<()>;

/// One session on the target.
pub trait Writer: Send {
    /// Writes all blocks of a range in one transaction, asks `accepted` and commits. An error among the
    /// blocks, or a warning from the server, rolls all of it back and is returned.
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written>;

    /// Rows of the table now.
    fn count(&mut self, table: &TablePlan) -> Result<u64>;
}
