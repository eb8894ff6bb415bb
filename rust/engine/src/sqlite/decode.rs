//! Values with a class of their own to Arrow columns: the first loop over values.
//!
//! Each column's decoder is chosen once, with its class rules inside; a value of another class, or a text
//! that isn't what the column holds, is judged by the column's guard and becomes nothing else in silence.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float64Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{ArrowPrimitiveType, RecordBatch};
use arrow_buffer::i256;
use arrow_schema::Schema;
use serde::Deserialize;

use super::column::{Column, Fault, Refusal, Taken, TakenBytes, bytes, fixed, mixed, refuse};
use super::connect::real_text;
use super::statement::{Statement, Value};
use crate::calendar::{self, Flaw};
use crate::convert::number::{Number, rounded};
use crate::convert::{append_hex, parse_uuid};
use crate::copy::budget::LARGE;
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Losses, code};
use crate::plan::{ColumnPlan, Flight, TablePlan, named};

/// The decoders, by the names that plans use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Read {
    Integer,
    Real,
    Bool,
    Decimal,
    Text,
    Blob,
    Number,
    Uuid,
    Date,
    Timestamp,
    Instant,
    Time,
    Span,
    UnixSeconds,
    UnixMilliseconds,
    UnixMicroseconds,
    Any,
}

/// The columns of a range, batch after batch.
pub(super) struct Columns<'a> {
    builders: Vec<(Box<dyn Column>, Guard<'a>)>,
    schema: Arc<Schema>,
    rows: usize,
    earlier: usize,
    /// Columns of the table; those after are their texts.
    own: usize,
    /// Columns that have the value of a row that was refused meanwhile.
    pushed: usize,
    /// Rows since the last batch that were refused, with why; what stands for them means nothing.
    refused: Vec<(usize, Error)>,
}

impl<'a> Columns<'a> {
    pub fn new(table: &'a TablePlan, losses: &'a Losses) -> Result<Self> {
        let builders = table
            .columns
            .iter()
            .map(|plan| Ok((column(plan)?, Guard::new(&table.name, plan, losses))));
        Ok(Self {
            builders: builders.collect::<Result<_>>()?,
            schema: table.schema(),
            rows: 0,
            earlier: 0,
            own: table.columns.len() - table.texts.len().min(table.columns.len()),
            pushed: 0,
            refused: Vec::new(),
        })
    }

    /// Rows of the batches before.
    pub fn earlier(&self) -> u64 {
        self.earlier as u64
    }

    /// Rows since the last batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes the statement's row and gives its bytes. `large` is called once, before a large value is copied.
    pub fn push(
        &mut self,
        statement: &Statement<'_>,
        large: &mut dyn FnMut() -> Result<()>,
    ) -> Result<usize> {
        let row = self.earlier + self.rows;
        let (mut bytes, mut asked) = (0, false);
        for (index, (column, guard)) in self.builders.iter_mut().enumerate() {
            let value = statement.value(index)?;
            let size = value.size();
            if size >= LARGE && !std::mem::replace(&mut asked, true) {
                large()?;
            }
            bytes += size;
            self.pushed = index;
            column.push(value, row, guard)?;
        }
        self.rows += 1;
        Ok(bytes)
    }

    /// Ends a row that was refused, but for its texts, which are taken.
    pub fn complete(&mut self, statement: &Statement<'_>, error: Error) -> Result<()> {
        let row = self.earlier + self.rows;
        for (index, (column, guard)) in self.builders.iter_mut().enumerate().skip(self.pushed) {
            let value = if index < self.own { Value::Null } else { statement.value(index)? };
            column.push(value, row, guard)?;
        }
        self.refused.push((self.rows, error));
        self.rows += 1;
        Ok(())
    }

    pub fn take_refused(&mut self) -> Vec<(usize, Error)> {
        std::mem::take(&mut self.refused)
    }

    pub fn finish(&mut self) -> Result<RecordBatch> {
        self.earlier += std::mem::take(&mut self.rows);
        let arrays = self.builders.iter_mut().map(|(column, _)| column.finish()).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| Error::new(Kind::Internal, error.to_string()))
    }
}

fn builder<T: ArrowPrimitiveType>(plan: &ColumnPlan) -> PrimitiveBuilder<T> {
    PrimitiveBuilder::new().with_data_type(plan.arrow())
}

