//! Finding a row that the source itself can't give: by halves of its range, for the server tells no row.
//!
//! A statement of the source may fail because of one row, as when an expression of a rule divides by zero there. Its
//! range is then cut in two by what orders its rows, again and again; each part is read once to see whether it can be,
//! and once more to be handed over. The row that is left alone is told, with those of its values that can be read.

use crate::block::{Block, Rows};
use crate::error::{Error, Kind, Result};
use crate::loss::Losses;
use crate::plan::{Range, TablePlan, Transfer};
use crate::quarantine::{Unfit, of_row, text};
use crate::source::{Order, Reader, Reading};

/// What the search for such rows is bound to.
pub struct Halving<'a> {
    /// More of them are not looked for.
    pub most: u64,
    /// Gives the reader a session where it has lost its own.
    pub renew: &'a mut dyn FnMut(&mut dyn Reader) -> Result<()>,
}

/// Reads a range as [`Reader::read`] does, without the rows that the source can't give.
pub fn read_halved(
    reader: &mut dyn Reader,
    table: &TablePlan,
    range: &Range,
    reading: &Reading<'_>,
    halving: Halving<'_>,
    emit: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let sifted = table.read_sifted();
    let (mut parts, mut found) = (vec![range.clone()], 0);
    while let Some(part) = parts.pop() {
        let unseen = Losses::default();
        let look = Reading { losses: &unseen, ..reading.clone() };
        let looked = reader.read(&sifted, &part, &look, &mut |_| reading.cancel.check());
        let Err(error) = looked else {
            reader.read(&sifted, &part, reading, emit)?;
            continue;
        };
        if !of_row(&error) || found > halving.most {
            return Err(error);
        }
        if reader.lost() {
            (halving.renew)(reader)?;
        }
        match cut(reader, table, &part)? {
            Cut::Halves(halves) => parts.extend(halves),
            Cut::Row => {
                found += 1;
                let rows = Rows::Unfit(vec![told(reader, table, &part, &look, error)?]);
                emit(Block { rows, wire_bytes: 0, permit: None })?;
            }
            Cut::Unknown => {
                return Err(error.with_hint(
                    "give the table a primary key, or a unique key without NULLs, and such rows can be found and put \
                     aside; or mend them, or the rule that fails with them",
                ));
            }
        }
    }
    Ok(())
}

enum Cut {
    /// The second half first.
    Halves([Range; 2]),
    /// There is one row only.
    Row,
    /// Nothing orders the rows, or not as it should.
    Unknown,
}

fn cut(reader: &mut dyn Reader, table: &TablePlan, range: &Range) -> Result<Cut> {
    let order = reader.order(table)?;
    if order.is_empty() {
        return Ok(Cut::Unknown);
    }
    let count = count(reader, table, range)?;
    if count < 2 {
        return Ok(if count == 1 { Cut::Row } else { Cut::Unknown });
    }
    let all = |of: fn(&Order) -> &str| order.iter().map(of).collect::<Vec<_>>().join(", ");
    let (columns, literals) = (all(|one| &one.column), all(|one| &one.literal));
    let select = range.select(table, &literals);
    let middle =
        reader.query(&format!("{select} ORDER BY {columns} LIMIT 1 OFFSET {}", count / 2))?;
    let middle: Option<Vec<String>> =
        middle.into_iter().next().and_then(|row| row.into_iter().collect());
    let Some(middle) = middle else { return Ok(Cut::Unknown) };
    let half = |sign: &str| {
        let condition = format!("({columns}) {sign} ({})", middle.join(", "));
        let predicate = range.predicate.as_ref();
        let predicate =
            predicate.map_or(condition.clone(), |all| format!("({all}) AND {condition}"));
        Range { predicate: Some(predicate), ..range.clone() }
    };
    let halves = [half(">="), half("<")];
    let counts = [self::count(reader, table, &halves[0])?, self::count(reader, table, &halves[1])?];
    // A key that is NULL is in neither; one that compares in another way than it sorts may leave one empty.
    let sound = counts.iter().sum::<u64>() == count && !counts.contains(&0);
    Ok(if sound { Cut::Halves(halves) } else { Cut::Unknown })
}

fn count(reader: &mut dyn Reader, table: &TablePlan, range: &Range) -> Result<u64> {
    let rows = reader.query(&range.select(table, "count(*)"))?;
    let count = rows.into_iter().flatten().flatten().next().and_then(|count| count.parse().ok());
    count.ok_or_else(|| Error::new(Kind::Protocol, "a count came back without a number"))
}

/// The one row of a range: its values that can be read, each as any row's that is put aside, and the column that can't.
fn told(
    reader: &mut dyn Reader,
    table: &TablePlan,
    range: &Range,
    reading: &Reading<'_>,
    error: Error,
) -> Result<Unfit> {
    let (mut values, mut error) = (Vec::new(), error);
    let mut one = TablePlan { transfer: Transfer::Arrow, texts: vec![], ..table.clone() };
    for column in &table.texts {
        one.columns = vec![column.clone()];
        let mut value = None;
        let read = reader.read(&one, range, reading, &mut |block| {
            if let Rows::Arrow(batch) = &block.rows {
                value = batch.columns().first().and_then(|array| text(array, 0));
            }
            Ok(())
        });
        match read {
            Ok(()) => values.push((column.name.as_str(), value)),
            Err(of) if !of_row(&of) => return Err(of),
            Err(_) if error.place().column.is_some() => {}
            Err(_) => error = error.in_column(&column.name),
        }
    }
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_deref())).collect();
    Ok(Unfit::of_values(table, &values, &error))
}
