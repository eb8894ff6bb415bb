//! Arrow to the fields of LOAD DATA, which a multi-row INSERT takes over.
//!
//! A field is text in UTF-8 with tab, newline and backslash escaped; `\N` is NULL. Bytes go as hexadecimal digits
//! through UNHEX: the server reads the stream as `utf8mb4` and would stumble over bytes that aren't. Floats are
//! written so that the server's correctly rounding parser gives the same bits back.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::{NullBuffer, i256};
use serde::Deserialize;

use crate::calendar;
use crate::error::{Error, Kind, Result};
use crate::loss::code;
use crate::plan::{ColumnPlan, Flight, named};

use super::DAYS;

/// Bytes sent in one piece: enough that the call costs little, and bounds what a large value is copied into.
pub const PIECE: usize = 256 << 10;

/// Bytes that no number, date or UUID exceeds: a decimal has at most 127 digits after its point and 78 before.
const SHORT: usize = 256;

/// 838:59:59.999999, the most that a TIME holds.
const LONGEST_TIME: u64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000 + 999_999;

/// What goes into a column, as the plan names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    Int,
    Decimal,
    Float,
    Double,
    Text,
    Binary,
    Date,
    Datetime,
    Timestamp,
    Time,
    Bit,
    Json,
    Uuid,
    UuidBinary,
    Set,
    Geometry,
    Year,
    /// Raw transfer only: the source already sent hexadecimal digits.
    Hex,
    /// Raw transfer only: the source sent an ENUM's index, which tells the error value from a label `''`.
    Index,
}

impl Write {
    pub fn of(column: &ColumnPlan) -> Result<Self> {
        named("encoder of mysql", &column.write, &column.name)
    }

    /// SQL around the field, as what comes before and after it; `None` for a field that is stored as it stands.
    pub fn around(self) -> Option<(&'static str, &'static str)> {
        match self {
            Write::Binary | Write::UuidBinary | Write::Hex => Some(("UNHEX(", ")")),
            Write::Geometry => Some(("ST_GeomFromWKB(UNHEX(", "))")),
            Write::Bit => Some(("CAST(", " AS UNSIGNED)")),
            Write::Index => Some(("", " + 0")),
            Write::Int
            | Write::Decimal
            | Write::Float
            | Write::Double
            | Write::Text
            | Write::Date
            | Write::Datetime
            | Write::Timestamp
            | Write::Time
            | Write::Json
            | Write::Uuid
            | Write::Set
            | Write::Year => None,
        }
    }
}

/// Where fields go: collected here, sent in pieces.
pub struct Out<'a> {
    buffer: Vec<u8>,
    send: &'a mut dyn FnMut(&[u8]) -> Result<()>,
}

impl<'a> Out<'a> {
    pub fn new(send: &'a mut dyn FnMut(&[u8]) -> Result<()>) -> Self {
        Self { buffer: Vec::with_capacity(PIECE), send }
    }

    /// Appends bytes of any number.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() < PIECE {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.put_over_the_end(bytes)
    }

    #[cold]
    fn put_over_the_end(&mut self, mut bytes: &[u8]) -> Result<()> {
        while self.buffer.len() + bytes.len() >= PIECE {
            let (now, later) = bytes.split_at(PIECE - self.buffer.len());
            self.buffer.extend_from_slice(now);
            self.flush()?;
            bytes = later;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    pub fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            (self.send)(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// The buffer itself, with room for `SHORT` bytes.
    #[inline]
    fn short(&mut self) -> Result<&mut Vec<u8>> {
        if self.buffer.len() + SHORT > PIECE {
            self.flush()?;
        }
        Ok(&mut self.buffer)
    }

    fn put_hex(&mut self, bytes: &[u8]) -> Result<()> {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut digits = [0; 512];
        for chunk in bytes.chunks(256) {
            for (pair, byte) in digits.chunks_exact_mut(2).zip(chunk) {
                pair[0] = DIGITS[usize::from(byte >> 4)];
                pair[1] = DIGITS[usize::from(byte & 15)];
            }
            self.put(&digits[..2 * chunk.len()])?;
        }
        Ok(())
    }
}

/// Gives a value's bytes as a field, in parts.
pub fn escape(value: &[u8], mut put: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut rest = value;
    while let Some(at) = memchr::memchr3(b'\\', b'\t', b'\n', rest) {
        put(&rest[..at])?;
        put(match rest[at] {
            b'\\' => b"\\\\",
            b'\t' => b"\\t",
            _ => b"\\n",
        })?;
        rest = &rest[at + 1..];
    }
    put(rest)
}

type Encode<'a> = dyn Fn(usize, &mut Out<'_>) -> Result<()> + 'a;

/// The encoder of one column, chosen per batch.
struct Encoder<'a> {
    nulls: Option<&'a NullBuffer>,
    encode: Box<Encode<'a>>,
}

