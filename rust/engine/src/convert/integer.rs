//! Checks of integers: bounds and digits.

use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType};

use super::number::Number;
use super::{Refused, each, mistyped, senseless, settle};
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, code};
use crate::plan::{Check, Flight};

pub(super) fn check(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let limits = match check {
        Check::Integer { min, max } => Limits { min: bound(min)?, max: bound(max)?, step: 1 },
        Check::Digits { precision, scale } => Limits::digits(*precision, *scale),
        Check::NoNul
        | Check::Finite
        | Check::NotNan
        | Check::Number
        | Check::Years { .. }
        | Check::WithinDay
        | Check::Characters { .. }
        | Check::Bytes { .. }
        | Check::Labels { .. }
        | Check::NotNull
        | Check::Fraction { .. }
        | Check::Longest { .. }
        | Check::NegativeZero => return Err(senseless(check, guard)),
    };
    match guard.column().flight {
        Flight::Int8 => limited::<Int8Type>(array, limits, guard),
        Flight::Int16 => limited::<Int16Type>(array, limits, guard),
        Flight::Int32 => limited::<Int32Type>(array, limits, guard),
        Flight::Int64 => limited::<Int64Type>(array, limits, guard),
        Flight::UInt8 => limited::<UInt8Type>(array, limits, guard),
        Flight::UInt16 => limited::<UInt16Type>(array, limits, guard),
        Flight::UInt32 => limited::<UInt32Type>(array, limits, guard),
        Flight::UInt64 => limited::<UInt64Type>(array, limits, guard),
        Flight::Bool
        | Flight::Float32
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
        | Flight::List => Err(mistyped()),
    }
}

/// A bound of an integer as its plan writes it.
pub(super) fn bound(text: &str) -> Result<i128> {
    text.parse().map_err(|_| {
        Error::new(Kind::Internal, format!("the plan's bound `{text}` is not an integer"))
    })
}

/// What an integer may be: between two bounds, and a multiple of a step.
#[derive(Clone, Copy)]
struct Limits {
    min: i128,
    max: i128,
    step: i128,
}

impl Limits {
    fn digits(precision: u8, scale: i8) -> Self {
        let step = 10_i128.checked_pow(u32::from(scale.min(0).unsigned_abs())).unwrap_or(i128::MAX);
        let max = match u32::try_from(i32::from(precision) - i32::from(scale)) {
            Ok(digits) => 10_i128.checked_pow(digits).map_or(i128::MAX, |above| above - 1),
            Err(_) => 0,
        };
        Self { min: -max, max, step }
    }

    fn allow(&self, value: i128) -> bool {
        self.min <= value && value <= self.max && value % self.step == 0
    }
}

fn limited<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    limits: Limits,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    let (least, most) = (T::Native::MIN_TOTAL_ORDER.into(), T::Native::MAX_TOTAL_ORDER.into());
    let narrowed = Limits { min: limits.min.max(least), max: limits.max.min(most), ..limits };
    let native = |value: i128| T::Native::try_from(value).ok();
    let replacement = |text: &str| {
        let value: i128 = Number::parse(text)?.scaled(0)?;
        if limits.allow(value) { native(value) } else { None }
    };
    let (Some(low), Some(high)) = (native(narrowed.min), native(narrowed.max)) else {
        return Err(Error::new(
            Kind::Internal,
            "no value of the type lies between the plan's bounds",
        ));
    };
    let mut decide = |row, value: T::Native| {
        let value: i128 = value.into();
        let near = value.clamp(narrowed.min, narrowed.max);
        if near != value {
            let fact = "lies outside the range of the target's integers";
            let near = near / limits.step * limits.step;
            return settle(
                guard,
                &Refused { code: code::RANGE, row, fact },
                native(near),
                replacement,
            );
        }
        let fact = "has more digits than the target's scale keeps";
        let near = rounded(value, limits.step).clamp(
            narrowed.min / limits.step * limits.step,
            narrowed.max / limits.step * limits.step,
        );
        settle(guard, &Refused { code: code::SCALE, row, fact }, native(near), replacement)
    };
    if limits.step == 1 {
        return each::<T>(array, |value| value.is_lt(low) | value.is_gt(high), &mut decide);
    }
    each::<T>(array, |value| !limits.allow(value.into()), &mut decide)
}

/// The nearest multiple, halves away from zero.
fn rounded(value: i128, step: i128) -> i128 {
    let rest = value % step;
    let down = value - rest;
    if rest.unsigned_abs() >= step.unsigned_abs() - rest.unsigned_abs() {
        down.saturating_add(step * value.signum())
    } else {
        down
    }
}
