//! A table's rows for any consumer that speaks the Arrow C stream interface.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use dbferry::copy::stream::{TableStream, Watch};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors;

/// A table's rows, once, through `__arrow_c_stream__`.
#[pyclass(module = "dbferry._native")]
pub struct ArrowStream {
    stream: Mutex<Option<TableStream>>,
    watch: Watch,
}

/// Batches as the Arrow C stream interface hands them over.
pub fn capsule(
    py: Python<'_>,
    batches: impl RecordBatchReader + Send + 'static,
) -> PyResult<Bound<'_, PyCapsule>> {
    let shared = Shared { schema: batches.schema(), batches: Mutex::new(batches) };
    let stream = FFI_ArrowArrayStream::new(Box::new(shared));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

/// One at a time: the interface promises nothing to two threads that take batches of one stream, and consumers let them.
struct Shared<B> {
    schema: SchemaRef,
    batches: Mutex<B>,
}

impl<B: Send> Shared<B> {
    fn taken(&self) -> MutexGuard<'_, B> {
        loop {
            match self.batches.try_lock() {
                Ok(taken) => return taken,
                Err(TryLockError::Poisoned(taken)) => return taken.into_inner(),
                // Whoever takes a batch may need the interpreter for it, which this thread may hold.
                Err(TryLockError::WouldBlock) => {
                    Python::attach(|py| py.detach(|| drop(self.batches.lock())));
                }
            }
        }
    }
}

impl<B: RecordBatchReader + Send> Iterator for Shared<B> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.taken().next()
    }
}

impl<B: RecordBatchReader + Send> RecordBatchReader for Shared<B> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl ArrowStream {
    pub fn new(stream: TableStream, watch: Watch) -> Self {
        Self { stream: Mutex::new(Some(stream)), watch }
    }
}

#[pymethods]
impl ArrowStream {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol lets a producer pay no heed to a requested schema.
        drop(requested_schema);
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = stream.ok_or_else(|| {
            pyo3::exceptions::PyValueError::new_err("the stream was already taken")
        })?;
        capsule(py, stream)
    }

    /// Rows, bytes, ranges and ranges done, so far.
    fn progress(&self) -> (u64, u64, u64, u64) {
        let reading = self.watch.progress.table(0).reading();
        (reading.rows, reading.bytes, reading.ranges, reading.ranges_done)
    }

    /// Raises the error that ended the stream, if one did.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.watch.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(errors::raise(py, error)),
            None => Ok(()),
        }
    }

    /// `(table, column, code, rows)` for every policy that touched a value.
    fn losses(&self) -> Vec<(String, String, &'static str, u64)> {
        Arc::clone(&self.watch.losses).counts()
    }
}
