//! Integers, BIT and floats.

use std::str::FromStr;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowNativeTypeOp};

use crate::error::Result;
use crate::loss::{Guard, code};
use crate::plan::Flight;

use super::{Decode, Values, malformed, settle};

pub(super) fn choose_integer(width: usize, unsigned: bool, flight: Flight) -> Option<Box<Decode>> {
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
                | Flight::Interval
                | Flight::Label
                | Flight::TextList
                | Flight::List => return None,
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

pub(super) fn bits(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<UInt64Type>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(bit_number).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

pub(super) fn bit_booleans(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
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

pub(super) fn floats(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Float32Type>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(float).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

fn float(bytes: &[u8]) -> Result<f32> {
    bytes.try_into().map(f32::from_le_bytes).map_err(|_| malformed())
}

pub(super) fn widened_floats(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Float64Type>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(float).transpose()?.map(f64::from));
    }
    Ok(Arc::new(out.finish()))
}

pub(super) fn doubles(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Float64Type>::with_capacity(values.len());
    for value in values.iter() {
        let number =
            value.map(|bytes| bytes.try_into().map(f64::from_le_bytes).map_err(|_| malformed()));
        out.append_option(number.transpose()?);
    }
    Ok(Arc::new(out.finish()))
}
