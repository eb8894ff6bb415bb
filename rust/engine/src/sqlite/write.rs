//! Bulk in: one writer, one transaction per range.
//!
//! The file keeps the journal mode it has. Without a journal, or with one in memory, a killed process would
//! leave a damaged file behind, and the file may hold more than what is loaded now; with one commit per range
//! the journal's cost is small. `synchronous` is NORMAL, which in WAL mode can lose the last commits when
//! the power fails but never damages the file. These settings belong to the session and end with it.

use rusqlite::Connection;

use super::connect::{Access, count, open, query};
use super::ledger::mark;
use super::statement::Statement;
use super::{encode, error, quoted};
use crate::block::{Block, Rows};
use crate::copy::sift::{Sieve, Sifting, sift};
use crate::error::{Error, Kind, Result, Side};
use crate::plan::{Engine, Range, TablePlan};
use crate::target::{Accepted, Writer, WriterOpening, Written};

/// `SQLite` has one writer at a time; a second would only wait for the first.
pub const MAX_WRITERS: usize = 1;

/// 64 MiB of pages stay in memory: enough for a range to be written once, with its indexes' inner pages.
const SETTINGS: &str = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = NORMAL; \
    PRAGMA cache_size = -65536; PRAGMA recursive_triggers = OFF;";

pub fn writer(opening: WriterOpening) -> Result<Box<dyn Writer>> {
    let connection = open(&opening.endpoint, Access::Write, &opening.cancel)
        .map_err(|error| error.at(Side::Target))?;
    connection
        .execute_batch(SETTINGS)
        .map_err(|cause| error::from_rusqlite(cause).at(Side::Target))?;
    Ok(Box::new(FileWriter { connection, opening }))
}

struct FileWriter {
    connection: Connection,
    opening: WriterOpening,
}

impl Writer for FileWriter {
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written> {
        self.transact(table, range, |writer| {
            let written = writer.insert(table, blocks)?;
            accepted().map_err(Failed::Theirs)?;
            Ok(written)
        })
    }

    fn sift(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        sieve: &Sieve<'_>,
    ) -> Result<Written> {
        self.transact(table, range, |writer| {
            sift(writer, table, range, blocks, sieve).map_err(Failed::Own)
        })
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        count(&self.connection, &table.target)
            .map_err(|error| error.on(Engine::Sqlite).at(Side::Target).in_table(&table.name))
    }

    fn landed(&mut self, table: &TablePlan, range: &Range) -> Result<Option<Written>> {
        let Some(ledger) = &self.opening.ledger else { return Ok(None) };
        let answer = query(&self.connection, &ledger.entry(table, range));
        ledger.written(&answer.map_err(|error| error.on(Engine::Sqlite).at(Side::Target))?)
    }
}

impl Sifting for FileWriter {
    fn run(&mut self, sql: &str) -> Result<()> {
        self.execute(sql)
    }

    fn put(&mut self, table: &TablePlan, block: Block) -> Result<Written> {
        self.insert(table, &mut std::iter::once(Ok(block))).map_err(Failed::error)
    }

    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    fn ends(&self, bytes: &[u8], width: usize) -> Result<Vec<usize>> {
        encode::ends_raw(bytes, width)
    }

    fn texts(&self, row: &[u8]) -> Vec<Option<Vec<u8>>> {
        encode::texts_raw(row)
    }
}

impl FileWriter {
    fn transact(
        &mut self,
        table: &TablePlan,
        range: &Range,
        fill: impl FnOnce(&mut Self) -> Result<Written, Failed>,
    ) -> Result<Written> {
        let placed = |error: Error| {
            error.on(Engine::Sqlite).at(Side::Target).in_table(&table.name).in_range(&range.label())
        };
        self.execute("BEGIN IMMEDIATE").map_err(placed)?;
        let opened = table.opening.as_ref().map_or(Ok(()), |sql| self.execute(sql));
        let filled = opened.map_err(Failed::Own).and_then(|()| fill(self));
        let done = filled.and_then(|written| {
            if let Some(ledger) = &self.opening.ledger {
                mark(&self.connection, ledger, table, range, written)?;
            }
            self.execute("COMMIT").map_err(Failed::Own)?;
            Ok(written)
        });
        done.map_err(|failed| {
            // An error such as a full disk may have rolled back already.
            let undone =
                if self.connection.is_autocommit() { Ok(()) } else { self.execute("ROLLBACK") };
            let error = match failed {
                Failed::Own(error) => placed(error),
                Failed::Theirs(error) => error,
            };
            match undone {
                Ok(()) => error,
                Err(undone) => error.with_detail(format!("the rollback failed as well: {undone}")),
            }
        })
    }
}

/// Whose error it is: the reader's keeps its own place.
enum Failed {
    Own(Error),
    Theirs(Error),
}

impl Failed {
    fn error(self) -> Error {
        match self {
            Failed::Own(error) | Failed::Theirs(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl FileWriter {
    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(error::from_rusqlite)
    }

    fn insert(
        &self,
        table: &TablePlan,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
    ) -> Result<Written, Failed> {
        let mut statement = Statement::new(&self.connection, &insert_sql(table))?;
        let mut written = Written::default();
        for block in blocks {
            let block = block.map_err(Failed::Theirs)?;
            self.opening.cancel.check()?;
            let count = block.count();
            match &block.rows {
                Rows::Arrow(batch) => {
                    encode::insert(&mut statement, table, batch, written.rows)?;
                    written.bytes += batch.get_array_memory_size() as u64;
                }
                Rows::Raw { bytes, count } => {
                    let rows = written.rows..written.rows + count;
                    encode::insert_raw(&mut statement, table.columns.len(), bytes, rows)?;
                    written.bytes += bytes.len() as u64;
                }
                Rows::Unfit(_) => {
                    let message = "rows were put aside in a range that isn't sifted";
                    return Err(Error::new(Kind::Internal, message).into());
                }
            }
            written.rows += count;
        }
        Ok(written)
    }
}

/// `OR ABORT` overrules what the table's own constraints may say, such as to skip a row in silence.
fn insert_sql(table: &TablePlan) -> String {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(&column.target)).collect();
    let marks = vec!["?"; names.len()].join(", ");
    format!("INSERT OR ABORT INTO {} ({}) VALUES ({marks})", table.target, names.join(", "))
}
