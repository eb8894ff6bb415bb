//! Checks of floats: NaN, infinities, negative zero.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};

use super::{Refused, each, mistyped, senseless, settle};
use crate::error::Result;
use crate::loss::{Guard, code};
use crate::plan::{Check, Flight};

pub(super) fn check(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    if guard.column().flight == Flight::Float32 {
        checked::<Float32Type>(array, check, guard, f32::MAX)
    } else {
        checked::<Float64Type>(array, check, guard, f64::MAX)
    }
}

fn checked<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
    most: T::Native,
) -> Result<Option<ArrayRef>>
where
    T::Native: Into<f64> + std::str::FromStr + std::ops::Neg<Output = T::Native>,
{
    let wide = |value: T::Native| -> f64 { value.into() };
    match check {
        Check::NotNan => each::<T>(
            array,
            |value| wide(value).is_nan(),
            |row, _| {
                let refused = Refused { code: code::NAN, row, fact: "is NaN" };
                let fits = |text: &str| text.parse().ok().filter(|value| !wide(*value).is_nan());
                settle(guard, &refused, None, fits)
            },
        ),
        Check::Finite => each::<T>(
            array,
            |value| !wide(value).is_finite(),
            |row, value| {
                let refused = Refused { code: code::NAN, row, fact: "is NaN or infinite" };
                let fits = |text: &str| text.parse().ok().filter(|value| wide(*value).is_finite());
                let nearest = match wide(value) {
                    value if value.is_nan() => None,
                    value if value > 0.0 => Some(most),
                    _negative => Some(-most),
                };
                settle(guard, &refused, nearest, fits)
            },
        ),
        Check::NegativeZero => {
            let array = array.as_primitive_opt::<T>().ok_or_else(mistyped)?;
            let lost = |value: f64| value == 0.0 && value.is_sign_negative();
            for (row, value) in array.values().iter().enumerate() {
                if lost(wide(*value)) && array.is_valid(row) {
                    guard.note(code::NEGATIVE_ZERO);
                }
            }
            Ok(None)
        }
        Check::NoNul
        | Check::Number
        | Check::Integer { .. }
        | Check::Digits { .. }
        | Check::NotNull
        | Check::Fraction { .. }
        | Check::Longest { .. }
        | Check::Years { .. }
        | Check::WithinDay
        | Check::Characters { .. }
        | Check::Bytes { .. }
        | Check::Labels { .. } => Err(senseless(check, guard)),
    }
}
