//! Text, and the labels of ENUM and SET.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, StringArray};

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, code};
use crate::strings::{self, Strings};

use super::{Values, malformed, settle};

pub(super) fn texts(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    strings::texts(values.rows.bytes, values.rows.places(values.index), guard)
}

/// Floats of 32 bits, little-endian, as a JSON array: each in the fewest digits that read back as itself.
pub(super) fn vectors(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = Strings::new(values.len(), 0);
    for (row, value) in values.iter().enumerate() {
        if let Some(bytes) = value {
            let (floats, []) = bytes.as_chunks::<4>() else { return Err(malformed()) };
            out.bytes.push(b'[');
            for (place, float) in floats.iter().map(|float| f32::from_le_bytes(*float)).enumerate()
            {
                if !float.is_finite() {
                    return Err(guard.refusal(code::NAN, row, "has a number that JSON can't hold"));
                }
                if place > 0 {
                    out.bytes.push(b',');
                }
                out.bytes.extend_from_slice(zmij::Buffer::new().format_finite(float).as_bytes());
            }
            out.bytes.push(b']');
        }
        out.end(value.is_some())?;
    }
    out.into_text()
}

fn utf8<'a>(bytes: &'a [u8], row: usize, guard: &mut Guard<'_>) -> Result<Option<Cow<'a, str>>> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Ok(Some(Cow::Borrowed(text)));
    }
    let mut mended = Vec::new();
    let valid = strings::put_text(bytes, row, guard, &mut mended)?;
    Ok(valid.then(|| Cow::Owned(String::from_utf8_lossy(&mended).into_owned())))
}

/// ENUM whose index 0, an old error, shows as an empty label.
pub(super) fn labels(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(values.len(), 0);
    for (row, value) in values.iter().enumerate() {
        let label = match value {
            None => None,
            Some([]) => {
                let fact = (code::BAD_ENUM, row, "is the error value of its enum");
                settle(guard, fact, None, |text| Some(Cow::Owned(text.to_owned())))?
            }
            Some(bytes) => utf8(bytes, row, guard)?,
        };
        out.append_option(label);
    }
    Ok(Arc::new(out.finish()))
}

/// The same as numbers of the labels that the plan lists.
pub(super) fn numbered_labels(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let listed = &guard.column().labels;
    let numbers: HashMap<&[u8], i32> = listed.iter().map(String::as_bytes).zip(0..).collect();
    let mut keys = PrimitiveBuilder::<Int32Type>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let Some(bytes) = value else {
            keys.append_null();
            continue;
        };
        let number = match numbers.get(bytes) {
            Some(number) => Some(*number),
            None if bytes.is_empty() => {
                let fact = (code::BAD_ENUM, row, "is the error value of its enum");
                settle(guard, fact, None, |text| numbers.get(text.as_bytes()).copied())?
            }
            None => return Err(Error::protocol("the server sent a label that its enum hasn't")),
        };
        keys.append_option(number);
    }
    let labels = Arc::new(StringArray::from_iter_values(listed));
    let array = DictionaryArray::try_new(keys.finish(), labels)
        .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
    Ok(Arc::new(array))
}

pub(super) fn sets(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(StringBuilder::new());
    for (row, value) in values.iter().enumerate() {
        let text = value.map(|bytes| utf8(bytes, row, guard)).transpose()?.flatten();
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            text.split(',').for_each(|label| out.values().append_value(label));
        }
        out.append(text.is_some());
    }
    Ok(Arc::new(out.finish()))
}
