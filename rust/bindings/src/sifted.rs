//! A table whose rows are looked at one by one, for a target that Python's libraries write: what they refuse, and what
//! the source can't give, is put aside.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchIterator};
use dbferry::block::{Block, Rows};
use dbferry::copy::sift::{Sieve, Sifting, sift};
use dbferry::copy::stream::{TableBlocks, Watch};
use dbferry::error::{Error, Kind, Result, Side};
use dbferry::plan::{Range, TablePlan};
use dbferry::quarantine::Quarantine;
use dbferry::target::Written;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow::capsule;
use crate::errors;
use crate::runtime::supervise;

/// A table's rows, once.
#[pyclass(module = "dbferry._native")]
pub struct SiftedTable {
    blocks: Mutex<Option<TableBlocks>>,
    table: TablePlan,
    watch: Watch,
}

impl SiftedTable {
    pub fn new(blocks: TableBlocks, table: TablePlan, watch: Watch) -> Self {
        Self { blocks: Mutex::new(Some(blocks)), table, watch }
    }
}

#[pymethods]
impl SiftedTable {
    /// Gives the rows to `taker`, in halves where it refuses some, until each that it refuses is alone and put aside as
    /// `quarantine` (JSON) says. Gives how many were taken and put aside.
    ///
    /// `taker.attempt(stream)` writes rows, or fails and leaves all as it was; `taker.execute(sql)` runs a statement in
    /// the same transaction. Both are called on a thread of the engine.
    fn sift(&self, py: Python<'_>, taker: Py<PyAny>, quarantine: &str) -> PyResult<(u64, u64)> {
        let quarantine: Quarantine = serde_json::from_str(quarantine)
            .map_err(|error| errors::plan(py, "quarantine", &error))?;
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut blocks = blocks.ok_or_else(|| {
            pyo3::exceptions::PyValueError::new_err("the rows were already taken")
        })?;
        let table = self.table.written_sifted();
        let work = || -> Result<Written> {
            let mut taker = Taker(taker);
            let sieve = Sieve { quarantine: &quarantine, room: quarantine.most };
            // The table may be made with the first rows, and none may be left of them.
            taker.take(RecordBatch::new_empty(table.schema()))?;
            sift(&mut taker, &table, &Range::default(), &mut blocks, &sieve)
        };
        let written = supervise(py, &self.watch.cancel, work, |_| Ok(()))?;
        let placed = written.map_err(|error| error.at(Side::Target).in_table(&self.table.name));
        let written = placed.map_err(|error| errors::raise(py, &error))?;
        Ok((written.rows, written.unfit))
    }

    /// Rows, bytes, ranges and ranges done, so far.
    fn progress(&self) -> (u64, u64, u64, u64) {
        let reading = self.watch.progress.table(0).reading();
        (reading.rows, reading.bytes, reading.ranges, reading.ranges_done)
    }

    /// `(table, column, code, rows)` for every policy that touched a value.
    fn losses(&self) -> Vec<(String, String, &'static str, u64)> {
        Arc::clone(&self.watch.losses).counts()
    }
}

/// A transaction that Python holds.
struct Taker(Py<PyAny>);

impl Taker {
    fn call(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>) -> Result<()> {
        Python::attach(|py| call(self.0.bind(py)).map_err(|error| errors::of_taker(py, &error)))
    }

    fn take(&self, batch: RecordBatch) -> Result<()> {
        self.call(|taker| taker.call_method1("attempt", (Batch(batch),)).map(drop))
    }
}

impl Sifting for Taker {
    fn run(&mut self, sql: &str) -> Result<()> {
        self.call(|taker| taker.call_method1("execute", (sql,)).map(drop))
    }

    fn put(&mut self, _table: &TablePlan, block: Block) -> Result<Written> {
        match block.rows {
            Rows::Arrow(batch) => {
                let rows = batch.num_rows() as u64;
                self.take(batch)?;
                Ok(Written { rows, ..Written::default() })
            }
            Rows::Raw { .. } | Rows::Unfit(_) => {
                Err(Error::new(Kind::Internal, "raw bytes in a stream of Arrow batches"))
            }
        }
    }

    /// It takes back by itself what it refuses.
    fn attempt(&mut self, table: &TablePlan, block: Block) -> Result<Written> {
        self.put(table, block)
    }

    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Some rows, as often as they are asked for.
#[pyclass(frozen, module = "dbferry._native")]
struct Batch(RecordBatch);

#[pymethods]
impl Batch {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol lets a producer pay no heed to a requested schema.
        drop(requested_schema);
        let rows = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        capsule(py, rows)
    }
}
