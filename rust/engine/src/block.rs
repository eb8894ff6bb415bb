//! What travels from a reader to a writer.

use arrow_array::RecordBatch;

use crate::copy::budget::Permit;
use crate::error::Result;
use crate::quarantine::Unfit;

/// Some rows of one range, in order.
#[derive(Debug)]
pub struct Block {
    pub rows: Rows,
    /// Bytes that the source sent for them.
    pub wire_bytes: u64,
    /// Held while large values are in flight; given back when the block is dropped.
    pub permit: Option<Permit>,
}

#[derive(Debug)]
pub enum Rows {
    Arrow(RecordBatch),
    /// Bytes in the engine's own form, whole rows only; what they mean is told in each engine's `read`.
    Raw {
        bytes: Vec<u8>,
        count: u64,
    },
    /// Rows of a sifted range that can't be decoded.
    Unfit(Vec<Unfit>),
}

/// Hands rows over as blocks; the wire bytes count with the first, the permit goes with the last.
pub fn emit_all(
    all: Vec<Rows>,
    mut wire_bytes: u64,
    mut permit: Option<Permit>,
    emit: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let mut left = all.len();
    for rows in all {
        left -= 1;
        let permit = if left == 0 { permit.take() } else { None };
        emit(Block { rows, wire_bytes: std::mem::take(&mut wire_bytes), permit })?;
    }
    Ok(())
}

impl Block {
    pub fn count(&self) -> u64 {
        match &self.rows {
            Rows::Arrow(batch) => batch.num_rows() as u64,
            Rows::Raw { count, .. } => *count,
            Rows::Unfit(rows) => rows.len() as u64,
        }
    }
}
