//! How a table is cut: by its rowid, in stretches of equal width.

use rusqlite::Connection;

use super::statement::{Statement, Value};
use crate::error::Result;
use crate::plan::{Range, Sizes, TablePlan};

/// More ranges than this cost more in statements and commits than they spare in memory.
const MOST: i128 = 4_096;

/// Cuts a table; the ranges hold every row of the current transaction once.
pub(super) fn cut(connection: &Connection, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
    let whole = |bytes| vec![Range { bytes, ..Range::default() }];
    if !table.cut_by_place {
        return Ok(whole(table.estimated_bytes));
    }
    let Some(rowid) = rowid_name(connection, &table.source)? else {
        return Ok(whole(table.estimated_bytes));
    };
    let Some((first, last)) = bounds(connection, &table.source, rowid)? else {
        return Ok(whole(0));
    };
    let width = i128::from(last) - i128::from(first) + 1;
    let bytes = size(connection, table, width)?;
    let step = if let Some(rows) = sizes.range_rows {
        i128::from(rows.max(1))
    } else {
        let parts = i128::from(sizes.parts(bytes));
        (width + parts - 1) / parts
    };
    let step = step.max((width + MOST - 1) / MOST);
    let parts = (width + step - 1) / step;
    if parts <= 1 {
        return Ok(whole(bytes));
    }
    let bytes = bytes / u64::try_from(parts).unwrap_or(1);
    let mut ranges = Vec::new();
    let mut start = i128::from(first);
    while start <= i128::from(last) {
        let end = (start + step - 1).min(i128::from(last));
        let predicate = Some(format!("{rowid} BETWEEN {start} AND {end}"));
        ranges.push(Range { number: ranges.len(), relation: None, predicate, bytes });
        start = end + 1;
    }
    Ok(ranges)
}

/// About how large a table is, of which only the span of its rowids is known for nothing: no larger than
/// the file, and no larger than rows of ordinary width, one for each rowid, would make it.
fn size(connection: &Connection, table: &TablePlan, width: i128) -> Result<u64> {
    const VALUE_BYTES: i128 = 16;
    let mut statement = Statement::new(
        connection,
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    )?;
    let file = match (statement.step()?, statement.value(0)?) {
        (true, Value::Integer(bytes)) => i128::from(bytes),
        _none => 0,
    };
    let rows = width.saturating_mul(VALUE_BYTES * table.columns.len() as i128);
    Ok(u64::try_from(file.min(rows)).unwrap_or(0))
}

/// A name of the rowid that no column of the table has taken.
fn rowid_name(connection: &Connection, relation: &str) -> Result<Option<&'static str>> {
    let sql = format!("SELECT * FROM {relation} LIMIT 0");
    let statement = connection.prepare(&sql).map_err(super::error::from_rusqlite)?;
    let taken: Vec<&str> = statement.column_names().collect();
    let free = |name: &&str| !taken.iter().any(|column| column.eq_ignore_ascii_case(name));
    Ok(["rowid", "_rowid_", "oid"].into_iter().find(free))
}

fn bounds(connection: &Connection, relation: &str, rowid: &str) -> Result<Option<(i64, i64)>> {
    // Two subqueries, each a seek; both in one SELECT would scan the table.
    let end = |side: &str| format!("(SELECT {side}({rowid}) FROM {relation})");
    let sql = format!("SELECT {}, {}", end("min"), end("max"));
    let mut statement = Statement::new(connection, &sql)?;
    if !statement.step()? {
        return Ok(None);
    }
    Ok(match (statement.value(0)?, statement.value(1)?) {
        (Value::Integer(first), Value::Integer(last)) => Some((first, last)),
        _empty => None,
    })
}
