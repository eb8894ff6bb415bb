//! Plain SQL for catalogs, probes and DDL.

use std::sync::{Mutex, PoisonError};

use dbferry::cancel::Cancel;
use dbferry::engines;
use dbferry::error::Side;
use dbferry::plan::{self, Endpoint, Engine};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors;
use crate::runtime::{Owner, supervise};

/// A session for plain SQL. Values come as the server prints them.
#[pyclass(module = "dbferry._native")]
pub struct Session {
    inner: Mutex<Option<Box<dyn dbferry::session::Session>>>,
    #[pyo3(get)]
    version: String,
    engine: Engine,
    side: Side,
    cancel: Cancel,
    owner: Owner,
    watch: Watch,
}

/// Called about ten times a second while a server is waited for; what it raises ends the session.
struct Watch(Option<Py<PyAny>>);

impl Watch {
    fn look(&self, py: Python<'_>) -> PyResult<()> {
        self.0.as_ref().map_or(Ok(()), |watch| watch.call0(py).map(drop))
    }
}

/// Opens a session; `endpoint` is JSON, `side` is `source` or `target`. A source's file is not written to.
#[pyfunction]
#[pyo3(signature = (endpoint, side, watch = None))]
pub fn connect(
    py: Python<'_>,
    endpoint: &str,
    side: &str,
    watch: Option<Py<PyAny>>,
) -> PyResult<Session> {
    let endpoint: Endpoint =
        serde_json::from_str(endpoint).map_err(|error| errors::plan(py, "endpoint", &error))?;
    let side = plan::named::<Side>("side", side, "").map_err(|error| errors::raise(py, &error))?;
    let (cancel, watch) = (Cancel::default(), Watch(watch));
    let open = || engines::session(&endpoint, side, &cancel);
    let inner = supervise(py, &cancel, open, |py| watch.look(py))?
        .map_err(|error| errors::raise(py, &error))?;
    let version = inner.version().to_owned();
    Ok(Session {
        inner: Mutex::new(Some(inner)),
        version,
        engine: endpoint.engine,
        side,
        cancel,
        owner: Owner::here(),
        watch,
    })
}

#[pymethods]
impl Session {
    /// Runs SQL and gives the rows of the last statement that returned any, as tuples of text or None.
    fn query<'py>(&self, py: Python<'py>, sql: &str) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.owner.check(py)?;
        let run = || {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.as_mut().map(|session| session.query(sql))
        };
        let closed = || pyo3::exceptions::PyValueError::new_err("the session is closed");
        supervise(py, &self.cancel, run, |py| self.watch.look(py))?
            .ok_or_else(closed)?
            .map_err(|error| errors::raise(py, &error.on(self.engine).at(self.side)))?
            .into_iter()
            .map(|row| PyTuple::new(py, row))
            .collect()
    }

    /// Runs SQL that returns nothing of interest.
    fn execute(&self, py: Python<'_>, sql: &str) -> PyResult<()> {
        self.query(py, sql).map(drop)
    }

    /// The columns of one query as JSON; it is prepared and not run.
    fn describe(&self, py: Python<'_>, sql: &str) -> PyResult<String> {
        self.owner.check(py)?;
        let run = || {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.as_mut().map(|session| session.describe(sql))
        };
        let closed = || pyo3::exceptions::PyValueError::new_err("the session is closed");
        let columns = supervise(py, &self.cancel, run, |py| self.watch.look(py))?
            .ok_or_else(closed)?
            .map_err(|error| errors::raise(py, &error.on(self.engine).at(self.side)))?;
        serde_json::to_string(&columns).map_err(|error| errors::plan(py, "description", &error))
    }

    /// Ends what it is doing, from any thread; it is of no use afterwards.
    fn cancel(&self) {
        self.cancel.cancel();
    }

    fn close(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
