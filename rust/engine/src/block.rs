//! What travels from a reader to a writer.

use arrow_array::RecordBatch;

use crate::copy::budget::Permit;

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
}

impl Block {
    pub fn count(&self) -> u64 {
        match &self.rows {
            Rows::Arrow(batch) => batch.num_rows() as u64,
            Rows::Raw { count, .. } => *count,
        }
    }
}
