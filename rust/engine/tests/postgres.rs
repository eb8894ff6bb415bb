//! The `PostgreSQL` engine against a real server: `DBFERRY_TEST_PG=host:port:user:password:database`, then
//! `cargo test --test postgres -- --ignored`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DurationMicrosecondArray, Float32Array, RecordBatch, UInt64Array,
};
use dbferry::block::{Block, Rows};
use dbferry::cancel::Cancel;
use dbferry::copy::budget::Budget;
use dbferry::error::{Error, Kind, Result};
use dbferry::loss::Losses;
use dbferry::plan::{Endpoint, Range, Sizes, TablePlan};
use dbferry::postgres::{Connection, connect, snapshot, writer};
use dbferry::session::Session;
use dbferry::source::Reading;
use dbferry::target::WriterOpening;
use serde_json::{Value, json};

fn endpoint_with(tls: Value) -> Endpoint {
    let text = std::env::var("DBFERRY_TEST_PG").expect("DBFERRY_TEST_PG names no server");
    let parts: Vec<&str> = text.split(':').collect();
    let port: u16 = parts[1].parse().unwrap();
    serde_json::from_value(json!({
        "engine": "postgresql", "hosts": [{"name": parts[0], "port": port}], "user": parts[2],
        "password": parts[3], "database": parts[4], "tls": tls, "connect_timeout_seconds": 5
    }))
    .unwrap()
}

fn endpoint() -> Endpoint {
    endpoint_with(json!({}))
}

fn session() -> Connection {
    connect(&endpoint(), &Cancel::default()).unwrap()
}

fn table(name: &str, transfer: &str, columns: &[(&str, &str, Value, &str)]) -> TablePlan {
    let columns: Vec<Value> = columns
        .iter()
        .map(|(expression, read, flight, write)| {
            let column = expression.split("::").next().unwrap().trim_matches('"');
            json!({"name": column, "target": column, "expression": expression, "read": read,
                   "flight": flight, "write": write})
        })
        .collect();
    serde_json::from_value(json!({
        "name": name, "source": format!("public.{name}"), "target": format!("public.{name}_copy"),
        "columns": columns, "transfer": transfer, "cut_by_place": true
    }))
    .unwrap()
}

fn flight(name: &str) -> Value {
    json!({"type": name})
}

fn opening(cancel: &Cancel) -> WriterOpening {
    WriterOpening::without_ledger(&endpoint(), cancel)
}

fn copy(plan: &TablePlan, sizes: Sizes) -> Result<u64> {
    let (cancel, losses) = (Cancel::default(), Losses::default());
    let budget = Budget::new(sizes.budget_bytes);
    let mut snapshot = snapshot(&endpoint(), &sizes, &cancel)?;
    let mut writer = writer(opening(&cancel))?;
    let reading =
        Reading { sizes, budget: &budget, cancel: &cancel, losses: &losses, sifted: false };
    let reader = &mut snapshot.readers[0];
    let mut rows = 0;
    for range in reader.ranges(plan, &sizes)? {
        let mut blocks = Vec::new();
        reader.read(plan, &range, &reading, &mut |block| {
            blocks.push(Ok(Block { permit: None, ..block }));
            Ok(())
        })?;
        rows += writer.write(plan, &range, &mut blocks.into_iter(), &mut || Ok(()))?.rows;
    }
    assert_eq!(reader.count(plan)?, rows);
    assert_eq!(writer.count(plan)?, rows);
    Ok(rows)
}

const EVERYTHING: &str = r#"
DROP TABLE IF EXISTS every_type, every_type_copy;
CREATE TABLE every_type (b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8,
  n numeric(12,3), w numeric(60,20), nn numeric, t text, v varchar(20), c char(5), j json, jb jsonb, by bytea, u uuid,
  d date, tm time, ts timestamp, tz timestamptz, bi bit(10), vb varbit, ip inet);
