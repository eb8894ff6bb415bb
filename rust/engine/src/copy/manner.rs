//! How closely the rows of a range are looked at: closer, once one of them has failed it.

use serde::Deserialize;

use super::halve::{Halving, read_halved};
use crate::block::Block;
use crate::error::{Error, Result, Side};
use crate::plan::{Range, TablePlan};
use crate::quarantine::of_row;
use crate::source::{Reader, Reading};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    #[default]
    Whole,
    /// One by one, for one of them has failed it.
    Sifted,
    /// By halves at the source, for it can't give one of them.
    Halved,
}

impl Manner {
    /// The manner in which an error of a row is to be met; nothing when it can't be looked at more closely.
    pub fn closer(self, error: &Error) -> Option<Self> {
        match self {
            _ if !of_row(error) => None,
            Self::Whole => Some(Self::Sifted),
            Self::Sifted if error.place().side == Some(Side::Source) => Some(Self::Halved),
            Self::Sifted | Self::Halved => None,
        }
    }

    /// Reads a range as [`Reader::read`] does; `reading` says `sifted` in every manner but the first.
    pub(super) fn read(
        self,
        reader: &mut dyn Reader,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        halving: Halving<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Whole => reader.read(table, range, reading, emit),
            Self::Sifted => reader.read(&table.read_sifted(), range, reading, emit),
            Self::Halved => read_halved(reader, table, range, reading, halving, emit),
        }
    }
}
