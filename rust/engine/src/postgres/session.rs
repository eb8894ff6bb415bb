//! Plain SQL by the simple query protocol: text in, text rows out.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};
use postgres_protocol::message::frontend;

use super::connect::Connection;
use crate::error::{Error, Kind, Result};
use crate::session::{Described, Session, TextRow, no_rows};

impl Session for Connection {
    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        self.check()?;
        self.send(|out| frontend::query(sql, out))?;
        let mut rows = Vec::new();
        loop {
            match self.message() {
                Ok(Message::RowDescription(_)) => rows = Vec::new(),
                Ok(Message::DataRow(body)) => match text_row(&body) {
                    Ok(row) => rows.push(row),
                    Err(error) => return Err(self.broke(error)),
                },
                Ok(Message::ReadyForQuery(_)) => return Ok(rows),
                Ok(
                    Message::CommandComplete(_)
                    | Message::EmptyQueryResponse
                    | Message::ParameterStatus(_),
                ) => {}
                Ok(Message::CopyInResponse(_)) => {
                    self.send(|out| frontend::copy_fail("COPY is not run as a query", out))?;
                    self.settle()?;
                    return Err(Error::new(Kind::Request, "COPY can't be run as a query"));
                }
                Ok(Message::CopyOutResponse(_)) => {
                    self.settle()?;
                    return Err(Error::new(Kind::Request, "COPY can't be run as a query"));
                }
                Ok(_) => {
                    let error = Error::protocol("the server sent what no query asks for");
                    return Err(self.broke(error));
                }
                Err(error) => {
                    if self.check().is_ok() && self.settle().is_err() {
                        self.give_up();
                    }
                    return Err(error);
                }
            }
        }
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Described>> {
        self.check()?;
        self.send(|out| {
            frontend::parse("", sql, [], out)?;
            frontend::describe(b'S', "", out)?;
            frontend::sync(out);
            Ok(())
        })?;
        let mut described = Ok(Vec::new());
        loop {
            match self.message() {
                Ok(Message::RowDescription(body)) => described = columns(&body),
                Ok(Message::NoData) => described = Err(no_rows()),
                Ok(Message::ParameterDescription(body)) if body.parameters().count()? > 0 => {
                    self.settle()?;
                    return Err(Error::new(Kind::Request, "the query has parameters")
                        .with_hint("write their values into the query"));
                }
                Ok(Message::ReadyForQuery(_)) => return described,
                Ok(_) => {}
                Err(error) => {
                    if self.check().is_ok() && self.settle().is_err() {
                        self.give_up();
                    }
                    return Err(error);
                }
            }
        }
    }

    fn version(&self) -> &str {
        self.server_version()
    }
}

impl Connection {
    /// The one number that a query gives.
    pub(super) fn number(&mut self, sql: &str) -> Result<u64> {
        let rows = self.query(sql)?;
        let value = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        value
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| Error::protocol("the server gave no number where one was asked for"))
    }
}

fn columns(body: &RowDescriptionBody) -> Result<Vec<Described>> {
    let columns = body.fields().map(|field| {
        Ok(Described {
            name: field.name().to_owned(),
            number: field.type_oid(),
            size: field.type_modifier().into(),
            ..Described::default()
        })
    });
    Ok(columns.collect()?)
}

fn text_row(body: &DataRowBody) -> Result<TextRow> {
    let unreadable = || Error::protocol("the server sent a row that can't be read");
    let mut row = Vec::new();
    let mut ranges = body.ranges();
    while let Some(range) = ranges.next().map_err(|_| unreadable())? {
        row.push(match range {
            None => None,
            Some(range) => {
                let bytes = body.buffer().get(range).ok_or_else(unreadable)?;
                let text = std::str::from_utf8(bytes).map_err(|_| {
                    Error::new(Kind::Data, "the server sent text that is not UTF-8")
                        .with_code("S-UTF8")
                })?;
                Some(text.to_owned())
            }
        });
    }
    Ok(row)
}
