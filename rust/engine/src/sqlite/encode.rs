//! Arrow columns to bound parameters: the second loop over values.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use serde::Deserialize;

use super::connect::real_text;
use super::read::tag;
use super::statement::Statement;
use crate::calendar;
use crate::convert::append_hex;
use crate::error::{Error, Kind, Result};
use crate::loss::code;
use crate::plan::{ColumnPlan, Flight, TablePlan, named};

/// The encoders, by the names that plans use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Write {
    Integer,
    Real,
    Text,
    Blob,
    Numeric,
}

/// Binds the value of a row.
type Bind<'a> = Box<dyn FnMut(&mut Statement<'_>, usize) -> Result<()> + 'a>;

/// Inserts the rows of a batch; `rows_before` are already written of its range.
pub(super) fn insert(
    statement: &mut Statement<'_>,
    table: &TablePlan,
    batch: &RecordBatch,
    rows_before: u64,
) -> Result<()> {
    if batch.num_columns() != table.columns.len() {
        return Err(Error::new(Kind::Internal, "a batch has other columns than its plan"));
    }
    let mut binds = Vec::with_capacity(batch.num_columns());
    for (index, (plan, array)) in table.columns.iter().zip(batch.columns()).enumerate() {
        binds.push((plan, bind(plan, array.as_ref(), index)?));
    }
    for row in 0..batch.num_rows() {
        let number = rows_before + row as u64 + 1;
        for (plan, bind) in &mut binds {
            bind(statement, row).map_err(|error| error.in_column(&plan.target).in_row(number))?;
        }
        statement.insert().map_err(|error| error.in_row(number))?;
    }
    Ok(())
}

fn bind<'a>(plan: &ColumnPlan, array: &'a dyn Array, at: usize) -> Result<Bind<'a>> {
    let write: Write = named("encoder", &plan.write, &plan.name)?;
    let wrong = || {
        let fact =
            format!("the encoder {write:?} can't take a column that flies as {:?}", plan.flight);
        Error::new(Kind::Internal, fact).in_column(&plan.name)
    };
    match write {
        Write::Integer => bind_integer(plan.flight, array, at).ok_or_else(wrong),
        Write::Real => match plan.flight {
            Flight::Float32 => real::<Float32Type>(array, at),
            Flight::Float64 => real::<Float64Type>(array, at),
            _not_real => None,
        }
        .ok_or_else(wrong),
        Write::Blob => bind_blob(array, at).ok_or_else(wrong),
        Write::Numeric => match plan.flight {
            Flight::Decimal { precision, scale } if precision <= 38 => decimal(array, at, scale),
            Flight::Decimal { .. } | Flight::Text => bind_text(plan.flight, array, at),
            _not_numeric => None,
        }
        .ok_or_else(wrong),
        Write::Text => bind_text(plan.flight, array, at).ok_or_else(wrong),
    }
}

fn bind_integer(flight: Flight, array: &dyn Array, at: usize) -> Option<Bind<'_>> {
    match flight {
        Flight::Bool => {
            let array = array.as_boolean_opt()?;
            Some(Box::new(move |statement, row| {
                if array.is_null(row) {
                    return statement.bind_null(at);
                }
                statement.bind_integer(at, i64::from(array.value(row)))
            }))
        }
        Flight::Int8 => integer::<Int8Type>(array, at),
        Flight::Int16 => integer::<Int16Type>(array, at),
        Flight::Int32 => integer::<Int32Type>(array, at),
        Flight::Int64 => integer::<Int64Type>(array, at),
        Flight::UInt8 => integer::<UInt8Type>(array, at),
        Flight::UInt16 => integer::<UInt16Type>(array, at),
        Flight::UInt32 => integer::<UInt32Type>(array, at),
        Flight::UInt64 => integer::<UInt64Type>(array, at),
        Flight::Float32
        | Flight::Float64
        | Flight::Decimal { .. }
        | Flight::Text
        | Flight::Binary
        | Flight::Uuid
        | Flight::Date
        | Flight::Time
        | Flight::Timestamp
        | Flight::Instant
        | Flight::Span
        | Flight::Interval
        | Flight::Label
        | Flight::TextList
        | Flight::List => None,
    }
}

fn integer<T: ArrowPrimitiveType>(array: &dyn Array, at: usize) -> Option<Bind<'_>>
where
    T::Native: TryInto<i64>,
{
    let array = array.as_primitive_opt::<T>()?;
    Some(Box::new(move |statement, row| {
        if array.is_null(row) {
            return statement.bind_null(at);
        }
        let value = array.value(row).try_into().map_err(|_| {
            Error::new(Kind::Data, "the value is above 2^63-1, which no integer of `SQLite` holds")
                .with_code(code::RANGE)
                .with_hint("map the column to text")
        })?;
        statement.bind_integer(at, value)
    }))
}

