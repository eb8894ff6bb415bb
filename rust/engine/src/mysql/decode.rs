//! Binary rows to Arrow, a column at a time.
//!
//! Integers and floats are little-endian in the width of the server's type. A date is empty (all zero), 4, 7 or 11 bytes:
//! year (2), month, day, hour, minute, second, microseconds (4). A time is empty, 8 or 12 bytes: sign, days (4), hour,
//! minute, second, microseconds (4). Decimals, BIT, text and bytes are strings.

mod binary;
mod decimal;
mod number;
mod temporal;
mod text;

use arrow_array::ArrayRef;
use arrow_array::types::{Decimal128Type, Decimal256Type};
use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict};
use crate::plan::{Check, ColumnPlan, Flight, named};
use crate::wire::WireRows;

use self::binary::{binaries, uuids};
use self::decimal::decimals;
use self::number::{bit_booleans, bits, choose_integer, doubles, floats, widened_floats};
use self::temporal::{dates, spans, times_of_day, timestamps};
use self::text::{labels, numbered_labels, sets, texts, vectors};
use super::command::Wire;

/// What arrives, as the plan names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    Int,
    Float,
    Double,
    Decimal,
    Text,
    Binary,
    Date,
    Datetime,
    Timestamp,
    Time,
    TimeOfDay,
    Year,
    Bit,
    Enum,
    Set,
    Uuid,
    Geometry,
    Vector,
}

/// One column of a batch of rows.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub rows: &'a WireRows<'a>,
    pub index: usize,
}

impl<'a> Values<'a> {
    fn iter(self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + Clone {
        self.rows.column(self.index)
    }

    fn len(self) -> usize {
        self.rows.len()
    }
}

type Decode = dyn Fn(Values<'_>, &mut Guard<'_>) -> Result<ArrayRef> + Send;

/// The decoder of one column, chosen before the first row.
pub struct Decoder(Box<Decode>);

impl Decoder {
    pub fn decode(&self, values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
        (self.0)(values, guard)
    }

    pub fn choose(column: &ColumnPlan, wire: Wire) -> Result<Self> {
        let read: Read = named("decoder of mysql", &column.read, &column.name)?;
        let flight = column.flight;
        let refused = || {
            Error::new(
                Kind::Internal,
                format!("the plan can't read `{}` into {flight:?} from what the server sends ({wire:?})", column.read),
            )
            .in_column(&column.name)
        };
        let decode: Box<Decode> = match (read, wire) {
            (Read::Int | Read::Year, Wire::Integer { width, unsigned }) => {
                choose_integer(width, unsigned, flight).ok_or_else(refused)?
            }
            (Read::Float, Wire::Float) if flight == Flight::Float32 => Box::new(floats),
            (Read::Double | Read::Float, Wire::Double) if flight == Flight::Float64 => {
                Box::new(doubles)
            }
            (Read::Double | Read::Float, Wire::Float) if flight == Flight::Float64 => {
                Box::new(widened_floats)
            }
            (Read::Decimal, Wire::Bytes) => match flight {
                Flight::Decimal { precision, scale } if precision <= 38 => {
                    Box::new(move |values, guard| {
                        decimals::<Decimal128Type>(values, guard, precision, scale)
                    })
                }
                Flight::Decimal { precision, scale } => Box::new(move |values, guard| {
                    decimals::<Decimal256Type>(values, guard, precision, scale)
                }),
                Flight::Text => Box::new(texts),
                _ => return Err(refused()),
            },
            (Read::Text, Wire::Bytes) if flight == Flight::Text => Box::new(texts),
            (Read::Enum, Wire::Bytes) if flight == Flight::Label => Box::new(numbered_labels),
            (Read::Enum, Wire::Bytes) if flight == Flight::Text => {
                let empty_is_a_label = column.checks.iter().any(|check| match check {
                    Check::Labels { labels } => labels.iter().any(String::is_empty),
                    _ => false,
                });
                if empty_is_a_label { Box::new(texts) } else { Box::new(labels) }
            }
            (Read::Set, Wire::Bytes) if flight == Flight::TextList => Box::new(sets),
            (Read::Binary, Wire::Bytes) if flight == Flight::Binary => {
                Box::new(|values, guard| binaries(values, guard, 0))
            }
            // 4 bytes of SRID precede the WKB.
            (Read::Geometry, Wire::Bytes) if flight == Flight::Binary => {
                Box::new(|values, guard| binaries(values, guard, 4))
            }
            (Read::Vector, Wire::Bytes) if flight == Flight::Text => Box::new(vectors),
            (Read::Uuid, Wire::Bytes) if flight == Flight::Uuid => Box::new(uuids),
            (Read::Bit, Wire::Bytes) if flight == Flight::UInt64 => Box::new(bits),
            (Read::Bit, Wire::Bytes) if flight == Flight::Bool => Box::new(bit_booleans),
            (Read::Date, Wire::Date) if flight == Flight::Date => Box::new(dates),
            (Read::Datetime | Read::Timestamp, Wire::Date) => match flight {
                Flight::Timestamp => Box::new(|values, guard| timestamps(values, guard, None)),
                Flight::Instant => Box::new(|values, guard| timestamps(values, guard, Some("UTC"))),
                _ => return Err(refused()),
            },
            (Read::Time, Wire::Time) if flight == Flight::Span => Box::new(spans),
            (Read::TimeOfDay, Wire::Time) if flight == Flight::Time => Box::new(times_of_day),
            _ => return Err(refused()),
        };
        Ok(Self(decode))
    }
}

fn malformed() -> Error {
    Error::protocol("a value of the server has a length that its type can't have")
}

/// Carries out a policy: what stands for the value, or `None` for NULL. A policy that
/// has no meaning for this value refuses it.
fn settle<T>(
    guard: &mut Guard<'_>,
    (code, row, fact): (&'static str, usize, &str),
    nearest: Option<T>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let stand_in = match guard.judge(code, row, fact)? {
        Verdict::Null => return Ok(None),
        Verdict::Clamp => nearest,
        Verdict::Replace(text) => parse(text),
    };
    stand_in.map(Some).ok_or_else(|| {
        guard.refusal(
            code,
            row,
            &format!("{fact}, and its column's policy gives nothing in its place"),
        )
    })
}

#[cfg(test)]
mod tests;