/// The decoder of a column.
fn column(plan: &ColumnPlan) -> Result<Box<dyn Column>> {
    let read: Read = named("decoder", &plan.read, &plan.name)?;
    Ok(match (read, plan.flight) {
        (Read::Integer, Flight::Int64) => {
            fixed(builder::<Int64Type>(plan), integer, |text| text.parse().ok())
        }
        (Read::Real, Flight::Float64) => {
            fixed(builder::<Float64Type>(plan), real, |text| text.parse().ok())
        }
        (Read::Bool, Flight::Bool) => {
            fixed(BooleanBuilder::new(), boolean, |text| parse_boolean(text.as_bytes()))
        }
        (Read::Decimal, Flight::Decimal { precision, scale }) => {
            let after = usize::from(scale.unsigned_abs());
            if precision <= 38 {
                decimal::<Decimal128Type>(plan, precision, after)
            } else {
                decimal::<Decimal256Type>(plan, precision, after)
            }
        }
        (Read::Date, Flight::Date) => moment(builder::<Date32Type>(plan), "date", parse_date),
        (Read::Timestamp, Flight::Timestamp) => moment(
            builder::<TimestampMicrosecondType>(plan),
            "timestamp",
            calendar::parse_timestamp,
        ),
        (Read::Instant, Flight::Instant) => moment(
            builder::<TimestampMicrosecondType>(plan),
            "timestamp with its offset",
            calendar::parse_instant,
        ),
        (Read::Time, Flight::Time) => {
            moment(builder::<Time64MicrosecondType>(plan), "time of day", calendar::parse_time)
        }
        (Read::Span, Flight::Span) => {
            moment(builder::<DurationMicrosecondType>(plan), "span of time", calendar::parse_span)
        }
        (Read::UnixSeconds, Flight::Instant) => unix(plan, 1_000_000),
        (Read::UnixMilliseconds, Flight::Instant) => unix(plan, 1_000),
        (Read::UnixMicroseconds, Flight::Instant) => unix(plan, 1),
        (Read::Text, Flight::Text) => bytes(StringBuilder::new(), |value, _| match value {
            Value::Text(text) => Ok(text),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => {
                mixed(value, "text")
            }
        }),
        (Read::Blob, Flight::Binary) => bytes(BinaryBuilder::new(), |value, _| match value {
            Value::Blob(blob) => Ok(blob),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Text(_) => {
                mixed(value, "blob")
            }
        }),
        (Read::Uuid, Flight::Uuid) => bytes(FixedSizeBinaryBuilder::new(16), uuid),
        (Read::Number, Flight::Text) => bytes(StringBuilder::new(), number_text),
        (Read::Any, Flight::Text) => {
            bytes(StringBuilder::new(), |value, scratch| Ok(any_text(value, scratch)))
        }
        (read, flight) => {
            return Err(Error::new(
                Kind::Internal,
                format!("the decoder {read:?} doesn't give a column that flies as {flight:?}"),
            )
            .in_column(&plan.name));
        }
    })
}

fn integer(value: Value<'_>) -> Taken<i64> {
    match value {
        Value::Integer(whole) => Ok(whole),
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => mixed(value, "integer"),
    }
}

fn real(value: Value<'_>) -> Taken<f64> {
    match value {
        Value::Real(real) => Ok(real),
        Value::Integer(whole) if whole.unsigned_abs() <= 1 << 53 =>
        {
            #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
            Ok(whole as f64)
        }
        Value::Integer(_) => refuse(code::RANGE, "is an integer that no float holds exactly"),
        Value::Null | Value::Text(_) | Value::Blob(_) => mixed(value, "number"),
    }
}

fn boolean(value: Value<'_>) -> Taken<bool> {
    match value {
        Value::Integer(0) => Ok(false),
        Value::Integer(1) => Ok(true),
        Value::Integer(_) => refuse(code::RANGE, "is an integer other than 0 and 1"),
        Value::Text(text) => match parse_boolean(text) {
            Some(value) => Ok(value),
            None => refuse(code::MIXED, "is a text that doesn't mean true or false"),
        },
        Value::Null | Value::Real(_) | Value::Blob(_) => mixed(value, "boolean"),
    }
}

fn parse_boolean(text: &[u8]) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(&["t", "true", "yes", "1"]) {
        Some(true)
    } else {
        is(&["f", "false", "no", "0"]).then_some(false)
    }
}

/// The two widths of a decimal.
trait Wide: Copy + PartialOrd + std::str::FromStr {
    fn of(value: i128) -> Self;
    fn negated(self) -> Self;
}

impl Wide for i128 {
    fn of(value: i128) -> Self {
        value
    }
    fn negated(self) -> Self {
        -self
    }
}

impl Wide for i256 {
    fn of(value: i128) -> Self {
        i256::from_i128(value)
    }
    fn negated(self) -> Self {
        self.wrapping_neg()
    }
}

/// A decimal's own limits.
#[derive(Clone, Copy)]
struct Digits<N> {
    most: N,
    after: usize,
    /// 10 to the scale, where a 64-bit integer and a double hold it exactly.
    unit: Option<(i64, f64)>,
}

