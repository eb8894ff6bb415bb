//! Arrow to Arrow: what a column must satisfy in flight, checked a column at a time.
//!
//! A check is one loop over a whole column that only looks. Where nothing offends, the very same arrays go
//! on; where something does, [`Guard`] is asked value by value and the column is built anew. One file per
//! family of types; a rule that makes no sense for a type is a fault of the plan and stops the table at
//! its first batch, whatever the rows hold.

mod decimal;
mod float;
mod integer;
pub(crate) mod number;
mod text;
mod time;

use std::sync::Arc;

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Losses, Verdict, code};
use crate::plan::{Check, ColumnPlan, Flight, TablePlan};

pub use self::text::{append_hex, parse_uuid};

/// Runs the checks of every column; the batch comes back as it is when nothing offends.
pub fn apply(table: &TablePlan, batch: RecordBatch, losses: &Losses) -> Result<RecordBatch> {
    let mut changed: Option<Vec<ArrayRef>> = None;
    for (index, column) in table.columns.iter().enumerate() {
        if column.checks.is_empty() {
            continue;
        }
        let Some(before) = batch.columns().get(index) else {
            return Err(Error::new(Kind::Internal, "a batch has fewer columns than its plan"));
        };
        let after = column_checks(&table.name, column, before, losses)
            .map_err(|error| error.in_table(&table.name))?;
        if let Some(after) = after {
            changed.get_or_insert_with(|| batch.columns().to_vec())[index] = after;
        }
    }
    let Some(columns) = changed else { return Ok(batch) };
    RecordBatch::try_new(batch.schema(), columns)
        .map_err(|error| Error::new(Kind::Internal, error.to_string()).in_table(&table.name))
}

/// The column after all its checks; `None` when it is still the same.
fn column_checks(
    table: &str,
    column: &ColumnPlan,
    before: &ArrayRef,
    losses: &Losses,
) -> Result<Option<ArrayRef>> {
    let mut guard = Guard::new(table, column, losses);
    let mut after: Option<ArrayRef> = None;
    for check in &column.checks {
        let array = after.as_ref().unwrap_or(before);
        after = one_check(array, check, &mut guard)?.or(after);
    }
    Ok(after)
}

fn one_check(array: &ArrayRef, check: &Check, guard: &mut Guard<'_>) -> Result<Option<ArrayRef>> {
    if *check == Check::NotNull {
        return not_null(array, guard).map(|()| None);
    }
    match guard.column().flight {
        Flight::Int8
        | Flight::Int16
        | Flight::Int32
        | Flight::Int64
        | Flight::UInt8
        | Flight::UInt16
        | Flight::UInt32
        | Flight::UInt64 => integer::check(array, check, guard),
        Flight::Float32 | Flight::Float64 => float::check(array, check, guard),
        Flight::Decimal { .. } => decimal::check(array, check, guard),
        Flight::Text => text::check(array, check, guard),
        Flight::TextList => text::check_list(array, check, guard),
        Flight::Binary => text::check_binary(array, check, guard),
        Flight::Date | Flight::Time | Flight::Timestamp | Flight::Instant | Flight::Span => {
            time::check(array, check, guard)
        }
        Flight::Bool | Flight::Uuid | Flight::Interval | Flight::Label | Flight::List => {
            Err(senseless(check, guard))
        }
    }
}

/// Of any type: what a policy has made NULL is refused as well.
fn not_null(array: &ArrayRef, guard: &Guard<'_>) -> Result<()> {
    let Some(row) = array.nulls().and_then(|nulls| nulls.iter().position(|valid| !valid)) else {
        return Ok(());
    };
    Err(Error::new(Kind::Constraint, "the value is NULL, and the target would make up another")
        .with_code(code::NULL)
        .with_hint(
            "give every row a value, or leave the column out where the target is to give them",
        )
        .in_column(&guard.column().name)
        .in_row(row as u64 + 1))
}

/// Looks at every value; asks `decide` about those that offend and builds the column anew.
fn each<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    offends: impl Fn(T::Native) -> bool,
    mut decide: impl FnMut(usize, T::Native) -> Result<Option<T::Native>>,
) -> Result<Option<ArrayRef>> {
    let array = array.as_primitive_opt::<T>().ok_or_else(mistyped)?;
    // No early way out, so that the loop can run on vectors; slots of NULLs may offend in vain.
    if !array.values().iter().fold(false, |any, value| any | offends(*value)) {
        return Ok(None);
    }
    let mut changed = false;
    let mut built =
        PrimitiveBuilder::<T>::with_capacity(array.len()).with_data_type(array.data_type().clone());
    for (row, value) in array.iter().enumerate() {
        match value {
            Some(value) if offends(value) => {
                changed = true;
                built.append_option(decide(row, value)?);
            }
            Some(_) | None => built.append_option(value),
        }
    }
    Ok(changed.then(|| Arc::new(built.finish()) as ArrayRef))
}

/// What becomes of an offending value of a type with an order.
fn settle<T>(
    guard: &mut Guard<'_>,
    refused: &Refused<'_>,
    nearest: Option<T>,
    replacement: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    match guard.judge(refused.code, refused.row, refused.fact)? {
        Verdict::Null => Ok(None),
        Verdict::Clamp => nearest.map(Some).ok_or_else(|| no_nearest(guard, refused.code)),
        Verdict::Replace(text) => {
            replacement(text).map(Some).ok_or_else(|| bad_replacement(guard, refused.code))
        }
    }
}

/// Which value offends, against what, and how a message ends.
struct Refused<'a> {
    code: &'static str,
    row: usize,
    fact: &'a str,
}

fn senseless(check: &Check, guard: &Guard<'_>) -> Error {
    let column = guard.column();
    Error::new(
        Kind::Internal,
        format!("the plan demands {check:?} of a column that flies as {:?}", column.flight),
    )
    .in_column(&column.name)
}

fn mistyped() -> Error {
    Error::new(Kind::Internal, "a column in flight isn't of the type that its plan names")
}

fn no_nearest(guard: &Guard<'_>, code: &str) -> Error {
    Error::new(
        Kind::Request,
        format!("no nearest value fits here, so `{code}=clamp` can't be done"),
    )
    .with_code(code)
    .with_hint(format!("use `{code}=null` or `{code}=replace:VALUE`"))
    .in_column(&guard.column().name)
}

fn bad_replacement(guard: &Guard<'_>, code: &str) -> Error {
    Error::new(Kind::Request, format!("the replacement for `{code}` doesn't fit the column"))
        .with_code(code)
        .with_hint("name a value that the column's type and its limits allow")
        .in_column(&guard.column().name)
}

#[cfg(test)]
mod tests;
