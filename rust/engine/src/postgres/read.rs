//! Bulk out: `COPY (SELECT …) TO STDOUT` inside a snapshot that all readers share.
//!
//! Binary rows stay in the receiving buffer until their batch is full and are decoded there. A raw block
//! holds rows of COPY as they are: in binary form without header and trailer, in text form lines.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::connect::{Connection, connect};
use super::copy::{TRAILER, header_length, parse_row};
use super::decode::{Decoder, decoder};
use super::messages::COPY_DATA;
use super::{literal, quote, ranges};
use crate::block::{Block, Rows, emit_all};
use crate::cancel::Cancel;
use crate::convert;
use crate::copy::budget::LARGE;
use crate::copy::sift::sift_wire;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::{Guard, Losses};
use crate::plan::{Endpoint, Engine, Range, Sizes, TablePlan, Transfer};
use crate::quarantine::of_row;
use crate::session::{Session, TextRow, together};
use crate::source::{Order, Reader, Reading, Snapshot};
use crate::wire::{Span, WireRows};

/// Bytes of a raw block: enough that the cost per block vanishes.
const RAW_BLOCK: usize = 256 << 10;
/// Tables whose locks a session holds at most, half of what a server has room for.
const MOST_HELD: usize = 32;
const LOCKS: &str = "dbferry_locks";
const SAVEPOINT: &str = "SAVEPOINT dbferry";
const RELEASE: &str = "RELEASE SAVEPOINT dbferry";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT dbferry; RELEASE SAVEPOINT dbferry";
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Opens one snapshot on as many sessions as asked for and allowed.
pub fn snapshot(endpoint: &Endpoint, sizes: &Sizes, cancel: &Cancel) -> Result<Snapshot> {
    open_snapshot(endpoint, sizes, cancel)
        .map_err(|error| error.on(Engine::Postgresql).at(Side::Source))
}

fn open_snapshot(endpoint: &Endpoint, sizes: &Sizes, cancel: &Cancel) -> Result<Snapshot> {
    let mut keeper = connect(endpoint, cancel)?;
    keeper.query(BEGIN)?;
    let rows = keeper.query("SELECT pg_catalog.pg_export_snapshot()")?;
    let name = rows.into_iter().flatten().flatten().next();
    let name = name.ok_or_else(|| Error::protocol("the server gave no name of its snapshot"))?;
    let token = token(&mut keeper)?;
    let join = Join { endpoint: endpoint.clone(), snapshot: name, cancel: cancel.clone() };
    let mut readers: Vec<Box<dyn Reader>> = Vec::new();
    for opened in together(sizes.workers.max(1), || join.open()) {
        match opened {
            Ok(session) => {
                readers.push(Box::new(RangeReader::new(session, Some(join.clone()))?));
            }
            // The server is full: go on with what there is.
            Err(error) if error.code() == Some("53300") => {}
            Err(error) => return Err(error),
        }
    }
    let method = "exported snapshot".to_owned();
    if readers.is_empty() {
        readers.push(Box::new(RangeReader::new(keeper, None)?));
        return Ok(Snapshot { method, readers, token, keeper: None });
    }
    Ok(Snapshot { method, readers, token, keeper: Some(Box::new(keeper)) })
}

/// Which transactions the snapshot sees. A standby's own numbers say nothing of that.
fn token(session: &mut Connection) -> Result<Option<String>> {
    if session.major() < 13 {
        return Ok(None);
    }
    let rows = session.query(
        "SELECT pg_catalog.pg_current_snapshot() WHERE NOT pg_catalog.pg_is_in_recovery()",
    )?;
    Ok(rows.into_iter().flatten().flatten().next())
}

/// How a session gets into the snapshot, as long as the one lives that has exported it.
#[derive(Clone)]
struct Join {
    endpoint: Endpoint,
    snapshot: String,
    cancel: Cancel,
}

impl Join {
    fn open(&self) -> Result<Connection> {
        let mut session = connect(&self.endpoint, &self.cancel)?;
        session.query(BEGIN)?;
        session.query(&format!("SET TRANSACTION SNAPSHOT {}", literal(&self.snapshot)))?;
        Ok(session)
    }
}

