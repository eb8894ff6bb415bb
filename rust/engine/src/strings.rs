//! Columns of text and bytes out of wire fields: copied end to end, checked once as a whole.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, StringArray};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict, code};

/// The digits of a number below 10 000: the hundreds and what is left of them side by side, then the tens and ones of
/// both. Of a larger one any bytes.
#[inline]
pub fn four_digits(number: u16) -> [u8; 4] {
    let number = u32::from(number);
    let hundreds = (number * 5_243) >> 19;
    let pairs = hundreds | (number.wrapping_sub(100 * hundreds) << 16);
    let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f;
    (tens | (pairs.wrapping_sub(10 * tens) << 8) | 0x3030_3030).to_le_bytes()
}

/// One in each byte.
pub const EACH: u64 = 0x0101_0101_0101_0101;

/// The bits of a byte as eight digits, the highest first.
#[inline]
pub fn bit_digits(byte: u8) -> [u8; 8] {
    let bits = (u64::from(byte) * EACH) & 0x8040_2010_0804_0201;
    // A bit in each byte, whatever its place there was; none goes over to the next byte.
    ((((bits + 0x7f * EACH) >> 7) & EACH) | (0x30 * EACH)).to_be_bytes()
}

/// The byte of eight digits, the highest bit first; nothing for others than 0 and 1.
#[inline]
pub fn bit_byte(digits: [u8; 8]) -> Option<u8> {
    let bits = u64::from_be_bytes(digits) ^ (0x30 * EACH);
    if bits & !EACH != 0 {
        return None;
    }
    // The multiplication brings each bit to its place in the highest byte, and no two to the same.
    u8::try_from(bits.wrapping_mul(0x0102_0408_1020_4080) >> 56).ok()
}

/// A value of so many bytes is short.
const SHORT: usize = 32;

/// Bytes of a whole column, one value after the other.
pub struct Strings {
    pub bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Strings {
    pub fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { bytes: Vec::with_capacity(bytes), offsets, nulls: NullBufferBuilder::new(rows) }
    }

    /// All values of a column, which lie in `held`.
    pub fn of(held: &[u8], places: impl Iterator<Item = Option<Range<usize>>>) -> Result<Self> {
        // Once apart from those of other columns, they are gone through twice.
        let places: Vec<_> = places.collect();
        let total = places.iter().flatten().map(Range::len).sum::<usize>();
        let mut strings = Self::new(places.len(), total + SHORT);
        for place in places {
            let valid = place.is_some();
            if let Some(place) = place {
                strings.put(held, place);
            }
            strings.end(valid)?;
        }
        Ok(strings)
    }

    /// Appends bytes. Short ones come with what is behind them, since a copy of a known length needs no call.
    #[inline]
    fn put(&mut self, held: &[u8], place: Range<usize>) {
        match held[place.start..].first_chunk::<SHORT>() {
            Some(chunk) if place.len() <= SHORT => {
                let end = self.bytes.len() + place.len();
                self.bytes.extend_from_slice(chunk);
                self.bytes.truncate(end);
            }
            _ => self.bytes.extend_from_slice(&held[place]),
        }
    }

    /// Ends a value (or a NULL) at what the bytes are now.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of the time of a short value")]
    #[inline(always)]
    pub fn end(&mut self, valid: bool) -> Result<()> {
        let end = i32::try_from(self.bytes.len()).map_err(|_| {
            Error::new(Kind::Unsupported, "a column of one batch is larger than 2 GiB")
        })?;
        self.offsets.push(end);
        self.nulls.append(valid);
        Ok(())
    }

    pub fn into_binary(mut self) -> Result<ArrayRef> {
        let (nulls, values) = (self.nulls.finish(), Buffer::from_vec(self.bytes));
        let array = BinaryArray::try_new(offsets(self.offsets), values, nulls).map_err(internal)?;
        Ok(Arc::new(array))
    }

    /// As text that is ASCII or was checked to be UTF-8 value by value.
    pub fn into_text(mut self) -> Result<ArrayRef> {
        let (nulls, values) = (self.nulls.finish(), Buffer::from_vec(self.bytes));
        let array = StringArray::try_new(offsets(self.offsets), values, nulls).map_err(internal)?;
        Ok(Arc::new(array))
    }

    /// True when every value is UTF-8.
    fn is_text(&self) -> bool {
        simdutf8::basic::from_utf8(&self.bytes).is_ok_and(|text| {
            // All of it may be UTF-8 although a character is cut by the border of two values.
            text.is_ascii() || self.offsets.iter().all(|end| is_boundary(text, *end))
        })
    }
}

fn is_boundary(text: &str, end: i32) -> bool {
    usize::try_from(end).is_ok_and(|end| text.is_char_boundary(end))
}

fn offsets(offsets: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::new(Kind::Internal, error.to_string())
}

/// Text of which the server has said that it is UTF-8; some don't know what they hold.
pub fn texts(
    held: &[u8],
    places: impl ExactSizeIterator<Item = Option<Range<usize>>> + Clone,
    guard: &mut Guard<'_>,
) -> Result<ArrayRef> {
    let mut all = Strings::of(held, places.clone())?;
    if !all.is_text() {
        return mended(places.map(|place| place.map(|place| &held[place])), guard);
    }
    let (nulls, bytes) = (all.nulls.finish(), Buffer::from_vec(all.bytes));
    // SAFETY: the bytes were checked to be UTF-8 and each offset to lie between two characters; the
    // offsets start at 0, never fall and end at the length of the bytes.
    let array = unsafe { StringArray::new_unchecked(offsets(all.offsets), bytes, nulls) };
    Ok(Arc::new(array))
}

/// The slow road: finds the values that are not UTF-8 and does with them what the policy says.
fn mended<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a [u8]>>,
    guard: &mut Guard<'_>,
) -> Result<ArrayRef> {
    let mut out = Strings::new(values.len(), 0);
    for (row, value) in values.enumerate() {
        let valid = match value {
            None => false,
            Some(bytes) => put_text(bytes, row, guard, &mut out.bytes)?,
        };
        out.end(valid)?;
    }
    out.into_text()
}

/// Appends a value, or what stands for it when it isn't UTF-8; false when that is NULL.
pub fn put_text(
    bytes: &[u8],
    row: usize,
    guard: &mut Guard<'_>,
    out: &mut Vec<u8>,
) -> Result<bool> {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        out.extend_from_slice(bytes);
        return Ok(true);
    }
    let fact = "is not valid UTF-8";
    match guard.judge(code::UTF8, row, fact)? {
        Verdict::Null => Ok(false),
        Verdict::Replace(with) => {
            for chunk in bytes.utf8_chunks() {
                out.extend_from_slice(chunk.valid().as_bytes());
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice(with.as_bytes());
                }
            }
            Ok(true)
        }
        Verdict::Clamp => Err(guard.refusal(code::UTF8, row, fact)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_told_as_they_are_printed() {
        for byte in 0..=u8::MAX {
            let digits = bit_digits(byte);
            assert_eq!(digits, format!("{byte:08b}").as_bytes());
            assert_eq!(bit_byte(digits), Some(byte));
        }
        assert_eq!(bit_byte(*b"01012010"), None);
        assert_eq!(bit_byte(*b"0101 010"), None);
    }

    #[test]
    fn four_digits_are_told_as_they_are_printed() {
        for number in 0..10_000 {
            assert_eq!(four_digits(number), format!("{number:04}").as_bytes());
        }
    }
}
