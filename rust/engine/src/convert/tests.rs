//! Every rule on the types it is for, with every policy that applies.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use arrow_array::{
    BinaryArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float64Array, Int64Array,
    StringArray, TimestampMicrosecondArray, UInt64Array,
};
use proptest::prelude::*;

use super::*;
use crate::calendar::MICROS_PER_DAY;
use crate::plan::{Policy, Transfer};

fn table(flight: Flight, check: Check, policies: &[(&str, Policy)]) -> TablePlan {
    TablePlan {
        number: 0,
        name: "t".into(),
        source: "t".into(),
        target: "t".into(),
        columns: vec![ColumnPlan {
            name: "c".into(),
            target: "c".into(),
            expression: "c".into(),
            read: String::new(),
            flight,
            write: String::new(),
            checks: vec![check],
            policies: policies
                .iter()
                .map(|(code, policy)| ((*code).into(), policy.clone()))
                .collect::<BTreeMap<_, _>>(),
            extension: None,
            element: None,
            labels: Vec::new(),
            never_null: false,
            metadata: std::collections::BTreeMap::new(),
        }],
        transfer: Transfer::Arrow,
        key: vec![],
        leaves: vec![],
        cut_by_place: false,
        estimated_rows: 0,
        query: None,
        texts: vec![],
        told_by: vec![],
        opening: None,
        estimated_bytes: 0,
    }
}

fn run(table: &TablePlan, array: impl Array + 'static) -> (Result<ArrayRef>, Losses) {
    let losses = Losses::default();
    let batch = RecordBatch::try_new(table.schema(), vec![Arc::new(array)]).unwrap();
    (apply(table, batch, &losses).map(|batch| Arc::clone(batch.column(0))), losses)
}

/// Checks the column and compares; the count of losses is that of the one code.
fn becomes<A: Array + PartialEq + Clone + 'static>(
    flight: Flight,
    check: Check,
    policy: (&str, Policy),
    from: A,
    to: &A,
) {
    let plan = table(flight, check, std::slice::from_ref(&policy));
    let (after, losses) = run(&plan, from);
    assert_eq!(after.unwrap().as_any().downcast_ref::<A>().unwrap(), to);
    let counts = losses.counts();
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0].2, policy.0);
}

fn refuses(flight: Flight, check: Check, array: impl Array + 'static) -> Error {
    run(&table(flight, check, &[]), array).0.unwrap_err()
}

#[test]
fn a_column_without_offence_is_the_same_array() {
    let plan = table(Flight::Text, Check::NoNul, &[]);
    let array: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let batch = RecordBatch::try_new(plan.schema(), vec![Arc::clone(&array)]).unwrap();
    let after = apply(&plan, batch, &Losses::default()).unwrap();
    assert!(Arc::ptr_eq(after.column(0), &array));
}

#[test]
fn a_refusal_names_code_table_column_and_row() {
    let array = StringArray::from(vec![None, Some("a"), Some("b\0")]);
    let error = refuses(Flight::Text, Check::NoNul, array);
    assert_eq!((error.kind(), error.code()), (Kind::Data, Some("S-NUL")));
    assert_eq!(error.place().row, Some(3));
    assert_eq!(error.place().column.as_deref(), Some("c"));
    assert_eq!(error.place().table.as_deref(), Some("t"));
}

#[test]
fn a_rule_without_sense_is_refused_even_for_no_rows() {
    let none = Int64Array::from(Vec::<i64>::new());
    assert_eq!(refuses(Flight::Int64, Check::NoNul, none).kind(), Kind::Internal);
    let none = Float64Array::from(Vec::<f64>::new());
    let digits = Check::Digits { precision: 3, scale: 1 };
    assert_eq!(refuses(Flight::Float64, digits, none).kind(), Kind::Internal);
    let none = Date32Array::from(Vec::<i32>::new());
    assert_eq!(refuses(Flight::Date, Check::WithinDay, none).kind(), Kind::Internal);
}

#[test]
fn integers_stay_within_bounds() {
    let bounds = || Check::Integer { min: "-5".into(), max: "5".into() };
    let from = Int64Array::from(vec![Some(-6), None, Some(5), Some(i64::MAX)]);
    let to = Int64Array::from(vec![Some(-5), None, Some(5), Some(5)]);
    becomes(Flight::Int64, bounds(), ("N-RANGE", Policy::Clamp), from.clone(), &to);
    let to = Int64Array::from(vec![None, None, Some(5), None]);
    becomes(Flight::Int64, bounds(), ("N-RANGE", Policy::Null), from.clone(), &to);
    let to = Int64Array::from(vec![Some(0), None, Some(5), Some(0)]);
    becomes(Flight::Int64, bounds(), ("N-RANGE", Policy::Replace("0".into())), from.clone(), &to);
    let plan = table(Flight::Int64, bounds(), &[("N-RANGE", Policy::Replace("9".into()))]);
    assert_eq!(run(&plan, from).0.unwrap_err().kind(), Kind::Request);
    let wide = Check::Integer { min: i64::MIN.to_string(), max: i64::MAX.to_string() };
    let error = refuses(Flight::UInt64, wide, UInt64Array::from(vec![u64::MAX]));
    assert_eq!(error.code(), Some("N-RANGE"));
}

