//! What Python hands over: endpoints, tables, columns and the conversions chosen for them.
//!
//! Everything here is decided before the first row and only read afterwards. The names in `read` and
//! `write` belong to the engine on that side (`postgres::decode::Read`, `mysql::encode::Write`, …);
//! an unknown name is refused when the table is opened, never in a row.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::copy::pace::Rate;
use crate::error::{Error, Kind, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Postgresql,
    Mysql,
    Mariadb,
    Sqlite,
    /// A stream of Arrow batches from Python.
    Arrow,
    /// Any ADBC driver, through Python.
    Adbc,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Postgresql => "postgresql",
            Engine::Mysql => "mysql",
            Engine::Mariadb => "mariadb",
            Engine::Sqlite => "sqlite",
            Engine::Arrow => "arrow",
            Engine::Adbc => "adbc",
        })
    }
}

/// A password: kept out of `Debug` and so out of every message.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    Disable,
    /// TLS if the server offers it, its certificate unchecked; plain otherwise.
    #[default]
    Prefer,
    /// TLS or nothing, the certificate unchecked.
    Require,
    /// TLS with a certificate from a trusted authority, whatever name it bears.
    VerifyCa,
    /// TLS with a certificate from a trusted authority and with the host's name.
    VerifyFull,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub mode: TlsMode,
    /// PEM file of the authorities to trust; the system's when absent.
    pub ca: Option<String>,
    /// PEM files of the client's certificate chain and key.
    pub certificate: Option<String>,
    pub key: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

/// One database that can be reached: everything a session needs to know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub engine: Engine,
    /// Tried in order until one answers.
    #[serde(default)]
    pub hosts: Vec<Host>,
    /// Path of a unix socket, instead of hosts.
    #[serde(default)]
    pub socket: Option<String>,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub password: Option<Secret>,
    #[serde(default)]
    pub database: String,
    #[serde(default)]
    pub tls: Tls,
    /// `SQLite`'s file.
    #[serde(default)]
    pub path: Option<String>,
    /// What its sessions are called in the server, so that they can be found again.
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default = "Endpoint::default_timeout")]
    pub connect_timeout_seconds: u64,
    /// True for a target: of several hosts, those that take no writes are passed over.
    #[serde(skip)]
    pub writes: bool,
}

impl Endpoint {
    fn default_timeout() -> u64 {
        15
    }

    /// True when a host that takes no writes is of no use, and another may be.
    pub fn chooses(&self) -> bool {
        self.writes && self.hosts.len() > 1
    }
}

/// The type a column has in flight, between the two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Flight {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    #[serde(rename = "uint8")]
    UInt8,
    #[serde(rename = "uint16")]
    UInt16,
    #[serde(rename = "uint32")]
    UInt32,
    #[serde(rename = "uint64")]
    UInt64,
    Float32,
    Float64,
    /// 1 ≤ precision ≤ 76, 0 ≤ scale ≤ precision; 128 bits up to 38 digits, 256 above.
    Decimal {
        precision: u8,
        scale: i8,
    },
    Text,
    Binary,
    Uuid,
    /// Days since 1970-01-01, proleptic Gregorian.
    Date,
    /// Microseconds since midnight, 0 ..= 86 400 000 000.
    Time,
    /// Microseconds since 1970-01-01 00:00:00 on the wall clock; no zone.
    Timestamp,
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Instant,
    /// Signed microseconds.
    Span,
    /// Months, days and nanoseconds, none of which can stand for another.
    Interval,
    /// One of the labels that the column's plan lists, by its number.
    Label,
    TextList,
    /// Of values that the column's plan tells of as its `element`.
    List,
}

