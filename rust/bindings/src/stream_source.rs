//! Arrow streams from Python as a source: what exports `__arrow_c_stream__` or `__arrow_c_array__`.

use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};

use ::arrow_schema::SchemaRef;
use ::arrow_schema::ffi::FFI_ArrowSchema;
use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use dbferry::arrow_stream::{self, Incoming as Rows, Producer};
use dbferry::cancel::Cancel;
use dbferry::error::{Error, Kind, Result, Side};
use dbferry::plan::{Engine, Sizes, TablePlan, named};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyList};

use crate::errors;
use crate::fields;
use crate::snapshot::Snapshot;

const STREAM: &CStr = c"arrow_array_stream";
const ARRAY: &CStr = c"arrow_array";
const SCHEMA: &CStr = c"arrow_schema";

/// Opens a snapshot over streams that Python gives. `open` is called once per table with its plan (JSON) and
/// returns anything with `__arrow_c_stream__` or `__arrow_c_array__`; `count` gives a table's rows, which
/// are counted as they come when it is absent. Both are called on threads of the engine.
#[pyfunction]
#[pyo3(signature = (open, sizes, *, count=None, engine="arrow"))]
pub fn open_streams(
    py: Python<'_>,
    open: Py<PyAny>,
    sizes: &str,
    count: Option<Py<PyAny>>,
    engine: &str,
) -> PyResult<Snapshot> {
    let sizes: Sizes =
        serde_json::from_str(sizes).map_err(|error| errors::plan(py, "set of sizes", &error))?;
    let engine = named("engine", engine, "").map_err(|error| errors::raise(py, &error))?;
    let producer = Arc::new(PythonProducer { open, count, engine });
    Ok(Snapshot::new(arrow_stream::snapshot(producer, sizes.workers), sizes, Cancel::default()))
}

/// The fields of anything that tells its Arrow schema, as dicts. Takes no rows where the object tells its
/// schema without.
#[pyfunction]
pub fn arrow_schema<'py>(
    py: Python<'py>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let schema = match tell_schema(object)? {
        Some(schema) => schema,
        None => take(object)?.schema(),
    };
    fields::dicts(py, schema.fields())
}

/// A stream or an array taken over from its producer, with its schema at hand before the first row.
#[pyclass(frozen, module = "dbferry._native")]
pub struct Incoming {
    inner: Mutex<Option<Rows>>,
    schema: SchemaRef,
}

/// Takes a stream over. It can be given to `open_streams` once.
#[pyfunction]
pub fn take_stream(object: &Bound<'_, PyAny>) -> PyResult<Incoming> {
    let incoming = take(object)?;
    Ok(Incoming { schema: incoming.schema(), inner: Mutex::new(Some(incoming)) })
}

#[pymethods]
impl Incoming {
    /// The fields as `arrow_schema` gives them.
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        fields::dicts(py, self.schema.fields())
    }
}

struct PythonProducer {
    open: Py<PyAny>,
    count: Option<Py<PyAny>>,
    engine: Engine,
}

impl PythonProducer {
    fn call<T>(
        &self,
        table: &TablePlan,
        call: impl FnOnce(Python<'_>, String) -> PyResult<T>,
    ) -> Result<T> {
        let plan = serde_json::to_string(table)
            .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
        Python::attach(|py| call(py, plan).map_err(|error| errors::from_python(py, &error)))
            .map_err(|error| error.on(self.engine).at(Side::Source).in_table(&table.name))
    }
}

impl Drop for PythonProducer {
    /// A thread that lets go without the interpreter would leave the session behind it open until somebody else comes by.
    fn drop(&mut self) {
        Python::try_attach(|py| {
            drop(std::mem::replace(&mut self.open, py.None()));
            drop(self.count.take());
        });
    }
}

impl Producer for PythonProducer {
    fn open(&self, table: &TablePlan) -> Result<Rows> {
        self.call(table, |py, plan| take(self.open.call1(py, (plan,))?.bind(py)))
    }

    fn count(&self, table: &TablePlan) -> Result<Option<u64>> {
        let Some(count) = &self.count else { return Ok(None) };
        self.call(table, |py, plan| count.call1(py, (plan,))?.extract(py).map(Some))
    }

    /// Who can count its rows is a database.
    fn repeats(&self) -> bool {
        self.count.is_some()
    }
}

/// Takes the rows of an object over from it.
fn take(object: &Bound<'_, PyAny>) -> PyResult<Rows> {
    let py = object.py();
    if let Ok(taken) = object.cast::<Incoming>() {
        let taken = taken.get().inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        return taken.ok_or_else(|| PyValueError::new_err("the stream was already taken"));
    }
    let incoming = if object.hasattr("__arrow_c_stream__")? {
        let capsule = object.call_method0("__arrow_c_stream__")?;
        let pointer = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?;
        // SAFETY: a capsule of this name holds a stream; the moved-out stream is left released behind.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.cast().as_ptr()) };
        // The producer may need the interpreter from a thread of its own to tell its schema.
        py.detach(|| Rows::of_stream(stream))
    } else if object.hasattr("__arrow_c_array__")? {
        let pair = object.call_method0("__arrow_c_array__")?;
        let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = pair.extract()?;
        let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
        let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
        // SAFETY: capsules of these names hold these structs, which belong together.
        unsafe { Rows::of_array(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) }
    } else {
        let kind = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "a `{kind}` is no Arrow stream: it has neither __arrow_c_stream__ nor __arrow_c_array__"
        )));
    };
    incoming.map_err(|error| errors::raise(py, &error.on(Engine::Arrow).at(Side::Source)))
}

fn tell_schema(object: &Bound<'_, PyAny>) -> PyResult<Option<SchemaRef>> {
    let py = object.py();
    if let Ok(taken) = object.cast::<Incoming>() {
        return Ok(Some(Arc::clone(&taken.get().schema)));
    }
    if !object.hasattr("__arrow_c_schema__")? {
        return Ok(None);
    }
    let capsule = object.call_method0("__arrow_c_schema__")?;
    let pointer = capsule.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?;
    // SAFETY: a capsule of this name holds a schema, which lives as long as the capsule.
    let schema = unsafe { pointer.cast::<FFI_ArrowSchema>().as_ref() };
    let broken = |error: ::arrow_schema::ArrowError| PyValueError::new_err(error.to_string());
    let field = ::arrow_schema::Field::try_from(schema).map_err(broken)?;
    let columns = arrow_stream::columns(&field).map_err(|error| errors::raise(py, &error))?;
    Ok(Some(columns))
}