#[test]
fn integers_have_their_digits() {
    let check = Check::Digits { precision: 3, scale: -1 };
    let from = Int64Array::from(vec![1230, 1235, -1234]);
    let to = Int64Array::from(vec![1230, 1240, -1230]);
    becomes(Flight::Int64, check, ("N-SCALE", Policy::Clamp), from, &to);
    let check = Check::Digits { precision: 3, scale: 1 };
    let to = Int64Array::from(vec![99, -99]);
    becomes(
        Flight::Int64,
        check,
        ("N-RANGE", Policy::Clamp),
        Int64Array::from(vec![100, -99]),
        &Int64Array::from(vec![99, -99]),
    );
    assert_eq!(to.len(), 2);
}

#[test]
fn decimals_have_their_digits() {
    let flight = Flight::Decimal { precision: 10, scale: 4 };
    let of =
        |values: Vec<i128>| Decimal128Array::from(values).with_precision_and_scale(10, 4).unwrap();
    let check = || Check::Digits { precision: 5, scale: 2 };
    let to = of(vec![12_300, 12_400, -12_400]);
    becomes(flight, check(), ("N-SCALE", Policy::Clamp), of(vec![12_300, 12_350, -12_350]), &to);
    let to = of(vec![9_999_900, -9_999_900]);
    becomes(flight, check(), ("N-RANGE", Policy::Clamp), of(vec![10_000_000, -99_999_999]), &to);
    let error = refuses(flight, check(), of(vec![9_999_901]));
    assert_eq!(error.code(), Some("N-SCALE"));
    let whole = Check::Integer { min: "0".into(), max: "10".into() };
    assert_eq!(refuses(flight, whole, of(vec![15_000])).code(), Some("N-SCALE"));
    let zero = Policy::Replace("0.5".into());
    becomes(flight, check(), ("N-RANGE", zero), of(vec![10_000_000]), &of(vec![5_000]));
}

#[test]
fn floats_are_finite() {
    let from = Float64Array::from(vec![1.0, f64::INFINITY, f64::NEG_INFINITY]);
    let to = Float64Array::from(vec![1.0, f64::MAX, f64::MIN]);
    becomes(Flight::Float64, Check::Finite, ("N-NAN", Policy::Clamp), from.clone(), &to);
    let plan = table(Flight::Float64, Check::NotNan, &[]);
    assert!(run(&plan, from).0.is_ok());
    let error = refuses(Flight::Float64, Check::NotNan, Float64Array::from(vec![f64::NAN]));
    assert_eq!(error.code(), Some("N-NAN"));
    let plan = table(Flight::Float64, Check::NegativeZero, &[]);
    let (after, losses) = run(&plan, Float64Array::from(vec![-0.0, 0.0]));
    assert!(after.is_ok());
    assert_eq!(losses.counts()[0].3, 1);
}

#[test]
fn dates_lie_within_years() {
    let years = || Check::Years { min: 1000, max: 9999 };
    let low = calendar_days(1000, 1, 1);
    let high = calendar_days(9999, 12, 31);
    let to = Date32Array::from(vec![low, high, 0]);
    becomes(
        Flight::Date,
        years(),
        ("T-RANGE", Policy::Clamp),
        Date32Array::from(vec![low - 1, high + 1, 0]),
        &to,
    );
    let last = i64::from(high) * MICROS_PER_DAY + MICROS_PER_DAY - 1;
    let utc = |values: Vec<i64>| TimestampMicrosecondArray::from(values).with_timezone("UTC");
    becomes(
        Flight::Instant,
        years(),
        ("T-RANGE", Policy::Clamp),
        utc(vec![last + 1, last]),
        &utc(vec![last, last]),
    );
    let epoch = Policy::Replace("1970-01-01".into());
    becomes(Flight::Instant, years(), ("T-RANGE", epoch), utc(vec![i64::MIN]), &utc(vec![0]));
}

fn calendar_days(year: i32, month: u32, day: u32) -> i32 {
    crate::calendar::days_from_civil(year, month, day).unwrap()
}

