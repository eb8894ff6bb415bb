//! Real files: what is written is read back, and what can't be is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, Float64Array, RecordBatch, UInt64Array};
use tempfile::TempDir;

use super::*;
use crate::block::{Block, Rows};
use crate::cancel::Cancel;
use crate::copy::budget::Budget;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::Losses;
use crate::plan::{ColumnPlan, Endpoint, Flight, Policy, Range, Sizes, TablePlan, Transfer};
use crate::source::Reading;
use crate::target::{WriterOpening, Written};

struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn endpoint(&self, name: &str) -> Endpoint {
        let path = self.directory.path().join(name);
        serde_json::from_value(serde_json::json!({
            "engine": "sqlite", "path": path.to_str().unwrap(), "connect_timeout_seconds": 0,
        }))
        .unwrap()
    }

    fn run(&self, name: &str, sql: &str) -> Vec<Vec<Option<String>>> {
        session(&self.endpoint(name), Side::Target, &Cancel::default()).unwrap().query(sql).unwrap()
    }

    /// Reads a table of the file `a` and gives its batches.
    fn read(&self, table: &TablePlan, sizes: Sizes) -> Result<(Vec<Block>, Losses)> {
        let cancel = Cancel::default();
        let losses = Losses::default();
        let budget = Budget::new(sizes.budget_bytes);
        let mut snapshot = snapshot(&self.endpoint("a"), &sizes, &cancel)?;
        let reader = &mut snapshot.readers[0];
        let mut blocks = Vec::new();
        for range in reader.ranges(table, &sizes)? {
            let reading =
                Reading { sizes, budget: &budget, cancel: &cancel, losses: &losses, sifted: false };
            reader.read(table, &range, &reading, &mut |block| {
                blocks.push(block);
                Ok(())
            })?;
        }
        Ok((blocks, losses))
    }

    fn write(&self, table: &TablePlan, blocks: Vec<Block>) -> Result<Written> {
        let mut writer =
            writer(WriterOpening::without_ledger(&self.endpoint("b"), &Cancel::default()))?;
        writer.write(table, &Range::default(), &mut blocks.into_iter().map(Ok), &mut || Ok(()))
    }
}

fn column(name: &str, read: &str, flight: Flight, write: &str) -> ColumnPlan {
    ColumnPlan {
        name: name.into(),
        target: name.into(),
        expression: format!("\"{name}\""),
        read: read.into(),
        flight,
        write: write.into(),
        checks: vec![],
        policies: BTreeMap::new(),
        extension: None,
        element: None,
        labels: Vec::new(),
        never_null: false,
        metadata: std::collections::BTreeMap::new(),
    }
}

fn table(columns: Vec<ColumnPlan>) -> TablePlan {
    TablePlan {
        number: 0,
        name: "t".into(),
        source: "\"t\"".into(),
        target: "\"t\"".into(),
        columns,
        transfer: Transfer::Arrow,
        key: vec![],
        leaves: vec![],
        cut_by_place: true,
        estimated_rows: 0,
        query: None,
        texts: vec![],
        told_by: vec![],
        opening: None,
        estimated_bytes: 0,
    }
}

fn batch(block: &Block) -> &RecordBatch {
    match &block.rows {
        Rows::Arrow(batch) => batch,
        Rows::Raw { .. } | Rows::Unfit(_) => panic!("raw rows"),
    }
}

/// Reads one value, given as SQL, by a decoder.
fn read_one(plan: ColumnPlan, value: &str) -> Result<RecordBatch> {
    let files = Files::new();
    files.run("a", &format!("CREATE TABLE t(c); INSERT INTO t VALUES ({value})"));
    let (blocks, _) = files.read(&table(vec![plan]), Sizes::default())?;
    Ok(batch(&blocks[0]).clone())
}

fn refused(read: &str, flight: Flight, value: &str) -> String {
    let error = read_one(column("c", read, flight, "text"), value).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert_eq!(error.place().row, Some(1));
    assert_eq!(error.place().table.as_deref(), Some("t"));
    error.code().unwrap().to_owned()
}

fn text_of(read: &str, value: &str) -> String {
    let batch = read_one(column("c", read, Flight::Text, "text"), value).unwrap();
    batch.column(0).as_string::<i32>().value(0).to_owned()
}

