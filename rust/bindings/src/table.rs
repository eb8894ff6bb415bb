//! One table or query as a stream that can be asked for at any time: sessions are opened with its first batch and
//! close with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use dbferry::cancel::Cancel;
use dbferry::copy::pace::Pace;
use dbferry::copy::progress::Progress;
use dbferry::copy::stream::{TableStream, Watch};
use dbferry::engines;
use dbferry::error::{Error, Kind, Result};
use dbferry::plan::{Endpoint, Sizes, TablePlan};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow::capsule;
use crate::errors;
use crate::runtime::{Owner, TURN};

/// What is read, and how.
#[derive(Clone)]
struct Order {
    endpoint: Endpoint,
    sizes: Sizes,
    table: TablePlan,
    /// What helps when a value doesn't fit.
    hint: Option<String>,
}

/// A stream at work, with what its sessions need to stay.
struct Work {
    stream: TableStream,
    _keeper: Option<Box<dyn Send>>,
}

impl Order {
    fn open(self, watch: &Watch) -> Result<Work> {
        let snapshot = engines::snapshot(&self.endpoint, &self.sizes, &watch.cancel)
            .map_err(|error| watch.cancel.cause(error))?;
        let readers: Vec<_> =
            snapshot.readers.into_iter().map(|reader| Arc::new(Mutex::new(reader))).collect();
        let stream = TableStream::open(self.table, &readers, self.sizes, watch)?;
        Ok(Work { stream, _keeper: snapshot.keeper })
    }
}

enum State {
    Asked(Box<Order>),
    /// Another thread connects, so that this one can notice Ctrl-C.
    Opening(Receiver<Result<Work>>),
    Reading(Box<Work>),
    Ended,
}

/// The batches of one consumer.
struct Batches {
    schema: SchemaRef,
    hint: Option<String>,
    state: State,
    watch: Watch,
    owner: Owner,
    /// The thread that asked for the stream: when it also pulls, Ctrl-C is noticed while it waits.
    opener: ThreadId,
}

impl Batches {
    fn interrupted(&self) -> bool {
        let main = self.opener == thread::current().id();
        main && Python::attach(|py| match py.check_signals() {
            Ok(()) => false,
            Err(_) => {
                // The consumer makes an exception of its own; this one is raised once it is through.
                let again = py.import("_thread").and_then(|m| m.call_method0("interrupt_main"));
                drop(again);
                true
            }
        })
    }

    /// The error with a hint in Python's words.
    fn hinted(&self, error: Error) -> Error {
        let theirs = error.hint().map(|hint| hint.replace("--on-loss ", "on_loss="));
        let ours = self.hint.clone().filter(|_| error.kind() == Kind::Data);
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => error.with_hint(format!("{ours}; or {theirs}")),
            (Some(hint), None) | (None, Some(hint)) => error.with_hint(hint),
            (None, None) => error,
        }
    }

    fn turn(&self) -> Result<()> {
        if self.interrupted() {
            return Err(Error::cancelled());
        }
        self.watch.cancel.check()
    }

    /// The next batch; nothing after the last.
    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Asked(order) => {
                    let (done, wait) = sync_channel(1);
                    let watch = self.watch.clone();
                    thread::spawn(move || done.send(order.open(&watch)));
                    self.state = State::Opening(wait);
                }
                State::Opening(wait) => match wait.recv_timeout(TURN) {
                    Ok(opened) => self.state = State::Reading(Box::new(opened?)),
                    Err(RecvTimeoutError::Timeout) => {
                        self.turn()?;
                        self.state = State::Opening(wait);
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(Error::new(Kind::Internal, "the engine panicked"));
                    }
                },
                State::Reading(mut work) => match work.stream.next_within(TURN) {
                    Some(None) => return Ok(None),
                    Some(Some(batch)) => {
                        let batch = batch?;
                        self.state = State::Reading(work);
                        return Ok(Some(batch));
                    }
                    None => {
                        self.turn()?;
                        self.state = State::Reading(work);
                    }
                },
                State::Ended => return Ok(None),
            }
        }
    }
}

impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.owner.is_here() {
            let text = "this stream belongs to the parent process; hint: read after the fork";
            return Some(Err(ArrowError::ExternalError(text.into())));
        }
        self.pull().transpose().map(|pulled| {
            pulled.map_err(|error| {
                self.watch.cancel.cancel();
                let error = self.hinted(error);
                let text = error.told();
                let mut failure = self.watch.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                ArrowError::ExternalError(text.into())
            })
        })
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // A forked child must not touch its parent's sockets.
        if self.owner.is_here() && !matches!(self.state, State::Ended | State::Asked(_)) {
            self.watch.cancel.cancel();
        }
    }
}

/// One table or query, to be read by whoever asks, as often as it is asked for.
#[pyclass(module = "dbferry._native")]
pub struct TableReader {
    order: Order,
    schema: SchemaRef,
    closed: AtomicBool,
    watches: Mutex<Vec<Watch>>,
}

/// What `table` says of `endpoint`, read with `sizes` (all JSON); nothing is opened yet. `hint` is what helps when
/// a value doesn't fit its type.
#[pyfunction]
#[pyo3(signature = (endpoint, sizes, table, hint=None))]
pub fn table_reader(
    py: Python<'_>,
    endpoint: &str,
    sizes: &str,
    table: &str,
    hint: Option<String>,
) -> PyResult<TableReader> {
    let endpoint: Endpoint =
        serde_json::from_str(endpoint).map_err(|error| errors::plan(py, "endpoint", &error))?;
    let sizes: Sizes =
        serde_json::from_str(sizes).map_err(|error| errors::plan(py, "set of sizes", &error))?;
    let table: TablePlan =
        serde_json::from_str(table).map_err(|error| errors::plan(py, "plan", &error))?;
    let schema = table.schema();
    let order = Order { endpoint, sizes, table, hint };
    Ok(TableReader { order, schema, closed: AtomicBool::default(), watches: Mutex::default() })
}

impl TableReader {
    fn watches(&self) -> Vec<Watch> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl TableReader {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol lets a producer pay no heed to a requested schema.
        drop(requested_schema);
        if self.closed.load(Ordering::SeqCst) {
            return Err(PyValueError::new_err("the stream is closed"));
        }
        let watch = Watch {
            pace: Arc::new(Pace::new(self.order.sizes.rate)),
            cancel: Cancel::default(),
            progress: Arc::new(Progress::new(1)),
            losses: Arc::default(),
            failure: Arc::default(),
        };
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).push(watch.clone());
        let batches = Batches {
            schema: Arc::clone(&self.schema),
            hint: self.order.hint.clone(),
            state: State::Asked(Box::new(self.order.clone())),
            watch,
            owner: Owner::here(),
            opener: thread::current().id(),
        };
        capsule(py, batches)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// Stops what reads and closes its sessions, from any thread; nobody can ask for it again.
    fn close(&self, py: Python<'_>) {
        self.closed.store(true, Ordering::SeqCst);
        py.detach(|| self.watches().iter().for_each(|watch| watch.cancel.cancel()));
    }

    /// Rows, bytes, ranges and ranges done, so far, of the last consumer.
    fn progress(&self) -> (u64, u64, u64, u64) {
        self.watches().last().map_or((0, 0, 0, 0), |watch| {
            let reading = watch.progress.table(0).reading();
            (reading.rows, reading.bytes, reading.ranges, reading.ranges_done)
        })
    }

    /// Raises the error that ended the last consumer's reading, if one did.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let Some(watch) = self.watches().pop() else { return Ok(()) };
        match &*watch.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(errors::raise(py, error)),
            None => Ok(()),
        }
    }

    /// `(table, column, code, rows)` for every policy that touched a value of the last consumer.
    fn losses(&self) -> Vec<(String, String, &'static str, u64)> {
        self.watches().last().map(|watch| watch.losses.counts()).unwrap_or_default()
    }
}