#[test]
fn spans_lie_within_a_day() {
    let from = DurationMicrosecondArray::from(vec![-1, MICROS_PER_DAY, 7]);
    let to = DurationMicrosecondArray::from(vec![0, MICROS_PER_DAY - 1, 7]);
    becomes(Flight::Span, Check::WithinDay, ("T-SPAN", Policy::Clamp), from, &to);
}

#[test]
fn text_is_cut_or_replaced_only_where_asked() {
    let of = |text: &str| StringArray::from(vec![text.to_owned()]);
    let nul = Policy::Replace("\u{fffd}".into());
    becomes(Flight::Text, Check::NoNul, ("S-NUL", nul), of("\0a\0"), &of("\u{fffd}a\u{fffd}"));
    let strip = Policy::Replace(String::new());
    becomes(Flight::Text, Check::NoNul, ("S-NUL", strip), of("\0a\0"), &of("a"));
    let short = Check::Characters { max: 2 };
    becomes(Flight::Text, short, ("S-LEN", Policy::Clamp), of("äöü"), &of("äö"));
    let small = Check::Bytes { max: 3 };
    becomes(Flight::Text, small, ("B-SIZE", Policy::Clamp), of("äöü"), &of("ä"));
    let labels = || Check::Labels { labels: vec!["a".into(), String::new()] };
    becomes(Flight::Text, labels(), ("E-BADENUM", Policy::Replace("a".into())), of("b"), &of("a"));
    let plan = table(Flight::Text, labels(), &[("E-BADENUM", Policy::Clamp)]);
    assert_eq!(run(&plan, of("b")).0.unwrap_err().kind(), Kind::Request);
    assert!(run(&plan, of("")).0.is_ok());
    assert!(run(&table(Flight::Text, Check::Characters { max: 3 }, &[]), of("äöü")).0.is_ok());
}

#[test]
fn numbers_as_text_have_their_digits() {
    let of = |text: &str| StringArray::from(vec![text.to_owned()]);
    let check = |precision, scale| Check::Digits { precision, scale };
    becomes(Flight::Text, check(5, 2), ("N-SCALE", Policy::Clamp), of("1.005"), &of("1.01"));
    becomes(Flight::Text, check(5, 2), ("N-RANGE", Policy::Clamp), of("-1000"), &of("-999.99"));
    let error = refuses(Flight::Text, check(3, 2), of("9.999"));
    assert_eq!(error.code(), Some("N-SCALE"));
    assert_eq!(refuses(Flight::Text, check(3, 5), of("0.01")).code(), Some("N-RANGE"));
    assert_eq!(refuses(Flight::Text, check(3, -2), of("110")).code(), Some("N-SCALE"));
    assert_eq!(refuses(Flight::Text, Check::Number, of("NaN")).code(), Some("N-NAN"));
    let plan = table(Flight::Text, check(5, 2), &[]);
    assert!(run(&plan, of("-000999.9900")).0.is_ok());
    let whole = Check::Integer { min: "0".into(), max: "9".into() };
    becomes(Flight::Text, whole, ("N-RANGE", Policy::Clamp), of(&"9".repeat(60)), &of("9"));
}

#[test]
fn bytes_have_their_size() {
    let check = Check::Bytes { max: 2 };
    let from = BinaryArray::from_vec(vec![b"abc", b"ab"]);
    becomes(
        Flight::Binary,
        check,
        ("B-SIZE", Policy::Clamp),
        from,
        &BinaryArray::from_vec(vec![b"ab", b"ab"]),
    );
}

#[test]
fn a_list_becomes_null_with_its_text() {
    let plan = table(
        Flight::TextList,
        Check::Labels { labels: vec!["a".into()] },
        &[("E-BADENUM", Policy::Null)],
    );
    let mut lists =
        arrow_array::builder::ListBuilder::new(arrow_array::builder::StringBuilder::new());
    lists.append_value([Some("a")]);
    lists.append_value([Some("a"), Some("b")]);
    let (after, losses) = run(&plan, lists.finish());
    let after = after.unwrap();
    assert!(after.is_valid(0) && after.is_null(1));
    assert_eq!(losses.counts()[0].3, 1);
}

proptest! {
    #[test]
    fn a_uuid_is_what_its_library_takes_for_one(
        text in "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}",
        (place, other) in (0usize..32, any::<u8>()),
    ) {
        let mut text = text.into_bytes();
        let uuid = uuid::Uuid::try_parse_ascii(&text).unwrap();
        prop_assert_eq!(parse_uuid(&text), Some(uuid.into_bytes()));
        text[place] = other;
        let uuid = uuid::Uuid::try_parse_ascii(&text).ok();
        prop_assert_eq!(parse_uuid(&text), uuid.map(uuid::Uuid::into_bytes));
    }
}
