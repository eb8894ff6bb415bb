//! Commands and what the server answers: OK, an error, a result with its columns and rows, a prepared statement.
//!
//! Layouts: MySQL Internals Manual, "Client/Server Protocol". Whether rows end with an EOF packet
//! or with an OK under EOF's header depends on `CLIENT_DEPRECATE_EOF`.

use crate::error::{Error, Kind, Result};
use crate::net::Stream;

use super::connect::Connection;
use super::error::{Fault, Words};
use super::packet::{FULL_FRAME, Packets, Parse};

const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
const CLOSE: u8 = 0x19;

const MORE_RESULTS: u16 = 0x0008;

/// What an OK or EOF packet tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    pub affected: u64,
    pub warnings: u16,
    pub more: bool,
}

/// The first packet of an answer.
#[derive(Debug)]
pub enum Answer {
    Done(Outcome),
    Rows(Vec<Column>),
    /// The server wants the file of LOAD DATA LOCAL.
    File,
}

/// How a column's values lie in a binary row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Integer {
        width: usize,
        unsigned: bool,
    },
    Float,
    Double,
    /// A date with or without time of day, after a byte of length.
    Date,
    Time,
    /// Bytes after their length.
    Bytes,
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub wire: Wire,
}

impl Column {
    fn parse(packet: &[u8]) -> Result<Self> {
        let mut parse = Parse::new(packet);
        // Catalog, schema, table, its original, column, its original.
        for _ in 0..6 {
            parse.lenenc_bytes()?;
        }
        parse.lenenc()?;
        let _character_set = parse.u16()?;
        let _length = parse.u32()?;
        let kind = parse.byte()?;
        let unsigned = parse.u16()? & 0x20 != 0;
        let wire = match kind {
            1 => Wire::Integer { width: 1, unsigned },
            2 | 13 => Wire::Integer { width: 2, unsigned },
            3 | 9 => Wire::Integer { width: 4, unsigned },
            8 => Wire::Integer { width: 8, unsigned },
            4 => Wire::Float,
            5 => Wire::Double,
            7 | 10 | 12 | 14 | 17 | 18 => Wire::Date,
            11 | 19 => Wire::Time,
            _ => Wire::Bytes,
        };
        Ok(Self { wire })
    }
}

/// A prepared statement of this session.
#[derive(Debug, Clone, Copy)]
pub struct Statement(u32);

/// What an error packet tells.
pub fn fault(packet: &[u8]) -> Result<Fault> {
    let mut parse = Parse::new(packet);
    parse.byte()?;
    let code = parse.u16()?;
    let rest = parse.rest();
    // `#` and five characters of SQLSTATE, except while logging in.
    let text = if rest.first() == Some(&b'#') { rest.get(6..).unwrap_or_default() } else { rest };
    Ok(Fault { code, text: String::from_utf8_lossy(text).into_owned() })
}

fn ok(packet: &[u8]) -> Result<Outcome> {
    let mut parse = Parse::new(packet);
    parse.byte()?;
    let affected = parse.lenenc()?;
    parse.lenenc()?;
    let more = parse.u16()? & MORE_RESULTS != 0;
    Ok(Outcome { affected, warnings: parse.u16()?, more })
}

fn eof(packet: &[u8]) -> Result<Outcome> {
    let mut parse = Parse::new(packet);
    parse.byte()?;
    let warnings = parse.u16()?;
    Ok(Outcome { affected: 0, warnings, more: parse.u16()? & MORE_RESULTS != 0 })
}

impl Connection {
    fn command(&mut self, command: u8, body: &[u8]) -> Result<()> {
        let mut packet = Vec::with_capacity(body.len() + 1);
        packet.push(command);
        packet.extend_from_slice(body);
        self.packets().begin();
        self.packets().write(&packet)
    }

    /// Sends statements by the text protocol; `answer` is next.
    pub(super) fn send(&mut self, sql: &str) -> Result<()> {
        self.command(QUERY, sql.as_bytes())
    }

    /// As `send`, for a statement that may hold any bytes.
    pub(super) fn send_bytes(&mut self, sql: &[u8]) -> Result<()> {
        self.command(QUERY, sql)
    }

    /// Sends it and expects no rows.
    pub(super) fn run(&mut self, sql: &str) -> Result<Outcome> {
        self.send(sql)?;
        match self.answer(Words::Repeat)? {
            Answer::Done(outcome) => Ok(outcome),
            Answer::Rows(_) => {
                Err(Error::protocol("the server answered with rows to a statement without"))
            }
            Answer::File => Err(self.refuse_file()),
        }
    }

    /// Reads the first packet of an answer, and the columns where there are some.
    pub(super) fn answer(&mut self, words: Words) -> Result<Answer> {
        let packet = self.packets().read()?;
        match packet.first() {
            Some(0x00) => ok(&packet).map(Answer::Done),
            Some(0xff) => Err(fault(&packet)?.error(words)),
            Some(0xfb) => Ok(Answer::File),
            Some(_) => {
                let count = Parse::new(&packet).lenenc()?;
                self.columns(count).map(Answer::Rows)
            }
            None => Err(Error::protocol("the server answered with an empty packet")),
        }
    }

