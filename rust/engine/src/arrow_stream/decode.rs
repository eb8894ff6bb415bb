//! What comes in a stream to what the plan says flies: whole columns, lossless or judged by the policies.
//!
//! The steps of a column are chosen when its stream is opened: encodings are unpacked, then one cast, which
//! is undone and compared where it could lose something.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, make_array, new_null_array};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::{CastOptions, can_cast_types, cast_with_options};
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use serde::Deserialize;

use super::nested::documents;
use super::read::batch;
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Losses, Verdict, code};
use crate::plan::{ColumnPlan, Flight, TablePlan, named};

/// How a column of a stream becomes the flight's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// The same values.
    Plain,
    /// The values as text.
    Text,
}

/// All columns of a table.
pub struct Decoder {
    /// Where the plan's columns are in the stream.
    places: Vec<usize>,
    columns: Vec<Column>,
}

struct Column {
    /// The type below a dictionary or runs.
    plain: DataType,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Same,
    Nulls,
    /// A cast that can lose nothing but values that don't fit at all.
    Cast,
    /// A cast that is undone and compared.
    Proven,
    Text,
}

impl Decoder {
    pub fn new(table: &TablePlan, schema: &Schema) -> Result<Self> {
        let mut places = Vec::with_capacity(table.columns.len());
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let place = find(schema, &column.name)?;
            let came = schema.field(place).data_type();
            columns.push(Column::new(column, came)?);
            places.push(place);
        }
        Ok(Self { places, columns })
    }

    /// The plan's columns of a batch, in the plan's order.
    pub fn pick(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        batch.project(&self.places).map_err(|error| Error::new(Kind::Internal, error.to_string()))
    }

    /// Converts a batch of picked columns.
    pub fn decode(
        &self,
        table: &TablePlan,
        picked: &RecordBatch,
        losses: &Losses,
    ) -> Result<RecordBatch> {
        let parts = self.columns.iter().zip(&table.columns).zip(picked.columns());
        let columns = parts
            .map(|((column, plan), array)| {
                let mut guard = Guard::new(&table.name, plan, losses);
                column.decode(array, &mut guard).map_err(|error| error.in_column(&plan.name))
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        batch(table, columns, picked.num_rows())
    }
}

fn find(schema: &Schema, name: &str) -> Result<usize> {
    let mut places = schema.fields().iter().enumerate().filter(|(_, field)| field.name() == name);
    match (places.next(), places.next()) {
        (Some((place, _)), None) => Ok(place),
        (None, _) => {
            Err(Error::new(Kind::Missing, "the stream has no such column").in_column(name))
        }
        (Some(_), Some(_)) => {
            Err(Error::new(Kind::Request, "the stream has several columns of this name")
                .in_column(name))
        }
    }
}

impl Column {
    fn new(plan: &ColumnPlan, came: &DataType) -> Result<Self> {
        let read: Read = named("decoder", &plan.read, &plan.name)?;
        let plain = unpacked(came).clone();
        let step = match read {
            Read::Text if plan.flight == Flight::Text => Some(Step::Text),
            Read::Text => None,
            Read::Plain => step(&plain, plan),
        };
        match step {
            Some(step) => Ok(Self { plain, step }),
            None => {
                let message = format!("the plan wants {came} read as {:?}", plan.flight);
                Err(Error::new(Kind::Internal, message).in_column(&plan.name))
            }
        }
    }

    fn decode(&self, array: &ArrayRef, guard: &mut Guard<'_>) -> Result<ArrayRef> {
        let wanted = guard.column().arrow();
        let array = match array.data_type() {
            DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => cast(array, &self.plain)?,
            _ => Arc::clone(array),
        };
        let decoded = match self.step {
            Step::Nulls => return Ok(new_null_array(&wanted, array.len())),
            Step::Same => retyped(&array, wanted)?,
            Step::Cast => judged(&array, cast(&array, &wanted)?, None, guard)?,
            Step::Proven => {
                let made = cast(&array, &wanted)?;
                let back = cast(&made, array.data_type())?;
                judged(&array, made, Some(&back), guard)?
            }
            Step::Text => texts(&array)?,
        };
        check_text(&decoded, guard)?;
        Ok(decoded)
    }
}

/// The type of the values below encodings.
pub(super) fn unpacked(came: &DataType) -> &DataType {
    match came {
        DataType::Dictionary(_, value) => unpacked(value),
        DataType::RunEndEncoded(_, values) => unpacked(values.data_type()),
        plain => plain,
    }
}

/// How a type becomes a flight's; nothing where they don't meet.
fn step(came: &DataType, plan: &ColumnPlan) -> Option<Step> {
    use DataType as T;
    let wanted = plan.arrow();
    if *came == T::Null {
        return Some(Step::Nulls);
    }
    if *came == wanted {
        return Some(Step::Same);
    }
    let integer = came.is_integer();
    let decimal = came.is_decimal();
    let step = match plan.flight {
        Flight::Bool | Flight::Uuid | Flight::Label => None,
        Flight::Int8
        | Flight::Int16
        | Flight::Int32
        | Flight::Int64
        | Flight::UInt8
        | Flight::UInt16
        | Flight::UInt32
        | Flight::UInt64 => match came {
            T::Boolean => Some(Step::Cast),
            _ if integer => Some(Step::Cast),
            _ if decimal => Some(Step::Proven),
            _ => None,
        },
        Flight::Float32 => (*came == T::Float16).then_some(Step::Cast),
        Flight::Float64 => match came {
            T::Float16 | T::Float32 => Some(Step::Cast),
            _ if integer => Some(Step::Proven),
            _ => None,
        },
        // Digits as text are the same digits again, or the value is refused.
        Flight::Decimal { .. } => (integer || decimal || came.is_string()).then_some(Step::Proven),
        Flight::Text => matches!(came, T::LargeUtf8 | T::Utf8View).then_some(Step::Cast),
        Flight::Binary => matches!(came, T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_))
            .then_some(Step::Cast),
        Flight::Date => (*came == T::Date64).then_some(Step::Proven),
        Flight::Time => matches!(came, T::Time32(_) | T::Time64(_)).then_some(Step::Proven),
        Flight::Timestamp => match came {
            T::Timestamp(_, None) => Some(Step::Proven),
            _ => None,
        },
        Flight::Instant => match came {
            T::Timestamp(TimeUnit::Microsecond, Some(_)) => Some(Step::Same),
            T::Timestamp(_, Some(_)) => Some(Step::Proven),
            _ => None,
        },
        Flight::Span => matches!(came, T::Duration(_)).then_some(Step::Proven),
        Flight::Interval => matches!(came, T::Interval(_)).then_some(Step::Cast),
        Flight::TextList => item(came)
            .is_some_and(|item| item.is_string() || *item == T::Null)
            .then_some(Step::Cast),
        // Elements are of the very type: a cast changes the list around them.
        Flight::List => (item(came) == item(&wanted)).then_some(Step::Cast),
    };
    step.filter(|step| *step == Step::Same || can_cast_types(came, &wanted))
}

