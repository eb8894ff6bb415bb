//! Bytes, and the UUIDs that MariaDB sends as text.

use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeBinaryArray};
use arrow_buffer::{Buffer, NullBufferBuilder};

use crate::convert::parse_uuid;
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, code};
use crate::strings::Strings;

use super::{Values, malformed, settle};

/// Bytes without so many at their head.
pub(super) fn binaries(values: Values<'_>, _: &mut Guard<'_>, skipped: usize) -> Result<ArrayRef> {
    if values.iter().flatten().any(|bytes| bytes.len() < skipped) {
        return Err(malformed());
    }
    let places = values.rows.places(values.index);
    let kept = places.map(|place| place.map(|place| place.start + skipped..place.end));
    Strings::of(values.rows.bytes, kept)?.into_binary()
}

pub(super) fn uuids(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut bytes = Vec::with_capacity(16 * values.len());
    let mut nulls = NullBufferBuilder::new(values.len());
    for (row, value) in values.iter().enumerate() {
        let uuid = match value.map(parse_uuid) {
            None => None,
            Some(Some(uuid)) => Some(uuid),
            Some(None) => {
                let fact = (code::MIXED, row, "is not a uuid");
                settle(guard, fact, None, |text| parse_uuid(text.as_bytes()))?
            }
        };
        bytes.extend_from_slice(&uuid.unwrap_or_default());
        nulls.append(uuid.is_some());
    }
    let array = FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), nulls.finish());
    Ok(Arc::new(array.map_err(|error| Error::new(Kind::Internal, error.to_string()))?))
}
