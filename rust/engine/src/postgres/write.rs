//! Bulk in: one `COPY … FROM STDIN` and one transaction per range, with the ledger's entry in it.
//!
//! A COPY's bytes may be cut into messages anywhere. Small fields are gathered in a buffer, a large one goes
//! from its array to the socket as it is.

use arrow_array::RecordBatch;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::connect::{Connection, connect};
use super::copy::{HEADER, TRAILER};
use super::encode::{Encoder, Field, encoder};
use super::ledger::mark;
use super::{literal, quote};
use crate::block::{Block, Rows};
use crate::copy::sift::{Sieve, Sifting, sift};
use crate::error::{Error, Kind, Result, Side};
use crate::plan::{Engine, Range, TablePlan, Transfer};
use crate::session::Session;
use crate::target::{Accepted, Writer, WriterOpening, Written};

/// Bytes gathered before they are sent.
const BUFFER: usize = 256 << 10;
/// A message of COPY at most: the server keeps each as a whole in memory.
const MESSAGE: usize = 1 << 20;
/// Tag and length in front of each message.
const HEAD: usize = 5;

/// Opens a session that writes.
pub fn writer(opening: WriterOpening) -> Result<Box<dyn Writer>> {
    let session = open(&opening)?;
    Ok(Box::new(RangeWriter { session, opening }))
}

fn open(opening: &WriterOpening) -> Result<Connection> {
    connect(&opening.endpoint, &opening.cancel).map_err(|error| error.at(Side::Target))
}

struct RangeWriter {
    session: Connection,
    opening: WriterOpening,
}

impl Writer for RangeWriter {
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written> {
        self.transact(table, range, |writer| {
            let written = writer.copy(table, blocks)?;
            accepted()?;
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
        self.transact(table, range, |writer| sift(writer, table, range, blocks, sieve))
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        self.session
            .number(&format!("SELECT pg_catalog.count(*) FROM {}", table.target))
            .map_err(|error| placed(error, table))
    }

    fn landed(&mut self, table: &TablePlan, range: &Range) -> Result<Option<Written>> {
        let Some(ledger) = &self.opening.ledger else { return Ok(None) };
        let entry = format!("{} FOR SHARE", ledger.entry(table, range));
        let answer = self.session.query(&entry);
        ledger.written(&answer.map_err(|error| placed(error, table))?)
    }

    fn lost(&self) -> bool {
        self.session.check().is_err()
    }

    fn renew(&mut self) -> Result<()> {
        let mut session = open(&self.opening)?;
        // Its transaction may be open still, or at its commit.
        session.end_lost(&self.session, &self.opening.endpoint)?;
        self.session = session;
        Ok(())
    }
}

fn placed(error: Error, table: &TablePlan) -> Error {
    error.on(Engine::Postgresql).at(Side::Target).in_table(&table.name)
}

impl Sifting for RangeWriter {
    fn run(&mut self, sql: &str) -> Result<()> {
        self.session.query(sql).map(drop)
    }

    fn put(&mut self, table: &TablePlan, block: Block) -> Result<Written> {
        self.copy(table, &mut std::iter::once(Ok(block)))
    }

    fn literal(&self, text: &str) -> String {
        literal(text)
    }
}

impl RangeWriter {
    fn transact(
        &mut self,
        table: &TablePlan,
        range: &Range,
        fill: impl FnOnce(&mut Self) -> Result<Written>,
    ) -> Result<Written> {
        // An error that comes with the blocks has its place already.
        self.fill(table, range, fill).map_err(|error| placed(error, table).in_range(&range.label()))
    }

    /// Fills a transaction, enters its range in the ledger, and commits it.
    fn fill(
        &mut self,
        table: &TablePlan,
        range: &Range,
        fill: impl FnOnce(&mut Self) -> Result<Written>,
    ) -> Result<Written> {
        self.session.query("BEGIN")?;
        let opened = table.opening.as_ref().map_or(Ok(()), |sql| self.session.query(sql).map(drop));
        let filled = opened.and_then(|()| fill(self));
        let entered = filled.and_then(|written| {
            if let Some(ledger) = &self.opening.ledger {
                mark(&mut self.session, ledger, table, range, written)?;
            }
            Ok(written)
        });
        match entered {
            Ok(written) => {
                self.session.query("COMMIT")?;
                Ok(written)
            }
            Err(error) => {
                // Without a session the server rolls back by itself.
                if self.session.check().is_ok() && self.session.query("ROLLBACK").is_err() {
                    self.session.give_up();
                }
                Err(error)
            }
        }
    }

    fn copy(
        &mut self,
        table: &TablePlan,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
    ) -> Result<Written> {
        let statement = copy_statement(table);
        self.session.send(|out| frontend::query(&statement, out))?;
        match self.session.message() {
            Ok(Message::CopyInResponse(_)) => {}
            Ok(_) => {
                let error = Error::protocol("the server didn't start the COPY that was asked for");
                return Err(self.session.broke(error));
            }
            Err(error) => return Err(self.after(error)),
        }
        let mut out = Outgoing::new(&mut self.session);
        match send_blocks(&mut out, table, blocks) {
            Ok(rows) => {
                let bytes = out.sent;
                self.finish(rows)?;
                Ok(Written { rows, bytes, unfit: 0 })
            }
            Err(error) => {
                if self.session.check().is_ok() {
                    self.session
                        .send(|out| frontend::copy_fail("dbferry gave this range up", out))?;
                }
                Err(self.after(error))
            }
        }
    }

    /// Ends the COPY and compares the server's count with what was sent.
    fn finish(&mut self, rows: u64) -> Result<()> {
        self.session.send(|out| {
            frontend::copy_done(out);
            Ok(())
        })?;
        let mut counted = None;
        loop {
            match self.session.message() {
                Ok(Message::CommandComplete(body)) => {
                    counted = body.tag()?.strip_prefix("COPY ").and_then(|n| n.parse::<u64>().ok());
                }
                Ok(Message::ReadyForQuery(_)) => break,
                Ok(Message::ParameterStatus(_)) => {}
                Ok(_) => {
                    let error = Error::protocol("the server left the protocol of COPY");
                    return Err(self.session.broke(error));
                }
                Err(error) => return Err(self.after(error)),
            }
        }
        match counted {
            Some(counted) if counted == rows => Ok(()),
            Some(counted) => {
                Err(Error::new(Kind::Data, format!("the server kept {counted} of {rows} rows"))
                    .with_hint("a trigger of the target may drop rows; disable it for the copy"))
            }
            None => Err(Error::protocol("the server ended a COPY without its count of rows")),
        }
    }

    /// Brings the session back to where it takes requests, after an error.
    fn after(&mut self, error: Error) -> Error {
        if self.session.check().is_ok() && self.session.settle().is_err() {
            self.session.give_up();
        }
        error
    }
}

fn copy_statement(table: &TablePlan) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.target)).collect();
    // A table without columns is written as such: SQL has no empty list.
    let columns =
        if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let form = match table.transfer {
        Transfer::Arrow | Transfer::RawBinary => "binary",
        Transfer::Raw => "text",
    };
    format!("COPY {}{columns} FROM STDIN (FORMAT {form})", table.target)
}

