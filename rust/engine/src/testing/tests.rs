#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};

use super::{faults, memory, null};
use crate::block::Block;
use crate::cancel::Cancel;
use crate::copy::budget::Budget;
use crate::error::{Error, Kind, Result};
use crate::loss::Losses;
use crate::plan::{Sizes, TablePlan};
use crate::source::{Reader, Reading};
use crate::target::Writer;

fn plan() -> TablePlan {
    serde_json::from_value(serde_json::json!({
        "name": "t", "source": "t", "target": "t", "transfer": "arrow",
        "columns": [{"name": "c", "target": "c", "expression": "c", "read": "", "write": "",
                     "flight": {"type": "int64"}}],
    }))
    .unwrap()
}

/// Three ranges of two batches of two rows.
fn tables() -> memory::Tables {
    let batch = |first: i64| {
        let values = Int64Array::from(vec![first, first + 1]);
        RecordBatch::try_new(plan().schema(), vec![Arc::new(values)]).unwrap()
    };
    let ranges = (0..3).map(|range| vec![batch(range * 4), batch(range * 4 + 2)]);
    BTreeMap::from([("t".to_owned(), ranges.collect())])
}

fn copy(reader: &mut dyn Reader, writer: &mut dyn Writer) -> Result<u64> {
    let (budget, cancel, losses) = (Budget::new(1), Cancel::default(), Losses::default());
    let sizes = Sizes::default();
    let reading =
        Reading { sizes, budget: &budget, cancel: &cancel, losses: &losses, sifted: false };
    let mut rows = 0;
    for range in reader.ranges(&plan(), &sizes)? {
        let mut blocks: Vec<Result<Block>> = Vec::new();
        let read = reader.read(&plan(), &range, &reading, &mut |block| {
            blocks.push(Ok(block));
            Ok(())
        });
        blocks.extend(read.err().map(Err));
        rows += writer.write(&plan(), &range, &mut blocks.into_iter(), &mut || Ok(()))?.rows;
    }
    Ok(rows)
}

#[test]
fn what_memory_gives_memory_keeps() {
    let store = memory::Store::default();
    let mut snapshot = memory::snapshot(tables(), 2);
    assert_eq!(snapshot.readers.len(), 2);
    assert_eq!(copy(&mut *snapshot.readers[1], &mut *store.writer()).unwrap(), 12);
    let kept: Vec<_> = store.ranges("t").into_iter().map(|kept| kept.batches).collect();
    assert_eq!(&kept, &tables()["t"]);
    assert_eq!(snapshot.readers[0].count(&plan()).unwrap(), 12);
    assert_eq!(store.writer().count(&plan()).unwrap(), 12);
}

#[test]
fn null_counts() {
    let null = null::Null::default();
    copy(&mut *memory::snapshot(tables(), 1).readers[0], &mut *null.writer()).unwrap();
    assert_eq!(null.rows("t"), 12);
}

#[test]
fn a_fault_comes_after_its_blocks_and_its_range_is_not_kept() {
    let gone = || Error::new(Kind::Lost, "gone");
    for blocks in 0..6 {
        let store = memory::Store::default();
        let inner = memory::snapshot(tables(), 1).readers.remove(0);
        let mut reader = faults::reader(inner, blocks, gone());
        let error = copy(&mut *reader, &mut *store.writer()).unwrap_err();
        assert_eq!(error.kind(), Kind::Lost);
        assert_eq!(store.ranges("t").len() as u64, blocks / 2);

        let store = memory::Store::default();
        let mut reader = memory::snapshot(tables(), 1).readers.remove(0);
        let mut writer = faults::writer(store.writer(), blocks, gone());
        assert_eq!(copy(&mut *reader, &mut *writer).unwrap_err().kind(), Kind::Lost);
        assert_eq!(store.ranges("t").len() as u64, blocks / 2);
    }
    let inner = memory::snapshot(tables(), 1).readers.remove(0);
    let mut whole = faults::reader(inner, 6, gone());
    assert_eq!(copy(&mut *whole, &mut *null::Null::default().writer()).unwrap(), 12);
}
