//! How a table is cut: by the first column of its key when that is an integer, else not at all.
//!
//! The span between the smallest and the largest key is cut into equal parts by arithmetic, without a look at the
//! rows; gaps give small ranges and cost nothing else. The first range is open below and the last open above.

use crate::error::{Error, Result};
use crate::plan::{Range, Sizes, TablePlan};

use super::connect::Connection;
use super::quote;

/// More ranges cost more in commits than they win in balance.
const MOST: u64 = 4096;

/// Cuts a table; runs inside the snapshot.
pub fn ranges(connection: &mut Connection, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
    let whole = || vec![Range { bytes: table.estimated_bytes, ..Range::default() }];
    let Some(key) = table.key.first().filter(|key| key.integer) else {
        return Ok(whole());
    };
    let by_size = sizes.parts(table.estimated_bytes).min(MOST);
    if by_size == 1 && sizes.range_rows.is_none() {
        return Ok(whole());
    }
    let key = quote(&key.name);
    let rows = connection.rows(&format!("SELECT MIN({key}), MAX({key}) FROM {}", table.source))?;
    let (min, max) = match rows.first().map(Vec::as_slice) {
        Some([Some(min), Some(max)]) => (number(min)?, number(max)?),
        _ => return Ok(whole()),
    };
    let cuts = cuts(min, max, by_size, sizes.range_rows);
    Ok(between(&key, &cuts, table.estimated_bytes))
}

fn number(text: &str) -> Result<i128> {
    text.parse().map_err(|_| Error::protocol("the key's smallest or largest value is no integer"))
}

/// Where the second and each later range begins.
fn cuts(min: i128, max: i128, by_size: u64, rows: Option<u64>) -> Vec<i128> {
    let span = (max - min + 1).max(1);
    let wanted = match rows {
        Some(rows) => {
            let rows = i128::from(rows.max(1));
            (span + rows - 1) / rows
        }
        None => i128::from(by_size),
    };
    let count = wanted.clamp(1, i128::from(MOST)).min(span);
    // Steps of exactly `rows` where the count isn't bounded, which tests rely on.
    let step = match rows {
        Some(rows) if count == wanted => i128::from(rows.max(1)),
        Some(_) | None => (span + count - 1) / count,
    };
    (1..count).map(|n| min + step * n).take_while(|cut| *cut <= max).collect()
}

fn between(key: &str, cuts: &[i128], bytes: u64) -> Vec<Range> {
    let count = cuts.len() + 1;
    (0..count)
        .map(|number| {
            let from = number.checked_sub(1).map(|n| format!("{key} >= {}", cuts[n]));
            let to = cuts.get(number).map(|cut| format!("{key} < {cut}"));
            let predicate = match (from, to) {
                (Some(from), Some(to)) => Some(format!("{from} AND {to}")),
                (one, other) => one.or(other),
            };
            Range { number, relation: None, predicate, bytes: bytes / count as u64 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicates(cuts: &[i128]) -> Vec<Option<String>> {
        between("k", cuts, 0).into_iter().map(|range| range.predicate).collect()
    }

    #[test]
    fn ranges_are_open_at_both_ends() {
        let told = predicates(&[3, 5]);
        assert_eq!(told[0].as_deref(), Some("k < 3"));
        assert_eq!(told[1].as_deref(), Some("k >= 3 AND k < 5"));
        assert_eq!(told[2].as_deref(), Some("k >= 5"));
        assert_eq!(predicates(&[]), [None]);
    }

    #[test]
    fn range_rows_cuts_every_so_many_values() {
        assert_eq!(cuts(1, 7, 1, Some(2)), [3, 5, 7]);
        assert_eq!(cuts(5, 5, 1, Some(1)), []);
    }

    #[test]
    fn the_whole_span_of_both_64_bit_types_is_cut_into_a_bounded_number() {
        for (min, max) in [(0, i128::from(u64::MAX)), (i64::MIN.into(), i64::MAX.into())] {
            let cuts = cuts(min, max, 10, Some(1));
            assert_eq!(cuts.len(), 4095);
            assert!(cuts.is_sorted() && cuts[0] > min && cuts[4094] <= max);
        }
    }

    #[test]
    fn no_more_ranges_than_values() {
        assert_eq!(cuts(10, 12, 4096, None), [11, 12]);
    }
}
