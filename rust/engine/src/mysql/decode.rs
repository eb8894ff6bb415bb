//! Binary rows to Arrow, a column at a time.
//!
//! Integers and floats are little-endian in the width of the server's type. A date is empty (all zero), 4, 7 or 11 bytes:
//! year (2), month, day, hour, minute, second, microseconds (4). A time is empty, 8 or 12 bytes: sign, days (4), hour,
//! minute, second, microseconds (4). Decimals, BIT, text and bytes are strings.

use std::str::FromStr;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, ListBuilder, PrimitiveBuilder,
    StringBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowNativeTypeOp, StringArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, i256};
use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict, code};
use crate::plan::{Check, ColumnPlan, Flight, named};
use crate::wire::WireRows;

use super::command::Wire;

const DAY: i64 = 86_400_000_000;

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
                    Box::new(move |values, guard| decimals128(values, guard, precision, scale))
                }
                Flight::Decimal { precision, scale } => {
                    Box::new(move |values, guard| decimals256(values, guard, precision, scale))
                }
                Flight::Text => Box::new(texts),
                _ => return Err(refused()),
            },
            (Read::Text, Wire::Bytes) if flight == Flight::Text => Box::new(texts),
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

fn choose_integer(width: usize, unsigned: bool, flight: Flight) -> Option<Box<Decode>> {
    macro_rules! into {
        ($wire:ty) => {
            match flight {
                Flight::Bool => Box::new(booleans::<$wire>),
                Flight::Int8 => Box::new(integers::<$wire, Int8Type>),
                Flight::Int16 => Box::new(integers::<$wire, Int16Type>),
                Flight::Int32 => Box::new(integers::<$wire, Int32Type>),
                Flight::Int64 => Box::new(integers::<$wire, Int64Type>),
                Flight::UInt8 => Box::new(integers::<$wire, UInt8Type>),
                Flight::UInt16 => Box::new(integers::<$wire, UInt16Type>),
                Flight::UInt32 => Box::new(integers::<$wire, UInt32Type>),
                Flight::UInt64 => Box::new(integers::<$wire, UInt64Type>),
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
                | Flight::TextList => return None,
            }
        };
    }
    Some(match (width, unsigned) {
        (1, false) => into!(i8),
        (2, false) => into!(i16),
        (4, false) => into!(i32),
        (8, false) => into!(i64),
        (1, true) => into!(u8),
        (2, true) => into!(u16),
        (4, true) => into!(u32),
        (8, true) => into!(u64),
        _ => return None,
    })
}

/// An integer as it lies in a row.
trait Number: Copy + Default + PartialOrd + From<bool> {
    fn of(bytes: &[u8]) -> Result<Self>;
}

fn malformed() -> Error {
    Error::protocol("a value of the server has a length that its type can't have")
}

macro_rules! number {
    ($($native:ty),*) => {$(
        impl Number for $native {
            #[inline]
            fn of(bytes: &[u8]) -> Result<Self> {
                bytes.try_into().map(<$native>::from_le_bytes).map_err(|_| malformed())
            }
        }
    )*};
}

number!(i8, i16, i32, i64, u8, u16, u32, u64);

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

fn integers<W, P>(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef>
where
    W: Number,
    P: ArrowPrimitiveType,
    P::Native: TryFrom<W> + FromStr,
{
    let mut out = PrimitiveBuilder::<P>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let Some(bytes) = value else {
            out.append_null();
            continue;
        };
        let number = W::of(bytes)?;
        if let Ok(fits) = P::Native::try_from(number) {
            out.append_value(fits);
            continue;
        }
        let nearest = if number < W::default() {
            P::Native::MIN_TOTAL_ORDER
        } else {
            P::Native::MAX_TOTAL_ORDER
        };
        let fact = (code::RANGE, row, "is outside the type's range");
        out.append_option(settle(guard, fact, Some(nearest), |text| text.parse().ok())?);
    }
    Ok(Arc::new(out.finish()))
}

fn boolean_text(text: &str) -> Option<bool> {
    match text {
        "0" | "false" => Some(false),
        "1" | "true" => Some(true),
        _ => None,
    }
}

fn booleans<W: Number>(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = BooleanBuilder::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let Some(bytes) = value else {
            out.append_null();
            continue;
        };
        let number = W::of(bytes)?;
        let flag = if number == W::from(false) {
            Some(false)
        } else if number == W::from(true) {
            Some(true)
        } else {
            let fact = (code::RANGE, row, "is neither 0 nor 1");
            settle(guard, fact, Some(number > W::default()), boolean_text)?
        };
        out.append_option(flag);
    }
    Ok(Arc::new(out.finish()))
}