/// Writes a batch as lines.
pub fn encode(
    columns: &[ColumnPlan],
    writes: &[Write],
    batch: &RecordBatch,
    out: &mut Out<'_>,
) -> Result<()> {
    if batch.num_columns() != columns.len() {
        return Err(Error::new(
            Kind::Internal,
            "a batch has another number of columns than its plan",
        ));
    }
    let encoders =
        columns.iter().zip(writes).zip(batch.columns()).map(|((column, write), array)| {
            let typed = *array.data_type() == column.arrow();
            let chosen = typed.then(|| choose(*write, column.flight, array.as_ref())).flatten();
            let encode = chosen.ok_or_else(|| {
                Error::new(
                    Kind::Internal,
                    format!("the plan can't write {} as `{}`", array.data_type(), column.write),
                )
                .in_column(&column.target)
            })?;
            Ok(Encoder { nulls: array.nulls(), encode })
        });
    let encoders = encoders.collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        for (index, encoder) in encoders.iter().enumerate() {
            if index > 0 {
                out.put(b"\t")?;
            }
            if encoder.nulls.is_some_and(|nulls| nulls.is_null(row)) {
                out.put(b"\\N")?;
            } else {
                (encoder.encode)(row, out).map_err(|error| {
                    error.in_column(&columns[index].target).in_row(row as u64 + 1)
                })?;
            }
        }
        out.put(b"\n")?;
    }
    Ok(())
}

