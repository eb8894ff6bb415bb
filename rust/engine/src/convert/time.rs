//! Checks of dates and times: years, and spans within one day.

use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType};

use super::{Refused, each, mistyped, senseless, settle};
use crate::calendar::{self, MICROS_PER_DAY};
use crate::error::Result;
use crate::loss::{Guard, code};
use crate::plan::{Check, Flight};

/// The first day of the calendar of `PostgreSQL`, -4713-11-24; no target begins before it.
const JULIAN_ZERO: i32 = -2_440_588;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// The types of the other families.
macro_rules! no_time {
    () => {
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
            | Flight::Decimal { .. }
            | Flight::Text
            | Flight::Binary
            | Flight::Uuid
            | Flight::Interval
            | Flight::Label
            | Flight::TextList
            | Flight::List
    };
}

pub(super) fn check(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    match check {
        Check::Years { min, max } => years(array, check, *min, *max, guard),
        Check::WithinDay => within_day(array, check, guard),
        Check::Longest { micros } => longest(array, check, *micros, guard),
        Check::Fraction { digits } => fraction(array, check, *digits, guard),
        Check::NoNul
        | Check::NotNull
        | Check::Finite
        | Check::NotNan
        | Check::Number
        | Check::Integer { .. }
        | Check::Digits { .. }
        | Check::Characters { .. }
        | Check::Bytes { .. }
        | Check::Labels { .. }
        | Check::NegativeZero => Err(senseless(check, guard)),
    }
}

fn years(
    array: &ArrayRef,
    check: &Check,
    min: i32,
    max: i32,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let first = calendar::days_from_civil(min, 1, 1).unwrap_or(extreme(min));
    let days = Bounds {
        low: first.max(JULIAN_ZERO),
        high: calendar::days_from_civil(max, 12, 31).unwrap_or(extreme(max)),
    };
    let moments = Bounds {
        low: calendar::join_timestamp(days.low, 0).unwrap_or(extreme_moment(min)),
        high: calendar::join_timestamp(days.high, MICROS_PER_DAY - 1)
            .unwrap_or(extreme_moment(max)),
    };
    let fact = format!("lies outside the years {min} to {max}");
    let rule = Rule { code: code::TIME_RANGE, fact: &fact };
    match guard.column().flight {
        Flight::Date => bounded::<Date32Type>(array, days, &rule, guard, |text| {
            calendar::parse_date(text.as_bytes()).ok()
        }),
        Flight::Timestamp | Flight::Instant => {
            bounded::<TimestampMicrosecondType>(array, moments, &rule, guard, moment)
        }
        Flight::Time | Flight::Span => Err(senseless(check, guard)),
        no_time!() => Err(mistyped()),
    }
}

fn within_day(array: &ArrayRef, check: &Check, guard: &mut Guard<'_>) -> Result<Option<ArrayRef>> {
    let day = Bounds { low: 0, high: MICROS_PER_DAY - 1 };
    let fact = "isn't a time of day from 00:00:00 to below 24:00:00";
    let rule = Rule { code: code::SPAN, fact };
    match guard.column().flight {
        Flight::Time => bounded::<Time64MicrosecondType>(array, day, &rule, guard, time),
        Flight::Span => bounded::<DurationMicrosecondType>(array, day, &rule, guard, time),
        Flight::Date | Flight::Timestamp | Flight::Instant => Err(senseless(check, guard)),
        no_time!() => Err(mistyped()),
    }
}

fn longest(
    array: &ArrayRef,
    check: &Check,
    micros: i64,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let hours = micros / MICROS_PER_HOUR;
    let fact = format!("is longer than {hours} hours and what a time of the target holds");
    let rule = Rule { code: code::SPAN, fact: &fact };
    match guard.column().flight {
        Flight::Span => {
            let bounds = Bounds { low: -micros, high: micros };
            bounded::<DurationMicrosecondType>(array, bounds, &rule, guard, span)
        }
        Flight::Time | Flight::Date | Flight::Timestamp | Flight::Instant => {
            Err(senseless(check, guard))
        }
        no_time!() => Err(mistyped()),
    }
}

/// Fractions that a column has no digits for.
fn fraction(
    array: &ArrayRef,
    check: &Check,
    digits: u8,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    match guard.column().flight {
        Flight::Time => stepped::<Time64MicrosecondType>(array, digits, guard, time),
        Flight::Span => stepped::<DurationMicrosecondType>(array, digits, guard, span),
        Flight::Timestamp | Flight::Instant => {
            stepped::<TimestampMicrosecondType>(array, digits, guard, moment)
        }
        Flight::Date => Err(senseless(check, guard)),
        no_time!() => Err(mistyped()),
    }
}

struct Bounds<N> {
    low: N,
    high: N,
}

struct Rule<'a> {
    code: &'static str,
    fact: &'a str,
}

fn bounded<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    bounds: Bounds<T::Native>,
    rule: &Rule<'_>,
    guard: &mut Guard<'_>,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<Option<ArrayRef>>
where
    T::Native: PartialOrd,
{
    let Bounds { low, high } = bounds;
    let outside = |value: T::Native| (value < low) || (value > high);
    each::<T>(array, outside, |row, value| {
        let refused = Refused { code: rule.code, row, fact: rule.fact };
        let nearest = if value < low { low } else { high };
        settle(guard, &refused, Some(nearest), |text| parse(text).filter(|value| !outside(*value)))
    })
}

/// `clamp` cuts digits off: nothing leaves its range by that.
fn stepped<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    digits: u8,
    guard: &mut Guard<'_>,
    parse: impl Fn(&str) -> Option<i64>,
) -> Result<Option<ArrayRef>> {
    let step = 10_i64.pow(6 - u32::from(digits).min(6));
    let fact = format!("has more than {digits} digits of a fraction of a second");
    let signed = guard.column().flight == Flight::Span;
    let finer = |value: i64| value % step != 0;
    each::<T>(array, finer, |row, value| {
        let refused = Refused { code: code::TIME_SCALE, row, fact: &fact };
        // A span is written with its sign before it; a moment before 1970 is written as any other.
        let rest = if signed { value % step } else { value.rem_euclid(step) };
        settle(guard, &refused, value.checked_sub(rest), |text| {
            parse(text).filter(|value| !finer(*value))
        })
    })
}

fn time(text: &str) -> Option<i64> {
    calendar::parse_time(text.as_bytes()).ok()
}

fn span(text: &str) -> Option<i64> {
    calendar::parse_span(text.as_bytes()).ok()
}

/// A replacement for a timestamp; without an offset it is in UTC.
fn moment(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    calendar::parse_timestamp(bytes)
        .or_else(|_| calendar::parse_instant(bytes))
        .ok()
        .or_else(|| calendar::join_timestamp(calendar::parse_date(bytes).ok()?, 0))
}

fn extreme(year: i32) -> i32 {
    if year < 0 { i32::MIN } else { i32::MAX }
}

fn extreme_moment(year: i32) -> i64 {
    if year < 0 { i64::MIN } else { i64::MAX }
}
