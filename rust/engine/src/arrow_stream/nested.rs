//! Lists, structs and maps as JSON text, where a column of text takes them.
//!
//! From the leaves upward, a column of documents each: NULL and an empty text, the text `1` and the number stay apart.
//! A map is an object where its keys are text, else a list of pairs. Bytes are hexadecimal digits, moments
//! the text that they are elsewhere, and numbers that JSON has none for (`NaN`, `inf`) are text.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, MapArray, OffsetSizeTrait, StringArray, StructArray, UnionArray,
};
use arrow_schema::DataType;

use super::decode::{cast, texts, unpacked};
use crate::error::Result;

/// One document per row; NULL for a row that is.
pub fn documents(array: &ArrayRef) -> Result<StringArray> {
    match array.data_type() {
        DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => {
            documents(&cast(array, unpacked(array.data_type()))?)
        }
        DataType::List(_) => lists::<i32>(array),
        DataType::LargeList(_) => lists::<i64>(array),
        // Views of lists and lists of one size are lists, once their elements stand in a row.
        DataType::ListView(item) | DataType::FixedSizeList(item, _) => {
            lists::<i32>(&cast(array, &DataType::List(item.clone()))?)
        }
        DataType::LargeListView(item) => {
            lists::<i64>(&cast(array, &DataType::LargeList(item.clone()))?)
        }
        DataType::Struct(_) => structs(array.as_struct()),
        DataType::Map(_, _) => maps(array.as_map()),
        DataType::Union(_, _) => unions(array.as_union()),
        _ => leaves(array),
    }
}

/// What each row becomes, written behind each other.
fn built(array: &dyn Array, mut write: impl FnMut(usize, &mut String)) -> StringArray {
    let mut built = StringBuilder::with_capacity(array.len(), array.len() * 16);
    let mut document = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            built.append_null();
        } else {
            document.clear();
            write(row, &mut document);
            built.append_value(&document);
        }
    }
    built.finish()
}

fn lists<O: OffsetSizeTrait>(array: &ArrayRef) -> Result<StringArray> {
    let lists = array.as_list::<O>();
    let (items, places) = elements(lists.values(), lists.value_offsets())?;
    Ok(built(lists, |row, document| {
        between('[', ']', places(row), document, |item, out| out.push_str(value(&items, item)));
    }))
}

/// The documents of the elements that the rows of a slice have, and which of them are a row's.
fn elements<'a, O: OffsetSizeTrait>(
    values: &ArrayRef,
    offsets: &'a [O],
) -> Result<(StringArray, impl Fn(usize) -> Range<usize> + 'a)> {
    let place = |row: usize| offsets[row].as_usize();
    let first = place(0);
    let items = documents(&values.slice(first, place(offsets.len() - 1) - first))?;
    Ok((items, move |row| place(row) - first..place(row + 1) - first))
}

fn structs(structs: &StructArray) -> Result<StringArray> {
    let fields: Vec<(String, StringArray)> = structs
        .fields()
        .iter()
        .zip(structs.columns())
        .map(|(field, column)| Ok((quoted(field.name()), documents(column)?)))
        .collect::<Result<_>>()?;
    Ok(built(structs, |row, document| {
        between('{', '}', 0..fields.len(), document, |place, out| {
            let (name, column) = &fields[place];
            pair(name, value(column, row), out);
        });
    }))
}

fn maps(maps: &MapArray) -> Result<StringArray> {
    let (keys, places) = elements(maps.keys(), maps.value_offsets())?;
    let (values, _) = elements(maps.values(), maps.value_offsets())?;
    let named = unpacked(maps.keys().data_type()).is_string();
    let (open, close) = if named { ('{', '}') } else { ('[', ']') };
    Ok(built(maps, |row, document| {
        between(open, close, places(row), document, |entry, out| {
            let (key, value) = (value(&keys, entry), value(&values, entry));
            if named {
                pair(key, value, out);
            } else {
                out.extend(["[", key, ", ", value, "]"]);
            }
        });
    }))
}

/// The value alone; which of the types it has isn't told.
fn unions(unions: &UnionArray) -> Result<StringArray> {
    let mut children = HashMap::new();
    for (kind, _) in unions.fields().iter() {
        children.insert(kind, documents(unions.child(kind))?);
    }
    let found = (0..unions.len()).map(|row| {
        let child = &children[&unions.type_id(row)];
        let place = unions.value_offset(row);
        child.is_valid(place).then(|| child.value(place))
    });
    Ok(found.collect())
}

fn leaves(array: &ArrayRef) -> Result<StringArray> {
    let texts = texts(array)?;
    let texts = texts.as_string::<i32>();
    let bare = array.data_type().is_numeric() || *array.data_type() == DataType::Boolean;
    let finite = finite(array);
    Ok(built(texts, |row, document| {
        if bare && finite(row) {
            document.push_str(texts.value(row));
        } else {
            document.push_str(&quoted(texts.value(row)));
        }
    }))
}

/// Whether the number in a row is one in JSON too.
fn finite(array: &ArrayRef) -> Box<dyn Fn(usize) -> bool + '_> {
    match array.data_type() {
        DataType::Float16 => {
            Box::new(|row| array.as_primitive::<Float16Type>().value(row).is_finite())
        }
        DataType::Float32 => {
            Box::new(|row| array.as_primitive::<Float32Type>().value(row).is_finite())
        }
        DataType::Float64 => {
            Box::new(|row| array.as_primitive::<Float64Type>().value(row).is_finite())
        }
        _ => Box::new(|_| true),
    }
}

fn between(
    open: char,
    close: char,
    places: Range<usize>,
    out: &mut String,
    mut write: impl FnMut(usize, &mut String),
) {
    out.push(open);
    let first = places.start;
    for place in places {
        if place > first {
            out.push_str(", ");
        }
        write(place, out);
    }
    out.push(close);
}

fn pair(name: &str, value: &str, out: &mut String) {
    out.extend([name, ": ", value]);
}

fn value(documents: &StringArray, row: usize) -> &str {
    if documents.is_null(row) { "null" } else { documents.value(row) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
