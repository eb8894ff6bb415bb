//! Finding the rows of a range that don't fit: by halves, so that the others stay together.
//!
//! A range is sifted when it has failed as a whole because of a row. Its reader then decodes by halves, and its writer
//! writes each block under a savepoint, in halves where the target refuses it, until every row that is refused is
//! alone.

use std::ops::Range as Span;

use arrow_array::RecordBatch;

use super::lines;
use crate::block::{Block, Rows};
use crate::error::{Error, Kind, Result};
use crate::loss::Losses;
use crate::plan::{Range, TablePlan};
use crate::quarantine::{Quarantine, Unfit, of_row};
use crate::target::Written;
use crate::wire::WireRows;

/// Decodes rows by halves; those that can't be are told with why.
pub fn decode_halves(
    rows: Span<usize>,
    losses: &Losses,
    decode: &mut dyn FnMut(Span<usize>, &Losses) -> Result<RecordBatch>,
    unfit: &mut dyn FnMut(usize, &Error) -> Unfit,
    out: &mut Vec<Rows>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    // What is counted of rows that are decoded again means nothing.
    let counted = Losses::default();
    match decode(rows.clone(), &counted) {
        Ok(batch) => {
            losses.merge(&counted);
            out.push(Rows::Arrow(batch));
        }
        Err(error) if !of_row(&error) => return Err(error),
        Err(error) if rows.len() == 1 => {
            out.push(Rows::Unfit(vec![unfit(rows.start, &error)]));
        }
        Err(_) => {
            let middle = rows.start + rows.len() / 2;
            decode_halves(rows.start..middle, losses, decode, unfit, out)?;
            decode_halves(middle..rows.end, losses, decode, unfit, out)?;
        }
    }
    Ok(())
}

/// The same for rows in wire form, whose texts come after the table's own fields. `decode` is told how many there are.
pub fn sift_wire(
    table: &TablePlan,
    all: &WireRows<'_>,
    count: usize,
    losses: &Losses,
    decode: &dyn Fn(&WireRows<'_>, usize, &Losses) -> Result<RecordBatch>,
) -> Result<Vec<Rows>> {
    let own = table.columns.len() - table.texts.len();
    let mut out = Vec::new();
    decode_halves(
        0..count,
        losses,
        &mut |rows, losses| decode(&all.part(rows.clone()), rows.len(), losses),
        &mut |row, error| Unfit::new(table, &all.fields(row, own), error),
        &mut out,
    )?;
    Ok(out)
}

/// A session of the target that can take a part of a range back.
pub trait Sifting {
    fn run(&mut self, sql: &str) -> Result<()>;

    /// Writes a block inside the transaction; after an error of a row the session takes statements again.
    fn put(&mut self, table: &TablePlan, block: Block) -> Result<Written>;

    /// The same; after an error of a row all is as it was before.
    fn attempt(&mut self, table: &TablePlan, block: Block) -> Result<Written> {
        self.run("SAVEPOINT dbferry")?;
        let put = self.put(table, block);
        match &put {
            Err(error) if !of_row(error) => return put,
            Err(_) => self.run("ROLLBACK TO SAVEPOINT dbferry")?,
            Ok(_) => {}
        }
        self.run("RELEASE SAVEPOINT dbferry")?;
        put
    }

    fn literal(&self, text: &str) -> String;

    /// Where each row of a raw block ends.
    fn ends(&self, bytes: &[u8], width: usize) -> Result<Vec<usize>> {
        let _ = width;
        Ok(lines::ends(bytes))
    }

    /// The values of one raw row as texts.
    fn texts(&self, row: &[u8]) -> Vec<Option<Vec<u8>>> {
        lines::fields(row)
    }
}

/// What a range's writer is to do with rows that don't fit.
pub struct Sieve<'a> {
    pub quarantine: &'a Quarantine,
    /// How many more of the table may be put aside.
    pub room: u64,
}

/// Writes the blocks of a range in a transaction that is open, and puts aside what doesn't fit.
pub fn sift(
    session: &mut dyn Sifting,
    table: &TablePlan,
    range: &Range,
    blocks: &mut dyn Iterator<Item = Result<Block>>,
    sieve: &Sieve<'_>,
) -> Result<Written> {
    let mut sifter = Sifter { session, table, range, sieve, written: Written::default() };
    for block in blocks {
        sifter.block(block?)?;
    }
    Ok(sifter.written)
}

