//! Rows into a session of the target, one transaction per range.
//!
//! LOAD DATA LOCAL turns errors of single rows into warnings and skips rows whose key is there already. So after it no
//! warning may stand and the server must have counted every row that was sent; otherwise all is rolled
//! back. Where the server refuses LOCAL, the same lines become the tuples of multi-row INSERTs.

use crate::block::{Block, Rows};
use crate::copy::sift::{Sieve, Sifting, sift};
use crate::error::{Error, Kind, Result, Side};
use crate::plan::{ColumnPlan, Range, TablePlan, Transfer};
use crate::target::{Accepted, Writer, WriterOpening, Written};

use super::command::{Answer, Outcome};
use super::connect::{Connection, Role};
use super::encode::{Out, PIECE, Write, encode};
use super::error::{Words, is_local_infile_off};
use super::ledger::mark;
use super::read::count;
use super::{literal, quote};

/// Rows of one INSERT; more win nothing.
const INSERT_ROWS: u64 = 1000;
/// Bytes of one INSERT, unless `max_allowed_packet` is smaller than twice this.
const INSERT_BYTES: usize = 1 << 20;

const STRICT: &str = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO";
/// What the source holds must go in as it is, zero dates too.
const STRICT_RAW: &str = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

/// Opens a writing session.
pub fn writer(opening: WriterOpening) -> Result<Box<dyn Writer>> {
    RowWriter::open(opening).map(|writer| Box::new(writer) as _)
}

impl RowWriter {
    fn open(opening: WriterOpening) -> Result<Self> {
        let mut connection = Connection::open(&opening.endpoint, Role::Writer, &opening.cancel)?;
        let rows = connection.rows("SELECT @@global.local_infile, @@max_allowed_packet")?;
        let (allowed, packet) = match rows.first().map(Vec::as_slice) {
            Some([Some(allowed), Some(packet)]) => {
                (allowed != "0", packet.parse().unwrap_or(INSERT_BYTES))
            }
            _ => return Err(Error::protocol("the server doesn't tell its settings")),
        };
        let way = if allowed && connection.offers_files() { Way::Load } else { Way::Insert };
        let insert_bytes = INSERT_BYTES.min(packet / 2);
        Ok(Self { connection, opening, way, insert_bytes, mode: None, lost: false })
    }
}

/// How rows are handed to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Load,
    Insert,
}

struct RowWriter {
    connection: Connection,
    opening: WriterOpening,
    way: Way,
    insert_bytes: usize,
    /// The `sql_mode` last set.
    mode: Option<&'static str>,
    /// True after a failure that the session may not have got over.
    lost: bool,
}

impl Writer for RowWriter {
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written> {
        let mut blocks = Watched { blocks, upstream: None };
        let written = self.transact(table, range, |writer| {
            let written = writer.write_rows(&Target::of(table)?, &mut blocks)?;
            accepted()?;
            Ok(written)
        });
        written.map_err(|error| blocks.upstream.take().unwrap_or(error))
    }

    fn sift(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        sieve: &Sieve<'_>,
    ) -> Result<Written> {
        self.transact(table, range, |writer| sift(writer, table, range, blocks, sieve))
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        let engine = self.connection.flavour().engine();
        count(&mut self.connection, &table.target)
            .map_err(|error| error.on(engine).at(Side::Target).in_table(&table.name))
    }

    fn landed(&mut self, table: &TablePlan, range: &Range) -> Result<Option<Written>> {
        let Some(ledger) = &self.opening.ledger else { return Ok(None) };
        let entry = format!("{} LOCK IN SHARE MODE", ledger.entry(table, range));
        let answer = self.connection.rows(&entry);
        self.lost |= answer.is_err();
        let engine = self.connection.flavour().engine();
        ledger.written(&answer.map_err(|error| error.on(engine).at(Side::Target))?)
    }

    fn lost(&self) -> bool {
        self.lost
    }