/// One session inside the snapshot.
struct RangeReader {
    session: Connection,
    /// Numbers of tables of one range each whose locks it holds until there are too many.
    held: BTreeSet<u64>,
    /// Those of tables of several ranges, whose locks it keeps.
    kept: BTreeSet<u64>,
    /// Absent where this session is the only one.
    join: Option<Join>,
}

impl Reader for RangeReader {
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        ranges::ranges(&mut self.session, table, sizes).map_err(|error| placed(error, table))
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        self.hold(table, Some(range)).map_err(|error| placed(error, table))?;
        let guarded = self.join.is_none() || reading.sifted;
        if guarded {
            self.session.query(SAVEPOINT).map_err(|error| placed(error, table))?;
        }
        let read = self.copy(table, range, reading, emit).map_err(|error| {
            // What is left of the COPY is not worth reading to its end, unless no other session can have the snapshot.
            let kept = guarded && of_row(&error) && self.session.check().is_ok();
            if !kept || self.session.settle().is_err() || self.session.query(ROLLBACK).is_err() {
                self.session.give_up();
            }
            placed(error, table).in_range(&range.label())
        });
        if guarded && read.is_ok() {
            self.session.query(RELEASE).map_err(|error| placed(error, table))?;
        }
        read
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        let counted = self
            .hold(table, None)
            .and_then(|()| self.query(&format!("SELECT pg_catalog.count(*) FROM {}", table.source)))
            .map_err(|error| placed(error, table))?;
        let count = counted.into_iter().flatten().flatten().next();
        count
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| Error::protocol("a count is no number"))
    }

    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        self.session.query(SAVEPOINT)?;
        let rows = self.session.query(sql);
        self.session.query(if rows.is_ok() { RELEASE } else { ROLLBACK })?;
        rows.map_err(|error| error.on(Engine::Postgresql).at(Side::Source))
    }

    fn order(&mut self, table: &TablePlan) -> Result<Vec<Order>> {
        let mut columns: Vec<String> = table.told_by.iter().map(|name| quote(name)).collect();
        if columns.is_empty() && table.cut_by_place {
            columns.push("ctid".to_owned());
        }
        let order = |column: String| {
            let literal = format!("pg_catalog.quote_literal({column}::pg_catalog.text)");
            Order { column, literal }
        };
        Ok(columns.into_iter().map(order).collect())
    }

    fn lost(&self) -> bool {
        self.session.check().is_err()
    }

    fn renew(&mut self) -> Result<bool> {
        let Some(join) = &self.join else { return Ok(false) };
        match join.open() {
            Ok(session) => {
                *self = Self::new(session, Some(join.clone()))
                    .map_err(|error| error.on(Engine::Postgresql).at(Side::Source))?;
                Ok(true)
            }
            // The server is there and knows no such snapshot: who has exported it is gone.
            Err(error) if !error.kind().retryable() => Ok(false),
            Err(error) => Err(error.on(Engine::Postgresql).at(Side::Source)),
        }
    }
}

fn placed(error: Error, table: &TablePlan) -> Error {
    error.on(Engine::Postgresql).at(Side::Source).in_table(&table.name)
}

impl RangeReader {
    fn new(mut session: Connection, join: Option<Join>) -> Result<Self> {
        session.query(&format!("SAVEPOINT {LOCKS}"))?;
        Ok(Self { session, held: BTreeSet::new(), kept: BTreeSet::new(), join })
    }

    /// Locks a table, which others must neither empty nor rewrite while a part of it is read: to the end where it has
    /// several ranges. One of a single range is read at once, and its lock is let go when there are many; by default
    /// a server has room for 64 of each session, and every index takes one too.
    fn hold(&mut self, table: &TablePlan, range: Option<&Range>) -> Result<()> {
        let parted =
            range.is_some_and(|range| range.relation.is_some() || range.predicate.is_some());
        if self.kept.contains(&table.number) || (!parted && self.held.contains(&table.number)) {
            return Ok(());
        }
        if parted || self.held.len() >= MOST_HELD {
            self.session.query(&format!("ROLLBACK TO SAVEPOINT {LOCKS}"))?;
            self.held.clear();
        }
        if table.query.is_some() {
            return Ok(());
        }
        let lock = format!("SELECT FROM {} LIMIT 0", table.source);
        if parted {
            self.session.query(&format!("RELEASE SAVEPOINT {LOCKS}"))?;
            self.session.query(&lock)?;
            self.session.query(&format!("SAVEPOINT {LOCKS}"))?;
            self.kept.insert(table.number);
        } else {
            self.session.query(&lock)?;
            self.held.insert(table.number);
        }
        Ok(())
    }

