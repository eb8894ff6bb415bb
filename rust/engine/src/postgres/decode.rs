//! Wire bytes to Arrow, the first loop over values: one column of one batch at a time.
//!
//! A column's decoder is chosen once, when its table is opened ([`decoder`]). Big-endian binary forms as the
//! server's `*_send` functions write them.

mod lists;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, FixedSizeBinaryBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use arrow_array::{ArrayRef, DictionaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{NullBufferBuilder, ScalarBuffer};
use serde::Deserialize;

use super::numeric::{Misfit, Number, Whole, quick, quick_text};
use super::{EPOCH_DAYS, EPOCH_MICROSECONDS};
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict, code};
use crate::plan::{ColumnPlan, Flight, named};
use crate::strings::{Strings, bit_digits, texts};
use crate::wire::WireRows;

/// What a column's bytes are; the names are those of the server's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Read {
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
    /// Text whose trailing blanks mean nothing.
    Bpchar,
    Jsonb,
    Bytea,
    Uuid,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    /// `bit` and `varbit` as text of 0 and 1.
    Bit,
    Interval,
    Enum,
    /// Its elements are read as the plan's `element` says.
    Array,
}

/// Decodes one column of a batch; the guard judges what doesn't fit.
pub type Decoder = fn(&WireRows<'_>, usize, &mut Guard<'_>) -> Result<ArrayRef>;

/// The decoder that the column's plan names.
pub fn decoder(column: &ColumnPlan) -> Result<Decoder> {
    let read: Read = named("decoder", &column.read, &column.name)?;
    let decimal = matches!(column.flight, Flight::Decimal { .. });
    let narrow = matches!(column.flight, Flight::Decimal { precision, .. } if precision <= 38);
    let (fits, decoder): (bool, Decoder) = match read {
        Read::Bool => (column.flight == Flight::Bool, bools),
        Read::Int2 => (column.flight == Flight::Int16, int2),
        Read::Int4 => (column.flight == Flight::Int32, int4),
        Read::Int8 => (column.flight == Flight::Int64, int8),
        Read::Oid => (column.flight == Flight::UInt32, oid),
        Read::Float4 => (column.flight == Flight::Float32, float4),
        Read::Float8 => (column.flight == Flight::Float64, float8),
        Read::Numeric if column.flight == Flight::Text => (true, numeric_text),
        Read::Numeric if narrow => (true, decimals::<Decimal128Type>),
        Read::Numeric => (decimal, decimals::<Decimal256Type>),
        Read::Text => (column.flight == Flight::Text, text),
        Read::Bpchar => (column.flight == Flight::Text, bpchar),
        Read::Jsonb => (column.flight == Flight::Text, jsonb),
        Read::Bit => (column.flight == Flight::Text, bits),
        Read::Bytea => (column.flight == Flight::Binary, bytea),
        Read::Uuid => (column.flight == Flight::Uuid, uuid),
        Read::Date => (column.flight == Flight::Date, date),
        Read::Time => (column.flight == Flight::Time, time),
        Read::Timestamp => (column.flight == Flight::Timestamp, timestamp),
        Read::Timestamptz => (column.flight == Flight::Instant, timestamp),
        Read::Interval => (column.flight == Flight::Interval, interval),
        Read::Enum => (column.flight == Flight::Label, label),
        Read::Array => (column.flight == Flight::List, lists::array),
    };
    if fits {
        Ok(decoder)
    } else {
        let message = format!("the plan wants `{}` read as {:?}", column.read, column.flight);
        Err(Error::new(Kind::Internal, message).in_column(&column.name))
    }
}

/// A field whose length or form isn't its type's.
fn malformed(guard: &Guard<'_>, row: usize) -> Error {
    Error::protocol(format!("the server sent a field that is no `{}`", guard.column().read))
        .with_hint("the column's type may have changed since the plan was made")
        .in_column(&guard.column().name)
        .in_row(row as u64 + 1)
}

/// Fields of a fixed length that always have a value in flight.
fn fixed<T: ArrowPrimitiveType, const N: usize>(
    rows: &WireRows<'_>,
    index: usize,
    guard: &Guard<'_>,
    value: impl Fn([u8; N]) -> T::Native,
) -> Result<PrimitiveArray<T>> {
    let mut values = Vec::with_capacity(rows.len());
    let mut nulls = NullBufferBuilder::new(rows.len());
    for (row, field) in rows.column(index).enumerate() {
        if let Some(bytes) = field {
            let bytes = bytes.try_into().map_err(|_| malformed(guard, row))?;
            values.push(value(bytes));
            nulls.append_non_null();
        } else {
            values.push(T::Native::default());
            nulls.append_null();
        }
    }
    Ok(PrimitiveArray::new(ScalarBuffer::from(values), nulls.finish()))
}

