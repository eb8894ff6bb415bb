//! The reading end of a migration.

use crate::block::Block;
use crate::cancel::Cancel;
use crate::copy::budget::Budget;
use crate::error::{Error, Kind, Result};
use crate::loss::Losses;
use crate::plan::{Range, Sizes, TablePlan};
use crate::session::TextRow;

/// One consistent view of a source, open on as many sessions as it allows.
pub struct Snapshot {
    /// How the point was got, as the plan names it: `exported snapshot`, `flush tables with read lock`, …
    pub method: String,
    /// One per session; at least one. All see the same rows.
    pub readers: Vec<Box<dyn Reader>>,
    /// Which transactions it sees, in the engine's own words; two that are equal see the same rows.
    pub token: Option<String>,
    /// What must live as long as the snapshot (the session that exported it).
    pub keeper: Option<Box<dyn Send>>,
}

/// What a reader needs besides the table and the range.
#[derive(Clone)]
pub struct Reading<'a> {
    pub sizes: Sizes,
    pub budget: &'a Budget,
    pub cancel: &'a Cancel,
    pub losses: &'a Losses,
    /// True when the rows of the range that can't be decoded are told, and the others come without them.
    pub sifted: bool,
}

/// A column that orders the rows of a table, in the source's SQL.
#[derive(Debug, Clone)]
pub struct Order {
    pub column: String,
    /// An expression that prints its value as a literal.
    pub literal: String,
}

/// One session inside a snapshot.
pub trait Reader: Send {
    /// Cuts a table into ranges that together hold every row once.
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>>;

    /// Reads a range and hands over its blocks in order; ends early when `emit` fails.
    /// After a failure the reader may refuse all further work.
    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()>;

    /// Rows of the table in this snapshot.
    fn count(&mut self, table: &TablePlan) -> Result<u64>;

    /// Rows of a query as texts, inside the snapshot. An error of a row leaves the session as it was.
    fn query(&mut self, _sql: &str) -> Result<Vec<TextRow>> {
        Err(Error::new(Kind::Internal, "this source takes no queries beside the one that is read"))
    }

    /// What tells each row of a table from the others; empty where nothing does.
    fn order(&mut self, _table: &TablePlan) -> Result<Vec<Order>> {
        Ok(vec![])
    }

    /// True when its session is of no more use.
    fn lost(&self) -> bool {
        false
    }

    /// False when a range can be read once only.
    fn repeats(&self) -> bool {
        true
    }

    /// Opens its session again in the same snapshot; false where nobody can join one again.
    fn renew(&mut self) -> Result<bool> {
        Ok(false)
    }
}