fn choose(write: Write, flight: Flight, array: &dyn Array) -> Option<Box<Encode<'_>>> {
    Some(match (write, flight) {
        (Write::Int | Write::Bit, Flight::Bool) => {
            let array = array.as_boolean();
            Box::new(move |row, out| out.put(if array.value(row) { b"1" } else { b"0" }))
        }
        (Write::Int | Write::Decimal, Flight::Int8) => integers::<Int8Type>(array),
        (Write::Int | Write::Decimal, Flight::Int16) => integers::<Int16Type>(array),
        (Write::Int | Write::Decimal, Flight::Int32) => integers::<Int32Type>(array),
        (Write::Int | Write::Decimal, Flight::Int64) => integers::<Int64Type>(array),
        (Write::Int | Write::Decimal | Write::Bit, Flight::UInt8) => integers::<UInt8Type>(array),
        (Write::Int | Write::Decimal | Write::Bit, Flight::UInt16) => integers::<UInt16Type>(array),
        (Write::Int | Write::Decimal | Write::Bit, Flight::UInt32) => integers::<UInt32Type>(array),
        (Write::Int | Write::Decimal | Write::Bit, Flight::UInt64) => integers::<UInt64Type>(array),
        (Write::Year, Flight::Int16) => {
            let array = array.as_primitive::<Int16Type>();
            Box::new(move |row, out| put_year(array.value(row), out))
        }
        (Write::Decimal, Flight::Decimal { precision, scale }) if precision <= 38 => {
            let array = array.as_primitive::<Decimal128Type>();
            Box::new(move |row, out| put_decimal(array.value(row), scale, out))
        }
        (Write::Decimal, Flight::Decimal { scale, .. }) => {
            let array = array.as_primitive::<Decimal256Type>();
            Box::new(move |row, out| put_wide_decimal(array.value(row), scale, out))
        }
        (Write::Decimal | Write::Text | Write::Json, Flight::Text) => {
            let array = array.as_string::<i32>();
            Box::new(move |row, out| escape(array.value(row).as_bytes(), |part| out.put(part)))
        }
        (Write::Float | Write::Double, Flight::Float32) => {
            // Widened first: the server parses to 64 bits and then narrows, which is exact only from here.
            let array = array.as_primitive::<Float32Type>();
            Box::new(move |row, out| put_float(f64::from(array.value(row)), out))
        }
        (Write::Double, Flight::Float64) => {
            let array = array.as_primitive::<Float64Type>();
            Box::new(move |row, out| put_float(array.value(row), out))
        }
        (Write::Binary | Write::Geometry, Flight::Binary) => {
            let array = array.as_binary::<i32>();
            Box::new(move |row, out| out.put_hex(array.value(row)))
        }
        (Write::Date, Flight::Date) => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(move |row, out| put_date(array.value(row), out))
        }
        (Write::Datetime, Flight::Timestamp | Flight::Instant)
        | (Write::Timestamp, Flight::Instant) => {
            let array = array.as_primitive::<TimestampMicrosecondType>();
            Box::new(move |row, out| put_timestamp(array.value(row), out))
        }
        (Write::Time, Flight::Time) => {
            let array = array.as_primitive::<Time64MicrosecondType>();
            Box::new(move |row, out| put_time(array.value(row), out))
        }
        (Write::Time, Flight::Span) => {
            let array = array.as_primitive::<DurationMicrosecondType>();
            Box::new(move |row, out| put_time(array.value(row), out))
        }
        (Write::Bit, Flight::Text) => {
            let array = array.as_string::<i32>();
            Box::new(move |row, out| put_bits(array.value(row), out))
        }
        (Write::Uuid, Flight::Uuid) => {
            let array = array.as_fixed_size_binary();
            Box::new(move |row, out| put_uuid(array.value(row), out))
        }
        (Write::UuidBinary, Flight::Uuid) => {
            let array = array.as_fixed_size_binary();
            Box::new(move |row, out| out.put_hex(array.value(row)))
        }
        (Write::Set, Flight::TextList) => {
            let array = array.as_list::<i32>();
            let labels = array.values().as_string::<i32>();
            Box::new(move |row, out| {
                // Where the row's labels are among all; offsets are never below 0.
                let ends = [array.value_offsets()[row], array.value_offsets()[row + 1]];
                let [start, end] = ends.map(|end| usize::try_from(end).unwrap_or(0));
                put_set(labels, start..end, out)
            })
        }
        _ => return None,
    })
}

fn integers<P>(array: &dyn Array) -> Box<Encode<'_>>
where
    P: ArrowPrimitiveType,
    P::Native: itoa::Integer,
{
    let array = array.as_primitive::<P>();
    Box::new(move |row, out| {
        put_integer(array.value(row), out.short()?);
        Ok(())
    })
}