/// Fields of which some have no value in flight; `value` judges and gives `None` for NULL.
fn judged<T: ArrowPrimitiveType>(
    rows: &WireRows<'_>,
    index: usize,
    mut value: impl FnMut(&[u8], usize) -> Result<Option<T::Native>>,
) -> Result<PrimitiveArray<T>> {
    let mut values = Vec::with_capacity(rows.len());
    let mut nulls = NullBufferBuilder::new(rows.len());
    for (row, field) in rows.column(index).enumerate() {
        let value = match field {
            Some(bytes) => value(bytes, row)?,
            None => None,
        };
        nulls.append(value.is_some());
        values.push(value.unwrap_or_default());
    }
    Ok(PrimitiveArray::new(ScalarBuffer::from(values), nulls.finish()))
}

fn int2(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<Int16Type, 2>(rows, index, guard, i16::from_be_bytes)?))
}

fn int4(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<Int32Type, 4>(rows, index, guard, i32::from_be_bytes)?))
}

fn int8(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<Int64Type, 8>(rows, index, guard, i64::from_be_bytes)?))
}

fn oid(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<UInt32Type, 4>(rows, index, guard, u32::from_be_bytes)?))
}

fn float4(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<Float32Type, 4>(rows, index, guard, f32::from_be_bytes)?))
}

fn float8(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<Float64Type, 8>(rows, index, guard, f64::from_be_bytes)?))
}

/// Microseconds since midnight, 24:00:00 included, as they are.
fn time(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(fixed::<Time64MicrosecondType, 8>(rows, index, guard, i64::from_be_bytes)?))
}

fn bools(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut values = BooleanBuilder::with_capacity(rows.len());
    for (row, field) in rows.column(index).enumerate() {
        match field {
            None => values.append_null(),
            Some([0]) => values.append_value(false),
            Some([1]) => values.append_value(true),
            Some([..]) => return Err(malformed(guard, row)),
        }
    }
    Ok(Arc::new(values.finish()))
}

fn uuid(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut values = FixedSizeBinaryBuilder::with_capacity(rows.len(), 16);
    for (row, field) in rows.column(index).enumerate() {
        match field {
            None => values.append_null(),
            Some(bytes) => values.append_value(bytes).map_err(|_| malformed(guard, row))?,
        }
    }
    Ok(Arc::new(values.finish()))
}

/// Days since 2000-01-01; the two ends of the type are the infinities.
fn date(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let value = |bytes: &[u8], row: usize| {
        let days = i32::from_be_bytes(bytes.try_into().map_err(|_| malformed(guard, row))?);
        if days == i32::MIN || days == i32::MAX {
            return infinite(guard, row);
        }
        days.checked_add(EPOCH_DAYS).map(Some).ok_or_else(|| malformed(guard, row))
    };
    Ok(Arc::new(judged::<Date32Type>(rows, index, value)?))
}

/// Microseconds since 2000-01-01; the two ends of the type are the infinities.
fn timestamp(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let value = |bytes: &[u8], row: usize| {
        let ticks = i64::from_be_bytes(bytes.try_into().map_err(|_| malformed(guard, row))?);
        if ticks == i64::MIN || ticks == i64::MAX {
            return infinite(guard, row);
        }
        if let Some(ticks) = ticks.checked_add(EPOCH_MICROSECONDS) {
            Ok(Some(ticks))
        } else {
            let fact = "lies after the year 294246, which a timestamp in flight can't hold";
            match guard.judge(code::TIME_RANGE, row, fact)? {
                Verdict::Null => Ok(None),
                Verdict::Clamp => Ok(Some(i64::MAX)),
                Verdict::Replace(_) => Err(guard.refusal(code::TIME_RANGE, row, fact)),
            }
        }
    };
    let values = judged::<TimestampMicrosecondType>(rows, index, value)?;
    Ok(match guard.column().flight {
        Flight::Instant => Arc::new(values.with_timezone("UTC")),
        // `decoder` lets only one other flight come here.
        _ => Arc::new(values),
    })
}

