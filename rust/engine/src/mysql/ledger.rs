//! A range's entry, and the fence that is held until its commit.

use super::connect::Connection;
use crate::error::Result;
use crate::ledger::{Ledger, taken_over};
use crate::plan::{Range, TablePlan};
use crate::target::Written;

/// A read that locks sees what was committed last, whatever the transaction's snapshot sees.
pub fn mark(
    connection: &mut Connection,
    ledger: &Ledger,
    table: &TablePlan,
    range: &Range,
    written: Written,
) -> Result<()> {
    ledger.check(&connection.rows(&format!("{} LOCK IN SHARE MODE", ledger.fence()))?)?;
    let outcome = connection.run(&ledger.mark(table, range, written))?;
    if outcome.affected == 1 { Ok(()) } else { Err(taken_over()) }
}
