//! Decimals, which arrive as plain text, into integers of 128 or 256 bits.

use std::sync::Arc;

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::DecimalType;
use arrow_array::{ArrayRef, ArrowNativeTypeOp};

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, code};

use super::{Values, settle};

/// As many as the largest scale asks for.
const ZEROS: [u8; 127] = [b'0'; 127];

/// Why a text isn't a decimal of the wanted digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Malformed,
    Scale,
    Range,
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

/// The way of most numbers: up to 18 digits in one turn. Nothing when it needs a closer look.
fn small(text: &[u8], precision: u8, scale: i8) -> Option<i64> {
    const DIGITS: usize = 18;
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // With a point among them.
    if text.is_empty() || text.len() > DIGITS + 1 {
        return None;
    }
    let (mut value, mut after) = (0_i64, None);
    for (place, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            // A 19th digit may overflow; such a number is turned away below.
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        } else if *byte == b'.' && after.is_none() {
            after = Some(text.len() - place - 1);
        } else {
            return None;
        }
    }
    let digits = text.len() - usize::from(after.is_some());
    let zeros = usize::try_from(scale).ok()?.checked_sub(after.unwrap_or(0))?;
    if digits == 0 || digits + zeros > DIGITS {
        return None;
    }
    let value = value * POWERS[zeros];
    let fits = usize::from(precision) >= DIGITS || value < POWERS[usize::from(precision)];
    fits.then_some(if negative { -value } else { value })
}

/// The powers of ten that 64 bits hold.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut place = 1;
    while place < 19 {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

/// The digits of a plain decimal as an integer, shifted by `scale`.
pub(super) fn decimal<N>(text: &[u8], precision: u8, scale: i8) -> Result<N, Unfit>
where
    N: ArrowNativeTypeOp + From<i64>,
{
    match small(text, precision, scale) {
        Some(value) => Ok(N::from(value)),
        None => careful(text, precision, scale),
    }
}

fn careful<N>(text: &[u8], precision: u8, scale: i8) -> Result<N, Unfit>
where
    N: ArrowNativeTypeOp + From<i64>,
{
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
    // What passes here fits: the type of a flight holds all digits of its precision.
    if whole.len() + scale > usize::from(precision) {
        return Err(Unfit::Range);
    }
    let number = append(append(N::ZERO, whole), kept);
    let number = append(number, &ZEROS[..scale - kept.len()]);
    Ok(if negative { number.neg_wrapping() } else { number })
}

/// Puts digits behind those of a number, as many at a time as 64 bits hold.
fn append<N: ArrowNativeTypeOp + From<i64>>(number: N, digits: &[u8]) -> N {
    digits.chunks(18).fold(number, |number, chunk| {
        let (part, factor) = chunk.iter().fold((0, 1), |(part, factor), digit| {
            (part * 10 + i64::from(digit - b'0'), factor * 10)
        });
        number.mul_wrapping(N::from(factor)).add_wrapping(N::from(part))
    })
}

pub(super) fn decimals<P>(
    values: Values<'_>,
    guard: &mut Guard<'_>,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef>
where
    P: DecimalType,
    P::Native: From<i64>,
{
    let mut out = PrimitiveBuilder::<P>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(|text| decimal(text, precision, scale)) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(unfit)) => settle(guard, unfit.fact(row)?, None, |text| {
                decimal(text.as_bytes(), precision, scale).ok()
            })?,
        });
    }
    match out.finish().with_precision_and_scale(precision, scale) {
        Ok(array) => Ok(Arc::new(array)),
        Err(error) => Err(Error::new(Kind::Internal, error.to_string().to_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_gives_what_the_long_one_gives(
            text in "-?[0-9]{0,20}(\\.[0-9]{0,8})?|.{0,6}", precision in 1u8..=38, scale in 0i8..=12
        ) {
            if let Some(value) = small(text.as_bytes(), precision, scale) {
                prop_assert_eq!(careful::<i128>(text.as_bytes(), precision, scale), Ok(i128::from(value)));
            }
        }
    }
}
