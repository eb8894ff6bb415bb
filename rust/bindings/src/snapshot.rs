//! A source's snapshot: copied to a target, or read as Arrow.

use std::sync::{Arc, Mutex, PoisonError};

use dbferry::cancel::Cancel;
use dbferry::copy::pace::Pace;
use dbferry::copy::patience::persist;
use dbferry::copy::progress::Progress;
use dbferry::copy::runner::{Commit, OnError, Run, copy};
use dbferry::copy::stream::{How, Lent, TableBlocks, TableStream, Watch, usable};
use dbferry::engines;
use dbferry::error::{Result, Side};
use dbferry::ledger::Ledger;
use dbferry::plan::{Endpoint, Range, Retry, Sizes, TablePlan, Work};
use dbferry::quarantine::Quarantine;
use dbferry::session::{TextRow, together};
use dbferry::source::{Order, Reader, Reading};
use dbferry::target::{Writer, WriterOpening};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::arrow::ArrowStream;
use crate::errors;
use crate::runtime::{Owner, supervise};
use crate::sifted::SiftedTable;

/// One consistent view of a source.
#[pyclass(module = "dbferry._native")]
pub struct Snapshot {
    readers: Vec<Lent>,
    _keeper: Mutex<Option<Box<dyn Send>>>,
    /// How the point was got.
    #[pyo3(get)]
    method: String,
    /// Which transactions it sees: two that are equal see the same rows.
    #[pyo3(get)]
    token: Option<String>,
    sizes: Sizes,
    cancel: Cancel,
    pace: Arc<Pace>,
    owner: Owner,
}

/// Opens a snapshot; `endpoint` and `sizes` are JSON.
#[pyfunction]
pub fn open_snapshot(py: Python<'_>, endpoint: &str, sizes: &str) -> PyResult<Snapshot> {
    let endpoint: Endpoint =
        serde_json::from_str(endpoint).map_err(|error| errors::plan(py, "endpoint", &error))?;
    let sizes: Sizes =
        serde_json::from_str(sizes).map_err(|error| errors::plan(py, "set of sizes", &error))?;
    let cancel = Cancel::default();
    let snapshot =
        supervise(py, &cancel, || engines::snapshot(&endpoint, &sizes, &cancel), |_| Ok(()))?
            .map_err(|error| errors::raise(py, &error))?;
    Ok(Snapshot::new(snapshot, sizes, cancel))
}

impl Snapshot {
    pub fn new(snapshot: dbferry::source::Snapshot, sizes: Sizes, cancel: Cancel) -> Self {
        Self {
            readers: snapshot.readers.into_iter().map(|r| Arc::new(Mutex::new(r))).collect(),
            _keeper: Mutex::new(snapshot.keeper),
            method: snapshot.method,
            token: snapshot.token,
            pace: Arc::new(Pace::new(sizes.rate)),
            sizes,
            cancel,
            owner: Owner::here(),
        }
    }
}

/// A reader that stays in the snapshot while a copy uses it.
struct Borrowed(Lent);

impl Reader for Borrowed {
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ranges(table, sizes)
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(dbferry::block::Block) -> Result<()>,
    ) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(table, range, reading, emit)
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count(table)
    }

    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).query(sql)
    }

    fn order(&mut self, table: &TablePlan) -> Result<Vec<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).order(table)
    }

    fn lost(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).lost()
    }

    fn repeats(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).repeats()
    }

    fn renew(&mut self) -> Result<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).renew()
    }
}

/// How a copy is done, besides what is copied.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Terms {
    /// Commit nothing before every row is there; the target's tables aren't counted.
    together: bool,
    /// Other tables go on when one fails.
    go_on: bool,
    retry: Retry,
    ledger: Option<Ledger>,
    /// Where rows go that don't fit.
    quarantine: Option<Quarantine>,
}

