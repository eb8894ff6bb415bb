//! Checks of decimals: bounds and digits.

use std::str::FromStr;

use arrow_array::types::{Decimal128Type, Decimal256Type};
use arrow_array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType};

use super::number::Number;
use super::{Refused, each, integer, mistyped, senseless, settle};
use crate::error::Result;
use crate::loss::{Guard, code};
use crate::plan::{Check, Flight};

pub(super) fn check(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let Flight::Decimal { precision, scale } = guard.column().flight else {
        return Err(mistyped());
    };
    if precision <= 38 {
        checked::<Decimal128Type>(array, check, guard, scale)
    } else {
        checked::<Decimal256Type>(array, check, guard, scale)
    }
}

/// What a decimal may be, in units of its own last digit.
struct Limits<N> {
    min: N,
    max: N,
    step: N,
}

impl<N: ArrowNativeTypeOp> Limits<N> {
    fn within(&self, value: N) -> bool {
        value.is_ge(self.min) && value.is_le(self.max)
    }

    fn allow(&self, value: N) -> bool {
        self.within(value) && value.mod_wrapping(self.step).is_zero()
    }

    /// The nearest multiple of the step, halves away from zero, within the bounds.
    fn nearest(&self, value: N) -> N {
        let rest = value.mod_wrapping(self.step);
        let down = value.sub_wrapping(rest);
        let size = if rest.is_lt(N::ZERO) { rest.neg_wrapping() } else { rest };
        let up = !rest.is_zero() && size.is_ge(self.step.sub_wrapping(size));
        let away = if value.is_lt(N::ZERO) { self.step.neg_wrapping() } else { self.step };
        let near = if up { down.add_checked(away).unwrap_or(down) } else { down };
        let whole = |bound: N| bound.sub_wrapping(bound.mod_wrapping(self.step));
        if near.is_gt(self.max) {
            whole(self.max)
        } else if near.is_lt(self.min) {
            whole(self.min)
        } else {
            near
        }
    }
}

fn checked<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
    scale: i8,
) -> Result<Option<ArrayRef>>
where
    T::Native: FromStr,
{
    let after = usize::try_from(scale).map_err(|_| mistyped())?;
    let ten = |digits: i32| match u32::try_from(digits) {
        Ok(digits) => power_of_ten::<T::Native>(digits),
        Err(_) => Some(T::Native::ONE),
    };
    let limits = match check {
        Check::Digits { precision, scale: wanted } => {
            let more = i32::from(scale) - i32::from(*wanted);
            // A bound that the type itself can't pass is no bound.
            let above = ten(i32::from(*precision) + more);
            let max = above
                .map_or(T::Native::MAX_TOTAL_ORDER, |above| above.sub_wrapping(T::Native::ONE));
            let min = max.neg_wrapping();
            Limits { min, max, step: ten(more).unwrap_or(T::Native::MAX_TOTAL_ORDER) }
        }
        Check::Integer { min, max } => {
            let (least, most) = (integer::bound(min)?, integer::bound(max)?);
            let scaled = |bound: i128| {
                let exact = Number::parse(&bound.to_string()).and_then(|it| it.scaled(after));
                let end =
                    if bound < 0 { T::Native::MIN_TOTAL_ORDER } else { T::Native::MAX_TOTAL_ORDER };
                exact.unwrap_or(end)
            };
            Limits {
                min: scaled(least),
                max: scaled(most),
                step: ten(i32::from(scale)).unwrap_or(T::Native::MAX_TOTAL_ORDER),
            }
        }
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
    let decide = |row, value: T::Native| {
        let refused = if limits.within(value) {
            Refused {
                code: code::SCALE,
                row,
                fact: "has more digits than the target's scale keeps",
            }
        } else {
            Refused { code: code::RANGE, row, fact: "has more digits than the target's precision" }
        };
        let replacement = |text: &str| {
            let value = Number::parse(text)?.scaled(after)?;
            limits.allow(value).then_some(value)
        };
        settle(guard, &refused, Some(limits.nearest(value)), replacement)
    };
    if limits.step.is_eq(T::Native::ONE) {
        return each::<T>(array, |value| !limits.within(value), decide);
    }
    each::<T>(array, |value| !limits.allow(value), decide)
}

fn power_of_ten<N: ArrowNativeTypeOp>(digits: u32) -> Option<N> {
    let ten = N::from_usize(10)?;
    ten.pow_checked(digits).ok()
}
