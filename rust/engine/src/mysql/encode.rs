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
use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::loss::code;
use crate::plan::{ColumnPlan, Flight, named};

/// Bytes sent in one piece: enough that the call costs little, and bounds what a large value is copied into.
pub const PIECE: usize = 256 << 10;

const SECOND: u64 = 1_000_000;
/// 838:59:59.999999, the most that a TIME holds.
const LONGEST_TIME: u64 = (838 * 3600 + 59 * 60 + 59) * SECOND + 999_999;

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
    pub fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
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
    array: &'a dyn Array,
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
            let encode = choose(*write, column.flight, array.as_ref()).ok_or_else(|| {
                Error::new(
                    Kind::Internal,
                    format!("the plan can't write {} as `{}`", array.data_type(), column.write),
                )
                .in_column(&column.target)
            })?;
            Ok(Encoder { array: array.as_ref(), encode })
        });
    let encoders = encoders.collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        for (index, encoder) in encoders.iter().enumerate() {
            if index > 0 {
                out.put(b"\t")?;
            }
            if encoder.array.is_null(row) {
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
    if array.data_type() != &flight.arrow() {
        return None;
    }
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
            decimals::<Decimal128Type>(array, scale)
        }
        (Write::Decimal, Flight::Decimal { scale, .. }) => decimals::<Decimal256Type>(array, scale),
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
            Box::new(move |row, out| put_date(i64::from(array.value(row)), out))
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
            Box::new(move |row, out| put_set(array.value(row).as_string::<i32>(), out))
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
    Box::new(move |row, out| out.put(itoa::Buffer::new().format(array.value(row)).as_bytes()))
}

fn decimals<P>(array: &dyn Array, scale: i8) -> Box<Encode<'_>>
where
    P: ArrowPrimitiveType,
    P::Native: std::fmt::Display,
{
    let array = array.as_primitive::<P>();
    Box::new(move |row, out| put_decimal(&array.value(row).to_string(), scale, out))
}

/// Puts the point into an integer's digits.
fn put_decimal(digits: &str, scale: i8, out: &mut Out<'_>) -> Result<()> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let scale = usize::try_from(scale).map_err(|_| unfit(code::SCALE, "has a negative scale"))?;
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.put(sign.as_bytes())?;
    out.put(whole.as_bytes())?;
    if scale > 0 {
        out.put(b".")?;
        out.put(fraction.as_bytes())?;
    }
    Ok(())
}

fn unfit(code: &'static str, fact: &str) -> Error {
    Error::new(Kind::Data, format!("the value {fact}")).with_code(code)
}

/// Four digits: the server takes `0` for the year 2000.
fn put_year(year: i16, out: &mut Out<'_>) -> Result<()> {
    let year = u64::try_from(year).map_err(|_| unfit(code::RANGE, "is not a year"))?;
    let mut digits = Vec::with_capacity(4);
    put_digits(year, 4, &mut digits);
    out.put(&digits)
}

fn put_float(value: f64, out: &mut Out<'_>) -> Result<()> {
    if !value.is_finite() {
        return Err(unfit(code::NAN, "is not a finite number, which mysql can't hold"));
    }
    out.put(zmij::Buffer::new().format_finite(value).as_bytes())
}

/// Appends `value` in decimal, at least `width` digits.
fn put_digits(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(digits.len())));
    out.extend_from_slice(digits);
}

/// Year, month and day of a day number since 1970-01-01; only years 0 to 9999 exist in these servers.
fn civil(days: i64) -> Result<(u64, u64, u64)> {
    const EPOCH: i64 = 719_468;
    // Day 0 of the count below is 0000-03-01; two months of year 0 lie before it.
    let beyond = || unfit(code::TIME_RANGE, "is outside the years 0 to 9999");
    let shifted = days.checked_add(EPOCH).ok_or_else(beyond)?;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    let year = year + year_of_era + era * 400;
    match (u64::try_from(year), u64::try_from(month), u64::try_from(day)) {
        (Ok(year), Ok(month), Ok(day)) if year <= 9999 => Ok((year, month, day)),
        _ => Err(beyond()),
    }
}

fn date_text(days: i64) -> Result<Vec<u8>> {
    let (year, month, day) = civil(days)?;
    let mut text = Vec::with_capacity(26);
    put_digits(year, 4, &mut text);
    text.push(b'-');
    put_digits(month, 2, &mut text);
    text.push(b'-');
    put_digits(day, 2, &mut text);
    Ok(text)
}

fn put_date(days: i64, out: &mut Out<'_>) -> Result<()> {
    out.put(&date_text(days)?)
}

/// `HH:MM:SS[.ffffff]`; hours may have three digits.
fn put_clock(micros: u64, text: &mut Vec<u8>) {
    let seconds = micros / SECOND;
    put_digits(seconds / 3600, 2, text);
    text.push(b':');
    put_digits(seconds / 60 % 60, 2, text);
    text.push(b':');
    put_digits(seconds % 60, 2, text);
    if !micros.is_multiple_of(SECOND) {
        text.push(b'.');
        put_digits(micros % SECOND, 6, text);
    }
}

