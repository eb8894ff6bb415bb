//! A session for plain SQL: catalogs, probes, DDL.

use std::thread;

use serde::Serialize;

use crate::error::{Error, Kind, Result};

/// A row of text values, as the server prints them.
pub type TextRow = Vec<Option<String>>;

/// A column of a query's result, known before the query runs: what the server tells, in its own numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Described {
    pub name: String,
    /// PostgreSQL: the type's oid. MySQL: the byte of the type.
    pub number: u32,
    /// PostgreSQL: the type's modifier. MySQL: the longest value in bytes.
    pub size: i64,
    /// MySQL: digits after the point, or of the fraction of a second.
    pub decimals: u8,
    /// MySQL: the flags of the column.
    pub flags: u16,
    /// MySQL: the collation; 63 for bytes.
    pub collation: u16,
    /// MySQL: schema, table and column that the values come from as they are.
    pub origin: Option<(String, String, String)>,
    /// SQLite: the type that the column was declared with.
    pub declared: Option<String>,
}

pub trait Session: Send {
    /// Runs one statement or several and gives the rows of the last that returned any.
    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>>;

    /// The columns of one query, which is prepared and not run.
    fn describe(&mut self, sql: &str) -> Result<Vec<Described>>;

    /// The server's version as it tells it: `15.8`, `10.11.6-MariaDB-0+deb12u1`, `9.7.0`, `3.53.4`.
    fn version(&self) -> &str;
}

/// Opens so many of what waits for a server, side by side.
pub fn together<T: Send>(count: usize, open: impl Fn() -> Result<T> + Sync) -> Vec<Result<T>> {
    let lost = || Error::new(Kind::Internal, "a thread that opened a session has panicked");
    thread::scope(|scope| {
        let opening: Vec<_> = (0..count).map(|_| scope.spawn(&open)).collect();
        let opened = opening.into_iter().map(|one| one.join().unwrap_or_else(|_| Err(lost())));
        opened.collect()
    })
}

/// What was asked to be read gives no rows.
pub(crate) fn no_rows() -> Error {
    Error::new(Kind::Request, "the statement gives no rows")
        .with_hint("give a query: SELECT, WITH, VALUES or TABLE")
}
