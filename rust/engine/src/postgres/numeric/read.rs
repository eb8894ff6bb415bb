//! Fields of `numeric` to whole numbers and text.

use arrow_buffer::i256;

use super::{INFINITY, NAN, NEGATIVE, NEGATIVE_INFINITY, POWERS};
use crate::error::{Error, Result};
use crate::strings::four_digits;

/// A value in binary form, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number<'a> {
    Finite(Digits<'a>),
    NotANumber,
    Infinity,
    NegativeInfinity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits<'a> {
    pub negative: bool,
    /// Two bytes each, checked to be below 10 000.
    groups: &'a [u8],
    weight: i16,
    /// Digits after the point that the server shows.
    shown: u16,
}

/// Why a number doesn't fit a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// Too many digits before the point.
    Range,
    /// Digits other than zero beyond the scale.
    Scale,
}

impl<'a> Number<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let unreadable = || Error::protocol("the server sent a numeric that can't be read");
        let word = |index: usize| u16::from_be_bytes([bytes[2 * index], bytes[2 * index + 1]]);
        if bytes.len() < 8 || bytes.len() != 8 + 2 * usize::from(word(0)) {
            return Err(unreadable());
        }
        let groups = &bytes[8..];
        let negative = match word(2) {
            0 => false,
            NEGATIVE => true,
            NAN => return Ok(Number::NotANumber),
            INFINITY => return Ok(Number::Infinity),
            NEGATIVE_INFINITY => return Ok(Number::NegativeInfinity),
            _ => return Err(unreadable()),
        };
        let weight = i16::from_be_bytes([bytes[2], bytes[3]]);
        if groups.chunks_exact(2).any(|pair| u16::from_be_bytes([pair[0], pair[1]]) > 9_999) {
            return Err(unreadable());
        }
        Ok(Number::Finite(Digits { negative, groups, weight, shown: word(3) }))
    }
}

impl Digits<'_> {
    fn groups(&self) -> impl Iterator<Item = u16> {
        self.groups.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// The value times 10^scale as a whole number of at most `precision` digits.
    pub fn whole<T: Whole>(&self, precision: u8, scale: u32) -> Result<T, Misfit> {
        let mut value = T::ZERO;
        // Power of ten of the group's last digit, once scaled.
        let mut power =
            4 * i32::from(self.weight) + i32::try_from(scale).unwrap_or(i32::MAX - 200_000);
        for group in self.groups() {
            let group = u32::from(group);
            let (factor, digits) = if power >= 0 {
                (10_000, group)
            } else {
                // Only so many of the group's digits are within the scale.
                let beyond = usize::try_from(-power).unwrap_or(4).min(4);
                if !group.is_multiple_of(POWERS[beyond]) {
                    return Err(Misfit::Scale);
                }
                (POWERS[4 - beyond], group / POWERS[beyond])
            };
            value = value.append(factor, digits).ok_or(Misfit::Range)?;
            power -= 4;
        }
        // Undo the last step: `power` is now that of a group that isn't there.
        let mut zeros = power + 4;
        while zeros > 0 && value != T::ZERO {
            let step = zeros.min(4);
            let factor = POWERS[usize::try_from(step).unwrap_or(0)];
            value = value.append(factor, 0).ok_or(Misfit::Range)?;
            zeros -= step;
        }
        if !value.within(precision) {
            return Err(Misfit::Range);
        }
        Ok(if self.negative { value.negated() } else { value })
    }

    /// Appends the value as the server prints it.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        let shown = usize::from(self.shown);
        out.reserve(2 * self.groups.len() + shown + 8);
        if self.negative {
            out.push(b'-');
        }
        let mut groups = self.groups();
        match usize::try_from(self.weight) {
            Ok(weight) => {
                let first = four_digits(groups.next().unwrap_or(0));
                let zeros = first.iter().take(3).take_while(|digit| **digit == b'0').count();
                out.extend_from_slice(&first[zeros..]);
                for _ in 0..weight {
                    out.extend_from_slice(&four_digits(groups.next().unwrap_or(0)));
                }
            }
            Err(_) => out.push(b'0'),
        }
        if shown == 0 {
            return;
        }
        out.push(b'.');
        let end = out.len() + shown;
        // Groups of zeros between the point and the first that is there.
        let missing = usize::try_from(-1 - i32::from(self.weight)).unwrap_or(0) * 4;
        out.resize(out.len() + missing.min(shown), b'0');
        while out.len() < end {
            let digits = four_digits(groups.next().unwrap_or(0));
            out.extend_from_slice(&digits[..(end - out.len()).min(4)]);
        }
    }
}

