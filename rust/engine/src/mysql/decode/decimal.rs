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

/// The way of most numbers: the server prints as many digits after the point as its type has, up to 36 before it and
/// 18 after it. Nothing when it needs a closer look.
fn quick<N>(text: &[u8], precision: u8, scale: i8) -> Option<N>
where
    N: ArrowNativeTypeOp + From<i64>,
{
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let scale = usize::try_from(scale).ok()?;
    let (whole, fraction) = if scale == 0 {
        (text, &text[text.len()..])
    } else {
        let (whole, rest) = text.split_at_checked(text.len().checked_sub(scale + 1)?)?;
        (whole, rest.strip_prefix(b".")?)
    };
    if whole.is_empty() || whole.len() + scale > usize::from(precision) {
        return None;
    }
    let factor = N::from(*POWERS.get(scale)?);
    let number = number::<N>(whole)?.mul_wrapping(factor).add_wrapping(N::from(digits(fraction)?));
    Some(if negative { number.neg_wrapping() } else { number })
}

/// Digits that 64 bits hold whatever they are.
const DIGITS: usize = 18;

/// Up to 36 digits as a number.
fn number<N>(text: &[u8]) -> Option<N>
where
    N: ArrowNativeTypeOp + From<i64>,
{
    let (upper, lower) = text.split_at(text.len().saturating_sub(DIGITS));
    let lower = N::from(digits(lower)?);
    if upper.is_empty() {
        return Some(lower);
    }
    Some(N::from(digits(upper)?).mul_wrapping(N::from(POWERS[DIGITS])).add_wrapping(lower))
}

/// Up to 18 digits as a number, eight at a time.
fn digits(text: &[u8]) -> Option<i64> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    if text.len() > DIGITS {
        return None;
    }
    let odd = text.len() % 8;
    let mut number = 0;
    if odd > 0 {
        // The first ones, with zeros before them: from the first eight where there are so many.
        let first = match text.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight) << (8 * (8 - odd)),
            None => {
                text.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
                    << (8 * (8 - odd))
            }
        };
        number = eight_digits(first | ZEROS >> (8 * odd))?;
    }
    let (eights, _) = text[odd..].as_chunks::<8>();
    for eight in eights {
        number = number * 100_000_000 + eight_digits(u64::from_le_bytes(*eight))?;
    }
    Some(number)
}

/// Pairs of digits, then of pairs, then of fours are joined, all of a kind in one multiplication.
fn eight_digits(text: u64) -> Option<i64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let digits = text ^ (0x30 * EACH);
    // What is no digit has a high bit, now or when 6 is added to it.
    if (digits | digits.wrapping_add(0x06 * EACH)) & (0xf0 * EACH) != 0 {
        return None;
    }
    let pairs = (digits.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    i64::try_from(fours.wrapping_mul(1 + (10_000 << 32)) >> 32).ok()
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
    quick(text, precision, scale).map_or_else(|| careful(text, precision, scale), Ok)
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
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_quick_way_gives_what_the_careful_one_gives(
            text in "-?[0-9]{0,20}(\\.[0-9]{0,12})?|.{0,9}", precision in 1u8..=38, scale in 0i8..=12
        ) {
            if let Some(value) = quick::<i128>(text.as_bytes(), precision, scale) {
                prop_assert_eq!(careful(text.as_bytes(), precision, scale), Ok(value));
            }
        }

        #[test]
        fn what_a_server_prints_goes_the_quick_way(
            whole in 0i128..10i128.pow(28), digits in 1u32..=28, fraction in 0i64.., scale in 1usize..=10, negative: bool
        ) {
            let whole = whole % 10i128.pow(digits);
            let fraction = fraction % POWERS[scale];
            let sign = if negative { "-" } else { "" };
            let text = format!("{sign}{whole}.{fraction:0scale$}");
            let number = whole * i128::from(POWERS[scale]) + i128::from(fraction);
            let number = if negative { -number } else { number };
            let digits = i8::try_from(scale).unwrap();
            prop_assert_eq!(quick::<i128>(text.as_bytes(), 38, digits), Some(number));
            prop_assert_eq!(careful::<i128>(text.as_bytes(), 38, digits), Ok(number));
        }
    }
}