fn put_timestamp(micros: i64, out: &mut Out<'_>) -> Result<()> {
    const DAY: i64 = 86_400_000_000;
    let mut text = date_text(micros.div_euclid(DAY))?;
    text.push(b' ');
    put_clock(micros.rem_euclid(DAY).unsigned_abs(), &mut text);
    out.put(&text)
}

fn put_time(micros: i64, out: &mut Out<'_>) -> Result<()> {
    let size = micros.unsigned_abs();
    if size > LONGEST_TIME {
        return Err(unfit(code::SPAN, "is longer than 838:59:59.999999"));
    }
    let mut text = Vec::with_capacity(17);
    if micros < 0 {
        text.push(b'-');
    }
    put_clock(size, &mut text);
    out.put(&text)
}

/// A text of 0 and 1 as its number.
fn put_bits(text: &str, out: &mut Out<'_>) -> Result<()> {
    if text.is_empty() || !text.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
        return Err(unfit(code::MIXED, "is not made of the digits 0 and 1"));
    }
    match u64::from_str_radix(text, 2) {
        Ok(number) => out.put(itoa::Buffer::new().format(number).as_bytes()),
        Err(_) => Err(unfit(code::RANGE, "has more than 64 bits")),
    }
}

fn put_uuid(bytes: &[u8], out: &mut Out<'_>) -> Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push(b'-');
        }
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    out.put(&text)
}

fn put_set(labels: &arrow_array::StringArray, out: &mut Out<'_>) -> Result<()> {
    for (index, label) in labels.iter().enumerate() {
        // The server's text of a set can tell neither of these apart.
        let label = label.filter(|label| !label.is_empty() && !label.contains(','));
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(put: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<String> {
        let mut all = Vec::new();
        let mut send = |bytes: &[u8]| {
            assert!(bytes.len() <= PIECE);
            all.extend_from_slice(bytes);
            Ok(())
        };
        let mut out = Out::new(&mut send);
        put(&mut out)?;
        out.flush()?;
        Ok(String::from_utf8(all).unwrap())
    }

    #[test]
    fn dates_of_the_whole_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-719_528, "0000-01-01"),
            (-719_468, "0000-03-01"),
            (2_932_896, "9999-12-31"),
            (19_782, "2024-02-29"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(written(|out| put_date(days, out)).unwrap(), text);
        }
        for days in [-719_529, 2_932_897, i64::MAX, i64::MIN] {
            assert_eq!(written(|out| put_date(days, out)).unwrap_err().code(), Some("T-RANGE"));
        }
    }

    #[test]
    fn times_keep_their_sign_and_microseconds() {
        assert_eq!(written(|out| put_timestamp(-1, out)).unwrap(), "1969-12-31 23:59:59.999999");
        assert_eq!(written(|out| put_timestamp(0, out)).unwrap(), "1970-01-01 00:00:00");
        assert_eq!(written(|out| put_time(-3_020_399_999_999, out)).unwrap(), "-838:59:59.999999");
        assert_eq!(written(|out| put_time(86_400_000_000, out)).unwrap(), "24:00:00");
        assert_eq!(written(|out| put_time(i64::MIN, out)).unwrap_err().code(), Some("T-SPAN"));
    }

    #[test]
    fn decimals_keep_all_digits() {
        for (digits, scale, text) in
            [("0", 2, "0.00"), ("-5", 2, "-0.05"), ("-12345", 2, "-123.45"), ("7", 0, "7")]
        {
            assert_eq!(written(|out| put_decimal(digits, scale, out)).unwrap(), text);
        }
    }

    #[test]
    fn floats_that_are_no_numbers_are_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(written(|out| put_float(value, out)).unwrap_err().code(), Some("N-NAN"));
        }
        for value in [0.1, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::from(0.1_f32)] {
            let text = written(|out| put_float(value, out)).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }

    #[test]
    fn a_large_value_is_sent_in_pieces() {
        let value = "a\\".repeat(PIECE);
        let text = written(|out| escape(value.as_bytes(), |part| out.put(part))).unwrap();
        assert_eq!(text, "a\\\\".repeat(PIECE));
        let bytes = vec![0xab; 3 * PIECE + 1];
        assert_eq!(written(|out| out.put_hex(&bytes)).unwrap(), "AB".repeat(3 * PIECE + 1));
    }

    #[test]
    fn bits_become_their_number() {
        assert_eq!(written(|out| put_bits("101", out)).unwrap(), "5");
        assert_eq!(written(|out| put_bits(&"1".repeat(64), out)).unwrap(), u64::MAX.to_string());
        assert!(written(|out| put_bits(&"1".repeat(65), out)).is_err());
        assert!(written(|out| put_bits("", out)).is_err());
    }
}
