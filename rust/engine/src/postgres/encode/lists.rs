//! Lists to arrays: each element is a field as it would be in a column of its own.

use arrow_array::Array;
use arrow_array::cast::AsArray;

use super::{Encoder, Field, NULL, Write, encoder, length, measured};
use crate::error::{Error, Kind, Result};
use crate::plan::{ColumnPlan, named};

/// Dimensions, a flag for NULLs, the elements' oid; then length and lower bound, and the elements as fields.
pub(super) fn arrays<'a>(
    element: &ColumnPlan,
    array: &'a dyn Array,
) -> Result<Option<Encoder<'a>>> {
    let Some(lists) = array.as_list_opt::<i32>() else { return Ok(None) };
    let write: Write = named("encoder", &element.write, &element.name)?;
    let Some(oid) = oid(write) else { return Ok(None) };
    let items = lists.values();
    let encode = encoder(element, items.as_ref())?;
    Ok(Some(Box::new(move |row, out| {
        if lists.is_null(row) {
            out.extend_from_slice(&NULL);
            return Ok(Field::Written);
        }
        let offsets = lists.value_offsets();
        let (Ok(start), Ok(end)) =
            (usize::try_from(offsets[row]), usize::try_from(offsets[row + 1]))
        else {
            return Err(Error::new(Kind::Internal, "a list has a negative offset"));
        };
        measured(out, |out| {
            let nulls = (start..end).any(|item| items.is_null(item));
            out.extend_from_slice(&i32::from(start < end).to_be_bytes());
            out.extend_from_slice(&i32::from(nulls).to_be_bytes());
            out.extend_from_slice(&oid.to_be_bytes());
            if start < end {
                out.extend_from_slice(&length(end - start)?);
                out.extend_from_slice(&1i32.to_be_bytes());
            }
            for item in start..end {
                if let Field::Rest(bytes) = encode(item, out)? {
                    out.extend_from_slice(bytes);
                }
            }
            Ok(())
        })?;
        Ok(Field::Written)
    })))
}

/// The type of the elements that an array tells.
fn oid(write: Write) -> Option<i32> {
    Some(match write {
        Write::Bool => 16,
        Write::Bytea => 17,
        Write::Int8 => 20,
        Write::Int2 => 21,
        Write::Int4 => 23,
        Write::Text => 25,
        Write::Oid => 26,
        Write::Float4 => 700,
        Write::Float8 => 701,
        Write::Date => 1082,
        Write::Time => 1083,
        Write::Timestamp => 1114,
        Write::Timestamptz => 1184,
        Write::Interval => 1186,
        Write::Numeric => 1700,
        Write::Uuid => 2950,
        Write::Jsonb => 3802,
        // Several types are written alike, or none has arrays of its own.
        Write::Bit | Write::Inet | Write::Array => return None,
    })
}