    fn copy(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        let (form, mut collect): (Form, Box<dyn Collect + '_>) = match table.transfer {
            Transfer::Arrow => (Form::Binary, Box::new(Batch::new(table, reading)?)),
            Transfer::RawBinary => (Form::Binary, Box::new(Bytes::default())),
            Transfer::Raw => (Form::Text, Box::new(Bytes::default())),
        };
        let expressions: Vec<&str> = table.columns.iter().map(|c| c.expression.as_str()).collect();
        let select = range.select(table, &expressions.join(", "));
        self.session.check()?;
        let statement = format!("COPY ({select}) TO STDOUT (FORMAT {})", form.name());
        self.session.send(|out| frontend::query(&statement, out))?;
        match self.session.message()? {
            Message::CopyOutResponse(_) => {
                self.session.incoming.stream.expect_bulk()?;
                receive(&mut self.session, form, reading, collect.as_mut(), emit)?;
                self.session.incoming.stream.end_bulk()
            }
            _ => Err(Error::protocol("the server didn't start the COPY that was asked for")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    Text,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Binary => "binary",
            Form::Text => "text",
        }
    }
}

/// What rows are gathered into until they are a block.
trait Collect {
    /// Takes the row that lies at `place` in the bytes held.
    fn add(&mut self, held: &[u8], place: std::ops::Range<usize>) -> Result<()>;
    fn is_empty(&self) -> bool;
    /// True when the block should be closed, so many bytes being held.
    fn is_full(&self, held: usize) -> bool;
    /// Makes blocks' rows of what was added and starts over.
    fn take(&mut self, held: &[u8]) -> Result<Vec<Rows>>;
}

/// Reads rows up to the end of the COPY and the server's readiness for the next request.
fn receive(
    session: &mut Connection,
    form: Form,
    reading: &Reading<'_>,
    collect: &mut dyn Collect,
    emit: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let (mut rows, mut header_due) = (0u64, form == Form::Binary);
    session.incoming.release();
    loop {
        let header = session.header()?;
        if header.tag != COPY_DATA {
            hand_over(session, reading, collect, None, emit)?;
            match session.message()? {
                Message::CommandComplete(body) => check_count(body.tag()?, rows)?,
                Message::ReadyForQuery(_) => return Ok(()),
                Message::CopyDone | Message::ParameterStatus(_) => {}
                _ => return Err(Error::protocol("the server left the protocol of COPY")),
            }
            continue;
        }
        let large = header.length > LARGE;
        let mut permit = None;
        if large {
            hand_over(session, reading, collect, None, emit)?;
            permit = Some(reading.budget.acquire(2 * header.length as u64, reading.cancel)?);
        }
        let mut place = session.incoming.body(header).map_err(|error| session.broke(error))?;
        let held = session.incoming.hold();
        if std::mem::take(&mut header_due) {
            place.start += header_length(&held[place.clone()])?;
        }
        let bytes = &held[place.clone()];
        let ends = match form {
            // The header comes alone when a proxy cuts it off.
            Form::Binary => bytes.is_empty() || bytes == TRAILER,
            Form::Text if bytes.ends_with(b"\n") => false,
            Form::Text => return Err(Error::protocol("the server cut a line of COPY")),
        };
        if !ends {
            collect.add(held, place)?;
            rows += 1;
        }
        if large || collect.is_full(held.len()) {
            hand_over(session, reading, collect, permit, emit)?;
        }
    }
}

/// Gives what was collected, if anything, to the writer.
fn hand_over(
    session: &mut Connection,
    reading: &Reading<'_>,
    collect: &mut dyn Collect,
    permit: Option<crate::copy::budget::Permit>,
    emit: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    reading.cancel.check()?;
    let held = session.incoming.hold();
    let wire_bytes = held.len() as u64;
    let blocks = if collect.is_empty() { vec![] } else { collect.take(held)? };
    session.incoming.release();
    if permit.is_some() {
        session.incoming.shrink(2 * reading.sizes.batch_bytes);
    }
    emit_all(blocks, wire_bytes, permit, emit)
}

/// `COPY 123` must tell as many rows as have come.
fn check_count(tag: &str, rows: u64) -> Result<()> {
    match tag.strip_prefix("COPY ").and_then(|count| count.parse::<u64>().ok()) {
        Some(count) if count == rows => Ok(()),
        Some(count) => {
            Err(Error::protocol(format!("the server sent {rows} rows and counted {count}")))
        }
        None => Err(Error::protocol("the server ended a COPY without its count of rows")),
    }
}

/// Rows on their way to a record batch.
struct Batch<'a> {
    table: &'a TablePlan,
    schema: SchemaRef,
    decoders: Vec<Decoder>,
    losses: &'a Losses,
    sizes: Sizes,
    sifted: bool,
    spans: Vec<Span>,
    rows: usize,
    /// Rows of the range that were handed over before.
    before: u64,
}

