//! A table of one column in a file: SQLite's own work is part of these figures.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use criterion::Criterion;
use dbferry::block::{Block, Rows};
use dbferry::cancel::Cancel;
use dbferry::copy::budget::Budget;
use dbferry::loss::Losses;
use dbferry::plan::{Endpoint, Flight, Range, Sizes, TablePlan};
use dbferry::source::Reading;
use dbferry::sqlite::{snapshot, writer};
use dbferry::target::WriterOpening;
use serde_json::json;

use crate::columns::{self, MONEY, WIDE, plan};
use crate::counted;

/// Name in the figures, decoder, declared type, encoder, flight, values.
fn types() -> Vec<(&'static str, &'static str, &'static str, &'static str, Flight, ArrayRef)> {
    vec![
        ("int64", "integer", "bigint", "integer", Flight::Int64, columns::int64()),
        ("bool", "bool", "boolean", "integer", Flight::Bool, columns::boolean()),
        ("real", "real", "double", "real", Flight::Float64, columns::float64()),
        ("decimal(15,2)", "decimal", "decimal(15,2)", "numeric", MONEY, columns::decimal()),
        ("decimal(38,10)", "decimal", "text", "text", WIDE, columns::wide_decimal()),
        ("date", "date", "date", "text", Flight::Date, columns::date()),
        ("timestamp", "timestamp", "text", "text", Flight::Timestamp, columns::timestamp()),
        ("text", "text", "text", "text", Flight::Text, columns::text()),
        ("blob", "blob", "blob", "blob", Flight::Binary, columns::binary()),
        ("uuid", "uuid", "text", "text", Flight::Uuid, columns::uuid()),
    ]
}

fn endpoint(path: &Path) -> Endpoint {
    serde_json::from_value(json!({"engine": "sqlite", "path": path})).unwrap()
}

fn table(read: &str, write: &str, flight: Flight) -> TablePlan {
    serde_json::from_value(json!({
        "name": "t", "source": "t", "target": "t", "transfer": "arrow",
        "columns": [plan(read, write, flight)],
    }))
    .unwrap()
}

fn write(path: &Path, table: &TablePlan, batch: &RecordBatch) {
    let mut writer =
        writer(WriterOpening::without_ledger(&endpoint(path), &Cancel::default())).unwrap();
    let block = Block { rows: Rows::Arrow(batch.clone()), wire_bytes: 0, permit: None };
    writer
        .write(table, &Range::default(), &mut std::iter::once(Ok(block)), &mut || Ok(()))
        .unwrap();
}

fn read(path: &Path, table: &TablePlan) -> u64 {
    let (cancel, losses, sizes) = (Cancel::default(), Losses::default(), Sizes::default());
    let mut snapshot = snapshot(&endpoint(path), &sizes, &cancel).unwrap();
    let budget = Budget::new(1 << 20);
    let reading =
        Reading { sizes, budget: &budget, cancel: &cancel, losses: &losses, sifted: false };
    let mut rows = 0;
    let mut count = |block: Block| {
        rows += block.count();
        Ok(())
    };
    snapshot.readers[0].read(table, &Range::default(), &reading, &mut count).unwrap();
    rows
}

pub fn run(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    for (way, reads) in [("sqlite encode", false), ("sqlite decode", true)] {
        let mut measured = criterion.benchmark_group(way);
        for (number, (name, from, declared, to, flight, array)) in types().into_iter().enumerate() {
            let path = folder.path().join(format!("{way} {number}.db"));
            let file = rusqlite::Connection::open(&path).unwrap();
            file.execute_batch(&format!("CREATE TABLE t (c {declared})")).unwrap();
            let table = table(from, to, flight);
            let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
            let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
            measured.throughput(counted(batch.column(0).as_ref()));
            measured.bench_function(name, |bencher| {
                if reads {
                    file.execute_batch("DELETE FROM t").unwrap();
                    write(&path, &table, &batch);
                    bencher.iter(|| assert_eq!(read(&path, &table), batch.num_rows() as u64));
                } else {
                    bencher.iter_batched(
                        || file.execute_batch("DELETE FROM t").unwrap(),
                        |()| write(&path, &table, &batch),
                        criterion::BatchSize::PerIteration,
                    );
                }
            });
        }
        measured.finish();
    }
}