fn bit_number(bytes: &[u8]) -> Result<u64> {
    if bytes.len() > 8 {
        return Err(malformed());
    }
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn bits(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<UInt64Type>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(bit_number).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

fn bit_booleans(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = BooleanBuilder::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(bit_number).transpose()? {
            None => None,
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(_) => {
                let fact = (code::RANGE, row, "is neither 0 nor 1");
                settle(guard, fact, Some(true), boolean_text)?
            }
        });
    }
    Ok(Arc::new(out.finish()))
}

fn floats(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Float32Type>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(float).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

fn float(bytes: &[u8]) -> Result<f32> {
    bytes.try_into().map(f32::from_le_bytes).map_err(|_| malformed())
}

fn widened_floats(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Float64Type>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(float).transpose()?.map(f64::from));
    }
    Ok(Arc::new(out.finish()))
}

fn doubles(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Float64Type>::with_capacity(values.len());
    for value in values.iter() {
        let number =
            value.map(|bytes| bytes.try_into().map(f64::from_le_bytes).map_err(|_| malformed()));
        out.append_option(number.transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

/// Why a text isn't a decimal of the wanted digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    Malformed,
    Scale,
    Range,
}

/// The digits of a plain decimal, shifted by `scale`: sign, and up to 76 digits as two halves of 38.
fn digits(text: &[u8], precision: u8, scale: i8) -> Result<(bool, i128, i128), Unfit> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let scale = usize::try_from(scale).map_err(|_| Unfit::Malformed)?;
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[text.len()..]),
    };
    if whole.is_empty() && fraction.is_empty()
        || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return Err(Unfit::Malformed);
    }
    let (kept, cut) = fraction.split_at(fraction.len().min(scale));
    if cut.iter().any(|digit| *digit != b'0') {
        return Err(Unfit::Scale);
    }
    let zeros = whole.iter().take_while(|digit| **digit == b'0').count();
    let whole = &whole[zeros..];
    if whole.len() + scale > usize::from(precision) {
        return Err(Unfit::Range);
    }
    let count = whole.len() + scale;
    let padding = std::iter::repeat_n(&b'0', scale - kept.len());
    let (mut high, mut low) = (0_i128, 0_i128);
    for (at, digit) in whole.iter().chain(kept).chain(padding).enumerate() {
        let half = if count - at > 38 { &mut high } else { &mut low };
        *half = *half * 10 + i128::from(digit - b'0');
    }
    Ok((negative, high, low))
}

fn decimal128(text: &[u8], precision: u8, scale: i8) -> Result<i128, Unfit> {
    let (negative, _, low) = digits(text, precision, scale)?;
    Ok(if negative { -low } else { low })
}

fn decimal256(text: &[u8], precision: u8, scale: i8) -> Result<i256, Unfit> {
    let (negative, high, low) = digits(text, precision, scale)?;
    let step = i256::from_i128(10_i128.pow(38));
    let number = i256::from_i128(high).wrapping_mul(step).wrapping_add(i256::from_i128(low));
    Ok(if negative { number.wrapping_neg() } else { number })
}

impl Unfit {
    fn fact(self, row: usize) -> Result<(&'static str, usize, &'static str)> {
        match self {
            Unfit::Malformed => Err(Error::protocol("a decimal of the server isn't one")),
            Unfit::Scale => Ok((code::SCALE, row, "has more digits after the point than its type")),
            Unfit::Range => {
                Ok((code::RANGE, row, "has more digits before the point than its type"))
            }
        }
    }
}

fn decimals128(
    values: Values<'_>,
    guard: &mut Guard<'_>,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Decimal128Type>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(|text| decimal128(text, precision, scale)) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(unfit)) => settle(guard, unfit.fact(row)?, None, |text| {
                decimal128(text.as_bytes(), precision, scale).ok()
            })?,
        });
    }
    finish_decimal(out.finish().with_precision_and_scale(precision, scale))
}

fn decimals256(
    values: Values<'_>,
    guard: &mut Guard<'_>,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Decimal256Type>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(|text| decimal256(text, precision, scale)) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(unfit)) => settle(guard, unfit.fact(row)?, None, |text| {
                decimal256(text.as_bytes(), precision, scale).ok()
            })?,
        });
    }
    finish_decimal(out.finish().with_precision_and_scale(precision, scale))
}

