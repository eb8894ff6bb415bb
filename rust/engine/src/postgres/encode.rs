//! Arrow to wire bytes, the second loop over values: the fields of binary COPY.
//!
//! An encoder is made per column and batch, with the array's type already known to it; it appends one
//! field, a 32-bit length (−1 for NULL) and the form that the server's `*_recv` function reads.

mod lists;

use std::net::IpAddr;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryArray, PrimitiveArray, StringArray};
use serde::Deserialize;

use super::numeric::{Unfit, write_text, write_whole, write_wide};
use super::{EPOCH_DAYS, EPOCH_MICROSECONDS};
use crate::error::{Error, Kind, Result};
use crate::loss::code;
use crate::plan::{ColumnPlan, Flight, named};
use crate::strings::bit_byte;

const NULL: [u8; 4] = (-1i32).to_be_bytes();
/// From this size on a value is sent from where it lies.
const LARGE: usize = 64 << 10;

/// What a column's fields become; the names are those of the server's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    /// Any type whose binary form is its text.
    Text,
    Jsonb,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    /// `bit` and `varbit` from text of 0 and 1.
    Bit,
    /// `inet` and `cidr` from text.
    Inet,
    /// Its elements are written as the plan's `element` says.
    Array,
}

/// What an encoder did with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    Written,
    /// All but these last bytes, which are too many to copy.
    Rest(&'a [u8]),
}

/// Appends the field of a row.
pub type Encoder<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<Field<'a>> + 'a>;

/// The encoder that the column's plan names, for one batch.
pub fn encoder<'a>(column: &ColumnPlan, array: &'a dyn Array) -> Result<Encoder<'a>> {
    let write: Write = named("encoder", &column.write, &column.name)?;
    if *array.data_type() != column.arrow() {
        let message = format!("a column planned as {:?} came as another type", column.flight);
        return Err(Error::new(Kind::Internal, message).in_column(&column.name));
    }
    let encoder = match (write, &column.element) {
        (Write::Array, Some(element)) => lists::arrays(element, array)?,
        (Write::Array, None) => None,
        (write, _) => choose(write, column.flight, array),
    };
    encoder.ok_or_else(|| {
        let message = format!("the plan wants {:?} written as `{}`", column.flight, column.write);
        Error::new(Kind::Internal, message).in_column(&column.name)
    })
}

fn choose(write: Write, flight: Flight, array: &dyn Array) -> Option<Encoder<'_>> {
    match write {
        Write::Bool => Some(bools(array.as_boolean_opt()?)),
        Write::Int2 => integers(flight, array, i16::to_be_bytes),
        Write::Int4 => integers(flight, array, i32::to_be_bytes),
        Write::Int8 => integers(flight, array, i64::to_be_bytes),
        Write::Oid => integers(flight, array, u32::to_be_bytes),
        Write::Float4 => fixed::<Float32Type, 4>(array, |value| Ok(value.to_be_bytes())),
        Write::Float8 => fixed::<Float64Type, 8>(array, |value| Ok(value.to_be_bytes()))
            .or_else(|| fixed::<Float32Type, 8>(array, |value| Ok(f64::from(value).to_be_bytes()))),
        Write::Numeric => numerics(flight, array),
        Write::Text => Some(texts(array.as_string_opt()?, &[])),
        Write::Jsonb => Some(texts(array.as_string_opt()?, &[1])),
        Write::Bytea => Some(binaries(array.as_binary_opt()?)),
        Write::Uuid => uuids(array),
        Write::Date => fixed::<Date32Type, 4>(array, |days| {
            let days = days.checked_sub(EPOCH_DAYS);
            let finite = days.filter(|days| *days != i32::MIN && *days != i32::MAX);
            finite.map(i32::to_be_bytes).ok_or_else(out_of_calendar)
        }),
        Write::Time => fixed::<Time64MicrosecondType, 8>(array, |time| Ok(time.to_be_bytes())),
        Write::Timestamp if flight == Flight::Timestamp => timestamps(array),
        Write::Timestamptz if flight == Flight::Instant => timestamps(array),
        Write::Timestamp | Write::Timestamptz | Write::Array => None,
        Write::Interval if flight == Flight::Interval => intervals(array),
        // Microseconds, then days and months, which a span doesn't have.
        Write::Interval => fixed::<DurationMicrosecondType, 16>(array, |span| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&span.to_be_bytes());
            Ok(bytes)
        }),
        Write::Bit => Some(bits(array.as_string_opt()?)),
        Write::Inet => Some(addresses(array.as_string_opt()?)),
    }
}

fn unfit(code: &'static str, fact: &str) -> Error {
    Error::new(Kind::Data, format!("the value {fact}")).with_code(code)
}