/// Microseconds, days, months; from version 17 on the ends of all three are the infinities.
fn interval(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let value = |bytes: &[u8], row: usize| {
        let bytes: &[u8; 16] = bytes.try_into().map_err(|_| malformed(guard, row))?;
        let [a, b, c, d, e, f, g, h, days @ .., i, j, k, l] = *bytes;
        let ticks = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let (days, months) = (i32::from_be_bytes(days), i32::from_be_bytes([i, j, k, l]));
        if matches!(
            (ticks, days, months),
            (i64::MAX, i32::MAX, i32::MAX) | (i64::MIN, i32::MIN, i32::MIN)
        ) {
            return infinite(guard, row);
        }
        if let Some(nanoseconds) = ticks.checked_mul(1_000) {
            return Ok(Some(IntervalMonthDayNano::new(months, days, nanoseconds)));
        }
        let fact = "is longer than 292 years of hours, which an interval in flight can't hold";
        match guard.judge(code::TIME_RANGE, row, fact)? {
            Verdict::Null => Ok(None),
            Verdict::Clamp | Verdict::Replace(_) => Err(guard.refusal(code::TIME_RANGE, row, fact)),
        }
    };
    Ok(Arc::new(judged::<IntervalMonthDayNanoType>(rows, index, value)?))
}

/// The number of each label among those that the plan lists.
fn label(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let labels = &guard.column().labels;
    let numbers: HashMap<&[u8], i32> = labels.iter().map(String::as_bytes).zip(0..).collect();
    let value = |bytes: &[u8], row: usize| {
        numbers.get(bytes).copied().map(Some).ok_or_else(|| malformed(guard, row))
    };
    let keys = judged::<Int32Type>(rows, index, value)?;
    let values = Arc::new(StringArray::from_iter_values(labels));
    let array = DictionaryArray::try_new(keys, values)
        .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
    Ok(Arc::new(array))
}

fn infinite<T>(guard: &mut Guard<'_>, row: usize) -> Result<Option<T>> {
    let fact = "is infinity, which is no point in time elsewhere";
    match guard.judge(code::INFINITY, row, fact)? {
        Verdict::Null => Ok(None),
        // There is no nearest value to infinity that is true.
        Verdict::Clamp | Verdict::Replace(_) => Err(guard.refusal(code::INFINITY, row, fact)),
    }
}

