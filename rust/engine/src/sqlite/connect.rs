//! Opening a file, and plain SQL on it.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::from_rusqlite;
use super::statement::{Statement, Value};
use crate::cancel::Cancel;
use crate::convert::append_hex;
use crate::error::{Error, Kind, Result, Side};
use crate::plan::{Endpoint, Engine};
use crate::session::{Described, Session, TextRow, no_rows};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The file must be there and isn't changed.
    Read,
    /// The file is made where it is missing.
    Write,
}

/// Opens the file and proves that it is a database.
pub(super) fn open(endpoint: &Endpoint, access: Access, cancel: &Cancel) -> Result<Connection> {
    opened(endpoint, access, cancel).map_err(|error| error.on(Engine::Sqlite))
}

fn opened(endpoint: &Endpoint, access: Access, cancel: &Cancel) -> Result<Connection> {
    cancel.check()?;
    let path = endpoint
        .path
        .as_deref()
        .map(Path::new)
        .ok_or_else(|| Error::new(Kind::Request, "no file is named for `SQLite`"))?;
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(Error::new(Kind::Request, format!("`{}` is a directory", path.display())));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && access == Access::Read => {
            return Err(Error::new(Kind::Missing, format!("no file `{}`", path.display())));
        }
        // Whatever else is wrong is told better by the attempt to open it.
        Ok(_) | Err(_) => {}
    }
    let mode = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(from_rusqlite)?;
    let interrupt = connection.get_interrupt_handle();
    cancel.on_cancel(move || interrupt.interrupt());
    harden(&connection, endpoint).map_err(from_rusqlite)?;
    super::masks::register(&connection).map_err(from_rusqlite)?;
    Ok(connection)
}

/// A file may come from anywhere: nothing in its schema may run functions that reach out of it.
fn harden(connection: &Connection, endpoint: &Endpoint) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(endpoint.connect_timeout_seconds))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Double quotes name things and never make text: a misspelt column is an error and not its own name.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.execute_batch(
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA foreign_keys = OFF;",
    )?;
    // Touches the file for the first time, and so tells whether it is a database.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// A session for catalogs, probes and DDL; a source is opened to be read only.
pub fn session(endpoint: &Endpoint, side: Side, cancel: &Cancel) -> Result<Box<dyn Session>> {
    let access = match side {
        Side::Source => Access::Read,
        Side::Target => Access::Write,
    };
    let connection = open(endpoint, access, cancel).map_err(|error| error.at(side))?;
    super::census::register(&connection).map_err(super::error::from_rusqlite)?;
    Ok(Box::new(Plain(connection)))
}

struct Plain(Connection);

impl Session for Plain {
    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        query(&self.0, sql)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Described>> {
        let (statement, taken) = Statement::first(&self.0, sql)?;
        let statement = statement.ok_or_else(no_rows)?;
        let rest = sql.get(taken..).unwrap_or_default();
        if Statement::first(&self.0, rest).map_or(true, |(next, _)| next.is_some()) {
            return Err(Error::new(
                Kind::Request,
                "several statements where one query was asked for",
            ));
        }
        if statement.width() == 0 || !statement.is_read_only() {
            return Err(no_rows());
        }
        if statement.has_parameters() {
            return Err(Error::new(Kind::Request, "the query has parameters")
                .with_hint("write their values into the query"));
        }
        let columns = (0..statement.width()).map(|column| Described {
            name: statement.name(column),
            declared: statement.declared(column),
            ..Described::default()
        });
        Ok(columns.collect())
    }

    fn version(&self) -> &str {
        rusqlite::version()
    }
}

/// The rows of the last statement that gives any.
pub(super) fn query(connection: &Connection, sql: &str) -> Result<Vec<TextRow>> {
    let mut rest = sql;
    let mut last = Vec::new();
    while !rest.is_empty() {
        let (statement, taken) = Statement::first(connection, rest)?;
        rest = rest.get(taken.max(1)..).unwrap_or_default();
        let Some(mut statement) = statement else { continue };
        let mut rows = Vec::new();
        while statement.step()? {
            let row = (0..statement.width()).map(|column| printed(&statement, column));
            rows.push(row.collect::<Result<TextRow>>()?);
        }
        if statement.width() > 0 {
            last = rows;
        }
    }
    Ok(last)
}

fn printed(statement: &Statement<'_>, column: usize) -> Result<Option<String>> {
    Ok(match statement.value(column)? {
        Value::Null => None,
        Value::Integer(whole) => Some(whole.to_string()),
        Value::Real(real) => Some(real_text(real)),
        Value::Text(text) => {
            let text = std::str::from_utf8(text).map_err(|_| {
                Error::new(Kind::Data, "a text of the result isn't valid UTF-8").on(Engine::Sqlite)
            })?;
            Some(text.to_owned())
        }
        Value::Blob(blob) => {
            let mut text = Vec::new();
            append_hex(&mut text, blob);
            Some(String::from_utf8_lossy(&text).into_owned())
        }
    })
}

/// The shortest text that reads back as the same number, always with a point or an exponent.
pub(super) fn real_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    format!("{value:?}")
}

/// Rows of a relation, as SQL names it.
pub(super) fn count(connection: &Connection, relation: &str) -> Result<u64> {
    let mut statement = Statement::new(connection, &format!("SELECT count(*) FROM {relation}"))?;
    let counted = if statement.step()? { statement.value(0)? } else { Value::Integer(0) };
    match counted {
        Value::Integer(rows) => u64::try_from(rows).ok(),
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
    }
    .ok_or_else(|| Error::new(Kind::Internal, "a count below zero"))
}
