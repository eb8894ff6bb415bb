//! `dbferry._native`: the engine's verbs for Python. Plans come in as JSON text, reports go out the same way;
//! rows never become Python objects.

mod arrow;
mod errors;
mod fields;
mod runtime;
mod session;
mod sifted;
mod snapshot;
mod stream_source;
mod table;

use std::time::Duration;

use dbferry::cancel;
use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::arrow::ArrowStream;
    #[pymodule_export]
    use super::session::{Session, connect};
    #[pymodule_export]
    use super::sifted::SiftedTable;
    #[pymodule_export]
    use super::snapshot::{Snapshot, open_snapshot};
    #[pymodule_export]
    use super::stream_source::{Incoming, arrow_schema, open_streams, take_stream};
    #[pymodule_export]
    use super::table::{TableReader, table_reader};
    #[pymodule_export]
    use super::{build_profile, version, wait_told};
}

/// The version of the engine.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// `release` or `debug`.
#[pyfunction]
fn build_profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

/// For the end of the process: waits a moment until servers have heard that nobody waits for them any more.
#[pyfunction]
fn wait_told(py: Python<'_>) {
    py.detach(|| cancel::wait_told(Duration::from_secs(1)));
}
