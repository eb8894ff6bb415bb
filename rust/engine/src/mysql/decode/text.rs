//! Text, and the labels of ENUM and SET.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, StringArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, code};

use super::{Values, settle, too_large};

pub(super) fn texts(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let total: usize = values.iter().flatten().map(<[u8]>::len).sum();
    i32::try_from(total).map_err(|_| too_large())?;
    let mut bytes = Vec::with_capacity(total);
    let mut nulls = NullBufferBuilder::new(values.len());
    for value in values.iter() {
        nulls.append(value.is_some());
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    let lengths = values.iter().map(|value| value.map_or(0, <[u8]>::len));
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    match StringArray::try_new(offsets, bytes.into(), nulls.finish()) {
        Ok(array) => Ok(Arc::new(array)),
        // Some value isn't UTF-8: each is now looked at on its own.
        Err(_) => texts_one_by_one(values, guard),
    }
}

fn texts_one_by_one(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(values.len(), 0);
    for (row, value) in values.iter().enumerate() {
        out.append_option(value.map(|bytes| utf8(bytes, row, guard)).transpose()?.flatten());
    }
    Ok(Arc::new(out.finish()))
}

fn utf8<'a>(bytes: &'a [u8], row: usize, guard: &mut Guard<'_>) -> Result<Option<Cow<'a, str>>> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Ok(Some(Cow::Borrowed(text)));
    }
    let fact = (code::UTF8, row, "is not text in utf-8");
    settle(guard, fact, None, |mark| {
        let parts = bytes.utf8_chunks().map(|chunk| {
            let mark = if chunk.invalid().is_empty() { "" } else { mark };
            [chunk.valid(), mark]
        });
        Some(Cow::Owned(parts.flatten().collect()))
    })
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
