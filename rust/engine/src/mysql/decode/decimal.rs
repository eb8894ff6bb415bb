//! Decimals, which arrive as plain text, into integers of 128 or 256 bits.

use std::ops::Range;
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

/// The way of most numbers: the server prints as many digits after the point as its type has, and there are no more
/// than 32 at a time to read. Nothing when it needs a closer look.
#[inline]
fn quick<N>(held: &[u8], place: Range<usize>, precision: u8, scale: i8) -> Option<N>
where
    N: ArrowNativeTypeOp + From<i64>,
{
    let negative = *held.get(place.start)? == b'-';
    let start = place.start + usize::from(negative);
    let fraction = usize::try_from(scale).ok()?;
    let point = place.end.checked_sub(fraction + 1)?;
    let whole =
        if fraction == 0 { place.end.checked_sub(start)? } else { point.checked_sub(start)? };
    if whole == 0
        || whole + fraction > usize::from(precision)
        || fraction > 0 && held[point] != b'.'
    {
        return None;
    }
    let number = if fraction == 0 {
        number(held, place.end, whole)?
    } else if fraction < SIXTEEN {
        // The digits before the point move up to those behind it, as of `12345.67` to `.1234567`, and fifteen are read
        // at once.
        let last = window(held, place.end)?;
        let behind = u128::MAX << (8 * (SIXTEEN - fraction));
        let last = last & behind | last << 8 & !behind;
        match (whole + fraction).checked_sub(SIXTEEN - 1) {
            Some(above @ 1..) => number::<N>(held, place.end - SIXTEEN, above)?
                .mul_wrapping(power(SIXTEEN - 1))
                .add_wrapping(N::from(digits_of(last, SIXTEEN - 1)?)),
            _ => N::from(digits_of(last, whole + fraction)?),
        }
    } else {
        let behind = number::<N>(held, place.end, fraction)?;
        number::<N>(held, point, whole)?.mul_wrapping(power(fraction)).add_wrapping(behind)
    };
    Some(if negative { number.neg_wrapping() } else { number })
}

/// So many digits are read at once; 64 bits hold them whatever they are.
const SIXTEEN: usize = 16;

/// The sixteen bytes before `end`, the first of them lowest.
#[inline]
fn window(held: &[u8], end: usize) -> Option<u128> {
    held.get(..end)?.last_chunk::<SIXTEEN>().map(|bytes| u128::from_le_bytes(*bytes))
}

/// Up to 32 digits before `end` as a number.
#[expect(clippy::inline_always, reason = "a call costs a third of the time of a number")]
#[inline(always)]
fn number<N>(held: &[u8], end: usize, count: usize) -> Option<N>
where
    N: ArrowNativeTypeOp + From<i64>,
{
    if count <= SIXTEEN {
        return Some(N::from(digits_of(window(held, end)?, count)?));
    }
    let upper = count.checked_sub(SIXTEEN).filter(|upper| *upper <= SIXTEEN)?;
    let upper = N::from(digits_of(window(held, end - SIXTEEN)?, upper)?);
    let lower = N::from(digits_of(window(held, end)?, SIXTEEN)?);
    Some(upper.mul_wrapping(power(SIXTEEN)).add_wrapping(lower))
}

/// The last `count` digits of sixteen, 1 at least, as a number: pairs of digits, then of pairs, then of fours are joined,
/// all of a kind in one multiplication.
#[inline(always)]
fn digits_of(window: u128, count: usize) -> Option<i64> {
    const EACH: u128 = u128::from_ne_bytes([1; SIXTEEN]);
    let digits = (window ^ (0x30 * EACH)) & u128::MAX << (8 * (SIXTEEN - count));
    // What is no digit has a high bit, now or when 6 is added to it.
    if (digits | digits.wrapping_add(0x06 * EACH)) & (0xf0 * EACH) != 0 {
        return None;
    }
    let eight = |digits: u64| {
        let pairs = (digits.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
        fours.wrapping_mul(1 + (10_000 << 32)) >> 32
    };
    #[expect(clippy::cast_possible_truncation, reason = "the lower half, and the upper one")]
    let (first, last) = (digits as u64, (digits >> 64) as u64);
    i64::try_from(eight(first) * 100_000_000 + eight(last)).ok()
}

/// 10^exponent, for up to 32.
#[inline]
fn power<N>(exponent: usize) -> N
where
    N: ArrowNativeTypeOp + From<i64>,
{
    let upper = exponent.saturating_sub(SIXTEEN);
    N::from(POWERS[exponent - upper]).mul_wrapping(N::from(POWERS[upper]))
}

/// The powers of ten up to that of sixteen digits.
const POWERS: [i64; SIXTEEN + 1] = {
    let mut powers = [1; SIXTEEN + 1];
    let mut place = 1;
    while place <= SIXTEEN {
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
    let held = values.rows.bytes;
    for (row, place) in values.rows.places(values.index).enumerate() {
        let Some(place) = place else {
            out.append_null();
            continue;
        };
        if let Some(number) = quick(held, place.clone(), precision, scale) {
            out.append_value(number);
            continue;
        }
        out.append_option(match decimal(&held[place], precision, scale) {
            Ok(number) => Some(number),
            Err(unfit) => settle(guard, unfit.fact(row)?, None, |text| {
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
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// A text as it lies behind another value.
    fn quick_of(text: &str, precision: u8, scale: i8) -> Option<i128> {
        let held = format!("-987654321.123456{text}");
        quick(held.as_bytes(), held.len() - text.len()..held.len(), precision, scale)
    }

    proptest! {
        #[test]
        fn the_quick_way_gives_what_the_careful_one_gives(
            text in "-?[0-9]{0,20}(\\.[0-9]{0,30})?|.{0,9}", precision in 1u8..=38, scale in 0i8..=30
        ) {
            if let Some(value) = quick_of(&text, precision, scale) {
                prop_assert_eq!(decimal(text.as_bytes(), precision, scale), Ok(value));
            }
        }

        #[test]
        fn what_a_server_prints_goes_the_quick_way(
            number in 0..10i128.pow(38), digits in 1u32..=38, scale in 0u8..=30, negative: bool
        ) {
            let number = number % 10i128.pow(digits);
            let whole = number / 10i128.pow(u32::from(scale));
            prop_assume!(whole < 10i128.pow(32));
            let fraction = number % 10i128.pow(u32::from(scale));
            let width = usize::from(scale);
            let sign = if negative { "-" } else { "" };
            let point = if scale == 0 { String::new() } else { format!(".{fraction:0width$}") };
            let text = format!("{sign}{whole}{point}");
            let number = if negative { -number } else { number };
            let scale = i8::try_from(scale).unwrap();
            prop_assert_eq!(decimal::<i128>(text.as_bytes(), 38, scale), Ok(number));
            // A zero before the point is one digit more than the number has.
            prop_assume!(whole > 0 || digits < 38 && scale < 38);
            prop_assert_eq!(quick_of(&text, 38, scale), Some(number));
        }
    }
}
