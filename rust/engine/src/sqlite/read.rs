//! Bulk out: readers in read transactions that all see one version of the file.
//!
//! The first look at the file fixes what a transaction sees: in WAL mode others go on writing beside
//! it, in the older journal modes they wait. Between two files (`Transfer::Raw`) a block is
//! whole rows of values, each `tag u8, length u32 little endian, bytes`: tag 0 NULL (length 0), 1 integer
//! and 2 real (8 bytes, little endian), 3 text, 4 blob, with the bytes exactly as they lie in the file.

use std::time::UNIX_EPOCH;

use arrow_array::RecordBatch;
use rusqlite::Connection;

use super::connect::{Access, count, open, query};
use super::decode::Columns;
use super::statement::{Statement, Value};
use super::{error, quoted, ranges};
use crate::block::{Block, Rows, emit_all};
use crate::cancel::Cancel;
use crate::convert;
use crate::copy::budget::{LARGE, Permit};
use crate::copy::sift::decode_halves;
use crate::error::{Error, Kind, Result, Side};
use crate::plan::{Endpoint, Engine, Range, Sizes, TablePlan, Transfer};
use crate::quarantine::{Unfit, of_row};
use crate::session::TextRow;
use crate::source::{Order, Reader, Reading, Snapshot};

/// Bytes after which a raw block is closed.
const RAW_BLOCK: usize = 256 << 10;

/// How often the point is tried to be fixed on all sessions while others write.
const TRIES: usize = 5;

/// Opens the file and fixes the point that is read, on as many sessions as asked for and possible.
pub fn snapshot(endpoint: &Endpoint, sizes: &Sizes, cancel: &Cancel) -> Result<Snapshot> {
    let before = version(endpoint);
    let snapshot = |readers: Vec<FileReader>| Snapshot {
        method: "one version of the file".to_owned(),
        readers: readers.into_iter().map(|reader| Box::new(reader) as _).collect(),
        // Who has written meanwhile may be seen or not.
        token: before.clone().filter(|before| version(endpoint).as_ref() == Some(before)),
        keeper: None,
    };
    if sizes.workers > 1 {
        for _ in 0..TRIES {
            if let Some(readers) = readers_at_once(endpoint, sizes.workers, cancel)? {
                return Ok(snapshot(readers));
            }
        }
    }
    let reader = FileReader::begin(endpoint, endpoint.connect_timeout_seconds, cancel)?;
    Ok(snapshot(vec![reader]))
}

/// What any commit changes of the file or of its log: sizes and times of change.
fn version(endpoint: &Endpoint) -> Option<String> {
    let path = endpoint.path.as_ref()?;
    let told = |path: &str| {
        let told = std::fs::metadata(path).ok()?;
        let changed = told.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{}@{}", told.len(), changed.as_nanos()))
    };
    let log = told(&format!("{path}-wal")).filter(|log| !log.starts_with("0@"));
    Some(format!("{} {}", told(path)?, log.unwrap_or_default()))
}