    fn renew(&mut self) -> Result<()> {
        let mut renewed = Self::open(self.opening.clone())?;
        // Its transaction may be open still, or at its commit.
        renewed.connection.end_lost(&self.connection)?;
        *self = renewed;
        Ok(())
    }
}

impl Sifting for RowWriter {
    fn run(&mut self, sql: &str) -> Result<()> {
        let outcome = self.connection.run(sql)?;
        // Tables that keep no transactions.
        if outcome.warnings > 0 && sql.starts_with("ROLLBACK") {
            return Err(Error::new(
                Kind::Unsupported,
                "rows can't be put aside, for the table can't take back a part of what was written",
            )
            .with_hint("give the table an engine with transactions, such as InnoDB"));
        }
        Ok(())
    }

    fn put(&mut self, table: &TablePlan, block: Block) -> Result<Written> {
        let plan = Target::of(table)?;
        let mut blocks = Watched { blocks: &mut std::iter::once(Ok(block)), upstream: None };
        self.write_rows(&plan, &mut blocks)
    }

    fn literal(&self, text: &str) -> String {
        literal(text)
    }
}

impl RowWriter {
    fn transact(
        &mut self,
        table: &TablePlan,
        range: &Range,
        fill: impl FnOnce(&mut Self) -> Result<Written>,
    ) -> Result<Written> {
        let engine = self.connection.flavour().engine();
        let ours = |error: Error| error.on(engine).at(Side::Target);
        let begun = self.settle(table.transfer).and_then(|()| self.open_transaction(table));
        let written = begun.and_then(|()| fill(self)).and_then(|written| {
            if let Some(ledger) = &self.opening.ledger {
                mark(&mut self.connection, ledger, table, range, written)?;
            }
            self.connection.run("COMMIT")?;
            Ok(written)
        });
        let error = match written {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        // The first error counts; when the rollback fails too, the session is gone and the server rolls back.
        self.lost = self.connection.run("ROLLBACK").is_err();
        let cause = self.opening.cancel.cause(error);
        Err(ours(cause).in_table(&table.name).in_range(&range.label()))
    }
}

/// Blocks, and the error of the source that ended them: it is told as it came.
struct Watched<'a> {
    blocks: &'a mut dyn Iterator<Item = Result<Block>>,
    upstream: Option<Error>,
}

impl Watched<'_> {
    fn next(&mut self) -> Result<Option<Block>> {
        match self.blocks.next() {
            None => Ok(None),
            Some(Ok(block)) => Ok(Some(block)),
            Some(Err(error)) => {
                self.upstream = Some(error);
                Err(Error::cancelled())
            }
        }
    }
}

/// The statements of a table, made before its first row.
struct Target<'a> {
    table: &'a TablePlan,
    writes: Vec<Write>,
    load: String,
    insert: String,
}

impl<'a> Target<'a> {
    fn of(table: &'a TablePlan) -> Result<Self> {
        let writes = match table.transfer {
            Transfer::Arrow => table.columns.iter().map(Write::of).collect::<Result<Vec<_>>>()?,
            // Every other field is text that is stored as it stands.
            Transfer::Raw => {
                let write = |column: &ColumnPlan| match column.write.as_str() {
                    "hex" => Write::Hex,
                    "index" => Write::Index,
                    _ => Write::Text,
                };
                table.columns.iter().map(write).collect()
            }
            Transfer::RawBinary => {
                return Err(Error::new(
                    Kind::Internal,
                    "the plan wants a binary transfer, which mysql has not",
                ));
            }
        };
        let names: Vec<String> = table.columns.iter().map(|column| quote(&column.target)).collect();
        let mut fields = Vec::new();
        let mut settings = Vec::new();
        for (index, (name, write)) in names.iter().zip(&writes).enumerate() {
            match write.around() {
                None => fields.push(name.clone()),
                Some((before, after)) => {
                    fields.push(format!("@v{index}"));
                    settings.push(format!("{name} = {before}@v{index}{after}"));
                }
            }
        }
        if !settings.is_empty() {
            // With any SET, MariaDB forgets that a key's 0 was given and counts on from there instead: a
            // number that is set to itself stays. In raw transfers every field may be a number.
            let plain = names.iter().zip(&writes).filter(|(_, write)| {
                write.around().is_none()
                    && (table.transfer != Transfer::Arrow || **write == Write::Int)
            });
            settings.extend(plain.map(|(name, _)| format!("{name} = {name}")));
        }
        let set = if settings.is_empty() {
            String::new()
        } else {
            format!(" SET {}", settings.join(", "))
        };
        let load = format!(
            "LOAD DATA LOCAL INFILE 'dbferry' INTO TABLE {} CHARACTER SET utf8mb4 \
             FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' \
             LINES STARTING BY '' TERMINATED BY '\\n' ({}){set}",
            table.target,
            fields.join(", ")
        );
        let insert = format!("INSERT INTO {} ({}) VALUES ", table.target, names.join(", "));
        Ok(Self { table, writes, load, insert })
    }
}

