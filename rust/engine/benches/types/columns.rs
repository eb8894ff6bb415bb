//! The values: columns as they are in ordinary tables, the same at every run.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::types::IntervalMonthDayNano;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use dbferry::plan::{ColumnPlan, Flight};
use serde_json::{Value, json};

pub const ROWS: usize = 8192;

/// Numbers of a linear congruential generator, spread over 31 bits.
fn numbers() -> impl Iterator<Item = i64> {
    let step = |seed: &i64| Some((seed * 1_103_515_245 + 12_345) & 0x7fff_ffff);
    std::iter::successors(Some(42), step).take(ROWS)
}

fn words(number: i64) -> String {
    let all = ["carefully", "final", "deposits", "sleep", "quickly", "among", "the", "ideas"];
    (0..5)
        .map(|at| all[usize::try_from(number >> (3 * at + 4) & 7).unwrap()])
        .collect::<Vec<_>>()
        .join(" ")
}

pub fn int64() -> ArrayRef {
    Arc::new(numbers().collect::<Int64Array>())
}

pub fn boolean() -> ArrayRef {
    Arc::new(numbers().map(|n| Some(n & 64 == 0)).collect::<BooleanArray>())
}

pub fn float64() -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(
        numbers().map(|n| f64::from(i32::try_from(n).unwrap()) / 7.0),
    ))
}

/// Money: up to eight digits before the point and two after it.
pub fn decimal() -> ArrayRef {
    let values = Decimal128Array::from_iter_values(numbers().map(i128::from));
    Arc::new(values.with_precision_and_scale(15, 2).unwrap())
}

/// Thirty digits, ten of them after the point.
pub fn wide_decimal() -> ArrayRef {
    let value = |n: i64| i128::from(n) * 12_345_678_901_234_567_891;
    let values = Decimal128Array::from_iter_values(numbers().map(value));
    Arc::new(values.with_precision_and_scale(38, 10).unwrap())
}

/// Numbers of no declared scale, which travel as text.
pub fn number_text() -> ArrayRef {
    Arc::new(StringArray::from_iter_values(
        numbers().map(|n| format!("{}.{:03}", n / 1000, n % 1000)),
    ))
}

pub fn date() -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(numbers().map(|n| i32::try_from(n % 20_000).unwrap())))
}

pub fn timestamp() -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(numbers().map(|n| n * 800_123)))
}

pub fn instant() -> ArrayRef {
    let values = TimestampMicrosecondArray::from_iter_values(numbers().map(|n| n * 800_123));
    Arc::new(values.with_timezone("UTC"))
}

/// About thirty characters of ASCII.
pub fn text() -> ArrayRef {
    Arc::new(StringArray::from_iter_values(numbers().map(words)))
}

pub fn json() -> ArrayRef {
    let value = |n: i64| json!({"id": n, "tags": [words(n)], "open": n & 1 == 0}).to_string();
    Arc::new(StringArray::from_iter_values(numbers().map(value)))
}

/// A literal of `text[]`, as which an array leaves the server.
pub fn array_text() -> ArrayRef {
    Arc::new(StringArray::from_iter_values(
        numbers().map(|n| format!("{{{}}}", words(n).replace(' ', ","))),
    ))
}

pub fn list() -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for number in numbers() {
        lists.append_value(words(number).split(' ').map(Some));
    }
    Arc::new(lists.finish())
}

pub fn number_list() -> ArrayRef {
    let mut lists = ListBuilder::new(Int64Builder::new());
    for number in numbers() {
        lists.append_value((0..5).map(|place| Some(number >> place)));
    }
    Arc::new(lists.finish())
}

pub fn int32() -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(numbers().map(|n| i32::try_from(n).unwrap())))
}

pub fn float32() -> ArrayRef {
    let value = |n: i64| f32::from(i16::try_from(n >> 16).unwrap()) / 7.0;
    Arc::new(Float32Array::from_iter_values(numbers().map(value)))
}

pub fn time() -> ArrayRef {
    Arc::new(Time64MicrosecondArray::from_iter_values(numbers().map(|n| n * 40)))
}

/// Thirty-two digits 0 and 1.
pub fn bits() -> ArrayRef {
    Arc::new(StringArray::from_iter_values(numbers().map(|n| format!("{n:032b}"))))
}

pub fn interval() -> ArrayRef {
    let values = numbers().map(|n| IntervalMonthDayNano::new(13, 28, n * 1_000));
    Arc::new(IntervalMonthDayNanoArray::from_iter_values(values))
}

pub fn binary() -> ArrayRef {
    let values = numbers().map(|n| n.to_le_bytes().repeat(4)).collect::<Vec<_>>();
    Arc::new(BinaryArray::from_iter_values(values))
}

pub fn uuid() -> ArrayRef {
    let mut values = FixedSizeBinaryBuilder::with_capacity(ROWS, 16);
    for number in numbers() {
        values
            .append_value((i128::from(number) * 0x1234_5678_9abc_def0_1234_5678).to_be_bytes())
            .unwrap();
    }
    Arc::new(values.finish())
}

/// A plan with nothing but what a decoder and an encoder look at; `array of int8` names an array's element too.
pub fn plan(read: &str, write: &str, flight: Flight) -> ColumnPlan {
    let plan = |read: &str, write: &str, flight: Flight, element: Option<Value>| {
        json!({"name": "c", "target": "c", "expression": "c", "read": read, "write": write,
               "flight": flight, "element": element})
    };
    let one = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    let element = (flight == Flight::List).then(|| {
        let element = read.rsplit(' ').next().unwrap_or_default();
        let flight = if element == "int8" { Flight::Int64 } else { Flight::Text };
        plan(element, element, flight, None)
    });
    serde_json::from_value(plan(&one(read), &one(write), flight, element)).unwrap()
}

pub const MONEY: Flight = Flight::Decimal { precision: 15, scale: 2 };
pub const WIDE: Flight = Flight::Decimal { precision: 38, scale: 10 };
