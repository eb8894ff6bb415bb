//! Rows out of a session inside a snapshot.
//!
//! For Arrow a prepared statement is executed without a cursor: the server streams binary rows and the socket
//! holds it back. For a raw transfer the text protocol is read and every row becomes a line of LOAD DATA:
//! fields apart by tabs, `\N` for NULL, and tab, newline and backslash inside a field escaped by a backslash.

use arrow_array::RecordBatch;
use arrow_array::RecordBatchOptions;
use arrow_schema::SchemaRef;

use crate::block::{Block, Rows, emit_all};
use crate::cancel::Cancel;
use crate::convert;
use crate::copy::budget::{LARGE, Permit};
use crate::copy::sift::sift_wire;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::{Guard, Losses};
use crate::plan::{Range, Sizes, TablePlan, Transfer};
use crate::quarantine::of_row;
use crate::session::TextRow;
use crate::source::{Order, Reader, Reading};
use crate::wire::{Span, WireRows};

use super::command::{Answer, Column, Outcome, Wire};
use super::connect::Connection;
use super::decode::{Decoder, Values};
use super::encode::escape;
use super::error::{Words, kind};
use super::packet::{FULL_FRAME, Parse};
use super::{quote, ranges};

/// Bytes of a raw block; enough that a block's own cost doesn't show.
const RAW_BLOCK: usize = 256 << 10;

pub struct RowReader {
    connection: Connection,
    cancel: Cancel,
    /// True after a failure, when rows may still be on their way.
    spoiled: bool,
}

impl RowReader {
    pub fn new(connection: Connection, cancel: &Cancel) -> Self {
        Self { connection, cancel: cancel.clone(), spoiled: false }
    }

    /// Runs work that leaves the session clean only when it succeeds, or is stopped by a row.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        if self.spoiled {
            return Err(Error::new(Kind::Lost, "this session failed before and is closed"));
        }
        let engine = self.connection.flavour().engine();
        self.spoiled = true;
        let done = work(&mut self.connection);
        self.spoiled = done.as_ref().is_err_and(|error| !of_row(error));
        done.map_err(|error| {
            let cause = self.cancel.cause(error);
            cause.on(engine).at(Side::Source)
        })
    }
}

impl Reader for RowReader {
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        self.guarded(|connection| ranges::ranges(connection, table, sizes))
            .map_err(|error| error.in_table(&table.name))
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        self.guarded(|connection| {
            connection.packets().stream().expect_bulk()?;
            let read = match table.transfer {
                Transfer::Arrow => read_arrow(connection, table, range, reading, emit),
                Transfer::Raw => read_raw(connection, table, range, reading, emit),
                Transfer::RawBinary => Err(Error::new(
                    Kind::Internal,
                    "the plan wants a binary transfer, which mysql has not",
                )),
            };
            if read.as_ref().err().is_none_or(of_row) {
                connection.packets().stream().end_bulk()?;
            }
            read
        })
        .map_err(|error| error.in_table(&table.name).in_range(&range.label()))
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        self.guarded(|connection| count(connection, &table.source))
            .map_err(|error| error.in_table(&table.name))
    }

    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        self.guarded(|connection| connection.rows(sql))
    }

    fn order(&mut self, table: &TablePlan) -> Result<Vec<Order>> {
        let order = |name: &String| {
            let column = quote(name);
            let read = table.columns.iter().find(|known| known.name == *name);
            let literal = match read.map_or("", |known| known.read.as_str()) {
                // A text would be compared with a number as a double.
                "int" | "year" | "decimal" => column.clone(),
                "binary" => format!("CONCAT('0x', HEX({column}))"),
                _ => format!("QUOTE({column})"),
            };
            Order { column, literal }
        };
        Ok(table.told_by.iter().map(order).collect())
    }

    fn lost(&self) -> bool {
        self.spoiled
    }
}

/// Rows of a relation.
pub fn count(connection: &mut Connection, relation: &str) -> Result<u64> {
    let rows = connection.rows(&format!("SELECT COUNT(*) FROM {relation}"))?;
    match rows.first().map(Vec::as_slice) {
        Some([Some(count)]) => count.parse().map_err(|_| Error::protocol("a count is no number")),
        _ => Err(Error::protocol("a count came back without a row")),
    }
}

fn select(table: &TablePlan, range: &Range) -> String {
    let expressions: Vec<&str> =
        table.columns.iter().map(|column| column.expression.as_str()).collect();
    range.select(table, &expressions.join(", "))
}

/// Warnings of a SELECT that tell of changed values are errors; others (of outdated syntax) are not.
fn check_warnings(connection: &mut Connection, outcome: Outcome) -> Result<()> {
    if outcome.warnings == 0 {
        return Ok(());
    }
    match connection.warnings()?.iter().find(|fault| kind(fault.code) == Kind::Data) {
        Some(fault) => Err(fault.error(Words::Withhold)),
        None => Ok(()),
    }
}