/// Below this, whole numbers of 15 digits, a decimal and the double nearest to it name each other.
const SURE: f64 = 1e15;

/// 1.5 times 2^52: doubles of this size are whole numbers, so that adding it and taking it away rounds. It rounds a half
/// to the even neighbour, and of a number that has one neither is the decimal.
const WHOLE: f64 = 6_755_399_441_055_744.0;

impl<N: Wide> Digits<N> {
    fn new(precision: u8, after: usize) -> Self {
        let most = "9".repeat(usize::from(precision)).parse().unwrap_or(N::of(i128::MAX));
        let exact =
            |after: u32| Some((10_i64.checked_pow(after)?, 10_f64.powi(after.cast_signed())));
        Self { most, after, unit: u32::try_from(after).ok().and_then(exact) }
    }

    /// The way of most integers, without their text.
    fn whole(&self, value: i64) -> Option<N> {
        let scaled = N::of(i128::from(value.checked_mul(self.unit?.0)?));
        self.fits(scaled).then_some(scaled)
    }

    /// The way of most reals: the double that is nearest to a decimal of this scale and of 15 digits at most.
    #[expect(clippy::float_cmp, reason = "the same double is asked for")]
    #[expect(clippy::cast_possible_truncation, reason = "below 2^53, and whole")]
    fn steps(&self, value: f64) -> Option<N> {
        let unit = self.unit?.1;
        let steps = (value * unit + WHOLE) - WHOLE;
        if steps.abs() >= SURE || steps / unit != value {
            return None;
        }
        let scaled = N::of(i128::from(steps as i64));
        self.fits(scaled).then_some(scaled)
    }

    fn take(&self, number: &Number<'_>) -> Taken<N> {
        if number.fraction.len() > self.after {
            let scale = i8::try_from(self.after).unwrap_or(i8::MAX);
            let near = rounded(number, scale);
            let nearest = Number::parse(&near).and_then(|near| near.scaled(self.after));
            let fact = "has more digits after the point than the column's scale".to_owned();
            let fault =
                Fault { code: code::SCALE, fact, nearest: nearest.filter(|it| self.fits(*it)) };
            return Err(Refusal::Fault(fault));
        }
        let value = match small(number, self.after) {
            Some(value) => Some(N::of(value)),
            None => number.scaled(self.after),
        };
        if let Some(value) = value.filter(|value| self.fits(*value)) {
            Ok(value)
        } else {
            let end = if number.negative { self.most.negated() } else { self.most };
            let fact = "has more digits than the column's precision".to_owned();
            Err(Refusal::Fault(Fault { code: code::RANGE, fact, nearest: Some(end) }))
        }
    }

    fn fits(&self, value: N) -> bool {
        self.most.negated() <= value && value <= self.most
    }
}

/// The way for numbers up to 18 digits, without an allocation.
fn small(number: &Number<'_>, after: usize) -> Option<i128> {
    if number.whole.len() + after > 18 {
        return None;
    }
    let digits = number.whole.bytes().chain(number.fraction.bytes());
    let mut value = digits.fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    for _ in number.fraction.len()..after {
        value *= 10;
    }
    Some(i128::from(if number.negative { -value } else { value }))
}

fn decimal<T: ArrowPrimitiveType>(plan: &ColumnPlan, precision: u8, after: usize) -> Box<dyn Column>
where
    T::Native: Wide,
{
    let digits = Digits::<T::Native>::new(precision, after);
    let take = move |value: Value<'_>| match value {
        Value::Integer(whole) => match digits.whole(whole) {
            Some(scaled) => Ok(scaled),
            None => {
                number_of(itoa::Buffer::new().format(whole)).and_then(|number| digits.take(&number))
            }
        },
        Value::Real(real) if real.is_finite() => match digits.steps(real) {
            Some(scaled) => Ok(scaled),
            // The standard formatter gives the shortest text that reads back, without an exponent.
            None => number_of(&real.to_string()).and_then(|number| digits.take(&number)),
        },
        Value::Real(_) => refuse(code::NAN, "is infinite"),
        Value::Text(text) => {
            let plain = plain_number(text);
            match plain.as_deref().and_then(Number::parse) {
                Some(number) => digits.take(&number),
                None => refuse(code::MIXED, "is a text and no number"),
            }
        }
        Value::Null | Value::Blob(_) => mixed(value, "number"),
    };
    let parse = move |text: &str| digits.take(&Number::parse(text)?).ok();
    fixed(builder::<T>(plan), take, parse)
}

fn number_of<N>(text: &str) -> Result<Number<'_>, Refusal<N>> {
    Number::parse(text)
        .ok_or_else(|| Error::new(Kind::Internal, "a number's own text isn't a number").into())
}

