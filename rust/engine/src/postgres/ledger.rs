//! A range's entry, and the fence that is held until its commit.

use super::connect::Connection;
use crate::error::Result;
use crate::ledger::{Ledger, taken_over};
use crate::plan::{Range, TablePlan};
use crate::session::Session;
use crate::target::Written;

/// One statement: the lock on the task's row sees the last fence that was committed, whatever the transaction's
/// snapshot sees.
pub fn mark(
    session: &mut Connection,
    ledger: &Ledger,
    table: &TablePlan,
    range: &Range,
    written: Written,
) -> Result<()> {
    let entered = session.query(&format!(
        "WITH held AS ({} FOR SHARE) {} AND (SELECT fence FROM held) = {} RETURNING 1",
        ledger.fence(),
        ledger.mark(table, range, written),
        ledger.fence
    ))?;
    if entered.len() == 1 { Ok(()) } else { Err(taken_over()) }
}