fn finish_decimal<A: arrow_array::Array + 'static>(
    array: Result<A, arrow_schema::ArrowError>,
) -> Result<ArrayRef> {
    match array {
        Ok(array) => Ok(Arc::new(array)),
        Err(error) => Err(Error::new(Kind::Internal, error.to_string().to_lowercase())),
    }
}

fn too_large() -> Error {
    Error::new(Kind::Unsupported, "the values of a batch take more than 2 gib")
}

fn texts(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let total: usize = values.iter().flatten().map(<[u8]>::len).sum();
    i32::try_from(total).map_err(|_| too_large())?;
    let mut bytes = Vec::with_capacity(total);
    let mut nulls = NullBufferBuilder::new(values.len());
    for value in values.iter() {
        nulls.append(value.is_some());
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    let lengths = values.iter().map(|value| value.map_or(0, <[u8]>::len));
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    match StringArray::try_new(offsets, bytes.into(), nulls.finish()) {
        Ok(array) => Ok(Arc::new(array)),
        // Some value isn't UTF-8: each is now looked at on its own.
        Err(_) => texts_one_by_one(values, guard),
    }
}

fn texts_one_by_one(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(values.len(), 0);
    for (row, value) in values.iter().enumerate() {
        out.append_option(value.map(|bytes| utf8(bytes, row, guard)).transpose()?.flatten());
    }
    Ok(Arc::new(out.finish()))
}

fn utf8(bytes: &[u8], row: usize, guard: &mut Guard<'_>) -> Result<Option<String>> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Ok(Some(text.to_owned()));
    }
    let fact = (code::UTF8, row, "is not text in utf-8");
    settle(guard, fact, None, |mark| {
        let parts = bytes.utf8_chunks().map(|chunk| {
            let mark = if chunk.invalid().is_empty() { "" } else { mark };
            [chunk.valid(), mark]
        });
        Some(parts.flatten().collect())
    })
}

/// ENUM whose index 0, an old error, shows as an empty label.
fn labels(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(values.len(), 0);
    for (row, value) in values.iter().enumerate() {
        let label = match value {
            None => None,
            Some([]) => {
                let fact = (code::BAD_ENUM, row, "is the error value of its enum");
                settle(guard, fact, None, |text| Some(text.to_owned()))?
            }
            Some(bytes) => utf8(bytes, row, guard)?,
        };
        out.append_option(label);
    }
    Ok(Arc::new(out.finish()))
}

fn sets(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(StringBuilder::new());
    for (row, value) in values.iter().enumerate() {
        let text = value.map(|bytes| utf8(bytes, row, guard)).transpose()?.flatten();
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            text.split(',').for_each(|label| out.values().append_value(label));
        }
        out.append(text.is_some());
    }
    Ok(Arc::new(out.finish()))
}

fn binaries(values: Values<'_>, _: &mut Guard<'_>, skipped: usize) -> Result<ArrayRef> {
    let total: usize = values.iter().flatten().map(<[u8]>::len).sum();
    i32::try_from(total).map_err(|_| too_large())?;
    let mut out = BinaryBuilder::with_capacity(values.len(), total);
    for value in values.iter() {
        match value {
            None => out.append_null(),
            Some(bytes) => out.append_value(bytes.get(skipped..).ok_or_else(malformed)?),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn uuids(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    for (row, value) in values.iter().enumerate() {
        let uuid = match value.map(uuid) {
            None => None,
            Some(Some(uuid)) => Some(uuid),
            Some(None) => {
                let fact = (code::MIXED, row, "is not a uuid");
                settle(guard, fact, None, |text| uuid(text.as_bytes()))?
            }
        };
        match uuid {
            None => out.append_null(),
            Some(uuid) => out
                .append_value(uuid)
                .map_err(|error| Error::new(Kind::Internal, error.to_string()))?,
        }
    }
    Ok(Arc::new(out.finish()))
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut nibbles = text.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(
        |(_, digit)| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        },
    );
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = nibbles.next()?? << 4 | nibbles.next()??;
    }
    Some(uuid)
}

/// A date and time of day as they stand in a row; the parts are not yet judged.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
}

impl Moment {
    fn of(bytes: &[u8]) -> Result<Self> {
        let mut moment = Moment::default();
        let (date, time, micros) = match bytes {
            [] => return Ok(moment),
            [y0, y1, m, d] => ([*y0, *y1, *m, *d], [0; 3], [0; 4]),
            [y0, y1, m, d, h, i, s] => ([*y0, *y1, *m, *d], [*h, *i, *s], [0; 4]),
            [y0, y1, m, d, h, i, s, u0, u1, u2, u3] => {
                ([*y0, *y1, *m, *d], [*h, *i, *s], [*u0, *u1, *u2, *u3])
            }
            _ => return Err(malformed()),
        };
        moment.year = u16::from_le_bytes([date[0], date[1]]);
        [moment.month, moment.day] = [date[2], date[3]];
        [moment.hour, moment.minute, moment.second] = time;
        moment.micros = u32::from_le_bytes(micros);
        let sane = moment.hour < 24 && moment.minute < 60 && moment.second < 60;
        if sane && moment.micros < 1_000_000 { Ok(moment) } else { Err(malformed()) }
    }

