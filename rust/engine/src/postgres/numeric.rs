//! `numeric` in binary form, to and from decimals and decimal text.
//!
//! Four 16-bit words: number of groups, weight, sign, digits shown after the point; then groups of four
//! decimal digits (base 10 000), the first worth 10 000^weight (`numeric_send` in the server's `numeric.c`).
//! What is read here is exact or an error; nothing is rounded.

use arrow_buffer::i256;

use crate::error::{Error, Result};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
/// The largest number of digits after the point that the server keeps.
const SHOWN_MAX: usize = 0x3FFF;
const POWERS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

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
        let value = match self.small(scale) {
            Some(small) => T::from(small?),
            None => self.large(scale)?,
        };
        if !value.within(precision) {
            return Err(Misfit::Range);
        }
        Ok(if self.negative { value.negated() } else { value })
    }

    /// The same without its sign, for the few digits that most numbers have: all are gathered before the one step
    /// that scales them. Nothing for a number that has more.
    fn small(&self, scale: u32) -> Option<Result<i64, Misfit>> {
        if self.groups.len() > 2 * 3 {
            return None;
        }
        let all = self.groups().fold(0, |value, group| 10_000 * value + i64::from(group));
        let count = i32::try_from(self.groups.len() / 2).ok()?;
        let power = 4 * (i32::from(self.weight) + 1 - count) + i32::try_from(scale).ok()?;
        let factor = i64::from(*POWERS.get(usize::try_from(power.abs()).ok()?)?);
        Some(match power {
            0.. => Ok(all * factor),
            _ if all % factor == 0 => Ok(all / factor),
            _ => Err(Misfit::Scale),
        })
    }

    fn large<T: Whole>(&self, scale: u32) -> Result<T, Misfit> {
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
        Ok(value)
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

/// Every number of two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let (mut place, mut tens, mut ones) = (0, b'0', b'0');
    while place < pairs.len() {
        pairs[place] = [tens, ones];
        place += 1;
        if ones == b'9' {
            (tens, ones) = (tens + 1, b'0');
        } else {
            ones += 1;
        }
    }
    pairs
};

fn four_digits(group: u16) -> [u8; 4] {
    let [a, b] = PAIRS[usize::from(group / 100) % 100];
    let [c, d] = PAIRS[usize::from(group % 100)];
    [a, b, c, d]
}