const EVERYTHING: &str = "
    CREATE TABLE t(i INTEGER, r REAL, f BOOLEAN, d TEXT, x TEXT, b BLOB, u TEXT, day TEXT, at TEXT, utc TEXT, clock TEXT, span TEXT);
    INSERT INTO t VALUES
     (-9223372036854775808, 1.5, 1, '-0.05', 'a' || char(0) || 'ä', x'00ff', '00112233-4455-6677-8899-aabbccddeeff', '2024-02-29', '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00+00:00', '23:59:59', '-838:59:59'),
     (9223372036854775807, 9e999, 0, '123456789012345678901234567890.12', '', x'', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0001-01-01', '1969-12-31 23:59:59', '9999-12-31 23:59:59.999999+00:00', '24:00:00', '00:00:00'),
     (0, -0.0, NULL, '0.00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";

fn everything() -> TablePlan {
    let money = Flight::Decimal { precision: 38, scale: 2 };
    table(vec![
        column("i", "integer", Flight::Int64, "integer"),
        column("r", "real", Flight::Float64, "real"),
        column("f", "bool", Flight::Bool, "integer"),
        column("d", "decimal", money, "text"),
        column("x", "text", Flight::Text, "text"),
        column("b", "blob", Flight::Binary, "blob"),
        column("u", "uuid", Flight::Uuid, "text"),
        column("day", "date", Flight::Date, "text"),
        column("at", "timestamp", Flight::Timestamp, "text"),
        column("utc", "instant", Flight::Instant, "text"),
        column("clock", "time", Flight::Time, "text"),
        column("span", "span", Flight::Span, "text"),
    ])
}

const EXACTLY: &str = "SELECT typeof(i), i, typeof(r), r, typeof(f), f, typeof(d), d, typeof(x), hex(x), typeof(b), hex(b), u, day, at, utc, clock, span FROM t ORDER BY i";

#[test]
fn every_type_goes_there_and_comes_back_the_same() {
    for (rows, range_rows) in [(1, None), (2, Some(1 << 62)), (16_384, None)] {
        let files = Files::new();
        files.run("a", EVERYTHING);
        files.run("b", EVERYTHING.split_once(';').unwrap().0);
        let sizes = Sizes { batch_rows: rows, range_rows, ..Sizes::default() };
        let (blocks, losses) = files.read(&everything(), sizes).unwrap();
        assert_eq!(files.write(&everything(), blocks).unwrap().rows, 3);
        assert_eq!(files.run("a", EXACTLY), files.run("b", EXACTLY));
        assert!(losses.counts().is_empty());
    }
}

#[test]
fn raw_keeps_class_and_bytes_of_every_value() {
    let files = Files::new();
    let create = "CREATE TABLE t(a, b)";
    files.run("a", &format!("{create}; INSERT INTO t VALUES (1, 1.0), ('1', x'31'), (CAST(x'ff00fe' AS TEXT), NULL), ('', x''), (9e999, -0.0)"));
    files.run("b", create);
    let mut plan =
        table(vec![column("a", "", Flight::Text, ""), column("b", "", Flight::Text, "")]);
    plan.transfer = Transfer::Raw;
    let sizes = Sizes { batch_bytes: 1, range_rows: Some(1), ..Sizes::default() };
    let (blocks, _) = files.read(&plan, sizes).unwrap();
    assert_eq!(blocks.len(), 5);
    assert_eq!(files.write(&plan, blocks).unwrap().rows, 5);
    let exactly = "SELECT typeof(a), hex(a), typeof(b), hex(b), 1 / b FROM t ORDER BY rowid";
    assert_eq!(files.run("a", exactly), files.run("b", exactly));
}

#[test]
fn a_value_of_another_class_is_refused() {
    assert_eq!(refused("integer", Flight::Int64, "'12'"), "V-MIXED");
    assert_eq!(refused("integer", Flight::Int64, "1.0"), "V-MIXED");
    assert_eq!(refused("text", Flight::Text, "12"), "V-MIXED");
    assert_eq!(refused("text", Flight::Text, "x'61'"), "V-MIXED");
    assert_eq!(refused("blob", Flight::Binary, "'a'"), "V-MIXED");
    assert_eq!(refused("real", Flight::Float64, "'1.5'"), "V-MIXED");
    assert_eq!(refused("real", Flight::Float64, "9007199254740993"), "N-RANGE");
    assert_eq!(refused("bool", Flight::Bool, "2"), "N-RANGE");
    assert_eq!(refused("bool", Flight::Bool, "'on'"), "V-MIXED");
    assert_eq!(refused("uuid", Flight::Uuid, "x'00'"), "V-MIXED");
    assert_eq!(refused("uuid", Flight::Uuid, "'00112233x4455-6677-8899-aabbccddeeff'"), "V-MIXED");
    assert_eq!(refused("number", Flight::Text, "'1x'"), "V-MIXED");
    assert_eq!(refused("text", Flight::Text, "CAST(x'ff' AS TEXT)"), "S-UTF8");
    assert_eq!(refused("date", Flight::Date, "'2024-02-30'"), "V-MIXED");
    assert_eq!(refused("date", Flight::Date, "'0000-00-00'"), "T-ZERO");
    assert_eq!(refused("timestamp", Flight::Timestamp, "'2024-01-01 00:00:00.1234567'"), "T-SCALE");
    assert_eq!(refused("timestamp", Flight::Timestamp, "'2024-01-01 00:00:00Z'"), "V-MIXED");
    assert_eq!(refused("unix_seconds", Flight::Instant, "9223372036854775807"), "T-RANGE");
}

#[test]
fn a_policy_changes_and_counts() {
    let mut plan = column("c", "integer", Flight::Int64, "integer");
    plan.policies.insert("V-MIXED".into(), Policy::Replace("-7".into()));
    assert_eq!(read_one(plan, "'x'").unwrap().column(0).as_primitive::<Int64Type>().value(0), -7);
    let mut plan = column("c", "text", Flight::Text, "text");
    plan.policies.insert("S-UTF8".into(), Policy::Replace("\u{fffd}".into()));
    let batch = read_one(plan, "CAST(x'61ff62' AS TEXT)").unwrap();
    assert_eq!(batch.column(0).as_string::<i32>().value(0), "a\u{fffd}b");
    let files = Files::new();
    files.run("a", "CREATE TABLE t(c); INSERT INTO t VALUES (1), ('x')");
    let mut plan = column("c", "integer", Flight::Int64, "integer");
    plan.policies.insert("V-MIXED".into(), Policy::Null);
    let (blocks, losses) = files.read(&table(vec![plan]), Sizes::default()).unwrap();
    assert!(batch_nulls(&blocks[0]) == 1 && losses.counts()[0].3 == 1);
}

fn batch_nulls(block: &Block) -> usize {
    batch(block).column(0).null_count()
}

#[test]
fn reals_are_decimals_by_their_shortest_text() {
    let flight = Flight::Decimal { precision: 12, scale: 2 };
    let cents = |value: &str| {
        let batch = read_one(column("c", "decimal", flight, "text"), value)?;
        Ok::<_, Error>(batch.column(0).as_primitive::<Decimal128Type>().value(0))
    };
    assert_eq!(cents("1234567890.12").unwrap(), 123_456_789_012);
    assert_eq!(cents("0.1").unwrap(), 10);
    assert_eq!(cents("-5").unwrap(), -500);
    assert_eq!(cents("'1.5e2'").unwrap(), 15_000);
    assert_eq!(refused("decimal", flight, "0.1 + 0.2"), "N-SCALE");
    assert_eq!(refused("decimal", flight, "12345678901"), "N-RANGE");
    assert_eq!(refused("decimal", flight, "9e999"), "N-NAN");
    assert_eq!(refused("decimal", flight, "'abc'"), "V-MIXED");
}

#[test]
fn numbers_and_anything_have_plain_texts() {
    assert_eq!(text_of("number", "1e20"), "100000000000000000000");
    assert_eq!(text_of("number", "0.1"), "0.1");
    assert_eq!(text_of("number", "'+007.50'"), "7.50");
    assert_eq!(text_of("number", "'12.5e-4'"), "0.00125");
    assert_eq!(text_of("number", "-9e999"), "-Infinity");
    assert_eq!(text_of("any", "x'00ff'"), "\\x00ff");
    assert_eq!(text_of("any", "1.0"), "1.0");
    assert_eq!(text_of("any", "0.1 + 0.2"), "0.30000000000000004");
    assert_eq!(text_of("any", "'a'"), "a");
}

#[test]
fn moments_are_read_as_they_are_written() {
    let at = |read: &str, value: &str| {
        let batch = read_one(column("c", read, Flight::Instant, "text"), value).unwrap();
        batch.column(0).as_primitive::<TimestampMicrosecondType>().value(0)
    };
    assert_eq!(at("instant", "'1970-01-01T01:00:01+01:00'"), 1_000_000);
    assert_eq!(at("unix_seconds", "-1"), -1_000_000);
    assert_eq!(at("unix_milliseconds", "5"), 5_000);
    assert_eq!(at("unix_microseconds", "5"), 5);
    let day = read_one(column("c", "date", Flight::Date, "text"), "'1970-01-02'").unwrap();
    assert_eq!(day.column(0).as_primitive::<Date32Type>().value(0), 1);
}

#[test]
fn ranges_hold_every_row_once() {
    let files = Files::new();
    files.run(
        "a",
        "CREATE TABLE t(c, rowid); INSERT INTO t(_rowid_, c) VALUES (-9223372036854775808, 1), (-3, 2), (0, 3), (1, 4), (9223372036854775807, 5)",
    );
    let plan = table(vec![column("c", "integer", Flight::Int64, "integer")]);
    for range_rows in [1, 1 << 60, u64::MAX] {
        let sizes = Sizes { range_rows: Some(range_rows), ..Sizes::default() };
        let (blocks, _) = files.read(&plan, sizes).unwrap();
        let values = blocks
            .iter()
            .flat_map(|block| batch(block).column(0).as_primitive::<Int64Type>().values().to_vec());
        assert_eq!(values.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }
    files.run("a", "DELETE FROM t");
    assert!(files.read(&plan, Sizes::default()).unwrap().0.is_empty());
}

#[test]
fn a_large_value_travels_with_a_permit() {
    let files = Files::new();
    let create = "CREATE TABLE t(c)";
    files.run(
        "a",
        &format!("{create}; INSERT INTO t VALUES (x'01'), (randomblob(64 * 1024 * 1024)), (x'02')"),
    );
    files.run("b", create);
    let mut plan = table(vec![column("c", "blob", Flight::Binary, "blob")]);
    for (transfer, expected) in
        [(Transfer::Arrow, &[true, false][..]), (Transfer::Raw, &[false, true, false])]
    {
        plan.transfer = transfer;
        let (blocks, _) = files.read(&plan, Sizes::default()).unwrap();
        let permits: Vec<bool> = blocks.iter().map(|block| block.permit.is_some()).collect();
        assert_eq!(permits, expected);
        files.run("b", "DELETE FROM t");
        files.write(&plan, blocks).unwrap();
        let same = format!(
            "ATTACH '{}' AS other; SELECT count(*) FROM t JOIN other.t o ON o.rowid = t.rowid AND o.c = t.c",
            files.endpoint("a").path.unwrap()
        );
        assert_eq!(files.run("b", &same), [[Some("3".to_owned())]]);
    }
}

#[test]
fn decimals_are_stored_as_sqlite_stores_their_text() {
    let values = [0, 1, -1, 100, -1200, 1234, 999_999_999_999_999, 1 << 53, 12_345_678_901_234_567];
    for scale in [0, 2, 14] {
        let files = Files::new();
        files.run("b", "CREATE TABLE t(c NUMERIC); CREATE TABLE u(c NUMERIC)");
        let flight = Flight::Decimal { precision: 38, scale };
        let plan = table(vec![column("c", "decimal", flight, "numeric")]);
        let array = arrow_array::Decimal128Array::from(values.to_vec())
            .with_precision_and_scale(38, scale)
            .unwrap();
        for (place, value) in values.iter().enumerate() {
            let text = array.value_as_string(place);
            files.run("b", &format!("INSERT INTO u VALUES ('{text}') -- {value}"));
        }
        let batch = RecordBatch::try_new(plan.schema(), vec![std::sync::Arc::new(array)]).unwrap();
        files
            .write(&plan, vec![Block { rows: Rows::Arrow(batch), wire_bytes: 0, permit: None }])
            .unwrap();
        let equal = "SELECT count(*) FROM t JOIN u ON u.rowid = t.rowid WHERE t.c = u.c AND typeof(t.c) = typeof(u.c)";
        assert_eq!(files.run("b", equal), [[Some(values.len().to_string())]], "scale {scale}");
    }
}

#[test]
fn what_the_target_would_change_is_refused_and_rolled_back() {
    let files = Files::new();
    files.run("b", "CREATE TABLE t(c REAL UNIQUE ON CONFLICT IGNORE)");
    let mut plan = table(vec![column("c", "real", Flight::Float64, "real")]);
    let block = |values: Vec<f64>| Block {
        rows: Rows::Arrow(
            RecordBatch::try_new(
                plan.schema(),
                vec![std::sync::Arc::new(Float64Array::from(values))],
            )
            .unwrap(),
        ),
        wire_bytes: 0,
        permit: None,
    };
    let error = files.write(&plan, vec![block(vec![1.0, f64::NAN])]).unwrap_err();
    assert_eq!((error.code(), error.place().row), (Some("N-NAN"), Some(2)));
    let error = files.write(&plan, vec![block(vec![1.0]), block(vec![1.0])]).unwrap_err();
    assert_eq!((error.kind(), error.place().row), (Kind::Constraint, Some(2)));
    assert!(error.message().contains("t.c"), "{error}");
    assert_eq!(files.run("b", "SELECT count(*) FROM t"), [[Some("0".to_owned())]]);
    files.run(
        "b",
        "CREATE TRIGGER g BEFORE INSERT ON t WHEN new.c = 2 BEGIN SELECT RAISE(IGNORE); END",
    );
    let error = files.write(&plan, vec![block(vec![1.0, 2.0])]).unwrap_err();
    assert_eq!((error.kind(), error.place().row), (Kind::Constraint, Some(2)));
    plan.columns = vec![column("c", "integer", Flight::UInt64, "integer")];
    let batch = RecordBatch::try_new(
        plan.schema(),
        vec![std::sync::Arc::new(UInt64Array::from(vec![u64::MAX]))],
    )
    .unwrap();
    let block = Block { rows: Rows::Arrow(batch), wire_bytes: 0, permit: None };
    assert_eq!(files.write(&plan, vec![block]).unwrap_err().code(), Some("N-RANGE"));
    assert_eq!(files.run("b", "SELECT count(*) FROM t"), [[Some("0".to_owned())]]);
}

#[test]
fn a_reader_that_fails_leaves_nothing_behind() {
    let files = Files::new();
    files.run("a", EVERYTHING);
    files.run("b", EVERYTHING.split_once(';').unwrap().0);
    let (blocks, _) = files.read(&everything(), Sizes::default()).unwrap();
    let mut writer =
        writer(WriterOpening::without_ledger(&files.endpoint("b"), &Cancel::default())).unwrap();
    let mut broken = blocks.into_iter().map(Ok).chain([Err(Error::new(Kind::Lost, "gone"))]);
    let error =
        writer.write(&everything(), &Range::default(), &mut broken, &mut || Ok(())).unwrap_err();
    assert_eq!((error.kind(), error.place().side), (Kind::Lost, None));
    assert_eq!(writer.count(&everything()).unwrap(), 0);
    let none = writer
        .write(&everything(), &Range::default(), &mut std::iter::empty(), &mut || Ok(()))
        .unwrap();
    assert_eq!(none, Written::default());
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let files = Files::new();
    let Err(error) = snapshot(&files.endpoint("a"), &Sizes::default(), &Cancel::default()) else {
        panic!("opened")
    };
    assert_eq!(error.kind(), Kind::Missing);
    std::fs::write(files.directory.path().join("a"), "not a database, by far ".repeat(100))
        .unwrap();
    let Err(error) = snapshot(&files.endpoint("a"), &Sizes::default(), &Cancel::default()) else {
        panic!("opened")
    };
    assert_eq!((error.kind(), error.message()), (Kind::Protocol, "the file is not a database"));
    let Err(error) = snapshot(&files.endpoint("."), &Sizes::default(), &Cancel::default()) else {
        panic!("opened")
    };
    assert_eq!(error.kind(), Kind::Request);
    let missing = files.endpoint("no/such/directory");
    let Err(error) = writer(WriterOpening::without_ledger(&missing, &Cancel::default())) else {
        panic!("opened")
    };
    assert_eq!(error.kind(), Kind::Permission);
}

#[test]
fn a_damaged_file_is_told_and_never_ends_early() {
    let files = Files::new();
    files.run("a", "CREATE TABLE t(c); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i FROM n");
    let path = files.directory.path().join("a");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let plan = table(vec![column("c", "integer", Flight::Int64, "integer")]);
    let error = files.read(&plan, Sizes::default()).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Protocol, "the database file is damaged"));
}

#[test]
fn a_snapshot_sees_nothing_that_came_later() {
    let files = Files::new();
    files.run("a", "PRAGMA journal_mode = WAL; CREATE TABLE t(c); INSERT INTO t VALUES (1)");
    let mut snapshot =
        snapshot(&files.endpoint("a"), &Sizes::default(), &Cancel::default()).unwrap();
    files.run("a", "INSERT INTO t VALUES (2)");
    assert_eq!(snapshot.readers[0].count(&table(vec![])).unwrap(), 1);
    assert_eq!(snapshot.method, "one version of the file");
}

#[test]
fn all_readers_see_one_version_while_others_write() {
    let files = Files::new();
    files.run("a", "PRAGMA journal_mode = WAL; CREATE TABLE t(c)");
    let path = files.endpoint("a").path.unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = rusqlite::Connection::open(&path).unwrap();
            writer.execute_batch("PRAGMA synchronous = OFF").unwrap();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            }
        });
        for _ in 0..30 {
            let mut snapshot =
                snapshot(&files.endpoint("a"), &Sizes::default(), &Cancel::default()).unwrap();
            let counts: Vec<u64> = snapshot
                .readers
                .iter_mut()
                .map(|reader| reader.count(&table(vec![])).unwrap())
                .collect();
            assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_quiet_file_is_read_by_as_many_sessions_as_asked_for() {
    let files = Files::new();
    files.run("a", "CREATE TABLE t(c)");
    let sizes = Sizes { workers: 3, ..Sizes::default() };
    let snapshot = snapshot(&files.endpoint("a"), &sizes, &Cancel::default()).unwrap();
    assert_eq!(snapshot.readers.len(), 3);
}

#[test]
fn a_locked_file_is_busy_and_a_cancelled_run_stops() {
    let files = Files::new();
    files.run("b", "CREATE TABLE t(c)");
    let holder = rusqlite::Connection::open(files.endpoint("b").path.unwrap()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let plan = table(vec![column("c", "integer", Flight::Int64, "integer")]);
    let error = files.write(&plan, vec![]).unwrap_err();
    assert!(error.kind().retryable() && error.kind() == Kind::Busy);
    let cancel = Cancel::default();
    let mut endless = session(&files.endpoint("a"), Side::Target, &cancel).unwrap();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        cancel.cancel();
    });
    let sql =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    assert_eq!(endless.query(sql).unwrap_err().kind(), Kind::Cancelled);
    stopper.join().unwrap();
}