struct Sifter<'a> {
    session: &'a mut dyn Sifting,
    table: &'a TablePlan,
    range: &'a Range,
    sieve: &'a Sieve<'a>,
    written: Written,
}

impl Sifter<'_> {
    fn block(&mut self, block: Block) -> Result<()> {
        match block.rows {
            Rows::Unfit(rows) => rows.into_iter().try_for_each(|row| self.put_aside(&row)),
            Rows::Arrow(batch) => self.put(&Piece::Arrow(batch)),
            Rows::Raw { bytes, .. } => {
                let ends = self.session.ends(&bytes, self.table.columns.len())?;
                self.put(&Piece::Raw { bytes: &bytes, start: 0, ends: &ends })
            }
        }
    }

    fn put(&mut self, piece: &Piece<'_>) -> Result<()> {
        let block = Block { rows: piece.rows(self.table)?, wire_bytes: 0, permit: None };
        match self.session.attempt(self.table, block) {
            Ok(written) => {
                self.written.rows += written.rows;
                self.written.bytes += written.bytes;
                return Ok(());
            }
            Err(error) if !of_row(&error) => return Err(error),
            Err(error) if piece.count() == 1 => {
                return self.put_aside(&piece.unfit(self.table, self.session, &error));
            }
            Err(_) => {}
        }
        let (one, other) = piece.halves();
        self.put(&one)?;
        self.put(&other)
    }

    fn put_aside(&mut self, row: &Unfit) -> Result<()> {
        let quarantine = self.sieve.quarantine;
        if self.written.unfit >= self.sieve.room {
            return Err(quarantine.overflow(row));
        }
        let literal = |text: &str| self.session.literal(text);
        let entry = quarantine.entry(self.table, self.range, row, &literal);
        self.session.run(&entry)?;
        self.written.unfit += 1;
        Ok(())
    }
}

/// Some rows of a block.
enum Piece<'a> {
    /// The table's columns, and after them their texts.
    Arrow(RecordBatch),
    /// `ends` counts within `bytes`, whose first row starts at `start`.
    Raw { bytes: &'a [u8], start: usize, ends: &'a [usize] },
}

impl Piece<'_> {
    fn count(&self) -> usize {
        match self {
            Piece::Arrow(batch) => batch.num_rows(),
            Piece::Raw { ends, .. } => ends.len(),
        }
    }

    fn halves(&self) -> (Self, Self) {
        let (count, middle) = (self.count(), self.count() / 2);
        match self {
            Piece::Arrow(batch) => {
                let one = batch.slice(0, middle);
                (Piece::Arrow(one), Piece::Arrow(batch.slice(middle, count - middle)))
            }
            Piece::Raw { bytes, start, ends } => {
                let (one, other) = ends.split_at(middle);
                let next = one.last().copied().unwrap_or(*start);
                (
                    Piece::Raw { bytes, start: *start, ends: one },
                    Piece::Raw { bytes, start: next, ends: other },
                )
            }
        }
    }

    fn raw(&self) -> &[u8] {
        match self {
            Piece::Arrow(_) => &[],
            Piece::Raw { bytes, start, ends } => {
                &bytes[*start..ends.last().copied().unwrap_or(*start)]
            }
        }
    }

    fn rows(&self, table: &TablePlan) -> Result<Rows> {
        match self {
            Piece::Arrow(batch) => {
                let own: Vec<usize> = (0..table.columns.len()).collect();
                let batch = batch.project(&own);
                let wrong =
                    |error: arrow_schema::ArrowError| Error::new(Kind::Internal, error.to_string());
                Ok(Rows::Arrow(batch.map_err(wrong)?))
            }
            Piece::Raw { ends, .. } => {
                Ok(Rows::Raw { bytes: self.raw().to_vec(), count: ends.len() as u64 })
            }
        }
    }

    /// The first row, as it is put aside.
    fn unfit(&self, table: &TablePlan, session: &dyn Sifting, error: &Error) -> Unfit {
        match self {
            Piece::Arrow(batch) => Unfit::of_batch(table, batch, 0, error),
            Piece::Raw { .. } => {
                let texts = session.texts(self.raw());
                let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
                Unfit::new(table, &texts, error)
            }
        }
    }
}
