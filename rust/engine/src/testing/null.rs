//! A target that counts and forgets: what the source alone can do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::block::Block;
use crate::error::Result;
use crate::plan::{Range, TablePlan};
use crate::target::{Accepted, Writer, Written};

/// Rows by table, shared by all writers on it.
#[derive(Clone, Default)]
pub struct Null(Arc<Mutex<BTreeMap<String, u64>>>);

impl Null {
    pub fn writer(&self) -> Box<dyn Writer> {
        Box::new(NullWriter(self.clone()))
    }

    pub fn rows(&self, table: &str) -> u64 {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(table).copied().unwrap_or_default()
    }
}

struct NullWriter(Null);

impl Writer for NullWriter {
    fn write(
        &mut self,
        table: &TablePlan,
        _range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written> {
        let mut written = Written::default();
        for block in blocks {
            let block = block?;
            written.rows += block.count();
            written.bytes += block.wire_bytes;
        }
        accepted()?;
        let mut rows = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *rows.entry(table.name.clone()).or_default() += written.rows;
        Ok(written)
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        Ok(self.0.rows(&table.name))
    }
}