fn send_blocks(
    out: &mut Outgoing<'_>,
    table: &TablePlan,
    blocks: &mut dyn Iterator<Item = Result<Block>>,
) -> Result<u64> {
    let binary = match table.transfer {
        Transfer::Arrow | Transfer::RawBinary => true,
        Transfer::Raw => false,
    };
    if binary {
        out.buffer.extend_from_slice(&HEADER);
    }
    let mut rows = 0;
    for block in blocks {
        let block = block?;
        let count = block.count();
        match (&block.rows, table.transfer) {
            (Rows::Arrow(batch), Transfer::Arrow) => {
                send_batch(out, table, batch).map_err(|error| error.after_rows(rows))?;
            }
            (Rows::Raw { bytes, .. }, Transfer::RawBinary | Transfer::Raw) => {
                out.flush()?;
                out.send(bytes)?;
            }
            (Rows::Arrow(_) | Rows::Raw { .. } | Rows::Unfit(_), _) => {
                let message = "a block's form is not the one its table travels in";
                return Err(Error::new(Kind::Internal, message));
            }
        }
        rows += count;
    }
    if binary {
        out.buffer.extend_from_slice(&TRAILER);
    }
    out.flush()?;
    Ok(rows)
}

fn send_batch(out: &mut Outgoing<'_>, table: &TablePlan, batch: &RecordBatch) -> Result<()> {
    if batch.num_columns() != table.columns.len() {
        return Err(Error::new(Kind::Internal, "a batch has other columns than its table"));
    }
    let columns = table.columns.iter().zip(batch.columns());
    let encoders = columns
        .map(|(column, array)| encoder(column, array.as_ref()))
        .collect::<Result<Vec<Encoder<'_>>>>()?;
    let width = i16::try_from(encoders.len())
        .map_err(|_| Error::new(Kind::Unsupported, "a table has too many columns for COPY"))?
        .to_be_bytes();
    for row in 0..batch.num_rows() {
        out.buffer.extend_from_slice(&width);
        for (encode, column) in encoders.iter().zip(&table.columns) {
            match encode(row, &mut out.buffer) {
                Ok(Field::Written) => {}
                Ok(Field::Rest(bytes)) => {
                    out.flush()?;
                    out.send(bytes)?;
                }
                Err(error) => return Err(error.in_column(&column.name).in_row(row as u64 + 1)),
            }
        }
        if out.buffer.len() >= BUFFER {
            out.flush()?;
        }
    }
    Ok(())
}

/// The bytes of a COPY on their way into messages.
struct Outgoing<'a> {
    session: &'a mut Connection,
    /// Starts with room for a message's head.
    buffer: Vec<u8>,
    sent: u64,
}

impl<'a> Outgoing<'a> {
    fn new(session: &'a mut Connection) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER + BUFFER / 2);
        buffer.resize(HEAD, 0);
        Self { session, buffer, sent: 0 }
    }

    /// Sends what was gathered.
    fn flush(&mut self) -> Result<()> {
        if self.buffer.len() > HEAD {
            let head = message_head(self.buffer.len() - HEAD)?;
            self.buffer[..HEAD].copy_from_slice(&head);
            self.session.write(&self.buffer)?;
            self.sent += (self.buffer.len() - HEAD) as u64;
            self.buffer.truncate(HEAD);
        }
        Ok(())
    }

    /// Sends bytes without gathering them; what was gathered must be sent before.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        for part in bytes.chunks(MESSAGE) {
            self.session.write(&message_head(part.len())?)?;
            self.session.write(part)?;
            self.sent += part.len() as u64;
        }
        Ok(())
    }
}

fn message_head(length: usize) -> Result<[u8; HEAD]> {
    let length = i32::try_from(length + 4)
        .map_err(|_| Error::new(Kind::Unsupported, "a row is larger than the server takes"))?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([b'd', a, b, c, d])
}
