//! A session for plain SQL: catalogs, probes, DDL.

use crate::error::Result;

/// A row of text values, as the server prints them.
pub type TextRow = Vec<Option<String>>;

pub trait Session: Send {
    /// Runs one statement or several and gives the rows of the last that returned any.
    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>>;

    /// The server's version as it tells it: `15.8`, `10.11.6-MariaDB-0+deb12u1`, `9.7.0`, `3.53.4`.
    fn version(&self) -> &str;
}
