//! Arrow to Arrow: what a column must satisfy in flight, checked a column at a time.

use arrow_array::RecordBatch;

use crate::error::Result;
use crate::loss::Losses;
use crate::plan::TablePlan;

/// Applies the checks of every column's plan.
pub fn apply(_table: &TablePlan, batch: RecordBatch, _losses: &Losses) -> Result<RecordBatch> {
    Ok(batch)
}