fn real<T: ArrowPrimitiveType>(array: &dyn Array, at: usize) -> Option<Bind<'_>>
where
    T::Native: Into<f64>,
{
    let array = array.as_primitive_opt::<T>()?;
    Some(Box::new(move |statement, row| {
        if array.is_null(row) {
            return statement.bind_null(at);
        }
        let value: f64 = array.value(row).into();
        if value.is_nan() {
            return Err(Error::new(
                Kind::Data,
                "the value is NaN, which `SQLite` would store as NULL",
            )
            .with_code(code::NAN)
            .with_hint("map the column to text, or choose what becomes of NaN"));
        }
        statement.bind_real(at, value)
    }))
}

/// Decimals as what a column of NUMERIC affinity makes of their text: an integer where the number is
/// whole, else the nearest real. Numbers of more digits than a double divides exactly go as text.
fn decimal(array: &dyn Array, at: usize, scale: i8) -> Option<Bind<'_>> {
    /// Below this a double holds every integer and names each of them, divided by a power of ten, alone.
    const SURE: i64 = 1_000_000_000_000_000;
    let array = array.as_primitive_opt::<Decimal128Type>()?;
    let unit = 10_i64.checked_pow(u32::from(scale.unsigned_abs()));
    let mut scratch = Vec::new();
    Some(Box::new(move |statement, row| {
        if array.is_null(row) {
            return statement.bind_null(at);
        }
        let value = array.value(row);
        match (unit, i64::try_from(value)) {
            (Some(unit), Ok(small)) if (-SURE..=SURE).contains(&small) => {
                if small % unit == 0 {
                    return statement.bind_integer(at, small / unit);
                }
                #[expect(clippy::cast_precision_loss, reason = "both are exact")]
                statement.bind_real(at, small as f64 / unit as f64)
            }
            _large => {
                scratch.clear();
                append_decimal(&mut scratch, itoa::Buffer::new().format(value), scale);
                statement.bind_short_text(at, &scratch)
            }
        }
    }))
}

fn bind_blob(array: &dyn Array, at: usize) -> Option<Bind<'_>> {
    let array = array.as_binary_opt::<i32>()?;
    Some(Box::new(move |statement, row| {
        if array.is_null(row) {
            return statement.bind_null(at);
        }
        // SAFETY: the array outlives this closure, which binds this parameter anew before each `insert`.
        unsafe { statement.bind_blob(at, array.value(row)) }
    }))
}

fn bind_text(flight: Flight, array: &dyn Array, at: usize) -> Option<Bind<'_>> {
    match flight {
        Flight::Text => {
            let array = array.as_string_opt::<i32>()?;
            Some(Box::new(move |statement, row| {
                if array.is_null(row) {
                    return statement.bind_null(at);
                }
                // SAFETY: as for blobs.
                unsafe { statement.bind_text(at, array.value(row).as_bytes()) }
            }))
        }
        Flight::Decimal { precision, scale } if precision <= 38 => {
            printed::<Decimal128Type>(array, at, move |out, value| {
                append_decimal(out, itoa::Buffer::new().format(value), scale);
            })
        }
        Flight::Decimal { scale, .. } => printed::<Decimal256Type>(array, at, move |out, value| {
            append_decimal(out, &value.to_string(), scale);
        }),
        Flight::Date => printed::<Date32Type>(array, at, calendar::append_date),
        Flight::Time => printed::<Time64MicrosecondType>(array, at, calendar::append_time),
        Flight::Timestamp => {
            printed::<TimestampMicrosecondType>(array, at, calendar::append_timestamp)
        }
        Flight::Instant => printed::<TimestampMicrosecondType>(array, at, calendar::append_instant),
        Flight::Span => printed::<DurationMicrosecondType>(array, at, calendar::append_time),
        Flight::Uuid => {
            let array = array.as_fixed_size_binary_opt()?;
            Some(text_of(
                at,
                move |row| array.is_null(row),
                move |out, row| {
                    append_uuid(out, array.value(row));
                    Ok(())
                },
            ))
        }
        Flight::TextList => {
            let array = array.as_list_opt::<i32>()?;
            Some(text_of(
                at,
                move |row| array.is_null(row),
                move |out, row| append_list(out, &array.value(row)),
            ))
        }
        Flight::Bool
        | Flight::Int8
        | Flight::Int16
        | Flight::Int32
        | Flight::Int64
        | Flight::UInt8
        | Flight::UInt16
        | Flight::UInt32
        | Flight::UInt64
        | Flight::Float32
        | Flight::Float64
        | Flight::Binary
        | Flight::Interval
        | Flight::Label
        | Flight::List => None,
    }
}