CREATE TABLE every_type_copy (LIKE every_type);
INSERT INTO every_type VALUES
 (true, -32768, -2147483648, -9223372036854775808, 4294967295, 'NaN', '-Infinity', -999999999.999,
  1234567890123456789012345678901234567890.12345678901234567890, 1.10, 'naïve € 𝄞', '', 'ab', '{"a": 1}', '{"b": [1, 2.50]}',
  '\x00ff10', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '4713-01-01 BC', '24:00:00', '0001-01-01 00:00:00.000001 BC', '2024-02-29 12:34:56.789012+02', B'1010000001', B'', '10.1.2.3/24'),
 (false, 32767, 2147483647, 9223372036854775807, 0, 1e-45, 5e-324, 0.001, -0.00000000000000000001, 'NaN', E'\t\n\\', 'x', ' a ', 'null', 'null',
  '', '00000000-0000-0000-0000-000000000000', '5874897-12-31', '00:00', '1970-01-01', '1969-12-31 23:59:59.999999Z', B'0000000000', B'1', '::1/64'),
 (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
 (true, 0, 0, 0, 1, '-0', '-0', 0, 0, '-Infinity', repeat('é', 100000), 'y', '', '[]', '"q"', decode(repeat('ab', 300000), 'hex'),
  'ffffffff-ffff-ffff-ffff-ffffffffffff', '2000-01-01', '23:59:59.999999', '294246-12-31 23:59:59.999999', '2000-01-01Z', B'1111111111', B'110011', '2001:db8::ff');
INSERT INTO every_type SELECT i % 2 = 0, i, i * 1000, i * 10000000000::int8, i, i / 3.0, i / 7.0, i / 8.0, i * 12345.678, random()::numeric * i,
  repeat(chr(960), i % 40), i::text, 'c' || i % 999, to_json(i), to_jsonb(repeat('z', i % 50)), int4send(i), gen_random_uuid(),
  '2000-01-01'::date + i, '00:00'::time + i * interval '1 s', '1999-12-31'::timestamp + i * interval '1.000001 h', '1999-12-31Z'::timestamptz - i * interval '1 h',
  (i % 1024)::bit(10), i::bit(32)::varbit, '10.0.0.0'::inet + i FROM generate_series(1, 3000) i;
"#;

fn everything(transfer: &str) -> TablePlan {
    let decimal = |p: u8, s: u8| json!({"type": "decimal", "precision": p, "scale": s});
    table(
        "every_type",
        transfer,
        &[
            ("b", "bool", flight("bool"), "bool"),
            ("i2", "int2", flight("int16"), "int2"),
            ("i4", "int4", flight("int32"), "int4"),
            ("i8", "int8", flight("int64"), "int8"),
            ("o", "oid", flight("uint32"), "oid"),
            ("f4", "float4", flight("float32"), "float4"),
            ("f8", "float8", flight("float64"), "float8"),
            ("n", "numeric", decimal(12, 3), "numeric"),
            ("w", "numeric", decimal(60, 20), "numeric"),
            ("nn", "numeric", flight("text"), "numeric"),
            ("t", "text", flight("text"), "text"),
            ("v", "text", flight("text"), "text"),
            ("c", "bpchar", flight("text"), "text"),
            ("j", "text", flight("text"), "text"),
            ("jb", "jsonb", flight("text"), "jsonb"),
            ("by", "bytea", flight("binary"), "bytea"),
            ("u", "uuid", flight("uuid"), "uuid"),
            ("d", "date", flight("date"), "date"),
            ("tm", "time", flight("time"), "time"),
            ("ts", "timestamp", flight("timestamp"), "timestamp"),
            ("tz", "timestamptz", flight("instant"), "timestamptz"),
            ("bi", "bit", flight("text"), "bit"),
            ("vb", "bit", flight("text"), "bit"),
            ("ip::text", "text", flight("text"), "inet"),
        ],
    )
}

fn assert_equal_tables() {
    let differ = "SELECT count(*) FROM (SELECT t::text FROM every_type t EXCEPT ALL SELECT t::text FROM every_type_copy t) d";
    assert_eq!(session().query(differ).unwrap(), [[Some("0".to_owned())]]);
}

#[test]
#[ignore = "needs a server"]
fn every_type_comes_back_as_it_was() {
    session().query(EVERYTHING).unwrap();
    let silly = Sizes { batch_rows: 7, range_rows: Some(1), workers: 2, ..Sizes::default() };
    let single = Sizes { batch_rows: 1, workers: 1, ..Sizes::default() };
    for transfer in ["arrow", "raw_binary"] {
        for sizes in [Sizes::default(), silly, single] {
            session().query("TRUNCATE every_type_copy").unwrap();
            let mut plan = everything(transfer);
            if transfer == "raw_binary" {
                for column in &mut plan.columns {
                    column.expression = column.name.clone();
                }
            }
            assert_eq!(copy(&plan, sizes).unwrap(), 3004);
            assert_equal_tables();
        }
    }
    session().query("TRUNCATE every_type_copy").unwrap();
    assert_eq!(copy(&everything("raw"), silly).unwrap(), 3004);
    assert_equal_tables();
}

#[test]
#[ignore = "needs a server"]
fn large_values_travel_alone() {
    session()
        .query(
            "DROP TABLE IF EXISTS large, large_copy; CREATE TABLE large (t text, b bytea); CREATE TABLE large_copy (LIKE large);
             INSERT INTO large SELECT repeat('ab€', i * 700000), decode(repeat('0f', i * 900000), 'hex') FROM generate_series(0, 5) i;
             INSERT INTO large SELECT i::text, NULL FROM generate_series(1, 100) i;
             INSERT INTO large SELECT repeat('q', 40000000), NULL",
        )
        .unwrap();
    let columns =
        [("t", "text", flight("text"), "text"), ("b", "bytea", flight("binary"), "bytea")];
    for transfer in ["arrow", "raw_binary", "raw"] {
        session().query("TRUNCATE large_copy").unwrap();
        assert_eq!(copy(&table("large", transfer, &columns), Sizes::default()).unwrap(), 107);
        let differ = "SELECT count(*) FROM (SELECT md5(t::text) FROM large t EXCEPT ALL SELECT md5(t::text) FROM large_copy t) d";
        assert_eq!(session().query(differ).unwrap(), [[Some("0".to_owned())]]);
    }
}

#[test]
#[ignore = "needs a server"]
fn a_failed_range_leaves_nothing_and_the_session_lives() {
    session()
        .query(
            "DROP TABLE IF EXISTS keyed, keyed_copy; CREATE TABLE keyed (i int); CREATE TABLE keyed_copy (i int PRIMARY KEY);
             INSERT INTO keyed SELECT i % 900 FROM generate_series(1, 1000) i",
        )
        .unwrap();
    let plan = table("keyed", "arrow", &[("i", "int4", flight("int32"), "int4")]);
    let error = copy(&plan, Sizes::default()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Constraint, Some("23505")), "{error:?}");
    assert_eq!(error.detail(), Some("constraint `keyed_copy_pkey`"));
    assert_eq!(error.place().row, Some(901));

    let mut writer = writer(opening(&Cancel::default())).unwrap();
    let broken = vec![Err(Error::new(Kind::Data, "from the reader"))];
    let error = writer
        .write(&plan, &Range::default(), &mut broken.into_iter(), &mut || Ok(()))
        .unwrap_err();
    assert_eq!(error.message(), "from the reader");
    assert_eq!(writer.count(&plan).unwrap(), 0);
    let none =
        writer.write(&plan, &Range::default(), &mut std::iter::empty(), &mut || Ok(())).unwrap();
    assert_eq!(none.rows, 0);
    let missing = TablePlan { target: "public.nowhere".to_owned(), ..plan };
    let error = writer
        .write(&missing, &Range::default(), &mut std::iter::empty(), &mut || Ok(()))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Missing);
}

