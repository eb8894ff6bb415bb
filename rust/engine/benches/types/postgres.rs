//! Fields of binary COPY.

use std::hint::black_box;

use arrow_array::ArrayRef;
use criterion::Criterion;
use dbferry::loss::{Guard, Losses};
use dbferry::plan::{ColumnPlan, Flight};
use dbferry::postgres::decode::decoder;
use dbferry::postgres::encode::{Field, encoder};
use dbferry::wire::{Span, WireRows};

use crate::columns::{self, MONEY, ROWS, WIDE, plan};
use crate::counted;

/// Name in the figures, decoder (none: the engine doesn't read it), encoder, flight, values.
fn types() -> Vec<(&'static str, &'static str, &'static str, Flight, ArrayRef)> {
    vec![
        ("int64", "int8", "int8", Flight::Int64, columns::int64()),
        ("int4", "int4", "int4", Flight::Int32, columns::int32()),
        ("bool", "bool", "bool", Flight::Bool, columns::boolean()),
        ("float4", "float4", "float4", Flight::Float32, columns::float32()),
        ("float8", "float8", "float8", Flight::Float64, columns::float64()),
        ("numeric(15,2)", "numeric", "numeric", MONEY, columns::decimal()),
        ("numeric(38,10)", "numeric", "numeric", WIDE, columns::wide_decimal()),
        ("numeric as text", "numeric", "numeric", Flight::Text, columns::number_text()),
        ("date", "date", "date", Flight::Date, columns::date()),
        ("timestamp", "timestamp", "timestamp", Flight::Timestamp, columns::timestamp()),
        ("timestamptz", "timestamptz", "timestamptz", Flight::Instant, columns::instant()),
        ("text", "text", "text", Flight::Text, columns::text()),
        ("bpchar", "bpchar", "text", Flight::Text, columns::text()),
        ("jsonb", "jsonb", "jsonb", Flight::Text, columns::json()),
        ("bytea", "bytea", "bytea", Flight::Binary, columns::binary()),
        ("uuid", "uuid", "uuid", Flight::Uuid, columns::uuid()),
        ("text[] as text", "text", "text", Flight::Text, columns::array_text()),
        ("interval", "interval", "interval", Flight::Interval, columns::interval()),
        ("time", "time", "time", Flight::Time, columns::time()),
        ("bit", "bit", "bit", Flight::Text, columns::bits()),
        ("text[]", "array of text", "array of text", Flight::List, columns::list()),
        ("int8[]", "array of int8", "array of int8", Flight::List, columns::number_list()),
    ]
}

/// Appends all fields; where each one's value lies.
fn encode(
    plan: &ColumnPlan,
    array: &ArrayRef,
    out: &mut Vec<u8>,
    mut seen: impl FnMut(usize, usize),
) {
    let encode = encoder(plan, array.as_ref()).unwrap();
    for row in 0..ROWS {
        let start = out.len();
        if let Field::Rest(bytes) = encode(row, out).unwrap() {
            out.extend_from_slice(bytes);
        }
        seen(start + 4, out.len());
    }
}

pub fn run(criterion: &mut Criterion) {
    let mut decoding = criterion.benchmark_group("postgres decode");
    for (name, read, write, flight, array) in types() {
        if read.is_empty() {
            continue;
        }
        let plan = plan(read, write, flight);
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        encode(&plan, &array, &mut bytes, |start, end| {
            spans.push(Span::new(start, end - start).unwrap());
        });
        let rows = WireRows { bytes: &bytes, spans: &spans, width: 1 };
        let decode = decoder(&plan).unwrap();
        let losses = Losses::default();
        let mut guard = Guard::new("t", &plan, &losses);
        assert_eq!(&decode(&rows, 0, &mut guard).unwrap(), &array, "{name}");
        decoding.throughput(counted(array.as_ref()));
        decoding.bench_function(name, |bencher| {
            bencher.iter(|| decode(black_box(&rows), 0, &mut guard).unwrap());
        });
    }
    decoding.finish();
    let mut encoding = criterion.benchmark_group("postgres encode");
    for (name, read, write, flight, array) in types() {
        let plan = plan(read, write, flight);
        let mut out = Vec::new();
        encoding.throughput(counted(array.as_ref()));
        encoding.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                encode(&plan, black_box(&array), &mut out, |_, _| ());
                out.len()
            });
        });
    }
    encoding.finish();
}
