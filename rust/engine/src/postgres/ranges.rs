//! Cutting a table into ranges of blocks.
//!
//! Every row lies in one block, so ranges of blocks hold every row once; the last has no end, for rows
//! in blocks that came after the size was asked. Servers before 14 have no scan of a range of `ctid`
//! and would read the whole table for each.

use super::connect::Connection;
use super::literal;
use crate::error::{Error, Result};
use crate::plan::{Range, Sizes, TablePlan};
use crate::session::Session;

/// The first version that scans a range of `ctid` as a range.
const CUTS_BY_PLACE: u32 = 14;

struct Size {
    blocks: u64,
    bytes: u64,
}

pub fn ranges(session: &mut Connection, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
    let cut = table.cut_by_place && session.major() >= CUTS_BY_PLACE;
    if table.leaves.is_empty() {
        let size = if cut { Some(size(session, &table.source)?) } else { None };
        return Ok(number(cut_relation(None, size.as_ref(), table.estimated_bytes, sizes)));
    }
    let share = table.estimated_bytes / table.leaves.len() as u64;
    let mut all = Vec::new();
    for leaf in &table.leaves {
        let size = if cut { Some(size(session, leaf)?) } else { None };
        all.extend(cut_relation(Some(leaf), size.as_ref(), share, sizes));
    }
    Ok(number(all))
}

/// Blocks of the heap, and bytes with what is stored beside it (TOAST).
fn size(session: &mut Connection, relation: &str) -> Result<Size> {
    let name = literal(relation.strip_prefix("ONLY ").unwrap_or(relation));
    let rows = session.query(&format!(
        "SELECT pg_catalog.pg_relation_size(r) / pg_catalog.current_setting('block_size')::int8, \
         pg_catalog.pg_table_size(r) FROM (SELECT {name}::pg_catalog.regclass AS r) AS t"
    ))?;
    let number =
        |index: usize| -> Option<u64> { rows.first()?.get(index)?.as_deref()?.parse().ok() };
    match (number(0), number(1)) {
        (Some(blocks), Some(bytes)) => Ok(Size { blocks, bytes }),
        _ => Err(Error::protocol("the server gave no size of a table").in_table(relation)),
    }
}

fn cut_relation(
    relation: Option<&String>,
    size: Option<&Size>,
    estimated_bytes: u64,
    sizes: &Sizes,
) -> Vec<Range> {
    let range =
        |predicate, bytes| Range { number: 0, relation: relation.cloned(), predicate, bytes };
    let Some(&Size { blocks, bytes }) = size else { return vec![range(None, estimated_bytes)] };
    let step = match sizes.range_rows {
        // Rows can't be counted beforehand; blocks are what a test can rely on.
        Some(rows) => rows.max(1),
        None => blocks.div_ceil(sizes.parts(bytes)).max(1),
    };
    if blocks <= step {
        return vec![range(None, bytes)];
    }
    let share = bytes / blocks.div_ceil(step);
    let predicate = |start: u64| {
        let end = start + step;
        match (start, end >= blocks) {
            (0, _) => format!("ctid < '({end},0)'"),
            (_, true) => format!("ctid >= '({start},0)'"),
            (_, false) => format!("ctid >= '({start},0)' AND ctid < '({end},0)'"),
        }
    };
    let steps = std::iter::successors(Some(0), |start| Some(start + step));
    steps
        .take_while(|start| *start < blocks)
        .map(|start| range(Some(predicate(start)), share))
        .collect()
}

fn number(mut ranges: Vec<Range>) -> Vec<Range> {
    for (number, range) in ranges.iter_mut().enumerate() {
        range.number = number;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicates(blocks: u64, rows: u64) -> Vec<Option<String>> {
        let sizes = Sizes { range_rows: Some(rows), ..Sizes::default() };
        let size = Size { blocks, bytes: blocks * 8192 };
        cut_relation(None, Some(&size), 0, &sizes).into_iter().map(|r| r.predicate).collect()
    }

    #[test]
    fn ranges_touch_and_the_last_is_open() {
        let expected = ["ctid < '(2,0)'", "ctid >= '(2,0)' AND ctid < '(4,0)'", "ctid >= '(4,0)'"];
        assert_eq!(predicates(5, 2), expected.map(|text| Some(text.to_owned())));
        assert_eq!(predicates(4, 2).len(), 2);
        assert_eq!(predicates(2, 2), [None]);
        assert_eq!(predicates(0, 1), [None]);
    }

    #[test]
    fn toasted_bytes_make_ranges_smaller() {
        let sizes = Sizes { range_bytes: 1 << 20, ..Sizes::default() };
        let plain = cut_relation(None, Some(&Size { blocks: 1024, bytes: 8 << 20 }), 0, &sizes);
        let toasted = cut_relation(None, Some(&Size { blocks: 1024, bytes: 64 << 20 }), 0, &sizes);
        assert_eq!((plain.len(), toasted.len()), (8, 64));
    }
}