/// The type of the elements of any kind of list.
fn item(came: &DataType) -> Option<&DataType> {
    let (DataType::List(field)
    | DataType::LargeList(field)
    | DataType::ListView(field)
    | DataType::LargeListView(field)
    | DataType::FixedSizeList(field, _)) = came
    else {
        return None;
    };
    Some(unpacked(field.data_type()))
}

/// Values that don't fit become NULL.
pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: true, format_options: FormatOptions::default() };
    cast_with_options(array, to, &options).map_err(failed)
}

fn failed(error: ArrowError) -> Error {
    Error::new(Kind::Data, format!("a column can't be converted: {error}"))
}

/// The same values under another name of their type: another zone, another name of a list's field.
fn retyped(array: &ArrayRef, wanted: DataType) -> Result<ArrayRef> {
    if *array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    let data = array.to_data().into_builder().data_type(wanted).build().map_err(failed)?;
    Ok(make_array(data))
}

/// Refuses or settles the values that a cast has lost.
fn judged(
    came: &ArrayRef,
    made: ArrayRef,
    back: Option<&ArrayRef>,
    guard: &mut Guard<'_>,
) -> Result<ArrayRef> {
    let lost = |row: usize| made.is_null(row) && came.is_valid(row);
    let none_lost = made.logical_null_count() == came.logical_null_count();
    if none_lost && back.is_none_or(|back| came.to_data() == back.to_data()) {
        return Ok(made);
    }
    let mut valid = BooleanBufferBuilder::new(made.len());
    for row in 0..made.len() {
        let changed =
            || back.is_some_and(|b| came.slice(row, 1).to_data() != b.slice(row, 1).to_data());
        let keep = if lost(row) {
            let (code, fact) = range_code(guard.column().flight);
            match guard.judge(code, row, fact)? {
                Verdict::Null => false,
                Verdict::Clamp | Verdict::Replace(_) => {
                    return Err(useless(guard.refusal(code, row, fact), &format!("`{code}=null`")));
                }
            }
        } else if made.is_valid(row) && changed() {
            let (code, fact) = scale_code(guard.column().flight);
            match guard.judge(code, row, fact)? {
                Verdict::Null => false,
                // The cast has cut what is too fine.
                Verdict::Clamp => true,
                Verdict::Replace(_) => {
                    let ways = format!("`{code}=clamp`, which cuts digits off, or `{code}=null`");
                    return Err(useless(guard.refusal(code, row, fact), &ways));
                }
            }
        } else {
            made.is_valid(row)
        };
        valid.append(keep);
    }
    let nulls = NullBuffer::new(valid.finish());
    let data = made.to_data().into_builder().nulls(Some(nulls)).build().map_err(failed)?;
    Ok(make_array(data))
}

