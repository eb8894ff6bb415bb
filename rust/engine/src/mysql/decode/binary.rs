//! Bytes, and the UUIDs that MariaDB sends as text.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::FixedSizeBinaryBuilder;

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
    let mut out = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    for (row, value) in values.iter().enumerate() {
        let uuid = match value.map(parse_uuid) {
            None => None,
            Some(Some(uuid)) => Some(uuid),
            Some(None) => {
                let fact = (code::MIXED, row, "is not a uuid");
                settle(guard, fact, None, |text| parse_uuid(text.as_bytes()))?
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