/// Takes memory for a large row; one in several frames doesn't tell its size and takes all there is.
fn permit(length: usize, reading: &Reading<'_>) -> Result<Permit> {
    let bytes = if length >= FULL_FRAME { u64::MAX } else { 2 * length as u64 };
    reading.budget.acquire(bytes, reading.cancel)
}

fn read_arrow(
    connection: &mut Connection,
    table: &TablePlan,
    range: &Range,
    reading: &Reading<'_>,
    emit: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let statement = connection.prepare(&select(table, range))?;
    let columns = connection.execute(statement)?;
    let mut batch = Batch::new(table, reading, columns)?;
    let read = batch.fill(connection, emit);
    if let Err(error) = read {
        // A row that can't be decoded leaves the session as it is.
        if of_row(&error) {
            pass_over(connection)?;
            connection.close(statement)?;
        }
        return Err(error);
    }
    let outcome = connection.end_of_rows()?;
    let last = batch.hand_over(None, emit);
    if last.is_ok() {
        check_warnings(connection, outcome)?;
    }
    connection.close(statement)?;
    last
}

/// Reads the rows that are left, for nobody.
fn pass_over(connection: &mut Connection) -> Result<()> {
    let mut row = Vec::new();
    loop {
        let (length, first) = connection.packets().peek()?;
        if Connection::ends_rows(length, first) {
            return connection.end_of_rows().map(drop);
        }
        row.clear();
        connection.packets().append(&mut row)?;
    }
}

/// Rows on their way from packets to a record batch.
struct Batch<'a> {
    table: &'a TablePlan,
    reading: &'a Reading<'a>,
    schema: SchemaRef,
    columns: Vec<Column>,
    decoders: Vec<Decoder>,
    bytes: Vec<u8>,
    spans: Vec<Span>,
    rows: usize,
    /// Rows already handed over.
    before: u64,
}

impl<'a> Batch<'a> {
    fn new(table: &'a TablePlan, reading: &'a Reading<'a>, columns: Vec<Column>) -> Result<Self> {
        if columns.len() != table.columns.len() {
            return Err(Error::protocol(
                "the server sends another number of columns than asked for",
            ));
        }
        let decoders = table
            .columns
            .iter()
            .zip(&columns)
            .map(|(plan, column)| Decoder::choose(plan, column.wire));
        let decoders = decoders.collect::<Result<_>>()?;
        Ok(Self {
            table,
            reading,
            schema: table.schema(),
            columns,
            decoders,
            bytes: Vec::new(),
            spans: Vec::new(),
            rows: 0,
            before: 0,
        })
    }

