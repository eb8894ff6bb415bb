//! Rows as a server sent them: one buffer, and where each field of each row lies in it.
//!
//! Servers send rows; Arrow wants columns. A batch of rows is kept as the bytes that came, with a table
//! of spans, so that each column is then decoded in one loop of its own with its type known outside
//! the loop.

use std::ops::Range;

use crate::error::{Error, Result};

/// A field's place in the buffer; `NULL` has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    pub const NULL: Span = Span { start: u32::MAX, length: 0 };

    /// Fails when the buffer has outgrown 4 GiB, which no supported value does.
    pub fn new(start: usize, length: usize) -> Result<Self> {
        match (u32::try_from(start), u32::try_from(length)) {
            (Ok(start), Ok(length)) if start != u32::MAX => Ok(Self { start, length }),
            _ => Err(Error::protocol("a row is larger than 4 GiB")),
        }
    }
}

/// Rows in wire form, all with the same number of fields.
#[derive(Debug)]
pub struct WireRows<'a> {
    pub bytes: &'a [u8],
    /// Row after row, `width` spans each.
    pub spans: &'a [Span],
    pub width: usize,
}

impl<'a> WireRows<'a> {
    pub fn len(&self) -> usize {
        self.spans.len().checked_div(self.width).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Some of the rows.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let spans = &self.spans[rows.start * self.width..rows.end * self.width];
        Self { bytes: self.bytes, spans, width: self.width }
    }

    /// The fields of a row from one column on.
    pub fn fields(&self, row: usize, from: usize) -> Vec<Option<&'a [u8]>> {
        let one = self.part(row..row + 1);
        (from..self.width).map(|column| one.column(column).next().flatten()).collect()
    }

    /// The values of a column, row after row. The spans must lie within the buffer, which whoever
    /// parsed the rows has checked.
    pub fn column(&self, index: usize) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + Clone {
        let bytes = self.bytes;
        self.places(index).map(move |place| place.map(|place| &bytes[place]))
    }

    /// Where the values of a column lie, row after row.
    pub fn places(
        &self,
        index: usize,
    ) -> impl ExactSizeIterator<Item = Option<Range<usize>>> + Clone + use<'a> {
        let spans = self.spans[index.min(self.spans.len())..].iter().step_by(self.width.max(1));
        spans.map(|span| {
            let (start, length) = (span.start as usize, span.length as usize);
            (*span != Span::NULL).then_some(start..start + length)
        })
    }
}