impl<'a> Batch<'a> {
    fn new(table: &'a TablePlan, reading: &Reading<'a>) -> Result<Self> {
        Ok(Self {
            table,
            schema: table.schema(),
            decoders: table.columns.iter().map(decoder).collect::<Result<_>>()?,
            losses: reading.losses,
            sizes: reading.sizes,
            sifted: reading.sifted,
            spans: Vec::new(),
            rows: 0,
            before: 0,
        })
    }

    fn decode(&self, rows: &WireRows<'_>, count: usize, losses: &Losses) -> Result<RecordBatch> {
        let columns = self.table.columns.iter().zip(&self.decoders).enumerate();
        let arrays = columns
            .map(|(index, (column, decode))| {
                decode(rows, index, &mut Guard::new(&self.table.name, column, losses))
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
        convert::apply(self.table, batch, losses)
    }
}

impl Collect for Batch<'_> {
    fn add(&mut self, held: &[u8], place: std::ops::Range<usize>) -> Result<()> {
        let start = place.start;
        parse_row(&held[place], start, self.decoders.len(), &mut self.spans)
            .map_err(|error| error.in_row(self.before + self.rows as u64 + 1))?;
        self.rows += 1;
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn is_full(&self, held: usize) -> bool {
        self.rows >= self.sizes.batch_rows || held >= self.sizes.batch_bytes
    }

    fn take(&mut self, held: &[u8]) -> Result<Vec<Rows>> {
        let all = WireRows { bytes: held, spans: &self.spans, width: self.decoders.len() };
        let taken = if self.sifted {
            sift_wire(self.table, &all, self.rows, self.losses, &|rows, count, losses| {
                self.decode(rows, count, losses)
            })
        } else {
            self.decode(&all, self.rows, self.losses).map(|batch| vec![Rows::Arrow(batch)])
        };
        let taken = taken.map_err(|error| error.after_rows(self.before))?;
        self.before += self.rows as u64;
        self.rows = 0;
        self.spans.clear();
        Ok(taken)
    }
}

/// Rows that travel as they came.
#[derive(Default)]
struct Bytes {
    bytes: Vec<u8>,
    count: u64,
}

impl Collect for Bytes {
    fn add(&mut self, held: &[u8], place: std::ops::Range<usize>) -> Result<()> {
        self.bytes.extend_from_slice(&held[place]);
        self.count += 1;
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn is_full(&self, _: usize) -> bool {
        self.bytes.len() >= RAW_BLOCK
    }

    fn take(&mut self, _: &[u8]) -> Result<Vec<Rows>> {
        let count = std::mem::take(&mut self.count);
        Ok(vec![Rows::Raw { bytes: std::mem::take(&mut self.bytes), count }])
    }
}