impl Flight {
    fn arrow(self, element: Option<&ColumnPlan>) -> DataType {
        match self {
            Flight::Bool => DataType::Boolean,
            Flight::Int8 => DataType::Int8,
            Flight::Int16 => DataType::Int16,
            Flight::Int32 => DataType::Int32,
            Flight::Int64 => DataType::Int64,
            Flight::UInt8 => DataType::UInt8,
            Flight::UInt16 => DataType::UInt16,
            Flight::UInt32 => DataType::UInt32,
            Flight::UInt64 => DataType::UInt64,
            Flight::Float32 => DataType::Float32,
            Flight::Float64 => DataType::Float64,
            Flight::Decimal { precision, scale } if precision <= 38 => {
                DataType::Decimal128(precision, scale)
            }
            Flight::Decimal { precision, scale } => DataType::Decimal256(precision, scale),
            Flight::Text => DataType::Utf8,
            Flight::Binary => DataType::Binary,
            Flight::Uuid => DataType::FixedSizeBinary(16),
            Flight::Date => DataType::Date32,
            Flight::Time => DataType::Time64(TimeUnit::Microsecond),
            Flight::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Flight::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Flight::Span => DataType::Duration(TimeUnit::Microsecond),
            Flight::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Flight::Label => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            Flight::TextList => {
                DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
            }
            // A plan without it is refused by whoever decodes or encodes elements.
            Flight::List => match element {
                Some(element) => DataType::List(Arc::new(element.item())),
                None => DataType::Null,
            },
        }
    }
}

/// What to do with a value that its column's plan can't carry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Stop the table: the default.
    #[default]
    Error,
    Null,
    /// The nearest value that fits.
    Clamp,
    /// A fixed value, or for text the replacement of each offending character.
    Replace(String),
}

/// A demand on every value of a column in flight, beyond its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Check {
    /// Text without U+0000 (`S-NUL`).
    NoNul,
    /// A float that is neither NaN nor infinite (`N-NAN`).
    Finite,
    /// A float that is not NaN (`N-NAN`).
    NotNan,
    /// Decimal text that is a plain number (`N-NAN`).
    Number,
    /// An integer between two bounds (`N-RANGE`), as decimal text.
    Integer { min: String, max: String },
    /// Decimal digits before and after the point (`N-RANGE`, `N-SCALE`).
    Digits { precision: u8, scale: i8 },
    /// A date or timestamp within two years, both included (`T-RANGE`).
    Years { min: i32, max: i32 },
    /// A span or time within one day: 0 ≤ t < 24 h (`T-SPAN`).
    WithinDay,
    /// At most this many code points (`S-LEN`).
    Characters { max: u64 },
    /// At most this many bytes (`B-SIZE`).
    Bytes { max: u64 },
    /// Text that is one of these labels (`E-BADENUM`).
    Labels { labels: Vec<String> },
    /// No NULL (`K-NULL`): the target would make something up instead, and say nothing.
    NotNull,
    /// A time, timestamp or span with at most so many digits of a fraction of a second (`T-SCALE`).
    Fraction { digits: u8 },
    /// A span of at most so many microseconds, either way (`T-SPAN`).
    Longest { micros: i64 },
    /// Negative zero, which the target would lose (`N-NEGZERO`): counted as a warning, never refused.
    NegativeZero,
}

/// How one column travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnPlan {
    /// Name in the source, as its catalog has it.
    pub name: String,
    /// Name in the target, as its catalog will have it.
    pub target: String,
    /// What the source is asked to select: SQL, quoted, in the source's dialect.
    pub expression: String,
    /// The source engine's decoder for what arrives.
    pub read: String,
    pub flight: Flight,
    /// How the elements of a list travel; their name and policies are the column's own.
    #[serde(default)]
    pub element: Option<Box<ColumnPlan>>,
    /// Those of `Flight::Label`, in their order.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The target engine's encoder.
    pub write: String,
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Policy per verdict code (`T-ZERO`, `S-NUL`, …); a code not named here is an error.
    #[serde(default)]
    pub policies: BTreeMap<String, Policy>,
    /// Extension name for Arrow's readers, such as `arrow.json`.
    #[serde(default)]
    pub extension: Option<String>,
    /// What else Arrow's readers are told of the field.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// True when Arrow's readers are told that there is no NULL.
    #[serde(default)]
    pub never_null: bool,
}