#[test]
fn plain_sql_gives_the_rows_of_the_last_statement_that_has_any() {
    let files = Files::new();
    let rows = files.run(
        "a",
        "CREATE TABLE t(c); SELECT 1; SELECT 0.1, 'a', x'0aff', NULL; DROP TABLE t; -- end",
    );
    let row = [Some("0.1"), Some("a"), Some("0aff"), None].map(|text| text.map(str::to_owned));
    assert_eq!(rows, [row]);
    let error = session(&files.endpoint("a"), Side::Source, &Cancel::default())
        .unwrap()
        .query("CREATE TABLE u(c)")
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Permission);
}

#[test]
fn a_file_in_utf_16_gives_the_same_text() {
    let files = Files::new();
    let create = "CREATE TABLE t(c TEXT)";
    files.run("a", &format!("PRAGMA encoding = 'UTF-16le'; {create}; INSERT INTO t VALUES ('ä' || char(128512) || char(0) || 'z')"));
    files.run("b", create);
    let mut plan = table(vec![column("c", "text", Flight::Text, "text")]);
    for transfer in [Transfer::Arrow, Transfer::Raw] {
        plan.transfer = transfer;
        let (blocks, _) = files.read(&plan, Sizes::default()).unwrap();
        files.run("b", "DELETE FROM t");
        files.write(&plan, blocks).unwrap();
        assert_eq!(files.run("b", "SELECT hex(c) FROM t"), [[Some("C3A4F09F9880007A".to_owned())]]);
    }
}