#[test]
#[ignore = "needs a server"]
fn rows_that_a_trigger_drops_are_noticed() {
    session()
        .query(
            "DROP TABLE IF EXISTS dropped, dropped_copy; CREATE TABLE dropped (i int); CREATE TABLE dropped_copy (i int);
             INSERT INTO dropped SELECT generate_series(1, 10);
             CREATE OR REPLACE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''x''; IF NEW.i = 5 THEN RETURN NULL; END IF; RETURN NEW; END';
             CREATE TRIGGER t BEFORE INSERT ON dropped_copy FOR EACH ROW EXECUTE FUNCTION drop_row()",
        )
        .unwrap();
    let plan = table("dropped", "raw", &[("i", "int4", flight("int32"), "int4")]);
    let error = copy(&plan, Sizes::default()).unwrap_err();
    assert_eq!(error.message(), "the server kept 9 of 10 rows");
    assert_eq!(
        session().query("SELECT count(*) FROM dropped_copy").unwrap(),
        [[Some("0".to_owned())]]
    );
}

#[test]
#[ignore = "needs a server"]
fn queries_give_rows_errors_and_go_on() {
    let mut session = session();
    assert!(session.version().starts_with(char::is_numeric));
    let rows = session.query("SELECT 1; SELECT 'a', NULL; SET search_path TO public").unwrap();
    assert_eq!(rows, [[Some("a".to_owned()), None]]);
    assert_eq!(session.query("SELECT * FROM nowhere").unwrap_err().kind(), Kind::Missing);
    assert_eq!(session.query("COPY pg_class TO STDOUT").unwrap_err().kind(), Kind::Request);
    assert_eq!(session.query("SELECT 1\0").unwrap_err().kind(), Kind::Request);
    let settings = session.query("SELECT current_setting('TimeZone') || current_setting('IntervalStyle') || current_setting('client_encoding')");
    assert_eq!(settings.unwrap(), [[Some("UTCiso_8601UTF8".to_owned())]]);
    let pid = session.query("SELECT pg_backend_pid()").unwrap()[0][0].clone().unwrap();
    self::session().query(&format!("SELECT pg_terminate_backend({pid}, 5000)")).unwrap();
    let error = session.query("SELECT 1").unwrap_err();
    assert_eq!(error.kind(), Kind::Lost, "{error:?}");
    assert_eq!(session.query("SELECT 1").unwrap_err().kind(), Kind::Lost);
}

