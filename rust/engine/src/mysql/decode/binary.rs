//! Bytes, and the UUIDs that MariaDB sends as text.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder};

use crate::convert::parse_uuid;
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
