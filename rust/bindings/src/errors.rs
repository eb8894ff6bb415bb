//! The engine's error as Python's: the one place where they are mapped.

use dbferry::error::{Error, Kind};
use dbferry::plan::named;
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
    raise(py, &Error::new(Kind::Internal, format!("the engine can't take this {what}: {error}")))
}

/// An exception of the producer's own code as the engine's error; one of `dbferry.errors` keeps its fields.
pub fn from_python(py: Python<'_>, exception: &PyErr) -> Error {
    ours(py, exception).unwrap_or_else(|| {
        let told = told(py, exception);
        Error::new(Kind::Data, format!("the incoming stream failed: {told}"))
    })
}

/// The same for the code that takes rows: what it can't name is no fault of a row.
pub fn of_taker(py: Python<'_>, exception: &PyErr) -> Error {
    ours(py, exception).unwrap_or_else(|| Error::new(Kind::Internal, told(py, exception)))
}

fn told(py: Python<'_>, exception: &PyErr) -> String {
    let value = exception.value(py);
    let class = value.get_type().name().map_or_else(|_| "Exception".into(), |n| n.to_string());
    format!("{class}: {value}")
}

fn ours(py: Python<'_>, exception: &PyErr) -> Option<Error> {
    let value = exception.value(py);
    let text = |name: &str| -> Option<String> { value.getattr(name).ok()?.extract().ok()? };
    let ours = py
        .import("dbferry.errors")
        .and_then(|module| module.getattr("DbferryError"))
        .is_ok_and(|class| value.is_instance(&class).unwrap_or(false));
    if !ours {
        return None;
    }
    let kind = text("kind").and_then(|kind| named("kind", &kind, "").ok());
    let mut error = Error::new(kind.unwrap_or(Kind::Internal), text("message").unwrap_or_default());
    if let Some(engine) = text("engine").and_then(|engine| named("engine", &engine, "").ok()) {
        error = error.on(engine);
    }
    if let Some(code) = text("code") {
        error = error.with_code(code);
    }
    if let Some(detail) = text("detail") {
        error = error.with_detail(detail);
    }
    if let Some(hint) = text("hint") {
        error = error.with_hint(hint);
    }
    if let Some(column) = text("column") {
        error = error.in_column(&column);
    }
    Some(error)
}
