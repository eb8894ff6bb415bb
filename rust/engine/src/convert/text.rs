//! Checks of text, lists of text and bytes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};

use super::number::{self, Number};
use super::{bad_replacement, integer, mistyped, no_nearest, senseless};
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict, code};
use crate::plan::Check;
use crate::strings::EACH;

/// Appends bytes as hexadecimal digits.
pub fn append_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Reads 32 hexadecimal digits, or 36 characters with dashes at their places.
#[expect(clippy::inline_always, reason = "a call costs a sixth of the time of a uuid")]
#[inline(always)]
pub fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let eights = if let Ok(text) = <&[u8; 32]>::try_from(text) {
        [eight(text, 0), eight(text, 8), eight(text, 16), eight(text, 24)]
    } else {
        let text = <&[u8; 36]>::try_from(text).ok()?;
        if [8, 13, 18, 23].into_iter().any(|dash| text[dash] != b'-') {
            return None;
        }
        let joined = |first, second| four(text, first) << 32 | four(text, second);
        [eight(text, 0), joined(9, 14), joined(19, 24), eight(text, 28)]
    };
    let digits = eights.map(nibbles);
    if digits.iter().fold(0, |all, (_, unlike)| all | unlike) != 0 {
        return None;
    }
    let uuid = digits.iter().fold(0, |uuid, (nibbles, _)| {
        let bytes = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
        let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
        uuid << 32 | u128::from((pairs | pairs >> 16) & 0xffff_ffff)
    });
    Some(uuid.to_be_bytes())
}

fn eight<const LENGTH: usize>(text: &[u8; LENGTH], at: usize) -> u64 {
    four(text, at) << 32 | four(text, at + 4)
}

fn four<const LENGTH: usize>(text: &[u8; LENGTH], at: usize) -> u64 {
    u64::from(u32::from_be_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]))
}

/// What eight hexadecimal digits stand for, a byte each, and a bit for each that is none; all in the same steps.
fn nibbles(text: u64) -> (u64, u64) {
    const HIGH: u64 = 0x80 * EACH;
    let ascii = text & !HIGH;
    // No sum of two bytes reaches the next one, and the high bit tells how each compares.
    let no_digit = (ascii ^ (0x30 * EACH)).wrapping_add(0x76 * EACH);
    let letter = (ascii | (0x20 * EACH)) ^ (0x60 * EACH);
    let no_letter = letter.wrapping_add(0x79 * EACH) | !letter.wrapping_add(0x7f * EACH);
    let unlike = (no_digit & no_letter | text) & HIGH;
    ((ascii & (0x0f * EACH)) + 9 * ((no_digit & HIGH) >> 7), unlike)
}

/// A demand on one text, made ready for a loop.
enum Demand<'a> {
    NoNul,
    Number,
    Integer { min: i128, max: i128 },
    Digits { precision: u8, scale: i8 },
    Characters(usize),
    Bytes(usize),
    Labels(HashSet<&'a str>),
}

/// What is wrong with a text, and the nearest one that isn't.
struct Fault {
    code: &'static str,
    fact: &'static str,
    nearest: Option<String>,
}

impl<'a> Demand<'a> {
    fn of(check: &'a Check, guard: &Guard<'_>) -> Result<Self> {
        Ok(match check {
            Check::NoNul => Self::NoNul,
            Check::Number => Self::Number,
            Check::Integer { min, max } => {
                Self::Integer { min: integer::bound(min)?, max: integer::bound(max)? }
            }
            Check::Digits { precision, scale } => {
                Self::Digits { precision: *precision, scale: *scale }
            }
            Check::Characters { max } => Self::Characters(size(*max)),
            Check::Bytes { max } => Self::Bytes(size(*max)),
            Check::Labels { labels } => Self::Labels(labels.iter().map(String::as_str).collect()),
            Check::Finite
            | Check::NotNan
            | Check::Years { .. }
            | Check::WithinDay
            | Check::NotNull
            | Check::Fraction { .. }
            | Check::Longest { .. }
            | Check::NegativeZero => return Err(senseless(check, guard)),
        })
    }