impl RowWriter {
    fn settle(&mut self, transfer: Transfer) -> Result<()> {
        let mode = match transfer {
            Transfer::Arrow => STRICT,
            Transfer::Raw | Transfer::RawBinary => STRICT_RAW,
        };
        if self.mode != Some(mode) {
            self.connection.run(&format!("SET SESSION sql_mode = '{mode}'"))?;
            self.mode = Some(mode);
        }
        Ok(())
    }

    fn open_transaction(&mut self, table: &TablePlan) -> Result<()> {
        self.connection.run("START TRANSACTION")?;
        if let Some(sql) = &table.opening {
            self.connection.run(sql)?;
        }
        Ok(())
    }

    fn write_rows(&mut self, plan: &Target<'_>, blocks: &mut Watched<'_>) -> Result<Written> {
        let Some(first) = next_with_rows(blocks)? else {
            return Ok(Written::default());
        };
        if self.way == Way::Load && !self.start_load(plan)? {
            self.way = Way::Insert;
        }
        match self.way {
            Way::Load => self.load(plan, first, blocks),
            Way::Insert => self.insert(plan, first, blocks),
        }
    }

    /// False when the server refuses LOCAL.
    fn start_load(&mut self, plan: &Target<'_>) -> Result<bool> {
        self.connection.send(&plan.load)?;
        match self.connection.answer(Words::Repeat) {
            Ok(Answer::File) => Ok(true),
            Ok(Answer::Done(_) | Answer::Rows(_)) => {
                Err(Error::protocol("the server answered load data without asking for the rows"))
            }
            Err(error) => match error.code().and_then(|code| code.parse().ok()) {
                Some(code) if is_local_infile_off(code) => Ok(false),
                _ => Err(error),
            },
        }
    }

