//! Whole numbers and text to fields of `numeric`.

use arrow_buffer::i256;

use super::read::Misfit;
use super::{INFINITY, NAN, NEGATIVE, NEGATIVE_INFINITY, POWERS};

/// The largest number of digits after the point that the server keeps.
const SHOWN_MAX: usize = 0x3FFF;

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

/// Four groups side by side, the first of them highest.
#[inline]
fn packed(sixteen_digits: u64) -> u64 {
    let pair = |eight: u64| ((eight / 10_000) << 16) | (eight % 10_000);
    pair(sixteen_digits / 100_000_000) << 32 | pair(sixteen_digits % 100_000_000)
}

/// The way of most numbers, those of up to 32 digits: all groups side by side, from which those of zeros at both ends go
/// by shifting. Nothing, and nothing appended, for others.
#[inline]
pub(super) fn write_packed(value: i128, scale: u8, out: &mut Vec<u8>) -> Option<()> {
    const LOWER: u64 = 10_000_000_000_000_000;
    /// With this the point lies between two groups.
    const PADDING: [u64; 4] = [1, 1_000, 100, 10];
    const HEAD: usize = 12;
    const GROUPS: usize = 8;
    let padding = PADDING[usize::from(scale % 4)];
    let small =
        u64::try_from(value.unsigned_abs()).ok().and_then(|whole| whole.checked_mul(padding));
    let groups = if let Some(small) = small.filter(|small| *small < LOWER) {
        u128::from(packed(small))
    } else {
        let whole = value.unsigned_abs().checked_mul(u128::from(padding))?;
        let upper = whole / u128::from(LOWER);
        let lower = u64::try_from(whole - upper * u128::from(LOWER)).ok()?;
        let upper = u64::try_from(upper).ok().filter(|upper| *upper < LOWER)?;
        u128::from(packed(upper)) << 64 | u128::from(packed(lower))
    };
    let leading = (groups.leading_zeros() / 16) as usize;
    let trailing = (groups.trailing_zeros() / 16) as usize;
    let count = GROUPS.saturating_sub(leading + trailing);
    // Groups before the point, less one.
    let weight = i16::try_from(GROUPS - leading).ok()? - i16::from(scale.div_ceil(4)) - 1;
    let weight = if count == 0 { 0 } else { weight };
    let sign = if value < 0 { NEGATIVE } else { 0 };
    let length = i32::try_from(8 + 2 * count).ok()?;
    let words = u64::try_from(count).ok()? << 48
        | u64::from(weight.cast_unsigned()) << 32
        | u64::from(sign) << 16
        | u64::from(scale);
    let groups = if count == 0 { 0 } else { groups << (16 * leading) };
    out.reserve(HEAD + 2 * GROUPS);
    let held = out.len();
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(&groups.to_be_bytes());
    out.truncate(held + HEAD + 2 * count);
    Some(())
}

/// Appends the field of `value` / 10^scale.
#[inline]
pub fn write_whole(value: i128, scale: u8, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match write_packed(value, scale, out) {
        Some(()) => Ok(()),
        None => write_wider(value, scale, out),
    }
}

pub(super) fn write_wider(value: i128, scale: u8, out: &mut Vec<u8>) -> Result<(), Misfit> {
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