    /// Days since 1970-01-01; `None` when the calendar has no such day.
    fn days(self) -> Option<i32> {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let last = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if self.day == 0 || self.day > last || self.year > 9999 {
            return None;
        }
        // The year begins in March here, so that the leap day is its last.
        let (year, month) = if self.month > 2 {
            (i32::from(self.year), i32::from(self.month) - 3)
        } else {
            (i32::from(self.year) - 1, i32::from(self.month) + 9)
        };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * month + 2) / 5 + i32::from(self.day) - 1;
        Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    fn micros(self) -> Option<i64> {
        let seconds =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        Some(i64::from(self.days()?) * DAY + seconds * 1_000_000 + i64::from(self.micros))
    }

    /// `YYYY-MM-DD[ HH:MM:SS[.f]]`, for a value that the user puts in place of another.
    fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
        let mut date = date.splitn(3, '-');
        let mut moment = Moment {
            year: date.next()?.parse().ok()?,
            month: date.next()?.parse().ok()?,
            day: date.next()?.parse().ok()?,
            ..Moment::default()
        };
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut time = time.splitn(3, ':');
        moment.hour = time.next()?.parse().ok().filter(|hour| *hour < 24)?;
        moment.minute = time.next()?.parse().ok().filter(|minute| *minute < 60)?;
        moment.second = time.next()?.parse().ok().filter(|second| *second < 60)?;
        if fraction.len() > 6 {
            return None;
        }
        moment.micros = format!("{fraction:0<6}").parse().ok()?;
        Some(moment)
    }
}

const ZERO: &str = "is a zero date or no day of the calendar";

fn dates(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Date32Type>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(Moment::of).transpose()?.map(Moment::days) {
            None => None,
            Some(Some(days)) => Some(days),
            Some(None) => settle(guard, (code::ZERO_DATE, row, ZERO), None, |text| {
                Moment::parse(text)?.days()
            })?,
        });
    }
    Ok(Arc::new(out.finish()))
}

fn timestamps(values: Values<'_>, guard: &mut Guard<'_>, zone: Option<&str>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<TimestampMicrosecondType>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(Moment::of).transpose()?.map(Moment::micros) {
            None => None,
            Some(Some(micros)) => Some(micros),
            Some(None) => settle(guard, (code::ZERO_DATE, row, ZERO), None, |text| {
                Moment::parse(text)?.micros()
            })?,
        });
    }
    Ok(Arc::new(out.finish().with_timezone_opt(zone.map(str::to_owned))))
}

/// Signed microseconds of a TIME.
fn span(bytes: &[u8]) -> Result<i64> {
    let (negative, days, clock, micros) = match bytes {
        [] => return Ok(0),
        [n, d0, d1, d2, d3, h, m, s] => (*n, [*d0, *d1, *d2, *d3], [*h, *m, *s], [0; 4]),
        [n, d0, d1, d2, d3, h, m, s, u0, u1, u2, u3] => {
            (*n, [*d0, *d1, *d2, *d3], [*h, *m, *s], [*u0, *u1, *u2, *u3])
        }
        _ => return Err(malformed()),
    };
    let [hours, minutes, seconds] = clock.map(i64::from);
    let days = i64::from(u32::from_le_bytes(days));
    let seconds = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    let micros = seconds * 1_000_000 + i64::from(u32::from_le_bytes(micros));
    Ok(if negative == 0 { micros } else { -micros })
}

fn spans(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<DurationMicrosecondType>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(span).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

fn times_of_day(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Time64MicrosecondType>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(span).transpose()? {
            None => None,
            Some(micros @ 0..DAY) => Some(micros),
            Some(micros) => {
                let fact = (code::SPAN, row, "is not a time of day");
                settle(guard, fact, Some(micros.clamp(0, DAY - 1)), |text| {
                    let moment = Moment::parse(&format!("1970-01-01 {text}"))?;
                    moment.micros()
                })?
            }
        });
    }
    Ok(Arc::new(out.finish()))
}

#[cfg(test)]
mod tests;
