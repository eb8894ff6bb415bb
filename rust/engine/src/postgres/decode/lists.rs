//! Arrays to lists: their elements are a column of their own, decoded by the element type's own decoder.
//!
//! Number of dimensions, a flag for NULLs, the elements' oid; per dimension its length and lower bound; then the
//! elements as fields (`array_send` in the server's `arrayfuncs.c`). A list has one dimension that begins at 1.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use super::{decoder, malformed};
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict, code};
use crate::wire::{Span, WireRows};

pub(super) fn array(rows: &WireRows<'_>, index: usize, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let plan = guard.column().element.as_deref();
    let plan = plan.ok_or_else(|| Error::new(Kind::Internal, "a list without its element"))?;
    let mut spans = Vec::new();
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    offsets.push(0);
    let mut nulls = NullBufferBuilder::new(rows.len());
    for (row, place) in rows.places(index).enumerate() {
        let valid = match place {
            None => false,
            Some(place) => {
                let found = elements(&rows.bytes[place.clone()], place.start, &mut spans);
                match found.ok_or_else(|| malformed(guard, row))? {
                    Shape::List => true,
                    Shape::Other => refuse(guard, row)?,
                }
            }
        };
        offsets.push(i32::try_from(spans.len()).map_err(|_| malformed(guard, row))?);
        nulls.append(valid);
    }
    let items = WireRows { bytes: rows.bytes, spans: &spans, width: 1 };
    let items = decoder(plan)?(&items, 0, &mut guard.within(plan)).map_err(|error| {
        let item = error.place().row.and_then(|row| i32::try_from(row).ok()).unwrap_or(1) - 1;
        error.of_row(offsets.partition_point(|start| *start <= item) as u64)
    })?;
    let field = Arc::new(plan.item());
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let array = ListArray::try_new(field, offsets, items, nulls.finish())
        .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
    Ok(Arc::new(array))
}

enum Shape {
    /// No elements, or one dimension from 1 on.
    List,
    Other,
}

/// Adds the places of an array's elements; nothing when it can't be read.
fn elements(bytes: &[u8], start: usize, spans: &mut Vec<Span>) -> Option<Shape> {
    let word = |at: usize| Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let count = match word(0)? {
        0 => return (bytes.len() == 12).then_some(Shape::List),
        1 if word(16)? == 1 => usize::try_from(word(12)?).ok()?,
        1..=6 => return Some(Shape::Other),
        _ => return None,
    };
    let mut at = 20;
    for _ in 0..count {
        let length = word(at)?;
        at += 4;
        if length == -1 {
            spans.push(Span::NULL);
            continue;
        }
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        bytes.get(at..end)?;
        spans.push(Span::new(start + at, end - at).ok()?);
        at = end;
    }
    (at == bytes.len()).then_some(Shape::List)
}

/// False for NULL.
fn refuse(guard: &mut Guard<'_>, row: usize) -> Result<bool> {
    let fact = "is an array of several dimensions, or one that doesn't begin at 1: no list";
    match guard.judge(code::SHAPE, row, fact)? {
        Verdict::Null => Ok(false),
        Verdict::Clamp | Verdict::Replace(_) => Err(guard.refusal(code::SHAPE, row, fact)),
    }
}