#[test]
#[ignore = "needs a server"]
fn cancel_wakes_a_query() {
    let cancel = Cancel::default();
    let mut session = connect(&endpoint(), &cancel).unwrap();
    let waiting = std::thread::spawn(move || session.query("SELECT pg_sleep(60)"));
    cancel.cancel();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), Kind::Cancelled);
}

#[test]
#[ignore = "needs a server that asks for a password"]
fn a_wrong_password_is_an_auth_error() {
    let mut endpoint = endpoint();
    endpoint.password = Some(serde_json::from_value(json!("wrong")).unwrap());
    let error = connect(&endpoint, &Cancel::default()).err().unwrap();
    assert_eq!((error.kind(), error.code()), (Kind::Auth, Some("28P01")));
}

#[test]
#[ignore = "needs a server"]
fn a_full_server_gives_fewer_readers() {
    session()
        .query(
            "DROP ROLE IF EXISTS limited; CREATE ROLE limited LOGIN PASSWORD 'plain' CONNECTION LIMIT 3",
        )
        .unwrap();
    let mut endpoint = endpoint();
    endpoint.user = "limited".to_owned();
    let sizes = Sizes { workers: 8, ..Sizes::default() };
    let snapshot = snapshot(&endpoint, &sizes, &Cancel::default()).unwrap();
    assert_eq!((snapshot.readers.len(), snapshot.keeper.is_some()), (2, true));
    let plan = table("pg_authid", "arrow", &[]);
    let plan = TablePlan { source: "pg_authid".to_owned(), ..plan };
    let mut readers = snapshot.readers;
    let error = readers[0].count(&plan).unwrap_err();
    assert_eq!(error.kind(), Kind::Permission);
    assert!(error.hint().is_some());
}

#[test]
#[ignore = "needs a server"]
fn all_readers_see_the_same_rows() {
    session()
        .query(
            "DROP TABLE IF EXISTS seen, seen_copy; CREATE TABLE seen (i int) PARTITION BY RANGE (i);
             CREATE TABLE seen_1 PARTITION OF seen FOR VALUES FROM (0) TO (5000); CREATE TABLE seen_2 PARTITION OF seen DEFAULT;
             INSERT INTO seen SELECT generate_series(1, 9000)",
        )
        .unwrap();
    let sizes = Sizes { workers: 3, range_rows: Some(4), ..Sizes::default() };
    let (cancel, losses, budget) = (Cancel::default(), Losses::default(), Budget::new(1 << 20));
    let mut snapshot = snapshot(&endpoint(), &sizes, &cancel).unwrap();
    session().query("DELETE FROM seen WHERE i % 2 = 0; INSERT INTO seen SELECT -1 FROM generate_series(1, 5000); UPDATE seen SET i = i + 1").unwrap();
    let mut plan = table("seen", "arrow", &[("i", "int4", flight("int32"), "int4")]);
    plan.leaves = vec!["public.seen_1".to_owned(), "public.seen_2".to_owned()];
    let reading =
        Reading { sizes, budget: &budget, cancel: &cancel, losses: &losses, sifted: false };
    let ranges = snapshot.readers[0].ranges(&plan, &sizes).unwrap();
    assert!(ranges.len() > 4);
    let (mut rows, mut sum) = (0, 0i64);
    for (range, reader) in ranges.iter().zip((0..3).cycle()) {
        snapshot.readers[reader]
            .read(&plan, range, &reading, &mut |block| {
                rows += block.count();
                let Rows::Arrow(batch) = &block.rows else { unreachable!() };
                let values = batch.column(0).as_primitive::<Int32Type>();
                sum += values.values().iter().map(|value| i64::from(*value)).sum::<i64>();
                Ok(())
            })
            .unwrap();
    }
    assert_eq!((rows, sum), (9000, 9000 * 9001 / 2));
    let stop = |_| Err(Error::new(Kind::Data, "enough"));
    let reader = &mut snapshot.readers[0];
    let error = reader.read(&plan, &ranges[0], &reading, &mut { stop }).unwrap_err();
    assert_eq!(error.message(), "enough");
    assert_eq!(reader.count(&plan).unwrap_err().kind(), Kind::Lost);
}

