//! The one error of the engine: what went wrong, where, and what helps.
//!
//! A message is lower case, one sentence, and tells the fact; the place is told in fields and never
//! in the text alone. No message holds a password or a row's values.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Engine;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of thing went wrong. Callers decide by this and never by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request itself is wrong: an unknown option, a plan that contradicts itself.
    Request,
    /// No connection could be made: unreachable, refused, name not found.
    Connect,
    /// The server refused the user or the password.
    Auth,
    /// TLS was required, refused or not trusted.
    Tls,
    /// The user may not do this.
    Permission,
    /// A database, table or column doesn't exist.
    Missing,
    /// An object stands where a new one should be made.
    Exists,
    /// A value doesn't fit the type it should go to.
    Data,
    /// A key, check or NOT NULL of the target refused a row.
    Constraint,
    /// A disk, a tablespace or memory is full.
    Space,
    /// Lock not available, deadlock, serialization failure, too many connections.
    Busy,
    /// The connection broke, or the server went away.
    Lost,
    /// Nothing came within the time allowed.
    Timeout,
    /// The other side broke its protocol, or a file is damaged.
    Protocol,
    /// This engine can't do what was asked.
    Unsupported,
    /// Another run has taken the task over.
    Fenced,
    /// The user interrupted the run, or another part of it failed first.
    Cancelled,
    /// A fault of dbferry itself.
    Internal,
}

impl Kind {
    /// True when the same work may succeed if it is tried again: the world's fault, not the data's.
    pub fn retryable(self) -> bool {
        matches!(self, Kind::Connect | Kind::Busy | Kind::Lost | Kind::Timeout)
    }

    /// True when other tables may still be copied: the fault lies with one table's rows or rights.
    pub fn of_table(self) -> bool {
        match self {
            Kind::Data
            | Kind::Constraint
            | Kind::Missing
            | Kind::Exists
            | Kind::Permission
            | Kind::Unsupported
            | Kind::Busy
            | Kind::Timeout => true,
            Kind::Request
            | Kind::Connect
            | Kind::Auth
            | Kind::Tls
            | Kind::Space
            | Kind::Lost
            | Kind::Protocol
            | Kind::Fenced
            | Kind::Cancelled
            | Kind::Internal => false,
        }
    }
}

/// Which end of the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Source,
    Target,
}

/// Where it went wrong; every field that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    pub engine: Option<Engine>,
    pub side: Option<Side>,
    pub table: Option<String>,
    pub column: Option<String>,
    /// Ordinal of the row within its range, from 1.
    pub row: Option<u64>,
    pub range: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Error(Box<Body>);

#[derive(Debug, Clone, Serialize)]
struct Body {
    kind: Kind,
    place: Place,
    message: String,
    /// The server's own code (SQLSTATE, MySQL's number, SQLite's extended code), or a verdict code such as `T-ZERO`.
    code: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            kind,
            place: Place::default(),
            message: message.into(),
            code: None,
            detail: None,
            hint: None,
        }))
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn place(&self) -> &Place {
        &self.0.place
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Names the address that was talked to, unless the error has a detail already.
    #[must_use]
    pub fn from_address(mut self, address: impl fmt::Display) -> Self {
        self.0.detail.get_or_insert_with(|| format!("talking to `{address}`"));
        self
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// All that is known of an error, for consumers that know no fields.
    pub fn told(&self) -> String {
        let place = self.place();
        let mut parts = Vec::new();
        match (place.engine, place.side) {
            (Some(engine), Some(_)) => parts.push(format!("{engine} source")),
            (Some(engine), None) => parts.push(engine.to_string()),
            (None, _) => {}
        }
        parts.extend(place.table.as_ref().map(|name| format!("table `{name}`")));
        parts.extend(place.column.as_ref().map(|name| format!("column `{name}`")));
        parts.extend(place.row.map(|row| format!("row {row}")));
        let range = place.range.as_ref().filter(|range| *range != "whole table");
        parts.extend(range.map(|range| format!("range {range}")));
        let code = self.code().map(|code| format!(" [{code}]")).unwrap_or_default();
        let place =
            if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        let hint = self.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        format!("{}{code}{place}{hint}", self.message())
    }

    /// Names the engine, unless a deeper place already did.
    #[must_use]
    pub fn on(mut self, engine: Engine) -> Self {
        self.0.place.engine.get_or_insert(engine);
        self
    }

    /// Names the side, unless a deeper place already did.
    #[must_use]
    pub fn at(mut self, side: Side) -> Self {
        self.0.place.side.get_or_insert(side);
        self
    }

    /// Names the table, unless a deeper place already did.
    #[must_use]
    pub fn in_table(mut self, table: &str) -> Self {
        self.0.place.table.get_or_insert_with(|| table.to_owned());
        self
    }

    /// Names the column, unless a deeper place already did.
    #[must_use]
    pub fn in_column(mut self, column: &str) -> Self {
        self.0.place.column.get_or_insert_with(|| column.to_owned());
        self
    }

    /// Names the row (from 1), unless a deeper place already did.
    #[must_use]
    pub fn in_row(mut self, row: u64) -> Self {
        self.0.place.row.get_or_insert(row);
        self
    }

    /// Names the row instead of what a deeper place counted: elements of its list.
    #[must_use]
    pub fn of_row(mut self, row: u64) -> Self {
        self.0.place.row = Some(row);
        self
    }

    /// Moves a row number that counts within a batch to one that counts within the range.
    #[must_use]
    pub fn after_rows(mut self, rows: u64) -> Self {
        if let Some(row) = self.0.place.row.as_mut() {
            *row += rows;
        }
        self
    }

    /// Names the range, unless a deeper place already did.
    #[must_use]
    pub fn in_range(mut self, range: &str) -> Self {
        self.0.place.range.get_or_insert_with(|| range.to_owned());
        self
    }

    /// One of several hosts is a standby, or a primary no more.
    pub fn takes_no_writes() -> Self {
        Self::new(Kind::Connect, "the server takes no writes, as a standby does")
    }

    /// The other side broke its protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(Kind::Protocol, message)
    }

    /// Another part of the run failed or the user interrupted; never the first cause.
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "interrupted")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::TimedOut | Io::WouldBlock => Kind::Timeout,
            Io::StorageFull | Io::QuotaExceeded => Kind::Space,
            Io::PermissionDenied => Kind::Permission,
            Io::NotFound => Kind::Missing,
            Io::InvalidData => Kind::Protocol,
            _ => Kind::Lost,
        };
        if kind == Kind::Timeout {
            return Self::new(kind, "no answer came within the time allowed")
                .with_hint("check that the host and port are right, or raise connect_timeout");
        }
        Self::new(kind, error.to_string().to_lowercase())
    }
}
