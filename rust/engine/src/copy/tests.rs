#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use proptest::prelude::*;

use super::budget::Budget;
use super::pace::{Pace, Rate};
use super::progress::Progress;
use super::runner::{Commit, OnError, Outcome, Run, State, copy};
use crate::block::Block;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};
use crate::plan::{Range, Retry, Sizes, TablePlan, Work};
use crate::source::{Reader, Reading};
use crate::target::Writer;
use crate::testing::{faults, memory};

fn plan(name: &str) -> TablePlan {
    serde_json::from_value(serde_json::json!({
        "name": name, "source": name, "target": name, "transfer": "arrow",
        "columns": [{"name": "id", "target": "id", "expression": "id", "read": "int8",
                     "flight": {"type": "int64"}, "write": "int8"}],
    }))
    .unwrap()
}

fn batch(from: i64, rows: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + rows));
    RecordBatch::try_new(plan("any").schema(), vec![ids]).unwrap()
}

/// A table of so many ranges, each of two batches of `rows`, all ids different.
fn table(ranges: i64, rows: i64) -> Vec<Vec<RecordBatch>> {
    let range = |n: i64| vec![batch(2 * n * rows, rows), batch((2 * n + 1) * rows, rows)];
    (0..ranges).map(range).collect()
}

fn run(
    tables: &[TablePlan],
    readers: &mut [Box<dyn Reader>],
    writers: &mut [Box<dyn Writer>],
) -> Vec<Outcome> {
    let (cancel, progress) = (Cancel::default(), Progress::new(tables.len()));
    let run = Run {
        tables,
        sizes: Sizes::default(),
        cancel: &cancel,
        progress: &progress,
        commit: Commit::Each { ledger: false },
        retry: Retry { attempts: 2, seconds: 1 },
        on_error: OnError::Stop,
        quarantine: None,
        pace: &Pace::new(Rate::default()),
        work: &vec![Work::default(); tables.len()],
    };
    copy(&run, readers, writers).outcomes
}

fn ids(store: &memory::Store, table: &str) -> Vec<i64> {
    let batches = store.ranges(table).into_iter().flat_map(|kept| kept.batches);
    let mut ids: Vec<i64> = batches
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    ids.sort_unstable();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_row_arrives_once(ranges in 0_i64..20, rows in 1_i64..50, workers in 1_usize..5) {
        let source = memory::Tables::from([("t".to_owned(), table(ranges, rows)), ("u".to_owned(), table(1, 1))]);
        let store = memory::Store::default();
        let mut readers = memory::snapshot(source, workers).readers;
        let mut writers: Vec<_> = (0..workers).map(|_| store.writer()).collect();
        let outcomes = run(&[plan("t"), plan("u")], &mut readers, &mut writers);
        prop_assert!(outcomes.iter().all(|outcome| outcome.state == State::Done));
        prop_assert_eq!(ids(&store, "t"), (0..2 * ranges * rows).collect::<Vec<_>>());
        prop_assert_eq!(ids(&store, "u"), vec![0, 1]);
    }
}

#[test]
fn the_first_failure_is_told_and_the_rest_is_unfinished() {
    let source =
        memory::Tables::from([("t".to_owned(), table(3, 5)), ("u".to_owned(), table(50, 2))]);
    let store = memory::Store::default();
    let mut readers = memory::snapshot(source, 2).readers;
    let full = Error::new(Kind::Space, "the disk is full");
    let mut writers = vec![
        faults::writer(store.writer(), 3, full.clone()),
        faults::writer(store.writer(), 3, full),
    ];
    let outcomes = run(&[plan("t"), plan("u")], &mut readers, &mut writers);
    let failed: Vec<_> = outcomes.iter().filter(|o| o.state == State::Failed).collect();
    assert!(!failed.is_empty());
    for outcome in failed {
        let error = outcome.error.as_ref().unwrap();
        assert_eq!((error.kind(), error.message()), (Kind::Space, "the disk is full"));
        assert_eq!(error.place().table.as_deref(), Some(outcome.table.as_str()));
    }
    assert!(outcomes.iter().all(|outcome| outcome.state != State::Done));
}

#[test]
fn a_failing_reader_leaves_its_range_uncommitted() {
    let source = memory::Tables::from([("t".to_owned(), table(1, 5))]);
    let store = memory::Store::default();
    let reader = memory::snapshot(source, 1).readers.remove(0);
    let mut readers =
        vec![faults::reader(reader, 1, Error::new(Kind::Lost, "the server went away"))];
    let outcomes = run(&[plan("t")], &mut readers, &mut [store.writer()]);
    assert_eq!(outcomes[0].state, State::Failed);
    assert_eq!(outcomes[0].error.as_ref().unwrap().kind(), Kind::Lost);
    assert!(store.ranges("t").is_empty());
}

/// A reader whose thread dies in the middle of a range.
struct Dying(Box<dyn Reader>);

impl Reader for Dying {
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        self.0.ranges(table, sizes)
    }

    #[allow(clippy::panic)]
    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        self.0.read(table, range, reading, emit)?;
        panic!("a fault of the reader")
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        self.0.count(table)
    }
}

#[test]
fn a_reader_that_dies_in_silence_commits_nothing() {
    let source = memory::Tables::from([("t".to_owned(), table(1, 5))]);
    let store = memory::Store::default();
    let reader = memory::snapshot(source, 1).readers.remove(0);
    let mut readers: Vec<Box<dyn Reader>> = vec![Box::new(Dying(reader))];
    let kept = store.clone();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&[plan("t")], &mut readers, &mut [kept.writer()])
    }));
    assert!(died.is_err());
    assert!(store.ranges("t").is_empty());
}

#[test]
fn a_target_that_counts_other_rows_is_different() {
    let source = memory::Tables::from([("t".to_owned(), table(2, 5))]);
    let store = memory::Store::default();
    let tables = [plan("t")];
    let mut readers = memory::snapshot(source, 1).readers;
    run(&tables, &mut readers, &mut [store.writer()]);
    let again = run(&tables, &mut readers, &mut [store.writer()]);
    assert_eq!(again[0].state, State::Different);
    assert_eq!((again[0].source_rows, again[0].target_rows), (Some(20), Some(40)));
}

#[test]
fn a_budget_lends_no_more_than_it_has() {
    let (budget, cancel) = (Budget::new(100), Cancel::default());
    let all = budget.acquire(1_000, &cancel).unwrap();
    cancel.cancel();
    assert_eq!(budget.acquire(1, &cancel).unwrap_err().kind(), Kind::Cancelled);
    drop(all);
    assert!(budget.acquire(100, &cancel).is_ok());
}