    /// Hands over all rows but the last few.
    fn fill(
        &mut self,
        connection: &mut Connection,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        loop {
            let (length, first) = connection.packets().peek()?;
            if Connection::ends_rows(length, first) {
                return Ok(());
            }
            if length > LARGE {
                self.hand_over(None, emit)?;
                let permit = permit(length, self.reading)?;
                self.take(connection)?;
                self.hand_over(Some(permit), emit)?;
                self.forget_memory();
                continue;
            }
            self.take(connection)?;
            if self.is_full() {
                self.hand_over(None, emit)?;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.rows >= self.reading.sizes.batch_rows
            || self.bytes.len() >= self.reading.sizes.batch_bytes
    }

    /// Takes the next packet as a row.
    fn take(&mut self, connection: &mut Connection) -> Result<()> {
        let start = self.bytes.len();
        connection.packets().append(&mut self.bytes)?;
        split_row(&self.bytes[start..], start, &self.columns, &mut self.spans)?;
        self.rows += 1;
        Ok(())
    }

    fn hand_over(
        &mut self,
        permit: Option<Permit>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let all = WireRows { bytes: &self.bytes, spans: &self.spans, width: self.columns.len() };
        let taken = if self.reading.sifted {
            let losses = self.reading.losses;
            sift_wire(self.table, &all, self.rows, losses, &|rows, _, losses| {
                self.decode(rows, losses)
            })
        } else {
            self.decode(&all, self.reading.losses).map(|batch| vec![Rows::Arrow(batch)])
        };
        let taken = taken.map_err(|error| error.after_rows(self.before))?;
        let wire_bytes = self.bytes.len() as u64;
        self.before += self.rows as u64;
        self.rows = 0;
        self.bytes.clear();
        self.spans.clear();
        self.reading.cancel.check()?;
        emit_all(taken, wire_bytes, permit, emit)
    }

    fn decode(&self, rows: &WireRows<'_>, losses: &Losses) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (index, (decoder, column)) in self.decoders.iter().zip(&self.table.columns).enumerate()
        {
            let mut guard = Guard::new(&self.table.name, column, losses);
            let values = Values { rows, index };
            arrays.push(
                decoder
                    .decode(values, &mut guard)
                    .map_err(|error| error.in_column(&column.name))?,
            );
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| Error::new(Kind::Internal, error.to_string().to_lowercase()))?;
        convert::apply(self.table, batch, losses)
    }

    /// Gives the memory of a large row back.
    fn forget_memory(&mut self) {
        self.bytes = Vec::new();
    }
}

/// Finds the fields of a binary row; `start` is where it lies in its batch.
fn split_row(row: &[u8], start: usize, columns: &[Column], spans: &mut Vec<Span>) -> Result<()> {
    let mut parse = Parse::new(row);
    if parse.byte()? != 0 {
        return Err(Error::protocol("a row of the server is malformed"));
    }
    // Two bits of the bitmap are reserved.
    let nulls = parse.bytes((columns.len() + 9) / 8)?;
    for (index, column) in columns.iter().enumerate() {
        let bit = index + 2;
        if nulls[bit / 8] & 1 << (bit % 8) != 0 {
            spans.push(Span::NULL);
            continue;
        }
        let length = match column.wire {
            Wire::Integer { width, .. } => width,
            Wire::Float => 4,
            Wire::Double => 8,
            Wire::Date | Wire::Time => usize::from(parse.byte()?),
            Wire::Bytes => usize::try_from(parse.lenenc()?)
                .map_err(|_| Error::protocol("a row of the server is malformed"))?,
        };
        spans.push(Span::new(start + parse.at(), length)?);
        parse.bytes(length)?;
    }
    if parse.is_empty() { Ok(()) } else { Err(Error::protocol("a row of the server is malformed")) }
}

fn read_raw(
    connection: &mut Connection,
    table: &TablePlan,
    range: &Range,
    reading: &Reading<'_>,
    emit: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    connection.send(&select(table, range))?;
    let width = match connection.answer(Words::Repeat)? {
        Answer::Rows(columns) => columns.len(),
        Answer::Done(_) => {
            return Err(Error::protocol("the server answered without rows to a select"));
        }
        Answer::File => return Err(connection.refuse_file()),
    };
    let mut lines = Lines::default();
    let mut packet = Vec::new();
    loop {
        let (length, first) = connection.packets().peek()?;
        if Connection::ends_rows(length, first) {
            break;
        }
        let large = length > LARGE;
        let permit = if large {
            lines.hand_over(None, reading, emit)?;
            Some(permit(length, reading)?)
        } else {
            None
        };
        packet.clear();
        lines.wire_bytes += connection.packets().append(&mut packet)? as u64;
        lines.put(&packet, width)?;
        if large {
            packet = Vec::new();
        }
        let full = lines.bytes.len() >= RAW_BLOCK.min(reading.sizes.batch_bytes)
            || lines.count >= reading.sizes.batch_rows as u64;
        if large || full {
            lines.hand_over(permit, reading, emit)?;
        }
    }
    let outcome = connection.end_of_rows()?;
    lines.hand_over(None, reading, emit)?;
    check_warnings(connection, outcome)
}

/// Rows as lines of LOAD DATA.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    count: u64,
    wire_bytes: u64,
}

impl Lines {
    fn put(&mut self, row: &[u8], width: usize) -> Result<()> {
        let mut parse = Parse::new(row);
        for index in 0..width {
            if index > 0 {
                self.bytes.push(b'\t');
            }
            match parse.text_field()? {
                None => self.bytes.extend_from_slice(b"\\N"),
                Some(field) => escape(field, |part| {
                    self.bytes.extend_from_slice(part);
                    Ok(())
                })?,
            }
        }
        self.bytes.push(b'\n');
        self.count += 1;
        if parse.is_empty() {
            Ok(())
        } else {
            Err(Error::protocol("a row of the server is malformed"))
        }
    }

    fn hand_over(
        &mut self,
        permit: Option<Permit>,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        reading.cancel.check()?;
        let Lines { bytes, count, wire_bytes } = std::mem::take(self);
        emit(Block { rows: Rows::Raw { bytes, count }, wire_bytes, permit })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn column(wire: Wire) -> Column {
        Column { wire }
    }

    #[test]
    fn a_binary_row_is_split_into_its_fields() {
        let columns = [
            column(Wire::Integer { width: 2, unsigned: false }),
            column(Wire::Bytes),
            column(Wire::Date),
            column(Wire::Bytes),
        ];
        // NULL in the second column: bit 3.
        let row = [0, 0b1000, 7, 0, 4, 0xe8, 7, 2, 29, 2, b'a', b'b'];
        let mut spans = Vec::new();
        split_row(&row, 0, &columns, &mut spans).unwrap();
        let rows = WireRows { bytes: &row, spans: &spans, width: 4 };
        let fields: Vec<_> = (0..4).map(|at| rows.column(at).next().unwrap()).collect();
        assert_eq!(fields, [Some(&[7, 0][..]), None, Some(&[0xe8, 7, 2, 29]), Some(b"ab")]);
        for end in 0..row.len() {
            assert_eq!(
                split_row(&row[..end], 0, &columns, &mut Vec::new()).unwrap_err().kind(),
                Kind::Protocol
            );
        }
    }

    #[test]
    fn lines_escape_what_load_data_would_take_as_its_own() {
        let mut lines = Lines::default();
        lines.put(b"\x04a\tb\n\xfb\x02\\N\x00", 4).unwrap();
        assert_eq!(lines.bytes, b"a\\tb\\n\t\\N\t\\\\N\t\n");
    }
}