/// The refusal of a value whose policy makes no sense here.
fn useless(refusal: Error, ways: &str) -> Error {
    refusal.with_hint(format!("the policy that is given can't be carried out here: use {ways}"))
}

fn range_code(flight: Flight) -> (&'static str, &'static str) {
    if is_temporal(flight) {
        (code::TIME_RANGE, "lies outside the range of microseconds")
    } else {
        (code::RANGE, "lies outside the range of its type in flight")
    }
}

fn scale_code(flight: Flight) -> (&'static str, &'static str) {
    match flight {
        Flight::Date => (code::TIME_SCALE, "has a time of day, and a date would lose it"),
        _ if is_temporal(flight) => (code::TIME_SCALE, "is finer than a microsecond"),
        _ => (code::SCALE, "has more digits than its type in flight keeps"),
    }
}

fn is_temporal(flight: Flight) -> bool {
    matches!(
        flight,
        Flight::Date | Flight::Time | Flight::Timestamp | Flight::Instant | Flight::Span
    )
}

/// What a duration prints that is too long.
const NO_TEXT: &str = "<invalid>";

pub(super) fn texts(array: &ArrayRef) -> Result<ArrayRef> {
    if array.data_type().is_nested() {
        return Ok(Arc::new(documents(array)?));
    }
    if array.data_type().is_string() {
        return cast(array, &DataType::Utf8);
    }
    // An instant is printed in UTC: names of zones are known to who has a list of them.
    let utc = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        other => other.clone(),
    };
    let array = &cast(array, &utc)?;
    let options = FormatOptions::default();
    let format = ArrayFormatter::try_new(array.as_ref(), &options).map_err(failed)?;
    let mut built = StringBuilder::with_capacity(array.len(), array.len() * 16);
    for row in 0..array.len() {
        if array.is_null(row) {
            built.append_null();
        } else {
            let text = format.value(row).try_to_string().map_err(failed)?;
            if text == NO_TEXT {
                return Err(Error::new(Kind::Data, "the value lies outside what has a text")
                    .with_code(code::TIME_RANGE)
                    .in_row(row as u64 + 1));
            }
            built.append_value(text);
        }
    }
    Ok(Arc::new(built.finish()))
}

/// Text must be UTF-8, whatever its producer promised: Rust counts on it and servers refuse or, worse, keep it.
fn check_text(array: &ArrayRef, guard: &Guard<'_>) -> Result<()> {
    let (texts, lists) = match array.data_type() {
        DataType::Utf8 => (array.as_string::<i32>(), None),
        DataType::List(item) if *item.data_type() == DataType::Utf8 => {
            let lists = array.as_list::<i32>();
            (lists.values().as_string::<i32>(), Some(lists))
        }
        _ => return Ok(()),
    };
    let offsets = texts.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
    let index = |offset: &i32| usize::try_from(*offset).unwrap_or(usize::MAX);
    let bytes = texts.value_data().get(index(first)..index(last)).unwrap_or_default();
    let base = index(first);
    let whole = bytes.is_ascii()
        || simdutf8::basic::from_utf8(bytes)
            .is_ok_and(|all| offsets.iter().all(|o| all.is_char_boundary(index(o) - base)));
    if whole {
        return Ok(());
    }
    let is_bad = |(row, pair): (usize, &[i32])| {
        let value = texts.value_data().get(index(&pair[0])..index(&pair[1]));
        texts.is_valid(row) && value.is_none_or(|value| std::str::from_utf8(value).is_err())
    };
    // None: only the bytes of NULLs are bad, which nobody reads.
    let Some(bad) = offsets.windows(2).enumerate().position(is_bad) else { return Ok(()) };
    let row = match lists {
        None => bad,
        Some(lists) => {
            lists.value_offsets().windows(2).position(|pair| index(&pair[1]) > bad).unwrap_or(0)
        }
    };
    Err(guard.refusal(code::UTF8, row, "isn't UTF-8"))
}