    fn load(
        &mut self,
        plan: &Target<'_>,
        first: Block,
        blocks: &mut Watched<'_>,
    ) -> Result<Written> {
        let mut written = Written::default();
        let sent = self.send_rows(plan, first, blocks, &mut written);
        // The server waits for the end of the file in any case, and for nothing else.
        let answer = self
            .connection
            .packets()
            .write(&[])
            .and_then(|()| self.connection.answer(Words::Withhold));
        match (sent, answer) {
            // A broken pipe has its reason in the server's last words, if there are any.
            (Err(error), Err(told)) if error.kind() == Kind::Lost && told.code().is_some() => {
                Err(told)
            }
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(Answer::Done(outcome))) => {
                self.check(outcome, written.rows, 0)?;
                Ok(written)
            }
            (Ok(()), Ok(Answer::Rows(_) | Answer::File)) => {
                Err(Error::protocol("the server didn't answer load data with its result"))
            }
        }
    }

    fn send_rows(
        &mut self,
        plan: &Target<'_>,
        first: Block,
        blocks: &mut Watched<'_>,
        written: &mut Written,
    ) -> Result<()> {
        let mut next = Some(first);
        while let Some(block) = next {
            let mut bytes = 0;
            let packets = self.connection.packets();
            lines(plan, &block, written.rows, &mut |piece| {
                bytes += piece.len() as u64;
                packets.write(piece)
            })?;
            written.rows += block.count();
            written.bytes += bytes;
            drop(block);
            self.opening.cancel.check()?;
            next = blocks.next()?;
        }
        Ok(())
    }

    fn insert(
        &mut self,
        plan: &Target<'_>,
        first: Block,
        blocks: &mut Watched<'_>,
    ) -> Result<Written> {
        let mut insert = Insert::new(plan, self.insert_bytes);
        let mut rows = 0;
        let mut next = Some(first);
        while let Some(block) = next {
            lines(plan, &block, rows, &mut |piece| {
                insert.take(piece, &mut |statement, rows, before| {
                    self.run_insert(statement, rows, before)
                })
            })?;
            rows += block.count();
            drop(block);
            self.opening.cancel.check()?;
            next = blocks.next()?;
        }
        insert.flush(&mut |statement, rows, before| self.run_insert(statement, rows, before))?;
        Ok(Written { rows, bytes: insert.bytes, unfit: 0 })
    }

    fn run_insert(&mut self, statement: &[u8], rows: u64, before: u64) -> Result<()> {
        self.connection.send_bytes(statement)?;
        match self.connection.answer(Words::Withhold) {
            Ok(Answer::Done(outcome)) => self.check(outcome, rows, before),
            Ok(Answer::Rows(_)) => Err(Error::protocol("the server answered an insert with rows")),
            Ok(Answer::File) => Err(self.connection.refuse_file()),
            Err(error) => Err(error.after_rows(before)),
        }
    }

    /// No warning may stand and every row must have been stored.
    fn check(&mut self, outcome: Outcome, rows: u64, before: u64) -> Result<()> {
        if outcome.warnings > 0 {
            let error = match self.connection.warnings()?.first() {
                Some(fault) => {
                    let error = fault.error(Words::Withhold);
                    if error.kind() == Kind::Constraint { error } else { as_data(&error) }
                }
                None => {
                    Error::new(Kind::Data, "the server warned about the rows and doesn't tell why")
                }
            };
            return Err(error.after_rows(before));
        }
        if outcome.affected != rows {
            return Err(Error::new(
                Kind::Constraint,
                format!("{rows} rows were sent and the server stored {}", outcome.affected),
            )
            .with_hint("rows whose key is in the target already are skipped by the server: empty the table first"));
        }
        Ok(())
    }
}

/// A warning is about a value, whatever its number is when it is an error.
fn as_data(told: &Error) -> Error {
    let error = Error::new(Kind::Data, told.message());
    let error = told.code().map_or(error.clone(), |code| error.with_code(code));
    let error = match &told.place().column {
        Some(column) => error.in_column(column),
        None => error,
    };
    match told.place().row {
        Some(row) => error.in_row(row),
        None => error,
    }
}

fn next_with_rows(blocks: &mut Watched<'_>) -> Result<Option<Block>> {
    while let Some(block) = blocks.next()? {
        if block.count() > 0 {
            return Ok(Some(block));
        }
    }
    Ok(None)
}

/// Gives a block's lines in pieces; an error's row counts within the range.
fn lines(
    plan: &Target<'_>,
    block: &Block,
    before: u64,
    send: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    match (&block.rows, plan.table.transfer) {
        (Rows::Arrow(batch), Transfer::Arrow) => {
            // Rows of a statement that failed are numbered by `Insert` itself.
            let mut sent = Ok(());
            let mut send = |piece: &[u8]| {
                sent = send(piece);
                if sent.is_ok() { Ok(()) } else { Err(Error::cancelled()) }
            };
            let mut out = Out::new(&mut send);
            let encoded = encode(&plan.table.columns, &plan.writes, batch, &mut out)
                .and_then(|()| out.flush())
                .map_err(|error| error.after_rows(before));
            sent.and(encoded)
        }
        (Rows::Raw { bytes, .. }, Transfer::Raw) => bytes.chunks(PIECE).try_for_each(send),
        (Rows::Arrow(_) | Rows::Raw { .. } | Rows::Unfit(_), _) => {
            Err(Error::new(Kind::Internal, "a block came in another form than its plan says"))
        }
    }
}