impl ColumnPlan {
    /// Its type in flight.
    pub fn arrow(&self) -> DataType {
        self.flight.arrow(self.element.as_deref())
    }

    /// The field that its values have in a list.
    pub fn item(&self) -> Field {
        Field::new_list_field(self.arrow(), true).with_metadata(self.told())
    }

    /// What Arrow's readers are told beside the type.
    fn told(&self) -> HashMap<String, String> {
        let mut told: HashMap<_, _> = self.metadata.clone().into_iter().collect();
        if let Some(name) = &self.extension {
            told.insert("ARROW:extension:name".to_owned(), name.clone());
        }
        told
    }
}

/// How a table's rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// Decoded to Arrow and encoded again: any engine to any engine.
    Arrow,
    /// The engine's own bytes, between two of the same engine; `columns[].read` and `.write` are not used.
    /// `PostgreSQL`: COPY binary.
    RawBinary,
    /// `PostgreSQL`: COPY text. `MySQL` and `MariaDB`: the fields of LOAD DATA. `SQLite`: values with their class.
    Raw,
}

/// A column of the key that ranges may be cut by.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyColumn {
    pub name: String,
    /// True for an integer that is never NULL.
    pub integer: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePlan {
    /// Its number in the ledger.
    #[serde(default)]
    pub number: u64,
    /// How messages and reports call it: `schema.table` of the source.
    pub name: String,
    /// The relation in the source's dialect, quoted: what follows FROM.
    pub source: String,
    /// A query that is sent as it is, instead of a SELECT of the columns' expressions.
    #[serde(default)]
    pub query: Option<String>,
    /// The relation in the target's dialect, quoted.
    pub target: String,
    pub columns: Vec<ColumnPlan>,
    pub transfer: Transfer,
    /// The primary key in its order; empty when there is none.
    #[serde(default)]
    pub key: Vec<KeyColumn>,
    /// `PostgreSQL`: the leaves of a partitioned table, quoted; read instead of `source`.
    /// Empty for anything else.
    #[serde(default)]
    pub leaves: Vec<String>,
    /// True for a plain heap (`PostgreSQL`) or a table with a rowid (`SQLite`): cut by place.
    #[serde(default)]
    pub cut_by_place: bool,
    /// The columns again, as texts in bytes: what is told of a row that doesn't fit. Not used by raw transfers.
    #[serde(default)]
    pub texts: Vec<ColumnPlan>,
    /// The columns that tell such a row from others; empty where none do.
    #[serde(default)]
    pub told_by: Vec<String>,
    /// SQL that each range's transaction on the target begins with.
    #[serde(default)]
    pub opening: Option<String>,
    /// The catalog's estimates; only used to order and cut the work.
    #[serde(default)]
    pub estimated_rows: u64,
    #[serde(default)]
    pub estimated_bytes: u64,
}

impl TablePlan {
    /// How a range is written whose rows are looked at one by one: raw ones as text.
    #[must_use]
    pub fn written_sifted(&self) -> Self {
        let transfer = match self.transfer {
            Transfer::RawBinary => Transfer::Raw,
            other => other,
        };
        Self { transfer, ..self.clone() }
    }

    /// How it is read: the texts come after the columns.
    #[must_use]
    pub fn read_sifted(&self) -> Self {
        let mut plan = self.written_sifted();
        if plan.transfer == Transfer::Arrow {
            plan.columns.extend(plan.texts.iter().cloned());
        }
        plan
    }