    /// True when no text of the array can offend, told without looking at each.
    fn surely_holds(&self, texts: &StringArray) -> bool {
        let offsets = texts.value_offsets();
        match self {
            Self::NoNul => {
                let ends = (offsets.first().copied(), offsets.last().copied());
                let (Some(first), Some(last)) = ends else { return true };
                let within = usize::try_from(first).ok().zip(usize::try_from(last).ok());
                let bytes = within.and_then(|(first, last)| texts.value_data().get(first..last));
                bytes.is_some_and(|bytes| memchr::memchr(0, bytes).is_none())
            }
            // A text has at most as many characters as bytes.
            Self::Characters(max) | Self::Bytes(max) => {
                let max = i32::try_from(*max).unwrap_or(i32::MAX);
                offsets.windows(2).all(|pair| pair[1] - pair[0] <= max)
            }
            Self::Number | Self::Integer { .. } | Self::Digits { .. } | Self::Labels(_) => false,
        }
    }

    fn fault(&self, text: &str) -> Option<Fault> {
        match self {
            Self::NoNul => memchr::memchr(0, text.as_bytes()).map(|_| Fault {
                code: code::NUL,
                fact: "holds the character U+0000",
                nearest: Some(text.replace('\0', "")),
            }),
            Self::Number => Number::parse(text).is_none().then(no_number),
            Self::Integer { min, max } => integer_fault(text, *min, *max),
            Self::Digits { precision, scale } => digits_fault(text, *precision, *scale),
            Self::Characters(max) => text.char_indices().nth(*max).map(|(end, _)| Fault {
                code: code::LENGTH,
                fact: "has more characters than the target's column",
                nearest: Some(text[..end].to_owned()),
            }),
            Self::Bytes(max) => (text.len() > *max).then(|| Fault {
                code: code::SIZE,
                fact: "has more bytes than the target's column",
                nearest: Some(cut(text, *max).to_owned()),
            }),
            Self::Labels(labels) => (!labels.contains(text)).then_some(Fault {
                code: code::BAD_ENUM,
                fact: "is none of the column's labels",
                nearest: None,
            }),
        }
    }

    /// A text that satisfies the demand, or NULL, as the policy wants.
    fn settle<'t>(
        &self,
        text: &'t str,
        row: usize,
        guard: &mut Guard<'_>,
    ) -> Result<Option<Cow<'t, str>>> {
        let mut text = Cow::Borrowed(text);
        // Rounding may carry past the precision, which is then a fault of its own; a third is none.
        for _ in 0..3 {
            let Some(fault) = self.fault(&text) else { return Ok(Some(text)) };
            let settled = match guard.judge(fault.code, row, fault.fact)? {
                Verdict::Null => return Ok(None),
                Verdict::Clamp => fault.nearest.ok_or_else(|| no_nearest(guard, fault.code))?,
                Verdict::Replace(with) => {
                    let settled = match self {
                        Self::NoNul => text.replace('\0', with),
                        Self::Number
                        | Self::Integer { .. }
                        | Self::Digits { .. }
                        | Self::Characters(_)
                        | Self::Bytes(_)
                        | Self::Labels(_) => with.to_owned(),
                    };
                    if self.fault(&settled).is_some() {
                        return Err(bad_replacement(guard, fault.code));
                    }
                    settled
                }
            };
            text = Cow::Owned(settled);
        }
        Err(Error::new(Kind::Internal, "no text satisfies the plan's limits"))
    }
}

pub(super) fn check(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let demand = Demand::of(check, guard)?;
    let texts = array.as_string_opt::<i32>().ok_or_else(mistyped)?;
    if demand.surely_holds(texts) || texts.iter().flatten().all(|text| demand.fault(text).is_none())
    {
        return Ok(None);
    }
    let mut built = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    for (row, text) in texts.iter().enumerate() {
        let settled = match text {
            Some(text) => demand.settle(text, row, guard)?,
            None => None,
        };
        built.append_option(settled);
    }
    Ok(Some(Arc::new(built.finish())))
}

/// The demand is made of each text; where a text must become NULL its whole list does.
pub(super) fn check_list(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let demand = Demand::of(check, guard)?;
    let lists = array.as_list_opt::<i32>().ok_or_else(mistyped)?;
    let texts = lists.values().as_string_opt::<i32>().ok_or_else(mistyped)?;
    if demand.surely_holds(texts) || texts.iter().flatten().all(|text| demand.fault(text).is_none())
    {
        return Ok(None);
    }
    let mut built = ListBuilder::new(StringBuilder::new());
    if let arrow_schema::DataType::List(field) = lists.data_type() {
        built = built.with_field(Arc::clone(field));
    }
    for (row, list) in lists.iter().enumerate() {
        let settled = match &list {
            Some(list) => settle_list(list.as_string::<i32>(), &demand, row, guard)?,
            None => None,
        };
        built.append_option(settled);
    }
    Ok(Some(Arc::new(built.finish())))
}