/// The whole numbers behind decimals.
pub trait Whole: Copy + PartialEq + From<i64> {
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
        // Most values are small, and 64 bits multiply in one step.
        match u64::try_from(self) {
            Ok(small) if small < 1 << 49 => {
                Some(i128::from(small * u64::from(factor) + u64::from(digits)))
            }
            Ok(_) | Err(_) => self.checked_mul(i128::from(factor))?.checked_add(i128::from(digits)),
        }
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

/// Appends a field, length and all: groups of most significance first.
fn write_groups(
    negative: bool,
    groups: &[u16],
    weight: i32,
    shown: usize,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups[leading..].iter().rev().take_while(|group| **group == 0).count();
    let kept = &groups[leading..groups.len() - trailing];
    let leading = i32::try_from(leading).map_err(|_| Misfit::Range)?;
    let weight = if kept.is_empty() { 0 } else { weight - leading };
    let weight = i16::try_from(weight).map_err(|_| Misfit::Range)?;
    let count = u16::try_from(kept.len()).map_err(|_| Misfit::Range)?;
    if shown > SHOWN_MAX {
        return Err(Misfit::Scale);
    }
    let shown = u16::try_from(shown).map_err(|_| Misfit::Scale)?;
    let sign = if negative && !kept.is_empty() { NEGATIVE } else { 0 };
    let mut head = [0; 12];
    head[..4].copy_from_slice(&(8 + 2 * i32::from(count)).to_be_bytes());
    head[4..6].copy_from_slice(&count.to_be_bytes());
    head[6..8].copy_from_slice(&weight.to_be_bytes());
    head[8..10].copy_from_slice(&sign.to_be_bytes());
    head[10..].copy_from_slice(&shown.to_be_bytes());
    out.reserve(head.len() + 2 * kept.len());
    out.extend_from_slice(&head);
    for group in kept {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

fn write_special(sign: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&8i32.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
}

/// The next group of a number, and what is left.
fn split(value: u128, divisor: u32) -> (u128, u32) {
    if let Ok(small) = u64::try_from(value) {
        let rest = small % u64::from(divisor);
        (u128::from(small / u64::from(divisor)), u32::try_from(rest).unwrap_or(0))
    } else {
        let rest = value % u128::from(divisor);
        (value / u128::from(divisor), u32::try_from(rest).unwrap_or(0))
    }
}

/// Appends the field of `value` / 10^scale.
pub fn write_whole(value: i128, scale: u8, out: &mut Vec<u8>) -> Result<(), Misfit> {
    // 39 digits in groups of four, cut once by the point: at most 11 groups.
    let mut groups = [0u16; 12];
    let mut start = groups.len();
    let mut rest = value.unsigned_abs();
    let cut = usize::from(scale % 4);
    if cut > 0 {
        let (next, digits) = split(rest, POWERS[cut]);
        start -= 1;
        groups[start] = u16::try_from(digits * POWERS[4 - cut]).unwrap_or(0);
        rest = next;
    }
    let mut small = loop {
        if let Ok(small) = u64::try_from(rest) {
            break small;
        }
        let (next, digits) = split(rest, 10_000);
        start -= 1;
        groups[start] = u16::try_from(digits).unwrap_or(0);
        rest = next;
    };
    while small > 0 {
        start -= 1;
        groups[start] = u16::try_from(small % 10_000).unwrap_or(0);
        small /= 10_000;
    }
    let groups = &groups[start..];
    let after_point = i32::from(scale.div_ceil(4));
    let weight = i32::try_from(groups.len()).unwrap_or(0) - after_point - 1;
    write_groups(value < 0, groups, weight, usize::from(scale), out)
}

/// Appends the field of `value` / 10^scale.
pub fn write_wide(value: i256, scale: u8, out: &mut Vec<u8>) -> Result<(), Misfit> {
    if let Some(narrow) = value.to_i128() {
        return write_whole(narrow, scale, out);
    }
    let text = value.to_string();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    let padded = format!("{digits:0>width$}", width = usize::from(scale));
    let (whole, fraction) = padded.split_at(padded.len() - usize::from(scale));
    write_digits(negative, whole.as_bytes(), fraction.as_bytes(), out)
}

/// Appends the field of digits before and after the point, in ASCII.
fn write_digits(
    negative: bool,
    whole: &[u8],
    fraction: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let value = |digits: &[u8]| digits.iter().fold(0u16, |sum, d| sum * 10 + u16::from(d - b'0'));
    let head = whole.len() % 4;
    let mut groups = Vec::with_capacity(whole.len() / 4 + fraction.len() / 4 + 2);
    if head > 0 {
        groups.push(value(&whole[..head]));
    }
    groups.extend(whole[head..].chunks(4).map(value));
    let weight = i32::try_from(groups.len()).map_err(|_| Misfit::Range)? - 1;
    for digits in fraction.chunks(4) {
        let padding = POWERS[4 - digits.len()];
        groups.push(u16::try_from(u32::from(value(digits)) * padding).unwrap_or(0));
    }
    write_groups(negative, &groups, weight, fraction.len(), out)
}

/// Why text is no numeric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Not a decimal number at all.
    NotDecimal,
    /// One that the server can't hold.
    TooLarge,
}

/// Appends the field of decimal text: `-12.50`, `1e-3`, `NaN`, `Infinity`, `-Infinity`.
pub fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let (negative, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    if rest.eq_ignore_ascii_case(b"nan") && rest.len() == text.len() {
        write_special(NAN, out);
        return Ok(());
    }
    if rest.eq_ignore_ascii_case(b"infinity") || rest.eq_ignore_ascii_case(b"inf") {
        write_special(if negative { NEGATIVE_INFINITY } else { INFINITY }, out);
        return Ok(());
    }
    let whole = digits(rest);
    let mut rest = &rest[whole.len()..];
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        fraction = digits(after);
        rest = &after[fraction.len()..];
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(Unfit::NotDecimal);
    }
    let too_large = |_| Unfit::TooLarge;
    match rest {
        [] if whole.len() + fraction.len() <= 18 => {
            // Most numbers: as whole ones of 64 bits, without their groups apart.
            let value = whole.iter().chain(fraction);
            let value = value.fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            let scale = u8::try_from(fraction.len()).map_err(|_| Unfit::TooLarge)?;
            let value = i128::from(if negative { -value } else { value });
            write_whole(value, scale, out).map_err(too_large)
        }
        [] => write_digits(negative, whole, fraction, out).map_err(too_large),
        [b'e' | b'E', exponent @ ..] => {
            let (whole, fraction) = shift(whole, fraction, parse_exponent(exponent)?)?;
            write_digits(negative, &whole, &fraction, out).map_err(too_large)
        }
        [..] => Err(Unfit::NotDecimal),
    }
}

fn digits(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()]
}