fn out_of_calendar() -> Error {
    unfit(code::TIME_RANGE, "lies outside the calendar of PostgreSQL")
}

fn length(bytes: usize) -> Result<[u8; 4]> {
    i32::try_from(bytes)
        .map(i32::to_be_bytes)
        .map_err(|_| unfit(code::SIZE, "is larger than 2 GiB"))
}

/// Values of a fixed length.
fn fixed<'a, T: ArrowPrimitiveType, const N: usize>(
    array: &'a dyn Array,
    bytes: impl Fn(T::Native) -> Result<[u8; N]> + 'a,
) -> Option<Encoder<'a>> {
    let array: &PrimitiveArray<T> = array.as_primitive_opt()?;
    let head = i32::try_from(N).ok()?.to_be_bytes();
    Some(Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
        } else {
            let bytes = bytes(array.value(row))?;
            out.extend_from_slice(&head);
            out.extend_from_slice(&bytes);
        }
        Ok(Field::Written)
    }))
}

fn timestamps(array: &dyn Array) -> Option<Encoder<'_>> {
    fixed::<TimestampMicrosecondType, 8>(array, |ticks| {
        let ticks = ticks.checked_sub(EPOCH_MICROSECONDS);
        let finite = ticks.filter(|ticks| *ticks != i64::MIN && *ticks != i64::MAX);
        finite.map(i64::to_be_bytes).ok_or_else(out_of_calendar)
    })
}

fn bools(array: &arrow_array::BooleanArray) -> Encoder<'_> {
    Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
        } else {
            out.extend_from_slice(&[0, 0, 0, 1, u8::from(array.value(row))]);
        }
        Ok(Field::Written)
    })
}

/// Integers of any width into one, checked.
fn integers<N, const W: usize>(
    flight: Flight,
    array: &dyn Array,
    bytes: fn(N) -> [u8; W],
) -> Option<Encoder<'_>>
where
    N: TryFrom<i8> + TryFrom<i16> + TryFrom<i32> + TryFrom<i64>,
    N: TryFrom<u8> + TryFrom<u16> + TryFrom<u32> + TryFrom<u64> + 'static,
{
    fn checked<T: ArrowPrimitiveType, N: TryFrom<T::Native> + 'static, const W: usize>(
        array: &dyn Array,
        bytes: fn(N) -> [u8; W],
    ) -> Option<Encoder<'_>> {
        fixed::<T, W>(array, move |value| match N::try_from(value) {
            Ok(value) => Ok(bytes(value)),
            Err(_) => Err(unfit(code::RANGE, "is outside the range of the target's integer")),
        })
    }
    match flight {
        Flight::Int8 => checked::<Int8Type, N, W>(array, bytes),
        Flight::Int16 => checked::<Int16Type, N, W>(array, bytes),
        Flight::Int32 => checked::<Int32Type, N, W>(array, bytes),
        Flight::Int64 => checked::<Int64Type, N, W>(array, bytes),
        Flight::UInt8 => checked::<UInt8Type, N, W>(array, bytes),
        Flight::UInt16 => checked::<UInt16Type, N, W>(array, bytes),
        Flight::UInt32 => checked::<UInt32Type, N, W>(array, bytes),
        Flight::UInt64 => checked::<UInt64Type, N, W>(array, bytes),
        Flight::Bool => {
            let array = array.as_boolean_opt()?;
            let head = i32::try_from(W).ok()?.to_be_bytes();
            let zero = bytes(N::try_from(0u8).ok()?);
            let one = bytes(N::try_from(1u8).ok()?);
            Some(Box::new(move |row, out| {
                if array.is_null(row) {
                    out.extend_from_slice(&NULL);
                } else {
                    out.extend_from_slice(&head);
                    out.extend_from_slice(if array.value(row) { &one } else { &zero });
                }
                Ok(Field::Written)
            }))
        }
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

fn numerics(flight: Flight, array: &dyn Array) -> Option<Encoder<'_>> {
    match flight {
        Flight::Decimal { precision, scale } => {
            let scale = u8::try_from(scale).ok()?;
            if precision <= 38 {
                numeric::<Decimal128Type>(array, move |value, out| {
                    write_whole(value, scale, out).is_ok()
                })
            } else {
                numeric::<Decimal256Type>(array, move |value, out| {
                    write_wide(value, scale, out).is_ok()
                })
            }
        }
        Flight::Int8 => whole::<Int8Type>(array),
        Flight::Int16 => whole::<Int16Type>(array),
        Flight::Int32 => whole::<Int32Type>(array),
        Flight::Int64 => whole::<Int64Type>(array),
        Flight::UInt8 => whole::<UInt8Type>(array),
        Flight::UInt16 => whole::<UInt16Type>(array),
        Flight::UInt32 => whole::<UInt32Type>(array),
        Flight::UInt64 => whole::<UInt64Type>(array),
        Flight::Text => Some(numeric_texts(array.as_string_opt()?)),
        Flight::Bool
        | Flight::Float32
        | Flight::Float64
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

fn whole<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<Encoder<'_>>
where
    i128: From<T::Native>,
{
    numeric::<T>(array, |value, out| write_whole(i128::from(value), 0, out).is_ok())
}

fn numeric<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    write: impl Fn(T::Native, &mut Vec<u8>) -> bool + 'a,
) -> Option<Encoder<'a>> {
    let array: &PrimitiveArray<T> = array.as_primitive_opt()?;
    Some(Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
        } else if !write(array.value(row), out) {
            return Err(unfit(code::RANGE, "has more digits than a numeric can hold"));
        }
        Ok(Field::Written)
    }))
}