/// Readers that all see the same: nobody has written between the first one's beginning and the last one's,
/// says a session that watches. `None` when somebody has, or holds the file.
fn readers_at_once(
    endpoint: &Endpoint,
    count: usize,
    cancel: &Cancel,
) -> Result<Option<Vec<FileReader>>> {
    let watch = open(endpoint, Access::Read, cancel).map_err(|error| error.at(Side::Source))?;
    let version = || -> Result<i64> {
        watch
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(|cause| error::from_rusqlite(cause).at(Side::Source))
    };
    let before = version()?;
    let mut readers = vec![FileReader::begin(endpoint, endpoint.connect_timeout_seconds, cancel)?];
    while readers.len() < count {
        // A writer that waits for the first reader would be waited for by the second.
        match FileReader::begin(endpoint, 0, cancel) {
            Ok(reader) => readers.push(reader),
            Err(error) if error.kind() == Kind::Busy => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok((version()? == before).then_some(readers))
}

struct FileReader {
    connection: Connection,
}

impl FileReader {
    /// Opens a session in a read transaction; waits so long for a writer to let go of the file.
    fn begin(endpoint: &Endpoint, patience_seconds: u64, cancel: &Cancel) -> Result<Self> {
        let endpoint = Endpoint { connect_timeout_seconds: patience_seconds, ..endpoint.clone() };
        let begin = || {
            let connection = open(&endpoint, Access::Read, cancel)?;
            connection
                .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
                .map_err(error::from_rusqlite)?;
            Ok(Self { connection })
        };
        begin().map_err(|error: Error| error.at(Side::Source))
    }
}

impl Reader for FileReader {
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        ranges::cut(&self.connection, table, sizes).map_err(|error| placed(error, table))
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        // What `emit` fails with is another's error, and is passed on as it came.
        let mut theirs = false;
        let mut emit = |block: Block| emit(block).inspect_err(|_| theirs = true);
        let run = Run { connection: &self.connection, table, range, reading };
        let done = match table.transfer {
            Transfer::Arrow => run.arrow(&mut emit),
            Transfer::Raw => run.raw(&mut emit),
            Transfer::RawBinary => {
                Err(Error::new(Kind::Unsupported, "`SQLite` has no binary form for COPY"))
            }
        };
        match done {
            Err(error) if !theirs => Err(placed(error, table).in_range(&range.label())),
            done => done,
        }
    }

    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        query(&self.connection, sql).map_err(|error| error.at(Side::Source))
    }

    fn order(&mut self, table: &TablePlan) -> Result<Vec<Order>> {
        let order = |name: &String| {
            let column = quoted(name);
            Order { literal: format!("quote({column})"), column }
        };
        Ok(table.told_by.iter().map(order).collect())
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        count(&self.connection, &table.source).map_err(|error| placed(error, table))
    }
}

fn placed(error: Error, table: &TablePlan) -> Error {
    error.on(Engine::Sqlite).at(Side::Source).in_table(&table.name)
}

type Emit<'a> = &'a mut dyn FnMut(Block) -> Result<()>;

struct Run<'a> {
    connection: &'a Connection,
    table: &'a TablePlan,
    range: &'a Range,
    reading: &'a Reading<'a>,
}

