//! Values of binary rows, and the fields of LOAD DATA.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, Time64MicrosecondType};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use criterion::Criterion;
use dbferry::loss::{Guard, Losses};
use dbferry::mysql::decode::{Decoder, Values};
use dbferry::mysql::encode::{Out, encode};
use dbferry::mysql::{Wire, Write};
use dbferry::plan::Flight;
use dbferry::wire::{Span, WireRows};

use crate::columns::{self, MONEY, ROWS, WIDE, plan};
use crate::counted;

const LONG: Wire = Wire::Integer { width: 8, unsigned: false };

/// Name in the figures, decoder (none: only written), how it is sent, encoder, flight, values.
fn types() -> Vec<(&'static str, &'static str, Wire, &'static str, Flight, ArrayRef)> {
    vec![
        ("int64", "int", LONG, "int", Flight::Int64, columns::int64()),
        ("double", "double", Wire::Double, "double", Flight::Float64, columns::float64()),
        ("float", "float", Wire::Float, "float", Flight::Float32, columns::float32()),
        ("decimal(15,2)", "decimal", Wire::Bytes, "decimal", MONEY, columns::decimal()),
        ("decimal(38,10)", "decimal", Wire::Bytes, "decimal", WIDE, columns::wide_decimal()),
        ("date", "date", Wire::Date, "date", Flight::Date, columns::date()),
        ("datetime", "datetime", Wire::Date, "datetime", Flight::Timestamp, columns::timestamp()),
        ("timestamp", "timestamp", Wire::Date, "timestamp", Flight::Instant, columns::instant()),
        ("time", "time_of_day", Wire::Time, "time", Flight::Time, columns::time()),
        ("text", "text", Wire::Bytes, "text", Flight::Text, columns::text()),
        ("json", "text", Wire::Bytes, "json", Flight::Text, columns::json()),
        ("binary", "binary", Wire::Bytes, "binary", Flight::Binary, columns::binary()),
        ("uuid", "uuid", Wire::Bytes, "uuid", Flight::Uuid, columns::uuid()),
        ("bool", "", LONG, "int", Flight::Bool, columns::boolean()),
        ("set", "", LONG, "set", Flight::TextList, columns::list()),
    ]
}

fn batch(array: &ArrayRef) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::clone(array)]).unwrap()
}

/// One value as a binary row has it, without its length.
fn wire(wire: Wire, text: &[u8], array: &ArrayRef, row: usize) -> Vec<u8> {
    match wire {
        Wire::Integer { .. } => array.as_primitive::<Int64Type>().value(row).to_le_bytes().into(),
        Wire::Double => array.as_primitive::<Float64Type>().value(row).to_le_bytes().into(),
        Wire::Float => array.as_primitive::<Float32Type>().value(row).to_le_bytes().into(),
        Wire::Time => {
            let micros = array.as_primitive::<Time64MicrosecondType>().value(row);
            let seconds = micros / 1_000_000;
            let part = |number: i64| u8::try_from(number).unwrap();
            let mut bytes = vec![0; 5];
            bytes.extend([part(seconds / 3_600), part(seconds / 60 % 60), part(seconds % 60)]);
            bytes.extend(u32::try_from(micros % 1_000_000).unwrap().to_le_bytes());
            bytes
        }
        Wire::Date => {
            let number = |part: std::ops::Range<usize>| {
                std::str::from_utf8(&text[part]).unwrap().parse::<u32>().unwrap()
            };
            let part = |part| u8::try_from(number(part)).unwrap();
            let mut bytes = u16::try_from(number(0..4)).unwrap().to_le_bytes().to_vec();
            bytes.extend([part(5..7), part(8..10)]);
            if text.len() > 10 {
                bytes.extend([part(11..13), part(14..16), part(17..19)]);
                bytes.extend(number(20..26).to_le_bytes());
            }
            bytes
        }
        Wire::Bytes => match array.as_fixed_size_binary_opt() {
            Some(_) => text.to_vec(),
            None => array
                .as_binary_opt::<i32>()
                .map_or_else(|| text.to_vec(), |all| all.value(row).to_vec()),
        },
    }
}

fn lines(write: &str, flight: Flight, array: &ArrayRef) -> Vec<u8> {
    let plan = plan("", write, flight);
    let mut bytes = Vec::new();
    let mut send = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    let mut out = Out::new(&mut send);
    let writes = [Write::of(&plan).unwrap()];
    encode(&[plan], &writes, &batch(array), &mut out).unwrap();
    out.flush().unwrap();
    bytes
}

pub fn run(criterion: &mut Criterion) {
    let mut decoding = criterion.benchmark_group("mysql decode");
    for (name, read, sent, write, flight, array) in types() {
        if read.is_empty() {
            continue;
        }
        let plan = plan(read, write, flight);
        let text = lines(write, flight, &array);
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for (row, line) in text.split(|byte| *byte == b'\n').take(ROWS).enumerate() {
            // Only a backslash of JSON would be doubled, and there is none.
            let value = wire(sent, line, &array, row);
            spans.push(Span::new(bytes.len(), value.len()).unwrap());
            bytes.extend(value);
        }
        let rows = WireRows { bytes: &bytes, spans: &spans, width: 1 };
        let values = Values { rows: &rows, index: 0 };
        let decoder = Decoder::choose(&plan, sent).unwrap();
        let losses = Losses::default();
        let mut guard = Guard::new("t", &plan, &losses);
        assert_eq!(&decoder.decode(values, &mut guard).unwrap(), &array, "{name}");
        decoding.throughput(counted(array.as_ref()));
        decoding.bench_function(name, |bencher| {
            bencher.iter(|| decoder.decode(black_box(values), &mut guard).unwrap());
        });
    }
    decoding.finish();
    let mut encoding = criterion.benchmark_group("mysql encode");
    for (name, _, _, write, flight, array) in types() {
        let plan = [plan("", write, flight)];
        let writes = [Write::of(&plan[0]).unwrap()];
        let batch = batch(&array);
        let mut send = |piece: &[u8]| {
            black_box(piece);
            Ok(())
        };
        let mut out = Out::new(&mut send);
        encoding.throughput(counted(array.as_ref()));
        encoding.bench_function(name, |bencher| {
            bencher.iter(|| encode(&plan, &writes, black_box(&batch), &mut out).unwrap());
        });
    }
    encoding.finish();
}
