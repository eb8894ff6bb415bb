//! The engine's error as Python's: the one place where they are mapped.

use dbferry::error::Error;
use pyo3::prelude::*;

/// Raises the class of `dbferry.errors` that belongs to the error's kind, with all its fields.
pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let fields = serde_json::to_string(error)
            .map_err(|e| pyo3::exceptions::PyRuntimeError::new_err(e.to_string()))?;
        let fields = py.import("json")?.getattr("loads")?.call1((fields,))?;
        let exception = py.import("dbferry.errors")?.getattr("from_fields")?.call1((fields,))?;
        Ok(PyErr::from_value(exception))
    };
    build().unwrap_or_else(|failure| failure)
}

/// A plan that isn't the JSON that this engine takes: a fault of the Python layer.
pub fn plan(py: Python<'_>, what: &str, error: &serde_json::Error) -> PyErr {
    use dbferry::error::Kind;
    raise(py, &Error::new(Kind::Internal, format!("the engine can't take this {what}: {error}")))
}
