//! A source that gives fixed batches, and a target that keeps what it is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;

use crate::block::{Block, Rows};
use crate::error::{Error, Kind, Result};
use crate::plan::{Range, Sizes, TablePlan};
use crate::source::{Reader, Reading, Snapshot};
use crate::target::{Accepted, Writer, Written};

/// The batches of each table by its plan's name, range by range.
pub type Tables = BTreeMap<String, Vec<Vec<RecordBatch>>>;

/// A snapshot with so many readers, all over the same tables.
pub fn snapshot(tables: Tables, readers: usize) -> Snapshot {
    let tables = Arc::new(tables);
    let reader = |_| Box::new(MemoryReader(Arc::clone(&tables))) as Box<dyn Reader>;
    Snapshot {
        method: "memory".to_owned(),
        readers: (0..readers.max(1)).map(reader).collect(),
        token: None,
        keeper: None,
    }
}

struct MemoryReader(Arc<Tables>);

impl MemoryReader {
    fn table(&self, table: &TablePlan) -> Result<&[Vec<RecordBatch>]> {
        self.0.get(&table.name).map(Vec::as_slice).ok_or_else(|| {
            Error::new(Kind::Missing, "no such table in memory").in_table(&table.name)
        })
    }
}

impl Reader for MemoryReader {
    fn ranges(&mut self, table: &TablePlan, _sizes: &Sizes) -> Result<Vec<Range>> {
        let ranges = self.table(table)?.iter().enumerate();
        Ok(ranges
            .map(|(number, batches)| Range { number, bytes: size(batches), ..Range::default() })
            .collect())
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        let batches = self.table(table)?.get(range.number).ok_or_else(|| {
            Error::new(Kind::Missing, "no such range in memory").in_table(&table.name)
        })?;
        for batch in batches {
            reading.cancel.check()?;
            let wire_bytes = size(std::slice::from_ref(batch));
            emit(Block { rows: Rows::Arrow(batch.clone()), wire_bytes, permit: None })?;
        }
        Ok(())
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        Ok(self.table(table)?.iter().flatten().map(|batch| batch.num_rows() as u64).sum())
    }
}

fn size(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.get_array_memory_size() as u64).sum()
}

/// What was written and committed, shared by all writers on it.
#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<BTreeMap<String, Vec<Kept>>>>);

/// A range that was committed.
#[derive(Debug, Clone)]
pub struct Kept {
    pub range: usize,
    pub batches: Vec<RecordBatch>,
    /// Raw blocks: their bytes and rows.
    pub raw: Vec<(Vec<u8>, u64)>,
}

impl Kept {
    fn rows(&self) -> u64 {
        let arrow: u64 = self.batches.iter().map(|batch| batch.num_rows() as u64).sum();
        arrow + self.raw.iter().map(|(_, rows)| rows).sum::<u64>()
    }
}

impl Store {
    pub fn writer(&self) -> Box<dyn Writer> {
        Box::new(MemoryWriter(self.clone()))
    }

    /// The ranges of a table, in the order of their commits.
    pub fn ranges(&self, table: &str) -> Vec<Kept> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(table).cloned().unwrap_or_default()
    }
}

struct MemoryWriter(Store);

impl Writer for MemoryWriter {
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written> {
        let mut kept = Kept { range: range.number, batches: vec![], raw: vec![] };
        let mut bytes = 0;
        for block in blocks {
            match block?.rows {
                Rows::Arrow(batch) => {
                    bytes += size(std::slice::from_ref(&batch));
                    kept.batches.push(batch);
                }
                Rows::Raw { bytes: raw, count } => {
                    bytes += raw.len() as u64;
                    kept.raw.push((raw, count));
                }
                Rows::Unfit(_) => {
                    return Err(Error::new(Kind::Internal, "rows were put aside in memory"));
                }
            }
        }
        accepted()?;
        let rows = kept.rows();
        let mut tables = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.entry(table.name.clone()).or_default().push(kept);
        Ok(Written { rows, bytes, unfit: 0 })
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        Ok(self.0.ranges(&table.name).iter().map(Kept::rows).sum())
    }
}