fn decimals<T>(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef>
where
    T: DecimalType,
    T::Native: Whole,
{
    let Flight::Decimal { precision, scale } = guard.column().flight else {
        return Err(malformed(guard, 0));
    };
    let digits = u32::try_from(scale).map_err(|_| malformed(guard, 0))?;
    let value = |bytes: &[u8], row: usize| match quick(bytes, precision, digits) {
        Some(value) => Ok(Some(value.into())),
        None => careful_decimal(bytes, row, (precision, digits), guard),
    };
    let values = judged::<T>(rows, index, value)?;
    let values = values
        .with_precision_and_scale(precision, scale)
        .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
    Ok(Arc::new(values))
}

/// A number that isn't like most: long, special or one that doesn't fit.
fn careful_decimal<T: Whole>(
    bytes: &[u8],
    row: usize,
    (precision, scale): (u8, u32),
    guard: &mut Guard<'_>,
) -> Result<Option<T>> {
    let number = match Number::parse(bytes).map_err(|_| malformed(guard, row))? {
        Number::Finite(number) => number,
        Number::NotANumber | Number::Infinity | Number::NegativeInfinity => {
            return not_finite(guard, row);
        }
    };
    let misfit = match number.whole::<T>(precision, scale) {
        Ok(value) => return Ok(Some(value)),
        Err(misfit) => misfit,
    };
    let (code, fact) = match misfit {
        Misfit::Range => {
            (code::RANGE, format!("has more digits than decimal({precision}, {scale})"))
        }
        Misfit::Scale => (code::SCALE, format!("has more than {scale} digits after the point")),
    };
    match (guard.judge(code, row, &fact)?, misfit) {
        (Verdict::Null, _) => Ok(None),
        (Verdict::Clamp, Misfit::Range) => Ok(Some(largest(precision, number.negative))),
        (Verdict::Clamp, Misfit::Scale) | (Verdict::Replace(_), _) => {
            Err(guard.refusal(code, row, &fact))
        }
    }
}

/// 99…9 of so many digits.
fn largest<T: Whole>(precision: u8, negative: bool) -> T {
    let nines = (0..precision).fold(T::ZERO, |value, _| value.append(10, 9).unwrap_or(value));
    if negative { nines.negated() } else { nines }
}

fn not_finite<T>(guard: &mut Guard<'_>, row: usize) -> Result<Option<T>> {
    let fact = "is NaN or infinity, which a decimal can't hold";
    match guard.judge(code::NAN, row, fact)? {
        Verdict::Null => Ok(None),
        Verdict::Clamp | Verdict::Replace(_) => Err(guard.refusal(code::NAN, row, fact)),
    }
}

fn text(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    texts(rows.bytes, rows.places(index), guard)
}

fn bpchar(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let shortened = |place: Range<usize>| {
        let kept = without_blanks(&rows.bytes[place.clone()]).len();
        place.start..place.start + kept
    };
    texts(rows.bytes, rows.places(index).map(|place| place.map(shortened)), guard)
}

/// Without the blanks at its end, looked for eight at a time: a short text fills half of its column.
fn without_blanks(mut bytes: &[u8]) -> &[u8] {
    const BLANKS: u64 = u64::from_le_bytes([b' '; 8]);
    while let Some((rest, last)) = bytes.split_last_chunk::<8>() {
        let others = u64::from_le_bytes(*last) ^ BLANKS;
        if others != 0 {
            return &bytes[..bytes.len() - others.leading_zeros() as usize / 8];
        }
        bytes = rest;
    }
    while let Some((b' ', rest)) = bytes.split_last() {
        bytes = rest;
    }
    bytes
}

/// The first byte is the version of the form; there is only 1.
fn jsonb(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    for (row, field) in rows.column(index).enumerate() {
        if field.is_some_and(|bytes| bytes.first() != Some(&1)) {
            return Err(malformed(guard, row));
        }
    }
    texts(
        rows.bytes,
        rows.places(index).map(|place| place.map(|place| place.start + 1..place.end)),
        guard,
    )
}

fn bytea(rows: &WireRows<'_>, index: usize, _: &mut Guard<'_>) -> Result<ArrayRef> {
    Strings::of(rows.bytes, rows.places(index))?.into_binary()
}

fn numeric_text(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = Strings::new(rows.len(), rows.len() * 12);
    for (row, field) in rows.column(index).enumerate() {
        if let Some(bytes) = field
            && quick_text(bytes, &mut out.bytes).is_none()
        {
            match Number::parse(bytes).map_err(|_| malformed(guard, row))? {
                Number::Finite(digits) => digits.write_text(&mut out.bytes),
                Number::NotANumber => out.bytes.extend_from_slice(b"NaN"),
                Number::Infinity => out.bytes.extend_from_slice(b"Infinity"),
                Number::NegativeInfinity => out.bytes.extend_from_slice(b"-Infinity"),
            }
        }
        out.end(field.is_some())?;
    }
    out.into_text()
}

/// A 32-bit count of bits, then the bits from the highest of the first byte on.
fn bits(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = Strings::new(rows.len(), rows.len() * 8);
    for (row, field) in rows.column(index).enumerate() {
        if let Some(bytes) = field {
            let (head, packed) =
                bytes.split_first_chunk::<4>().ok_or_else(|| malformed(guard, row))?;
            let count = u32::from_be_bytes(*head) as usize;
            if count.div_ceil(8) != packed.len() {
                return Err(malformed(guard, row));
            }
            let end = out.bytes.len() + count;
            for byte in packed {
                out.bytes.extend_from_slice(&bit_digits(*byte));
            }
            out.bytes.truncate(end);
        }
        out.end(field.is_some())?;
    }
    out.into_text()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow_array::cast::AsArray;
    use arrow_array::{Array, RecordBatch};

    use super::*;
    use crate::loss::Losses;
    use crate::wire::Span;

    fn column(read: &str, flight: &str, policies: &str) -> ColumnPlan {
        let json = format!(
            r#"{{"name":"c","target":"c","expression":"c","read":"{read}","flight":{flight},"write":"x","policies":{policies}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn decode_with(
        read: &str,
        flight: &str,
        policies: &str,
        fields: &[Option<&[u8]>],
    ) -> Result<ArrayRef> {
        let column = column(read, flight, policies);
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for field in fields {
            spans.push(field.map_or(Span::NULL, |f| Span::new(bytes.len(), f.len()).unwrap()));
            bytes.extend_from_slice(field.unwrap_or_default());
        }
        let rows = WireRows { bytes: &bytes, spans: &spans, width: 1 };
        let losses = Losses::default();
        let array = decoder(&column)?(&rows, 0, &mut Guard::new("t", &column, &losses))?;
        assert_eq!(array.data_type(), &column.arrow());
        assert_eq!(array.len(), fields.len());
        RecordBatch::try_from_iter([("c", Arc::clone(&array))]).unwrap();
        Ok(array)
    }

    fn decode(read: &str, flight: &str, fields: &[Option<&[u8]>]) -> Result<ArrayRef> {
        decode_with(read, flight, "{}", fields)
    }

    fn texts_of(array: &ArrayRef) -> Vec<Option<&str>> {
        array.as_string::<i32>().iter().collect()
    }

    #[test]
    fn integers_and_nulls() {
        let array = decode("int2", r#"{"type":"int16"}"#, &[Some(&[0x80, 0]), None, Some(&[0, 7])]);
        let array = array.unwrap();
        let values: Vec<_> = array.as_primitive::<Int16Type>().iter().collect();
        assert_eq!(values, [Some(i16::MIN), None, Some(7)]);
    }

    #[test]
    fn a_field_of_another_length_is_refused() {
        for read in
            ["int4", "date", "float4", "bool", "uuid", "timestamp", "jsonb", "bit", "numeric"]
        {
            let flight = match read {
                "int4" => "int32",
                "float4" => "float32",
                "jsonb" | "bit" | "numeric" => "text",
                other => other,
            };
            let flight = format!(r#"{{"type":"{flight}"}}"#);
            let fields: [Option<&[u8]>; 3] = [None, None, Some(&[0, 0, 0, 1, 0, 0, 0])];
            let error = decode(read, &flight, &fields).unwrap_err();
            assert_eq!((error.kind(), error.place().row), (Kind::Protocol, Some(3)), "{read}");
        }
    }

    #[test]
    fn infinity_is_refused_or_null_but_never_a_date() {
        let infinity: [Option<&[u8]>; 1] = [Some(&[0x7f, 0xff, 0xff, 0xff])];
        let error = decode("date", r#"{"type":"date"}"#, &infinity).unwrap_err();
        assert_eq!(error.code(), Some("T-INF"));
        let null = decode_with("date", r#"{"type":"date"}"#, r#"{"T-INF":"null"}"#, &infinity);
        assert!(null.unwrap().is_null(0));
        let clamp = decode_with("date", r#"{"type":"date"}"#, r#"{"T-INF":"clamp"}"#, &infinity);
        assert!(clamp.is_err());
    }

    #[test]
    fn the_calendar_starts_in_1970() {
        let array = decode("date", r#"{"type":"date"}"#, &[Some(&[0; 4])]).unwrap();
        assert_eq!(array.as_primitive::<Date32Type>().value(0), 10_957);
        let array = decode("timestamptz", r#"{"type":"instant"}"#, &[Some(&[0; 8])]).unwrap();
        assert_eq!(array.as_primitive::<TimestampMicrosecondType>().value(0), EPOCH_MICROSECONDS);
        let late = (i64::MAX - 5).to_be_bytes();
        let error = decode("timestamp", r#"{"type":"timestamp"}"#, &[Some(&late)]).unwrap_err();
        assert_eq!(error.code(), Some("T-RANGE"));
    }

    #[test]
    fn text_that_is_not_utf8_is_found_even_across_values() {
        let halves: [Option<&[u8]>; 4] = [Some(b"a"), Some(b"\xc3"), None, Some(b"\xa9")];
        let error = decode("text", r#"{"type":"text"}"#, &halves).unwrap_err();
        assert_eq!((error.code(), error.place().row), (Some("S-UTF8"), Some(2)));
        let policy = r#"{"S-UTF8":{"replace":"?"}}"#;
        let array = decode_with("text", r#"{"type":"text"}"#, policy, &halves).unwrap();
        assert_eq!(texts_of(&array), [Some("a"), Some("?"), None, Some("?")]);
        let array =
            decode("text", r#"{"type":"text"}"#, &[Some("é".as_bytes()), Some(b"")]).unwrap();
        assert_eq!(texts_of(&array), [Some("é"), Some("")]);
    }

    #[test]
    fn text_of_other_types() {
        let text = r#"{"type":"text"}"#;
        let array = decode("bpchar", text, &[Some(b"ab  "), Some(b"   "), Some(b" a ")]).unwrap();
        assert_eq!(texts_of(&array), [Some("ab"), Some(""), Some(" a")]);
        let array = decode("jsonb", text, &[Some(b"\x01{}"), None]).unwrap();
        assert_eq!(texts_of(&array), [Some("{}"), None]);
        let bits: [Option<&[u8]>; 2] =
            [Some(&[0, 0, 0, 10, 0b1010_0000, 0b0100_0000]), Some(&[0; 4])];
        assert_eq!(texts_of(&decode("bit", text, &bits).unwrap()), [Some("1010000001"), Some("")]);
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused() {
        assert!(decoder(&column("int4", r#"{"type":"int64"}"#, "{}")).is_err());
        assert!(decoder(&column("nonsense", r#"{"type":"int64"}"#, "{}")).is_err());
        assert!(decoder(&column("numeric", r#"{"type":"int64"}"#, "{}")).is_err());
    }
}