/// A column whose values are printed, each into the same small buffer.
fn printed<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    at: usize,
    append: impl Fn(&mut Vec<u8>, T::Native) + 'a,
) -> Option<Bind<'a>> {
    let array: &PrimitiveArray<T> = array.as_primitive_opt()?;
    Some(text_of(
        at,
        move |row| array.is_null(row),
        move |out, row| {
            append(out, array.value(row));
            Ok(())
        },
    ))
}

fn text_of<'a>(
    at: usize,
    is_null: impl Fn(usize) -> bool + 'a,
    append: impl Fn(&mut Vec<u8>, usize) -> Result<()> + 'a,
) -> Bind<'a> {
    let mut scratch = Vec::new();
    Box::new(move |statement, row| {
        if is_null(row) {
            return statement.bind_null(at);
        }
        scratch.clear();
        append(&mut scratch, row)?;
        statement.bind_short_text(at, &scratch)
    })
}

/// Sets the point into a number's digits.
fn append_decimal(out: &mut Vec<u8>, digits: &str, scale: i8) {
    let after = usize::try_from(scale).unwrap_or(0);
    let unsigned = digits.trim_start_matches('-');
    if unsigned.len() < digits.len() {
        out.push(b'-');
    }
    if after == 0 {
        out.extend_from_slice(unsigned.as_bytes());
        return;
    }
    let whole = unsigned.len().saturating_sub(after);
    out.extend_from_slice(if whole == 0 { b"0" } else { &unsigned.as_bytes()[..whole] });
    out.push(b'.');
    for _ in unsigned.len()..after {
        out.push(b'0');
    }
    out.extend_from_slice(&unsigned.as_bytes()[whole..]);
}

fn append_uuid(out: &mut Vec<u8>, uuid: &[u8]) {
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        append_hex(out, std::slice::from_ref(byte));
    }
}

/// The texts with commas between; one that has a comma itself, or is missing, can't be told apart again.
fn append_list(out: &mut Vec<u8>, list: &dyn Array) -> Result<()> {
    let unclear = || {
        Error::new(Kind::Data, "the value has an element that a list with commas can't hold")
            .with_code(code::BAD_ENUM)
    };
    let texts = list.as_string_opt::<i32>().ok_or_else(unclear)?;
    for (index, text) in texts.iter().enumerate() {
        let text = text.filter(|text| !text.contains(',')).ok_or_else(unclear)?;
        if text.is_empty() {
            return Err(unclear());
        }
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

/// Inserts the rows of a raw block, whose form is told in `read`.
pub(super) fn insert_raw(
    statement: &mut Statement<'_>,
    width: usize,
    mut bytes: &[u8],
    rows: std::ops::Range<u64>,
) -> Result<()> {
    for row in rows {
        for column in 0..width {
            let (tag, value, rest) = take_raw(bytes).ok_or_else(damaged)?;
            bytes = rest;
            match (tag, <[u8; 8]>::try_from(value)) {
                (tag::NULL, _) => statement.bind_null(column)?,
                (tag::INTEGER, Ok(value)) => {
                    statement.bind_integer(column, i64::from_le_bytes(value))?;
                }
                (tag::REAL, Ok(value)) => statement.bind_real(column, f64::from_le_bytes(value))?,
                // SAFETY: the block outlives this loop, which binds every parameter before each `insert`.
                (tag::TEXT, _) => unsafe { statement.bind_text(column, value)? },
                // SAFETY: as above.
                (tag::BLOB, _) => unsafe { statement.bind_blob(column, value)? },
                _damaged => return Err(damaged()),
            }
        }
        statement.insert().map_err(|error| error.in_row(row + 1))?;
    }
    if bytes.is_empty() { Ok(()) } else { Err(damaged()) }
}

/// Where each row of a raw block ends.
pub(super) fn ends_raw(bytes: &[u8], width: usize) -> Result<Vec<usize>> {
    let (mut ends, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        for _ in 0..width {
            rest = take_raw(rest).ok_or_else(damaged)?.2;
        }
        ends.push(bytes.len() - rest.len());
    }
    Ok(ends)
}

/// The values of a raw row as texts.
pub(super) fn texts_raw(mut row: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut texts = Vec::new();
    while let Some((tag, value, rest)) = take_raw(row) {
        row = rest;
        texts.push(match (tag, <[u8; 8]>::try_from(value)) {
            (tag::NULL, _) => None,
            (tag::INTEGER, Ok(value)) => Some(i64::from_le_bytes(value).to_string().into_bytes()),
            (tag::REAL, Ok(value)) => Some(real_text(f64::from_le_bytes(value)).into_bytes()),
            (tag::BLOB, _) => {
                let mut hex = Vec::with_capacity(2 * value.len());
                append_hex(&mut hex, value);
                Some(hex)
            }
            _text => Some(value.to_vec()),
        });
    }
    texts
}

fn take_raw(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((*tag, value, rest))
}

fn damaged() -> Error {
    Error::new(Kind::Internal, "a raw block doesn't hold whole rows")
}