fn settle_list<'t>(
    texts: &'t StringArray,
    demand: &Demand<'_>,
    row: usize,
    guard: &mut Guard<'_>,
) -> Result<Option<Vec<Option<Cow<'t, str>>>>> {
    let mut settled = Vec::with_capacity(texts.len());
    for text in texts {
        let Some(text) = text else {
            settled.push(None);
            continue;
        };
        match demand.settle(text, row, guard)? {
            Some(text) => settled.push(Some(text)),
            None => return Ok(None),
        }
    }
    Ok(Some(settled))
}

pub(super) fn check_binary(
    array: &ArrayRef,
    check: &Check,
    guard: &mut Guard<'_>,
) -> Result<Option<ArrayRef>> {
    let max = match check {
        Check::Bytes { max } => size(*max),
        Check::NoNul
        | Check::Finite
        | Check::NotNan
        | Check::Number
        | Check::Integer { .. }
        | Check::Digits { .. }
        | Check::Years { .. }
        | Check::WithinDay
        | Check::Characters { .. }
        | Check::Labels { .. }
        | Check::NotNull
        | Check::Fraction { .. }
        | Check::Longest { .. }
        | Check::NegativeZero => return Err(senseless(check, guard)),
    };
    let values = array.as_binary_opt::<i32>().ok_or_else(mistyped)?;
    if values.iter().flatten().all(|value| value.len() <= max) {
        return Ok(None);
    }
    let mut built = BinaryBuilder::with_capacity(values.len(), values.value_data().len());
    for (row, value) in values.iter().enumerate() {
        match value {
            Some(value) if value.len() > max => {
                match guard.judge(code::SIZE, row, "has more bytes than the target's column")? {
                    Verdict::Null => built.append_null(),
                    Verdict::Clamp => built.append_value(&value[..max]),
                    Verdict::Replace(with) if with.len() <= max => built.append_value(with),
                    Verdict::Replace(_) => return Err(bad_replacement(guard, code::SIZE)),
                }
            }
            Some(_) | None => built.append_option(value),
        }
    }
    Ok(Some(Arc::new(built.finish())))
}

/// The longest beginning of at most so many bytes that is still whole characters.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn size(max: u64) -> usize {
    usize::try_from(max).unwrap_or(usize::MAX)
}

fn no_number() -> Fault {
    Fault { code: code::NAN, fact: "isn't a plain number", nearest: None }
}

fn integer_fault(text: &str, min: i128, max: i128) -> Option<Fault> {
    let Some(number) = Number::parse(text) else { return Some(no_number()) };
    if !number.fraction.is_empty() {
        return Some(Fault {
            code: code::SCALE,
            fact: "isn't a whole number",
            nearest: Some(number::rounded(&number, 0)),
        });
    }
    let value: Option<i128> = number.scaled(0);
    let inside = value.is_some_and(|value| min <= value && value <= max);
    (!inside).then(|| {
        let below = value.map_or(number.negative, |value| value < min);
        Fault {
            code: code::RANGE,
            fact: "lies outside the range of the target's integers",
            nearest: Some((if below { min } else { max }).to_string()),
        }
    })
}

fn digits_fault(text: &str, precision: u8, scale: i8) -> Option<Fault> {
    let Some(number) = Number::parse(text) else { return Some(no_number()) };
    // Digits that may stand before the point; below 0 so many zeros must follow it.
    let before = isize::from(precision) - isize::from(scale);
    let too_great = if let Ok(before) = usize::try_from(before) {
        number.whole.len() > before
    } else {
        let zeros = number.fraction.len() - number.fraction.trim_start_matches('0').len();
        !number.whole.is_empty() || (!number.fraction.is_empty() && zeros < before.unsigned_abs())
    };
    if too_great {
        return Some(Fault {
            code: code::RANGE,
            fact: "has more digits than the target's precision",
            nearest: Some(number::greatest(number.negative, precision, scale)),
        });
    }
    let too_fine = if let Ok(after) = usize::try_from(scale) {
        number.fraction.len() > after
    } else {
        let zeros = usize::from(scale.unsigned_abs());
        !number.fraction.is_empty() || (!number.whole.is_empty() && number.whole_zeros() < zeros)
    };
    too_fine.then(|| Fault {
        code: code::SCALE,
        fact: "has more digits than the target's scale keeps",
        nearest: Some(number::rounded(&number, scale)),
    })
}