fn put_integer(number: impl itoa::Integer, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn put_decimal(number: i128, scale: i8, out: &mut Out<'_>) -> Result<()> {
    let (magnitude, mut digits) = (number.unsigned_abs(), itoa::Buffer::new());
    // Those of 64 bits are printed faster.
    let text = match u64::try_from(magnitude) {
        Ok(small) => digits.format(small),
        Err(_) => digits.format(magnitude),
    };
    put_digits(number < 0, text.as_bytes(), scale, out.short()?)
}

fn put_wide_decimal(number: i256, scale: i8, out: &mut Out<'_>) -> Result<()> {
    if let Some(number) = number.to_i128() {
        return put_decimal(number, scale, out);
    }
    let text = number.to_string();
    let digits = text.strip_prefix('-').unwrap_or(&text).as_bytes();
    put_digits(number.is_negative(), digits, scale, out.short()?)
}

/// The digits of a whole number with a point among them.
fn put_digits(negative: bool, digits: &[u8], scale: i8, buffer: &mut Vec<u8>) -> Result<()> {
    let scale = usize::try_from(scale).map_err(|_| unfit(code::SCALE, "has a negative scale"))?;
    if negative {
        buffer.push(b'-');
    }
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    buffer.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if scale > 0 {
        buffer.push(b'.');
        buffer.resize(buffer.len() + scale - fraction.len(), b'0');
        buffer.extend_from_slice(fraction);
    }
    Ok(())
}

fn unfit(code: &'static str, fact: &str) -> Error {
    Error::new(Kind::Data, format!("the value {fact}")).with_code(code)
}

/// Four digits: the server takes `0` for the year 2000.
fn put_year(year: i16, out: &mut Out<'_>) -> Result<()> {
    let year = u16::try_from(year).map_err(|_| unfit(code::RANGE, "is not a year"))?;
    let buffer = out.short()?;
    for bound in [1000, 100, 10] {
        if year < bound {
            buffer.push(b'0');
        }
    }
    put_integer(year, buffer);
    Ok(())
}

fn put_float(value: f64, out: &mut Out<'_>) -> Result<()> {
    if !value.is_finite() {
        return Err(unfit(code::NAN, "is not a finite number, which mysql can't hold"));
    }
    out.put(zmij::Buffer::new().format_finite(value).as_bytes())
}

fn check_year(days: i32) -> Result<()> {
    if DAYS.contains(&days) {
        Ok(())
    } else {
        Err(unfit(code::TIME_RANGE, "is outside the years 0 to 9999"))
    }
}

fn put_date(days: i32, out: &mut Out<'_>) -> Result<()> {
    check_year(days)?;
    calendar::append_date(out.short()?, days);
    Ok(())
}

fn put_timestamp(micros: i64, out: &mut Out<'_>) -> Result<()> {
    check_year(calendar::split_timestamp(micros).0)?;
    calendar::append_timestamp(out.short()?, micros);
    Ok(())
}

fn put_time(micros: i64, out: &mut Out<'_>) -> Result<()> {
    if micros.unsigned_abs() > LONGEST_TIME {
        return Err(unfit(code::SPAN, "is longer than 838:59:59.999999"));
    }
    calendar::append_time(out.short()?, micros);
    Ok(())
}

/// A text of 0 and 1 as its number.
fn put_bits(text: &str, out: &mut Out<'_>) -> Result<()> {
    if text.is_empty() || !text.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
        return Err(unfit(code::MIXED, "is not made of the digits 0 and 1"));
    }
    let number =
        u64::from_str_radix(text, 2).map_err(|_| unfit(code::RANGE, "has more than 64 bits"))?;
    put_integer(number, out.short()?);
    Ok(())
}

fn put_uuid(bytes: &[u8], out: &mut Out<'_>) -> Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let text = out.short()?;
    for (at, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push(b'-');
        }
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    Ok(())
}

fn put_set(
    labels: &arrow_array::StringArray,
    places: std::ops::Range<usize>,
    out: &mut Out<'_>,
) -> Result<()> {
    for (index, place) in places.enumerate() {
        // The server's text of a set can tell neither of these apart.
        let label = labels.is_valid(place).then(|| labels.value(place));
        let label = label
            .filter(|label| !label.is_empty() && memchr::memchr(b',', label.as_bytes()).is_none());
        let label = label.ok_or_else(|| {
            unfit(
                code::BAD_ENUM,
                "holds a label that is null, empty or has a comma, which a set can't have",
            )
        })?;
        if index > 0 {
            out.put(b",")?;
        }
        escape(label.as_bytes(), |part| out.put(part))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