fn parse_exponent(bytes: &[u8]) -> Result<i32, Unfit> {
    let unsigned = bytes.strip_prefix(b"+").or(bytes.strip_prefix(b"-")).unwrap_or(bytes);
    if unsigned.is_empty() || digits(unsigned).len() != unsigned.len() {
        return Err(Unfit::NotDecimal);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unfit::NotDecimal)?;
    match text.parse::<i32>() {
        // The server's numeric has 131 072 digits before the point at most.
        Ok(exponent) if exponent.abs() <= 200_000 => Ok(exponent),
        Ok(_) | Err(_) => Err(Unfit::TooLarge),
    }
}

/// Moves the point: digits before and after it once the exponent is gone.
fn shift(whole: &[u8], fraction: &[u8], exponent: i32) -> Result<(Vec<u8>, Vec<u8>), Unfit> {
    let mut all = [whole, fraction].concat();
    let point = i32::try_from(whole.len()).map_err(|_| Unfit::TooLarge)? + exponent;
    let (before, after) = if let Ok(point) = usize::try_from(point) {
        if all.len() < point {
            all.resize(point, b'0');
        }
        let after = all.split_off(point);
        (all, after)
    } else {
        let zeros = usize::try_from(-point).map_err(|_| Unfit::TooLarge)?;
        let mut after = vec![b'0'; zeros];
        after.extend_from_slice(&all);
        (Vec::new(), after)
    };
    Ok((before, after))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn field(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write_text(text, &mut out).unwrap();
        let length = i32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), out.len() - 4);
        out.split_off(4)
    }

    fn finite(bytes: &[u8]) -> Digits<'_> {
        match Number::parse(bytes).unwrap() {
            Number::Finite(digits) => digits,
            other => panic!("{other:?}"),
        }
    }

    fn printed(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        finite(bytes).write_text(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|d| char::from(b"0123456789abcdef"[usize::from(d)]))
            .collect()
    }

    // SELECT encode(numeric_send('…'), 'hex')
    #[test]
    fn bytes_are_the_servers() {
        for (text, bytes) in [
            ("0", "0000000000000000"),
            ("0.00", "0000000000000002"),
            ("1", "00010000000000000001"),
            ("-12345.678", "0003000140000003000109291a7c"),
            ("10000", "00010001000000000001"),
            ("0.0001", "0001ffff000000040001"),
            ("0.00001", "0001fffe0000000503e8"),
            ("NaN", "00000000c0000000"),
            ("Infinity", "00000000d0000000"),
            ("-Infinity", "00000000f0000000"),
        ] {
            assert_eq!(hex(&field(text)), bytes, "{text}");
        }
    }

    #[test]
    fn text_comes_back_as_it_was() {
        for text in [
            "0",
            "0.0",
            "1",
            "-1",
            "10",
            "9999",
            "10000",
            "10001",
            "0.1",
            "0.0001",
            "0.00010",
            "12345678901234567890.12345678901234567890",
            "-0.000000000001",
            "100000000",
            "1.10",
            "99999999999999999999999999999999999999999999999999999999999999999999999999999",
        ] {
            assert_eq!(printed(&field(text)), text);
        }
    }

    #[test]
    fn exponents_move_the_point() {
        for (text, expected) in [
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("1e-3", "0.001"),
            ("-12.5e-1", "-1.25"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+7", "7"),
            ("-0", "0"),
            ("00012", "12"),
            ("12.3e1", "123"),
        ] {
            assert_eq!(printed(&field(text)), expected);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", ".", "1e", "1e+", "1.2.3", "12a", " 1", "0x10", "1_000", "--1", "-NaN", "e5"]
        {
            assert_eq!(write_text(text, &mut Vec::new()), Err(Unfit::NotDecimal), "{text}");
        }
        assert_eq!(write_text("1e200001", &mut Vec::new()), Err(Unfit::TooLarge));
        assert_eq!(write_text("1e-20000", &mut Vec::new()), Err(Unfit::TooLarge));
        assert_eq!(write_text(&"9".repeat(131_073), &mut Vec::new()), Err(Unfit::TooLarge));
        assert_eq!(write_text(&"9".repeat(131_072), &mut Vec::new()), Ok(()));
    }

    #[test]
    fn a_decimal_holds_it_or_tells_why_not() {
        let whole = |text: &str, p, s| finite(&field(text)).whole::<i128>(p, s);
        assert_eq!(whole("123.45", 5, 2), Ok(12_345));
        assert_eq!(whole("123.450", 5, 2), Ok(12_345));
        assert_eq!(whole("123.456", 5, 2), Err(Misfit::Scale));
        assert_eq!(whole("1234.5", 5, 2), Err(Misfit::Range));
        assert_eq!(whole("-999.99", 5, 2), Ok(-99_999));
        assert_eq!(whole("0.00001", 5, 2), Err(Misfit::Scale));
        assert_eq!(whole("1e30", 38, 2), Ok(10i128.pow(32)));
        assert_eq!(whole("1e131071", 38, 2), Err(Misfit::Range));
        assert_eq!(whole("0", 1, 0), Ok(0));
        assert_eq!(whole("1", 38, 37), Ok(10i128.pow(37)));
        let most = "9".repeat(36) + ".99";
        assert_eq!(whole(&most, 38, 2), Ok(10i128.pow(38) - 1));
        let wide = "9".repeat(74) + ".99";
        let expected = i256::from_string(&"9".repeat(76)).unwrap();
        assert_eq!(finite(&field(&wide)).whole::<i256>(76, 2), Ok(expected));
    }

    #[test]
    fn damaged_fields_are_refused() {
        for bytes in [
            &[][..],
            &[0; 7],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0x12, 0x34, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10],
        ] {
            assert!(Number::parse(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn decimals_come_back(value in any::<i128>(), scale in 0u8..=38, shift in 0u32..128) {
            let value = (value >> shift) % 10i128.pow(38);
            let mut out = Vec::new();
            write_whole(value, scale, &mut out).unwrap();
            let digits = finite(&out[4..]);
            prop_assert_eq!(digits.whole::<i128>(38, u32::from(scale)), Ok(value));
            let wide = digits.whole::<i256>(76, u32::from(scale));
            prop_assert_eq!(wide, Ok(i256::from_i128(value)));
            let text = printed(&out[4..]);
            let mut again = Vec::new();
            write_text(&text, &mut again).unwrap();
            prop_assert_eq!(again, out);
        }

        #[test]
        fn wide_decimals_come_back(high in any::<i128>(), low in any::<u128>(), scale in 0u8..=76, shift in 0u8..120) {
            let limit = i256::from(10i64).checked_pow(76).unwrap();
            let value = (i256::from_parts(low, high) >> shift) % limit;
            let mut out = Vec::new();
            write_wide(value, scale, &mut out).unwrap();
            prop_assert_eq!(finite(&out[4..]).whole::<i256>(76, u32::from(scale)), Ok(value));
        }

        #[test]
        fn any_digits_come_back(text in "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,60})?") {
            let expected = match text.strip_prefix('-') {
                Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
                Some(_) | None => text.clone(),
            };
            prop_assert_eq!(printed(&field(&text)), expected);
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(Number::Finite(digits)) = Number::parse(&bytes) {
                let _ = digits.whole::<i128>(38, 10);
                let _ = digits.whole::<i256>(76, 10);
                digits.write_text(&mut Vec::new());
            }
        }
    }
}