    fn columns(&mut self, count: u64) -> Result<Vec<Column>> {
        // 4096 is what a table may have.
        if count > 65_535 {
            return Err(Error::protocol("the server claims more columns than any result has"));
        }
        let mut columns = Vec::new();
        self.definitions(count, |packet| {
            columns.push(Column::parse(packet)?);
            Ok(())
        })?;
        Ok(columns)
    }

    fn definitions(&mut self, count: u64, mut see: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for _ in 0..count {
            see(&self.packets().read()?)?;
        }
        if count > 0 && !self.deprecates_eof() {
            self.packets().read()?;
        }
        Ok(())
    }

    /// True when the next packet, whose head was peeked, isn't a row.
    pub(super) fn ends_rows(length: usize, first: Option<u8>) -> bool {
        match first {
            Some(0xff) => true,
            Some(0xfe) => length < FULL_FRAME,
            _ => false,
        }
    }

    /// Reads what ends the rows.
    pub(super) fn end_of_rows(&mut self) -> Result<Outcome> {
        let packet = self.packets().read()?;
        match packet.first() {
            Some(0xff) => Err(fault(&packet)?.error(Words::Repeat)),
            _ if self.deprecates_eof() => ok(&packet),
            _ => eof(&packet),
        }
    }

    /// Answers a request for a file that was never offered: with nothing, and an error here.
    pub(super) fn refuse_file(&mut self) -> Error {
        let told = self.packets().write(&[]).and_then(|()| self.packets().read());
        let error = Error::protocol("the server asked for a local file that was not offered");
        match told {
            Ok(_) => error,
            Err(after) => error.with_detail(after.message().to_owned()),
        }
    }

    /// Rows of the last result, as the text protocol gives them.
    pub(super) fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.send(sql)?;
        let mut rows = Vec::new();
        loop {
            let outcome = match self.answer(Words::Repeat)? {
                Answer::Done(outcome) => outcome,
                Answer::File => return Err(self.refuse_file()),
                Answer::Rows(columns) => {
                    rows = Vec::new();
                    self.text_rows(columns.len(), &mut rows)?
                }
            };
            if !outcome.more {
                return Ok(rows);
            }
        }
    }

    /// A row that is no text fails when all have been read, so that the session goes on.
    fn text_rows(&mut self, width: usize, rows: &mut Vec<Vec<Option<String>>>) -> Result<Outcome> {
        let mut all = Ok(());
        loop {
            let (length, first) = self.packets().peek()?;
            if Self::ends_rows(length, first) {
                let end = self.end_of_rows()?;
                return all.map(|()| end);
            }
            let packet = self.packets().read()?;
            let mut parse = Parse::new(&packet);
            let row = (0..width).map(|_| parse.text_field()?.map(text).transpose());
            match row.collect() {
                Ok(row) => rows.push(row),
                Err(error) => all = all.and(Err(error)),
            }
        }
    }

    pub(super) fn prepare(&mut self, sql: &str) -> Result<Statement> {
        self.prepare_seeing(sql, |_| Ok(()))
    }

    /// As `prepare`; `see` is given the definition of every column of the result.
    pub(super) fn prepare_seeing(
        &mut self,
        sql: &str,
        mut see: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Statement> {
        self.command(PREPARE, sql.as_bytes())?;
        let packet = self.packets().read()?;
        if packet.first() == Some(&0xff) {
            return Err(fault(&packet)?.error(Words::Repeat));
        }
        let mut parse = Parse::new(&packet);
        parse.byte()?;
        let statement = Statement(parse.u32()?);
        let columns = parse.u16()?;
        let parameters = parse.u16()?;
        self.definitions(parameters.into(), |_| Ok(()))?;
        self.definitions(columns.into(), &mut see)?;
        if parameters > 0 {
            self.close(statement)?;
            return Err(Error::new(Kind::Request, "the query has parameters")
                .with_hint("write their values into the query"));
        }
        Ok(statement)
    }

    /// Starts a prepared statement without parameters; binary rows follow, without a cursor.
    pub(super) fn execute(&mut self, statement: Statement) -> Result<Vec<Column>> {
        let mut body = statement.0.to_le_bytes().to_vec();
        body.extend_from_slice(&[0, 1, 0, 0, 0]);
        self.command(EXECUTE, &body)?;
        match self.answer(Words::Repeat)? {
            Answer::Rows(columns) => Ok(columns),
            Answer::Done(_) => Err(Error::protocol("the server answered without rows to a select")),
            Answer::File => Err(self.refuse_file()),
        }
    }

    pub(super) fn close(&mut self, statement: Statement) -> Result<()> {
        self.command(CLOSE, &statement.0.to_le_bytes())
    }

    /// The warnings of the last statement, as many as the server kept.
    pub(super) fn warnings(&mut self) -> Result<Vec<Fault>> {
        let rows = self.rows("SHOW WARNINGS")?;
        let faults = rows.into_iter().map(|row| match row.as_slice() {
            [_, Some(code), Some(text)] => {
                Ok(Fault { code: code.parse().unwrap_or(0), text: text.clone() })
            }
            _ => Err(Error::protocol("the server's list of warnings is malformed")),
        });
        faults.collect()
    }
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Error::new(Kind::Data, "a value of the catalog is not text in utf-8"))
}

/// Says goodbye; the session is closed either way.
pub(super) fn quit(packets: &mut Packets<Stream>) {
    packets.begin();
    // The socket is about to be closed and the server copes with that.
    let _ = packets.write(&[QUIT]);
}
