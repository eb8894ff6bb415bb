#![allow(clippy::unwrap_used)]
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Int8Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, Int8Array};
use arrow_buffer::i256;

use super::decimal::{Unfit, decimal};
use super::*;
use crate::loss::Losses;
use crate::plan::Policy;
use crate::wire::Span;

fn plan(read: &str, flight: Flight, policies: &[(&str, Policy)]) -> ColumnPlan {
    ColumnPlan {
        name: "c".into(),
        target: "c".into(),
        expression: "`c`".into(),
        read: read.into(),
        flight,
        write: String::new(),
        checks: Vec::new(),
        policies: policies
            .iter()
            .map(|(code, policy)| ((*code).to_owned(), policy.clone()))
            .collect(),
        extension: None,
        element: None,
        labels: Vec::new(),
        never_null: false,
        metadata: std::collections::BTreeMap::new(),
    }
}

fn decode(plan: &ColumnPlan, wire: Wire, values: &[Option<&[u8]>]) -> Result<ArrayRef> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for value in values {
        spans.push(value.map_or(Span::NULL, |value| Span::new(bytes.len(), value.len()).unwrap()));
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    let rows = WireRows { bytes: &bytes, spans: &spans, width: 1 };
    let losses = Losses::default();
    let mut guard = Guard::new("t", plan, &losses);
    Decoder::choose(plan, wire)?.decode(Values { rows: &rows, index: 0 }, &mut guard)
}

#[test]
fn an_integer_outside_its_flight_is_refused_or_clamped() {
    let wire = Wire::Integer { width: 2, unsigned: false };
    let values = [Some(&[0x80, 0xff][..]), None, Some(&[0x80, 0])];
    let strict = plan("int", Flight::Int8, &[]);
    let error = decode(&strict, wire, &values).unwrap_err();
    assert_eq!((error.code(), error.place().row), (Some("N-RANGE"), Some(3)));
    let clamped = plan("int", Flight::Int8, &[("N-RANGE", Policy::Clamp)]);
    let array = decode(&clamped, wire, &values).unwrap();
    assert_eq!(
        array.as_primitive::<Int8Type>(),
        &Int8Array::from(vec![Some(-128), None, Some(127)])
    );
}

#[test]
fn decimals_of_both_widths_keep_all_digits() {
    assert_eq!(decimal::<i128>(b"-0012.340", 4, 2), Ok(-1234));
    assert_eq!(decimal::<i128>(b"12.345", 6, 2), Err(Unfit::Scale));
    assert_eq!(decimal::<i128>(b"123.4", 4, 2), Err(Unfit::Range));
    assert_eq!(decimal::<i128>(b"-", 4, 2), Err(Unfit::Malformed));
    let long = "-12345678901234567890123456789012345.123456789012345678901234567890";
    let digits = long.replace('.', "");
    assert_eq!(
        decimal::<i256>(long.as_bytes(), 65, 30).unwrap(),
        i256::from_string(&digits).unwrap()
    );
    assert_eq!(decimal::<i128>(&[b'9'; 38], 38, 0), Ok(10_i128.pow(38) - 1));
    assert_eq!(decimal::<i128>(b".5", 38, 37), Ok(5 * 10_i128.pow(36)));
    assert_eq!(decimal::<i128>(b"1", 38, 37), Ok(10_i128.pow(37)));
    assert_eq!(decimal::<i128>(b"10000000000000000000.01", 38, 3), Ok(10_i128.pow(22) + 10));
    let nines = i256::from_string(&"9".repeat(76)).unwrap();
    assert_eq!(decimal::<i256>(&[b'9'; 76], 76, 0), Ok(nines));
}

#[test]
fn zero_dates_and_zero_parts_are_never_null_on_their_own() {
    let strict = plan("date", Flight::Date, &[]);
    for zero in [&[][..], &[0xe8, 7, 0, 15], &[0xe8, 7, 1, 0], &[0xe7, 7, 2, 29]] {
        assert_eq!(decode(&strict, Wire::Date, &[Some(zero)]).unwrap_err().code(), Some("T-ZERO"));
    }
    let null = plan("date", Flight::Date, &[("T-ZERO", Policy::Null)]);
    assert!(decode(&null, Wire::Date, &[Some(&[])]).unwrap().is_null(0));
    let fixed = plan("date", Flight::Date, &[("T-ZERO", Policy::Replace("1970-01-02".into()))]);
    assert_eq!(
        decode(&fixed, Wire::Date, &[Some(&[])]).unwrap().as_primitive::<Date32Type>().value(0),
        1
    );
    let clamp = plan("date", Flight::Date, &[("T-ZERO", Policy::Clamp)]);
    assert!(decode(&clamp, Wire::Date, &[Some(&[])]).is_err());
}

