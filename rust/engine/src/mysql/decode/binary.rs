//! Bytes, and the UUIDs that MariaDB sends as text.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder};

use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, code};

use super::{Values, malformed, settle, too_large};

pub(super) fn binaries(values: Values<'_>, _: &mut Guard<'_>, skipped: usize) -> Result<ArrayRef> {
    let total: usize = values.iter().flatten().map(<[u8]>::len).sum();
    i32::try_from(total).map_err(|_| too_large())?;
    let mut out = BinaryBuilder::with_capacity(values.len(), total);
    for value in values.iter() {
        match value {
            None => out.append_null(),
            Some(bytes) => out.append_value(bytes.get(skipped..).ok_or_else(malformed)?),
        }
    }
    Ok(Arc::new(out.finish()))
}

pub(super) fn uuids(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    for (row, value) in values.iter().enumerate() {
        let uuid = match value.map(uuid) {
            None => None,
            Some(Some(uuid)) => Some(uuid),
            Some(None) => {
                let fact = (code::MIXED, row, "is not a uuid");
                settle(guard, fact, None, |text| uuid(text.as_bytes()))?
            }
        };
        match uuid {
            None => out.append_null(),
            Some(uuid) => out
                .append_value(uuid)
                .map_err(|error| Error::new(Kind::Internal, error.to_string()))?,
        }
    }
    Ok(Arc::new(out.finish()))
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut nibbles = text.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(
        |(_, digit)| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        },
    );
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = nibbles.next()?? << 4 | nibbles.next()??;
    }
    Some(uuid)
}