/// The way of most numbers to text: up to sixteen digits before the point and twelve after it, four at a time in one
/// place. Nothing, and nothing appended, for all that wants a closer look.
#[inline]
pub fn quick_text(field: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const LONGEST: usize = 32;
    let ([count, count_low, weight, weight_low, sign, sign_low, shown, shown_low], groups) =
        field.split_first_chunk::<8>()?;
    let negative = match u16::from_be_bytes([*sign, *sign_low]) {
        0 => false,
        NEGATIVE => true,
        _ => return None,
    };
    let (groups, []) = groups.as_chunks::<2>() else { return None };
    let before = usize::try_from(i32::from(i16::from_be_bytes([*weight, *weight_low])) + 1).ok()?;
    let shown = usize::from(u16::from_be_bytes([*shown, *shown_low]));
    if groups.len() != usize::from(u16::from_be_bytes([*count, *count_low]))
        || before > 4
        || shown > 12
    {
        return None;
    }
    let held = out.len();
    out.extend_from_slice(&[b'0'; LONGEST]);
    let text = out.last_chunk_mut::<LONGEST>()?;
    let mut groups = groups.iter().map(|pair| u16::from_be_bytes(*pair));
    let mut largest = 0;
    let mut next = || {
        let group = groups.next().unwrap_or(0);
        largest = group.max(largest);
        group
    };
    text[0] = b'-';
    let mut end = usize::from(negative);
    // Before the point there is a zero at least.
    let first = if before == 0 { 0 } else { next() };
    let zeros = 3 - usize::from(first > 9) - usize::from(first > 99) - usize::from(first > 999);
    let digits = u32::from_le_bytes(four_digits(first)) >> (8 * zeros);
    text[end..end + 4].copy_from_slice(&digits.to_le_bytes());
    end += 4 - zeros;
    for _ in 1..before {
        text[end..end + 4].copy_from_slice(&four_digits(next()));
        end += 4;
    }
    if shown > 0 {
        text[end] = b'.';
        end += 1;
        for place in (end..end + shown).step_by(4) {
            text[place..place + 4].copy_from_slice(&four_digits(next()));
        }
        end += shown;
    }
    if largest.max(groups.max().unwrap_or(0)) > 9_999 {
        out.truncate(held);
        return None;
    }
    out.truncate(held + end);
    Some(())
}

/// 2^32 / 10^n, rounded up: a multiplication by one divides a group of four digits.
const RECIPROCALS: [u64; 5] = [1 << 32, 429_496_730, 42_949_673, 4_294_968, 429_497];

/// The way of most numbers: a field of up to nine groups, of which the last alone reaches beyond the scale, as a whole
/// number times 10^scale. Nothing for what doesn't fit, and for all that wants a closer look.
#[inline]
pub fn quick(field: &[u8], precision: u8, scale: u32) -> Option<i128> {
    let ([count, count_low, weight, weight_low, sign, sign_low, ..], groups) =
        field.split_first_chunk::<8>()?;
    let count = i32::from(u16::from_be_bytes([*count, *count_low]));
    let negative = match u16::from_be_bytes([*sign, *sign_low]) {
        0 => false,
        NEGATIVE => true,
        _ => return None,
    };
    let (groups, []) = groups.as_chunks::<2>() else { return None };
    if i32::try_from(groups.len()) != Ok(count) || count > 9 {
        return None;
    }
    let Some((last, upper)) = groups.split_last() else { return Some(0) };
    let weight = i32::from(i16::from_be_bytes([*weight, *weight_low]));
    // Power of ten of the last group's last digit, once scaled.
    let power = 4 * (weight + 1 - count) + i32::try_from(scale).ok()?;
    let last = u64::from(group(*last)?);
    let value = if let Ok(zeros) = usize::try_from(power) {
        if 4 * count + power > 38 {
            return None;
        }
        joined(upper, POWERS[4], last)? * LIMITS.get(zeros)?
    } else {
        let cut = usize::try_from(-power).ok()?;
        let kept = (last * RECIPROCALS.get(cut)?) >> 32;
        if kept * u64::from(POWERS[cut]) != last {
            return None;
        }
        joined(upper, POWERS[4 - cut], kept)?
    };
    if !value.within(precision) {
        return None;
    }
    Some(if negative { -value } else { value })
}

fn group(pair: [u8; 2]) -> Option<u16> {
    Some(u16::from_be_bytes(pair)).filter(|group| *group <= 9_999)
}

/// Groups and the digits that come behind them, which the factor makes room for.
#[inline]
fn joined(groups: &[[u8; 2]], factor: u32, digits: u64) -> Option<i128> {
    let fold = |groups: &[[u8; 2]]| {
        groups.iter().try_fold(0, |value, pair| Some(10_000 * value + u64::from(group(*pair)?)))
    };
    // Twelve digits and four more are within 64 bits.
    if groups.len() <= 3 {
        return Some(i128::from(fold(groups)? * u64::from(factor) + digits));
    }
    let (upper, lower) = groups.split_at(groups.len().saturating_sub(4));
    let all = i128::from(fold(upper)?) * 10_000_000_000_000_000 + i128::from(fold(lower)?);
    Some(all * i128::from(factor) + i128::from(digits))
}

/// The whole numbers behind decimals.
pub trait Whole: Copy + PartialEq + From<i128> {
    const ZERO: Self;
    /// `self` × factor + digits; nothing on overflow.
    fn append(self, factor: u32, digits: u32) -> Option<Self>;
    #[must_use]
    fn negated(self) -> Self;
    /// Fewer than 10^precision; for values that are not negative.
    fn within(self, precision: u8) -> bool;
}

/// Powers of ten.
const LIMITS: [i128; 39] = {
    let mut limits = [1; 39];
    let mut power = 1;
    while power < limits.len() {
        limits[power] = 10 * limits[power - 1];
        power += 1;
    }
    limits
};

impl Whole for i128 {
    const ZERO: Self = 0;

    fn append(self, factor: u32, digits: u32) -> Option<Self> {
        self.checked_mul(i128::from(factor))?.checked_add(i128::from(digits))
    }

    fn negated(self) -> Self {
        -self
    }

    fn within(self, precision: u8) -> bool {
        LIMITS.get(usize::from(precision)).is_none_or(|limit| self < *limit)
    }
}

impl Whole for i256 {
    const ZERO: Self = i256::ZERO;

    fn append(self, factor: u32, digits: u32) -> Option<Self> {
        self.checked_mul(i256::from(i64::from(factor)))?.checked_add(i256::from(i64::from(digits)))
    }

    fn negated(self) -> Self {
        self.wrapping_neg()
    }

    fn within(self, precision: u8) -> bool {
        i256::from(10i64).checked_pow(u32::from(precision)).is_none_or(|limit| self < limit)
    }
}