/// A number's text without exponent, plus sign and leading zeros; digits after the point stay as they are.
fn plain_number(text: &[u8]) -> Option<String> {
    /// Numbers with more zeros than this are no decimals that any column holds.
    const FARTHEST: i32 = 20_000;
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    if exponent.abs() > FARTHEST {
        return None;
    }
    let number = Number::parse(mantissa)?;
    let unsigned = mantissa.trim_start_matches(['-', '+']);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut digits = [whole, fraction].concat();
    let mut point = i64::try_from(whole.len()).ok()? + i64::from(exponent);
    while point < 0 {
        digits.insert(0, '0');
        point += 1;
    }
    let point = usize::try_from(point).ok()?;
    while digits.len() < point {
        digits.push('0');
    }
    let (whole, fraction) = digits.split_at(point);
    let whole = whole.trim_start_matches('0');
    let zero = number.whole.is_empty() && number.fraction.is_empty();
    let sign = if number.negative && !zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

fn moment<T: ArrowPrimitiveType>(
    built: PrimitiveBuilder<T>,
    wanted: &'static str,
    parse: impl Fn(&[u8]) -> Result<i64, Flaw> + Copy + 'static,
) -> Box<dyn Column>
where
    T::Native: TryFrom<i64>,
{
    let native = |value: i64| T::Native::try_from(value).ok();
    let take = move |value: Value<'_>| match value {
        Value::Text(text) => match parse(text) {
            Ok(moment) => native(moment).map_or_else(|| beyond(wanted), Ok),
            Err(Flaw::Outside) => beyond(wanted),
            Err(Flaw::Finer(moment)) => Err(Refusal::Fault(Fault {
                code: code::TIME_SCALE,
                fact: "is finer than a microsecond".to_owned(),
                nearest: native(moment),
            })),
            Err(Flaw::Malformed) if text.starts_with(b"0000-00-00") => {
                refuse(code::ZERO_DATE, "is a zero date")
            }
            Err(Flaw::Malformed) => refuse(code::MIXED, format!("is a text and no {wanted}")),
        },
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => mixed(value, wanted),
    };
    fixed(built, take, move |text| native(parse(text.as_bytes()).ok()?))
}

fn beyond<N>(wanted: &str) -> Taken<N> {
    refuse(code::TIME_RANGE, format!("is a {wanted} too far away to be carried"))
}

fn parse_date(text: &[u8]) -> Result<i64, Flaw> {
    calendar::parse_date(text).map(i64::from)
}

fn unix(plan: &ColumnPlan, micros: i64) -> Box<dyn Column> {
    let take = move |value: Value<'_>| match value {
        Value::Integer(ticks) => match ticks.checked_mul(micros) {
            Some(moment) => Ok(moment),
            None => beyond("moment"),
        },
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => mixed(value, "integer"),
    };
    fixed(builder::<TimestampMicrosecondType>(plan), take, |text| {
        calendar::parse_instant(text.as_bytes()).ok()
    })
}

fn uuid<'v>(value: Value<'v>, scratch: &'v mut Vec<u8>) -> TakenBytes<'v> {
    match value {
        Value::Blob(blob) if blob.len() == 16 => Ok(blob),
        Value::Text(text) => match parse_uuid(text) {
            Some(uuid) => {
                scratch.extend_from_slice(&uuid);
                Ok(scratch)
            }
            None => refuse(code::MIXED, "is a text and no UUID"),
        },
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => mixed(value, "UUID"),
    }
}

fn number_text<'v>(value: Value<'v>, scratch: &'v mut Vec<u8>) -> TakenBytes<'v> {
    match value {
        Value::Integer(whole) => {
            scratch.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        }
        Value::Real(real) if real.is_finite() => {
            let text = real.to_string();
            scratch.extend_from_slice(if text == "-0" { b"0" } else { text.as_bytes() });
        }
        Value::Real(real) => scratch.extend_from_slice(real_text(real).as_bytes()),
        Value::Text(text) => match plain_number(text) {
            Some(text) => scratch.extend_from_slice(text.as_bytes()),
            None => return refuse(code::MIXED, "is a text and no number"),
        },
        Value::Null | Value::Blob(_) => return mixed(value, "number"),
    }
    Ok(scratch)
}

fn any_text<'v>(value: Value<'v>, scratch: &'v mut Vec<u8>) -> &'v [u8] {
    match value {
        Value::Null => {}
        Value::Integer(whole) => {
            scratch.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        }
        Value::Real(real) => scratch.extend_from_slice(real_text(real).as_bytes()),
        Value::Text(text) => return text,
        Value::Blob(blob) => {
            scratch.extend_from_slice(b"\\x");
            append_hex(scratch, blob);
        }
    }
    scratch
}