/// Sends a statement of so many rows, after so many before it.
type Send<'a> = dyn FnMut(&[u8], u64, u64) -> Result<()> + 'a;

/// Lines on their way into INSERT statements.
struct Insert<'a> {
    plan: &'a Target<'a>,
    limit: usize,
    line: Vec<u8>,
    statement: Vec<u8>,
    rows: u64,
    /// Rows and bytes of the statements before.
    before: u64,
    bytes: u64,
}

impl<'a> Insert<'a> {
    fn new(plan: &'a Target<'a>, limit: usize) -> Self {
        Self { plan, limit, line: Vec::new(), statement: Vec::new(), rows: 0, before: 0, bytes: 0 }
    }

    fn take(&mut self, piece: &[u8], send: &mut Send<'_>) -> Result<()> {
        let mut rest = piece;
        // A newline inside a field is escaped, so this one ends a line.
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.end_line(send)?;
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    fn end_line(&mut self, send: &mut Send<'_>) -> Result<()> {
        if self.rows > 0 && self.statement.len() + self.line.len() > self.limit {
            self.flush(send)?;
        }
        if self.rows == 0 {
            self.statement.extend_from_slice(self.plan.insert.as_bytes());
        } else {
            self.statement.push(b',');
        }
        put_tuple(&self.plan.writes, &self.line, &mut self.statement)?;
        self.line.clear();
        self.line.shrink_to(INSERT_BYTES);
        self.rows += 1;
        if self.rows >= INSERT_ROWS || self.statement.len() >= self.limit {
            self.flush(send)?;
        }
        Ok(())
    }

    fn flush(&mut self, send: &mut Send<'_>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        send(&self.statement, self.rows, self.before)?;
        self.bytes += self.statement.len() as u64;
        self.before += self.rows;
        self.rows = 0;
        self.statement.clear();
        self.statement.shrink_to(2 * INSERT_BYTES);
        Ok(())
    }
}

/// A line as a tuple: the escapes of a field mean the same in a quoted string, which only needs its quotes doubled.
fn put_tuple(writes: &[Write], line: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut fields = line.split(|byte| *byte == b'\t');
    let mut mark = b'(';
    for write in writes {
        out.push(mark);
        mark = b',';
        let field =
            fields.next().ok_or_else(|| Error::new(Kind::Internal, "a line has too few fields"))?;
        if field == b"\\N" {
            out.extend_from_slice(b"NULL");
            continue;
        }
        let (before, after) = write.around().unwrap_or_default();
        out.extend_from_slice(before.as_bytes());
        out.push(b'\'');
        let mut rest = field;
        while let Some(at) = memchr::memchr(b'\'', rest) {
            out.extend_from_slice(&rest[..=at]);
            out.push(b'\'');
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.push(b'\'');
        out.extend_from_slice(after.as_bytes());
    }
    out.push(b')');
    match fields.next() {
        None => Ok(()),
        Some(_) => Err(Error::new(Kind::Internal, "a line has too many fields")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_becomes_a_tuple() {
        let mut out = Vec::new();
        put_tuple(&[Write::Text, Write::Binary, Write::Int], b"it's\\t\t00FF\t\\N", &mut out)
            .unwrap();
        assert_eq!(out, b"('it''s\\t',UNHEX('00FF'),NULL)");
        assert!(put_tuple(&[Write::Text], b"a\tb", &mut Vec::new()).is_err());
        assert!(put_tuple(&[Write::Text, Write::Text], b"a", &mut Vec::new()).is_err());
    }
}