impl Snapshot {
    /// A writer for each reader, or fewer where the target bears no more.
    fn writers(&self, opening: &WriterOpening, retry: Retry) -> Result<Vec<Box<dyn Writer>>> {
        let wanted = self.readers.len().min(engines::most_writers(opening.endpoint.engine));
        let open = || engines::writer(opening.clone());
        let mut writers = vec![persist(retry, &self.cancel, |_| (), open)?];
        for opened in together(wanted.saturating_sub(1), open) {
            match opened {
                Ok(writer) => writers.push(writer),
                // Fewer sessions than wished are enough.
                Err(error) if error.kind().retryable() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(writers)
    }
}

impl Snapshot {
    /// What is watched of a table that is read by itself.
    fn watch(&self) -> Watch {
        Watch {
            pace: Arc::clone(&self.pace),
            cancel: self.cancel.clone(),
            progress: Arc::new(Progress::new(1)),
            losses: Arc::default(),
            failure: Arc::default(),
        }
    }
}

#[pymethods]
impl Snapshot {
    /// Sessions that are open in it.
    #[getter]
    fn sessions(&self) -> usize {
        self.readers.len()
    }

    /// Cuts a table (JSON) into ranges that together hold each of its rows once, as JSON.
    fn cut(&self, py: Python<'_>, table: &str) -> PyResult<String> {
        self.owner.check(py)?;
        let table: TablePlan =
            serde_json::from_str(table).map_err(|error| errors::plan(py, "plan", &error))?;
        let cut = || {
            let mut reader = self.readers[0].lock().unwrap_or_else(PoisonError::into_inner);
            let sizes = Sizes { workers: self.readers.len(), ..self.sizes };
            reader
                .ranges(&table, &sizes)
                .map_err(|error| error.at(Side::Source).in_table(&table.name))
        };
        let ranges = supervise(py, &self.cancel, cut, |_| Ok(()))?
            .map_err(|error| errors::raise(py, &error))?;
        serde_json::to_string(&ranges).map_err(|error| errors::plan(py, "range", &error))
    }

    /// Copies tables (JSON) to a target (JSON) and gives what came of it as JSON.
    ///
    /// `work`: what is left to do of each table (JSON, `Work` each). `terms`: how it is done (JSON). `watch` is called
    /// every tenth of a second with a list of `(rows, bytes, ranges, ranges done)` per table; what it raises stops
    /// the copy.
    #[pyo3(signature = (target, tables, work, watch=None, terms="{}"))]
    fn copy(
        &self,
        py: Python<'_>,
        target: &str,
        tables: &str,
        work: &str,
        watch: Option<Py<PyAny>>,
        terms: &str,
    ) -> PyResult<String> {
        self.owner.check(py)?;
        let endpoint: Endpoint =
            serde_json::from_str(target).map_err(|error| errors::plan(py, "endpoint", &error))?;
        let tables: Vec<TablePlan> =
            serde_json::from_str(tables).map_err(|error| errors::plan(py, "plan", &error))?;
        let todo: Vec<Work> =
            serde_json::from_str(work).map_err(|error| errors::plan(py, "work", &error))?;
        let terms: Terms =
            serde_json::from_str(terms).map_err(|error| errors::plan(py, "terms", &error))?;
        let progress = Progress::new(tables.len());
        let commit = match (terms.together, &terms.ledger) {
            (true, _) => Commit::Together,
            (false, ledger) => Commit::Each { ledger: ledger.is_some() },
        };
        let opening = WriterOpening { endpoint, cancel: self.cancel.clone(), ledger: terms.ledger };
        let work = || {
            let mut writers = self.writers(&opening, terms.retry)?;
            let mut readers: Vec<Box<dyn Reader>> =
                self.readers.iter().map(|r| Box::new(Borrowed(Arc::clone(r))) as _).collect();
            let run = Run {
                tables: &tables,
                work: &todo,
                sizes: Sizes { workers: readers.len().min(writers.len()), ..self.sizes },
                cancel: &self.cancel,
                progress: &progress,
                pace: &self.pace,
                commit,
                retry: terms.retry,
                quarantine: terms.quarantine.as_ref(),
                on_error: if terms.go_on { OnError::Continue } else { OnError::Stop },
            };
            Ok(copy(&run, &mut readers, &mut writers))
        };
        let turn = |py: Python<'_>| match &watch {
            Some(callback) => {
                let readings: Vec<(u64, u64, u64, u64)> = progress
                    .readings()
                    .iter()
                    .map(|r| (r.rows, r.bytes, r.ranges, r.ranges_done))
                    .collect();
                callback.call1(py, (readings,)).map(drop)
            }
            None => Ok(()),
        };
        let copied =
            supervise(py, &self.cancel, work, turn)?.map_err(|error| errors::raise(py, &error))?;
        serde_json::to_string(&copied).map_err(|error| errors::plan(py, "report", &error))
    }

    /// One table (JSON) as an Arrow stream, read by all sessions.
    fn stream(&self, py: Python<'_>, table: &str) -> PyResult<ArrowStream> {
        self.owner.check(py)?;
        let table: TablePlan =
            serde_json::from_str(table).map_err(|error| errors::plan(py, "plan", &error))?;
        let watch = self.watch();
        let open = || TableStream::open(table, &self.readers, self.sizes, &watch);
        let stream = supervise(py, &self.cancel, open, |_| Ok(()))?
            .map_err(|error| errors::raise(py, &error))?;
        Ok(ArrowStream::new(stream, watch))
    }

    /// One table (JSON) whose rows are looked at one by one; `how` (JSON) tells what of it and how closely.
    fn sifted(&self, py: Python<'_>, table: &str, how: &str) -> PyResult<SiftedTable> {
        self.owner.check(py)?;
        let table: TablePlan =
            serde_json::from_str(table).map_err(|error| errors::plan(py, "plan", &error))?;
        let how: How =
            serde_json::from_str(how).map_err(|error| errors::plan(py, "manner", &error))?;
        let watch = self.watch();
        let open = || TableBlocks::open(table.clone(), how, &self.readers, self.sizes, &watch);
        let blocks = supervise(py, &self.cancel, open, |_| Ok(()))?
            .map_err(|error| errors::raise(py, &error))?;
        Ok(SiftedTable::new(blocks, table, watch))
    }

    /// Rows of a table (JSON) in the snapshot.
    fn count(&self, py: Python<'_>, table: &str) -> PyResult<u64> {
        self.owner.check(py)?;
        let table: TablePlan =
            serde_json::from_str(table).map_err(|error| errors::plan(py, "plan", &error))?;
        let count = || {
            let readers = usable(&self.readers)?;
            readers[0].lock().unwrap_or_else(PoisonError::into_inner).count(&table)
        };
        supervise(py, &self.cancel, count, |_| Ok(()))?.map_err(|error| errors::raise(py, &error))
    }

    /// Lets what copies from it wait, or go on; from any thread.
    fn rest(&self, rests: bool) {
        self.pace.rest(rests);
    }

    /// Stops whatever runs on it, from any thread.
    fn cancel(&self) {
        self.cancel.cancel();
    }
}
