//! A range's entry. Nobody else writes while its transaction does, so the fence stays what it is until the commit.

use rusqlite::Connection;

use super::connect::query;
use super::error::from_rusqlite;
use crate::error::Result;
use crate::ledger::{Ledger, taken_over};
use crate::plan::{Range, TablePlan};
use crate::target::Written;

pub fn mark(
    connection: &Connection,
    ledger: &Ledger,
    table: &TablePlan,
    range: &Range,
    written: Written,
) -> Result<()> {
    ledger.check(&query(connection, &ledger.fence())?)?;
    let entered =
        connection.execute(&ledger.mark(table, range, written), []).map_err(from_rusqlite)?;
    if entered == 1 { Ok(()) } else { Err(taken_over()) }
}