#[test]
fn datetimes_of_every_length() {
    let column = plan("datetime", Flight::Timestamp, &[]);
    let values = [
        Some(&[0xb2, 7, 1, 1][..]),
        Some(&[0xb2, 7, 1, 1, 0, 0, 1]),
        Some(&[0xb1, 7, 12, 31, 23, 59, 59, 0x3f, 0x42, 0x0f, 0]),
    ];
    let array = decode(&column, Wire::Date, &values).unwrap();
    assert_eq!(array.as_primitive::<TimestampMicrosecondType>().values()[..], [0, 1_000_000, -1]);
}

#[test]
fn times_outside_a_day_are_spans_and_no_times_of_day() {
    let bytes = [1, 34, 0, 0, 0, 22, 59, 59, 0x3f, 0x42, 0x0f, 0];
    let array = decode(&plan("time", Flight::Span, &[]), Wire::Time, &[Some(&bytes)]).unwrap();
    assert_eq!(array.as_primitive::<DurationMicrosecondType>().value(0), -3_020_399_999_999);
    let day = plan("time_of_day", Flight::Time, &[]);
    assert_eq!(decode(&day, Wire::Time, &[Some(&bytes)]).unwrap_err().code(), Some("T-SPAN"));
}

#[test]
fn text_that_is_not_utf8_is_refused_or_marked() {
    let values = [Some(&b"\xc3\xa9"[..]), None, Some(b"a\xffb")];
    let error = decode(&plan("text", Flight::Text, &[]), Wire::Bytes, &values).unwrap_err();
    assert_eq!((error.code(), error.place().row), (Some("S-UTF8"), Some(3)));
    let marked = plan("text", Flight::Text, &[("S-UTF8", Policy::Replace("?".into()))]);
    let array = decode(&marked, Wire::Bytes, &values).unwrap();
    assert_eq!(array.as_string::<i32>().value(2), "a?b");
    // Two halves of one letter in neighbouring rows are not text either.
    let halves = [Some(&b"\xc3"[..]), Some(b"\xa9")];
    assert!(decode(&plan("text", Flight::Text, &[]), Wire::Bytes, &halves).is_err());
}

#[test]
fn the_error_value_of_an_enum_is_told_from_an_empty_label() {
    let mut column = plan("enum", Flight::Text, &[]);
    assert_eq!(decode(&column, Wire::Bytes, &[Some(b"")]).unwrap_err().code(), Some("E-BADENUM"));
    column.checks.push(Check::Labels { labels: vec![String::new(), "a".into()] });
    assert_eq!(decode(&column, Wire::Bytes, &[Some(b"")]).unwrap().as_string::<i32>().value(0), "");
}

#[test]
fn bits_uuids_sets_and_geometries() {
    let bits = decode(&plan("bit", Flight::UInt64, &[]), Wire::Bytes, &[Some(&[1, 0])]).unwrap();
    assert_eq!(bits.as_primitive::<UInt64Type>().value(0), 256);
    let text = b"00112233-4455-6677-8899-aAbBcCdDeEfF";
    let uuids = decode(&plan("uuid", Flight::Uuid, &[]), Wire::Bytes, &[Some(text)]).unwrap();
    assert_eq!(uuids.as_fixed_size_binary().value(0)[..3], [0, 0x11, 0x22]);
    let sets = decode(&plan("set", Flight::TextList, &[]), Wire::Bytes, &[Some(b""), Some(b"a,b")])
        .unwrap();
    assert_eq!(
        (sets.as_list::<i32>().value_length(0), sets.as_list::<i32>().value_length(1)),
        (0, 2)
    );
    let wkb =
        decode(&plan("geometry", Flight::Binary, &[]), Wire::Bytes, &[Some(&[0, 0, 0, 0, 9])])
            .unwrap();
    assert_eq!(wkb.as_binary::<i32>().value(0), [9]);
}

#[test]
fn an_unknown_name_or_an_unplanned_wire_type_is_refused() {
    assert!(Decoder::choose(&plan("no such", Flight::Int8, &[]), Wire::Bytes).is_err());
    assert!(Decoder::choose(&plan("int", Flight::Int8, &[]), Wire::Bytes).is_err());
    assert!(Decoder::choose(&plan("float", Flight::Float32, &[]), Wire::Double).is_err());
}