#[test]
#[ignore = "needs a server"]
fn a_value_that_does_not_fit_names_its_place() {
    session()
        .query(
            "DROP TABLE IF EXISTS unfit, unfit_copy; CREATE TABLE unfit (i int8); CREATE TABLE unfit_copy (i int2);
             INSERT INTO unfit SELECT CASE WHEN i = 50 THEN 70000 ELSE i END FROM generate_series(1, 100) i",
        )
        .unwrap();
    let plan = table("unfit", "arrow", &[("i", "int8", flight("int64"), "int2")]);
    let sizes = Sizes { batch_rows: 7, ..Sizes::default() };
    let error = copy(&plan, sizes).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Data, Some("N-RANGE")));
    assert_eq!((error.place().row, error.place().column.as_deref()), (Some(50), Some("i")));
    let mut raw = plan;
    raw.transfer = dbferry::plan::Transfer::Raw;
    let error = copy(&raw, sizes).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Data, Some("22003")));
    assert_eq!((error.place().row, error.place().column.as_deref()), (Some(50), Some("i")));
    assert!(!format!("{error:?}").contains("70000"), "{error:?}");
}

#[test]
#[ignore = "needs a server"]
fn what_only_other_engines_send_is_written() {
    session().query("DROP TABLE IF EXISTS other_copy; CREATE TABLE other_copy (s interval, l text[], n numeric, i int2, f float8)").unwrap();
    let mut plan = table(
        "other",
        "arrow",
        &[
            ("s", "", flight("span"), "interval"),
            ("l", "", flight("text_list"), "array"),
            ("n", "", flight("uint64"), "numeric"),
            ("i", "", flight("bool"), "int2"),
            ("f", "", flight("float32"), "float8"),
        ],
    );
    let element = table("other", "arrow", &[("l", "", flight("text"), "text")]);
    plan.columns[1].element = element.columns.into_iter().next().map(Box::new);
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a,b"), None, Some("")]);
    lists.append_value([None::<&str>; 0]);
    lists.append_null();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(DurationMicrosecondArray::from(vec![Some(-3_020_399_000_001), Some(0), None])),
        Arc::new(lists.finish()),
        Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(0), None])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        Arc::new(Float32Array::from(vec![Some(0.1), Some(-0.0), None])),
    ];
    let batch = RecordBatch::try_new(plan.schema(), arrays).unwrap();
    let block = Block { rows: Rows::Arrow(batch), wire_bytes: 0, permit: None };
    let mut writer = writer(opening(&Cancel::default())).unwrap();
    writer
        .write(&plan, &Range::default(), &mut std::iter::once(Ok(block)), &mut || Ok(()))
        .unwrap();
    let rows =
        session().query("SELECT t::text FROM other_copy t ORDER BY n DESC NULLS LAST").unwrap();
    let rows: Vec<_> = rows.into_iter().flatten().flatten().collect();
    assert_eq!(
        rows,
        [
            r#"(PT-838H-59M-59.000001S,"{""a,b"",NULL,""""}",18446744073709551615,1,0.10000000149011612)"#,
            "(PT0S,{},0,0,-0)",
            "(,,,,)"
        ]
    );
}