impl Run<'_> {
    fn statement(&self) -> Result<Statement<'_>> {
        let expressions: Vec<&str> =
            self.table.columns.iter().map(|column| column.expression.as_str()).collect();
        let statement = Statement::new(
            self.connection,
            &self.range.select(self.table, &expressions.join(", ")),
        )?;
        if statement.width() == self.table.columns.len() && statement.width() > 0 {
            Ok(statement)
        } else {
            Err(Error::new(Kind::Internal, "the result has other columns than the plan"))
        }
    }

    fn arrow(&self, emit: Emit<'_>) -> Result<()> {
        let sizes = &self.reading.sizes;
        let mut columns = Columns::new(self.table, self.reading.losses)?;
        let mut statement = self.statement()?;
        let mut bytes = 0;
        while statement.step()? {
            let mut permit = None;
            let pushed = columns.push(&statement, &mut || {
                permit = Some(self.permit(large(&statement)?)?);
                Ok(())
            });
            match pushed {
                Ok(size) => bytes += size,
                Err(error) if self.reading.sifted && of_row(&error) => {
                    columns.complete(&statement, error)?;
                }
                Err(error) => return Err(error),
            }
            let full = columns.rows() >= sizes.batch_rows.max(1) || bytes >= sizes.batch_bytes;
            if full || permit.is_some() {
                self.flush(&mut columns, &mut bytes, permit, emit)?;
            }
        }
        self.flush(&mut columns, &mut bytes, None, emit)
    }

    fn flush(
        &self,
        columns: &mut Columns<'_>,
        bytes: &mut usize,
        permit: Option<Permit>,
        emit: Emit<'_>,
    ) -> Result<()> {
        self.reading.cancel.check()?;
        if columns.rows() == 0 {
            return Ok(());
        }
        let wire_bytes = std::mem::take(bytes) as u64;
        let earlier = columns.earlier();
        let (refused, batch) = (columns.take_refused(), columns.finish()?);
        let taken = if self.reading.sifted {
            self.sift(&batch, &refused)
        } else {
            convert::apply(self.table, batch, self.reading.losses)
                .map(|batch| vec![Rows::Arrow(batch)])
        };
        emit_all(taken.map_err(|error| error.after_rows(earlier))?, wire_bytes, permit, emit)
    }

    /// The rows of a sifted range; those that can't be decoded, or break a check, are told.
    fn sift(&self, batch: &RecordBatch, refused: &[(usize, Error)]) -> Result<Vec<Rows>> {
        let unfit = |row: usize, error: &Error| Unfit::of_batch(self.table, batch, row, error);
        let (mut out, mut start) = (Vec::new(), 0);
        let ends = refused.iter().map(|(row, error)| (*row, Some(error)));
        for (end, error) in ends.chain([(batch.num_rows(), None)]) {
            decode_halves(
                start..end,
                self.reading.losses,
                &mut |rows, losses| {
                    convert::apply(self.table, batch.slice(rows.start, rows.len()), losses)
                },
                &mut |row, error| unfit(row, error),
                &mut out,
            )?;
            if let Some(error) = error {
                out.push(Rows::Unfit(vec![unfit(end, error)]));
            }
            start = end + 1;
        }
        Ok(out)
    }

    fn raw(&self, emit: Emit<'_>) -> Result<()> {
        let mut statement = self.statement()?;
        let mut block = Vec::new();
        let mut count = 0;
        while statement.step()? {
            let large = large(&statement)?;
            let permit = if large > 0 {
                self.flush_raw(&mut block, &mut count, None, emit)?;
                Some(self.permit(large)?)
            } else {
                None
            };
            append_raw(&mut block, &statement)?;
            count += 1;
            let full = block.len() >= RAW_BLOCK.min(self.reading.sizes.batch_bytes);
            if full || permit.is_some() || count >= self.reading.sizes.batch_rows as u64 {
                self.flush_raw(&mut block, &mut count, permit, emit)?;
            }
        }
        self.flush_raw(&mut block, &mut count, None, emit)
    }

    fn flush_raw(
        &self,
        block: &mut Vec<u8>,
        count: &mut u64,
        permit: Option<Permit>,
        emit: Emit<'_>,
    ) -> Result<()> {
        self.reading.cancel.check()?;
        if *count == 0 {
            return Ok(());
        }
        let next = Vec::with_capacity(if permit.is_some() { 0 } else { block.len() });
        let bytes = std::mem::replace(block, next);
        let wire_bytes = bytes.len() as u64;
        emit(Block { rows: Rows::Raw { bytes, count: std::mem::take(count) }, wire_bytes, permit })
    }

    fn permit(&self, bytes: usize) -> Result<Permit> {
        self.reading.budget.acquire(bytes as u64, self.reading.cancel)
    }
}

/// Bytes of the current row's large values, known before any of it is copied.
fn large(statement: &Statement<'_>) -> Result<usize> {
    let mut total = 0;
    for column in 0..statement.width() {
        let size = statement.value(column)?.size();
        total += if size >= LARGE { size } else { 0 };
    }
    Ok(total)
}

/// The tags of raw values; what they mean is told at the head of this file.
pub(super) mod tag {
    pub const NULL: u8 = 0;
    pub const INTEGER: u8 = 1;
    pub const REAL: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const BLOB: u8 = 4;
}

fn append_raw(out: &mut Vec<u8>, statement: &Statement<'_>) -> Result<()> {
    for column in 0..statement.width() {
        match statement.value(column)? {
            Value::Null => append_value(out, tag::NULL, &[])?,
            Value::Integer(whole) => append_value(out, tag::INTEGER, &whole.to_le_bytes())?,
            Value::Real(real) => append_value(out, tag::REAL, &real.to_le_bytes())?,
            Value::Text(text) => append_value(out, tag::TEXT, text)?,
            Value::Blob(blob) => append_value(out, tag::BLOB, blob)?,
        }
    }
    Ok(())
}

fn append_value(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) -> Result<()> {
    let length = u32::try_from(bytes.len())
        .map_err(|_| Error::new(Kind::Internal, "a value is larger than `SQLite` allows"))?;
    out.push(tag);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