    /// The Arrow schema of its rows in flight.
    pub fn schema(&self) -> Arc<Schema> {
        let fields = self.columns.iter().map(|column| {
            Field::new(&column.target, column.arrow(), !column.never_null)
                .with_metadata(column.told())
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// A part of a table: the unit of reading, of commit and later of resumption.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Range {
    /// Ordinal within its table, from 0.
    pub number: usize,
    /// Relation to read instead of the table's own (a leaf partition), quoted.
    pub relation: Option<String>,
    /// SQL that follows WHERE, in the source's dialect; absent for the whole relation.
    pub predicate: Option<String>,
    /// Estimated size; only used to order the work.
    pub bytes: u64,
}

impl Range {
    pub fn label(&self) -> String {
        match (&self.relation, &self.predicate) {
            (None, None) => "whole table".to_owned(),
            (Some(relation), None) => relation.clone(),
            (None, Some(predicate)) => predicate.clone(),
            (Some(relation), Some(predicate)) => format!("{relation}: {predicate}"),
        }
    }

    /// `SELECT` of these expressions over this range.
    pub fn select(&self, table: &TablePlan, expressions: &str) -> String {
        if let Some(query) = &table.query {
            return query.clone();
        }
        let relation = self.relation.as_deref().unwrap_or(&table.source);
        match &self.predicate {
            Some(predicate) => format!("SELECT {expressions} FROM {relation} WHERE {predicate}"),
            None => format!("SELECT {expressions} FROM {relation}"),
        }
    }
}

/// What is to be done with a table, where some of it may be done already.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Work {
    /// The ranges that are left; cut anew when absent.
    pub ranges: Option<Vec<Range>>,
    /// Rows that the target table had before and keeps.
    pub rows_before: u64,
    /// What earlier runs have committed.
    pub rows_done: u64,
    pub bytes_done: u64,
    pub unfit_done: u64,
    pub ranges_done: u64,
    /// True when its ranges are not all of one snapshot: no count of one says what there should be.
    pub mixed: bool,
}

/// How often and how long work that the world has broken is tried again.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Times that one range is tried again before its table is given up.
    pub attempts: u32,
    /// Seconds that a server is waited for.
    pub seconds: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 8, seconds: 300 }
    }
}

/// Sizes that bound memory and shape the work.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sizes {
    /// Workers, each one session on both sides; what an engine can't do is not exceeded.
    pub workers: usize,
    /// Rows in a batch at most.
    pub batch_rows: usize,
    /// Wire bytes after which a batch is closed. Below 64 KiB the cost per batch shows; above 4 MiB
    /// batches leave the processor's cache and memory grows with the number of workers.
    pub batch_bytes: usize,
    /// Estimated source bytes of a range.
    pub range_bytes: u64,
    /// Rows of a range, where the engine can cut by rows; for tests of the borders.
    pub range_rows: Option<u64>,
    /// Bytes of large values that may be in flight at once.
    pub budget_bytes: u64,
    /// What may be read in a second.
    pub rate: Rate,
}

impl Sizes {
    /// How many ranges so many bytes make: none larger than asked for, and, where it is worth a
    /// statement, as many for each worker, or some would stand idle at the end.
    pub fn parts(&self, bytes: u64) -> u64 {
        /// A range below this costs more in statements and commits than balance wins.
        const WORTHWHILE: u64 = 8 << 20;
        let workers = self.workers.max(1) as u64;
        let parts = bytes.div_ceil(self.range_bytes.max(1)).max(1);
        let rounds = (bytes / WORTHWHILE / workers).min(2);
        let parts = parts.max(rounds * workers);
        if parts == 1 { 1 } else { parts.next_multiple_of(workers) }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            workers: 4,
            batch_rows: 16_384,
            batch_bytes: 1 << 20,
            range_bytes: 64 << 20,
            range_rows: None,
            budget_bytes: 192 << 20,
            rate: Rate::default(),
        }
    }
}

/// Parses the engine's name for a decoder or an encoder.
pub fn named<'a, T: Deserialize<'a>>(what: &str, name: &'a str, column: &str) -> Result<T> {
    let wanted = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    T::deserialize(wanted).map_err(|error| {
        Error::new(Kind::Internal, format!("the plan names an unknown {what} `{name}`: {error}"))
            .in_column(column)
    })
}