fn numeric_texts(array: &StringArray) -> Encoder<'_> {
    Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        match write_text(array.value(row), out) {
            Ok(()) => Ok(Field::Written),
            Err(Unfit::NotDecimal) => Err(unfit(code::MIXED, "is not a decimal number")),
            Err(Unfit::TooLarge) => {
                Err(unfit(code::RANGE, "has more digits than a numeric can hold"))
            }
        }
    })
}

/// Appends a value of any length, or all but its bytes when they are many.
fn field<'a>(prefix: &[u8], bytes: &'a [u8], out: &mut Vec<u8>) -> Result<Field<'a>> {
    out.extend_from_slice(&length(prefix.len() + bytes.len())?);
    out.extend_from_slice(prefix);
    if bytes.len() >= LARGE {
        return Ok(Field::Rest(bytes));
    }
    out.extend_from_slice(bytes);
    Ok(Field::Written)
}

fn texts<'a>(array: &'a StringArray, prefix: &'static [u8]) -> Encoder<'a> {
    Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        field(prefix, array.value(row).as_bytes(), out)
    })
}

fn binaries(array: &BinaryArray) -> Encoder<'_> {
    Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        field(&[], array.value(row), out)
    })
}

fn uuids(array: &dyn Array) -> Option<Encoder<'_>> {
    let array = array.as_fixed_size_binary_opt()?;
    Some(Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        field(&[], array.value(row), out)
    }))
}

/// Writes a field whose length is known only afterwards.
fn measured(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let head = length(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&head);
    Ok(())
}

/// Text of 0 and 1: a 32-bit count, then bytes filled from the highest bit on.
fn bits(array: &StringArray) -> Encoder<'_> {
    Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        let text = array.value(row).as_bytes();
        measured(out, |out| {
            out.extend_from_slice(&length(text.len())?);
            let (eights, rest) = text.as_chunks::<8>();
            let mut last = [b'0'; 8];
            last[..rest.len()].copy_from_slice(rest);
            for eight in eights.iter().chain((!rest.is_empty()).then_some(&last)) {
                let byte = bit_byte(*eight);
                out.push(byte.ok_or_else(|| unfit(code::MIXED, "is not made of 0 and 1 only"))?);
            }
            Ok(())
        })?;
        Ok(Field::Written)
    })
}

/// Family (2 or 3), bits of the network, a flag that is not read, length of the address, the address.
fn addresses(array: &StringArray) -> Encoder<'_> {
    Box::new(move |row, out| {
        if array.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        let text = array.value(row);
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let invalid = || unfit(code::MIXED, "is not a network address");
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => {
                bits.parse::<u8>().ok().filter(|bits| *bits <= most).ok_or_else(invalid)?
            }
            None => most,
        };
        match address {
            IpAddr::V4(address) => {
                out.extend_from_slice(&[0, 0, 0, 8, 2, bits, 0, 4]);
                out.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                out.extend_from_slice(&[0, 0, 0, 20, 3, bits, 0, 16]);
                out.extend_from_slice(&address.octets());
            }
        }
        Ok(Field::Written)
    })
}

/// Months and days stand beside microseconds, as they do in flight.
fn intervals(array: &dyn Array) -> Option<Encoder<'_>> {
    fixed::<IntervalMonthDayNanoType, 16>(array, |interval| {
        if interval.nanoseconds % 1_000 != 0 {
            return Err(unfit(code::TIME_SCALE, "is finer than a microsecond"));
        }
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(interval.nanoseconds / 1_000).to_be_bytes());
        bytes[8..12].copy_from_slice(&interval.days.to_be_bytes());
        bytes[12..].copy_from_slice(&interval.months.to_be_bytes());
        Ok(bytes)
    })
}
