//! Arrow fields as plain dicts, so that Python needs no Arrow library to read a schema.

use arrow_schema::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// One dict per field: `name`, `nullable`, `type` and what the type needs besides.
pub fn dicts<'py>(py: Python<'py>, fields: &Fields) -> PyResult<Bound<'py, PyList>> {
    let fields: Vec<Bound<'py, PyDict>> =
        fields.iter().map(|field| dict(py, field)).collect::<PyResult<_>>()?;
    PyList::new(py, fields)
}

fn dict<'py>(py: Python<'py>, field: &Field) -> PyResult<Bound<'py, PyDict>> {
    let told = describe(py, field.data_type())?;
    told.set_item("name", field.name())?;
    told.set_item("nullable", field.is_nullable())?;
    if let Some(name) = field.metadata().get("ARROW:extension:name") {
        told.set_item("extension", name)?;
    }
    if let Some(metadata) = field.metadata().get("ARROW:extension:metadata") {
        told.set_item("extension_metadata", metadata)?;
    }
    Ok(told)
}

fn describe<'py>(py: Python<'py>, kind: &DataType) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("type", name(kind))?;
    match kind {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            told.set_item("precision", precision)?;
            told.set_item("scale", scale)?;
        }
        DataType::Timestamp(unit, zone) => {
            told.set_item("unit", unit_name(*unit))?;
            told.set_item("timezone", zone.as_deref())?;
        }
        DataType::Time32(unit) | DataType::Time64(unit) | DataType::Duration(unit) => {
            told.set_item("unit", unit_name(*unit))?;
        }
        DataType::Interval(unit) => {
            let unit = match unit {
                IntervalUnit::YearMonth => "month",
                IntervalUnit::DayTime => "day_time",
                IntervalUnit::MonthDayNano => "month_day_nano",
            };
            told.set_item("unit", unit)?;
        }
        DataType::FixedSizeBinary(width) => told.set_item("byte_width", width)?,
        DataType::Dictionary(_, value) => told.set_item("value", describe(py, value)?)?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => told.set_item("value", dict(py, item)?)?,
        DataType::FixedSizeList(item, size) => {
            told.set_item("value", dict(py, item)?)?;
            told.set_item("size", size)?;
        }
        DataType::RunEndEncoded(_, values) => told.set_item("value", dict(py, values)?)?,
        DataType::Struct(fields) => told.set_item("fields", dicts(py, fields)?)?,
        DataType::Union(fields, _) => {
            let fields: Vec<_> =
                fields.iter().map(|(_, field)| dict(py, field)).collect::<PyResult<_>>()?;
            told.set_item("fields", fields)?;
        }
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Date64
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => {}
    }
    Ok(told)
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

fn name(kind: &DataType) -> &'static str {
    match kind {
        DataType::Null => "null",
        DataType::Boolean => "bool",
        DataType::Int8 => "int8",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::UInt8 => "uint8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::Float16 => "float16",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        DataType::Decimal32(_, _) => "decimal32",
        DataType::Decimal64(_, _) => "decimal64",
        DataType::Decimal128(_, _) => "decimal128",
        DataType::Decimal256(_, _) => "decimal256",
        DataType::Timestamp(_, _) => "timestamp",
        DataType::Date32 => "date32",
        DataType::Date64 => "date64",
        DataType::Time32(_) => "time32",
        DataType::Time64(_) => "time64",
        DataType::Duration(_) => "duration",
        DataType::Interval(_) => "interval",
        DataType::Binary => "binary",
        DataType::FixedSizeBinary(_) => "fixed_size_binary",
        DataType::LargeBinary => "large_binary",
        DataType::BinaryView => "binary_view",
        DataType::Utf8 => "utf8",
        DataType::LargeUtf8 => "large_utf8",
        DataType::Utf8View => "utf8_view",
        DataType::List(_) => "list",
        DataType::LargeList(_) => "large_list",
        DataType::ListView(_) => "list_view",
        DataType::LargeListView(_) => "large_list_view",
        DataType::FixedSizeList(_, _) => "fixed_size_list",
        DataType::Struct(_) => "struct",
        DataType::Union(_, _) => "union",
        DataType::Dictionary(_, _) => "dictionary",
        DataType::Map(_, _) => "map",
        DataType::RunEndEncoded(_, _) => "run_end_encoded",
    }
}
