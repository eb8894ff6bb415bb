//! Values that a column's plan can't carry: refused, or changed as its policy says and counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Kind, Result};
use crate::plan::{ColumnPlan, Policy};

/// The codes of `Guard::judge`, as reports print them.
pub mod code {
    pub const RANGE: &str = "N-RANGE";
    pub const SCALE: &str = "N-SCALE";
    pub const NAN: &str = "N-NAN";
    pub const NEGATIVE_ZERO: &str = "N-NEGZERO";
    pub const ZERO_DATE: &str = "T-ZERO";
    pub const TIME_RANGE: &str = "T-RANGE";
    pub const TIME_SCALE: &str = "T-SCALE";
    pub const INFINITY: &str = "T-INF";
    pub const SPAN: &str = "T-SPAN";
    pub const NUL: &str = "S-NUL";
    pub const UTF8: &str = "S-UTF8";
    pub const LENGTH: &str = "S-LEN";
    pub const SIZE: &str = "B-SIZE";
    pub const BAD_ENUM: &str = "E-BADENUM";
    pub const MIXED: &str = "V-MIXED";
    pub const JSON: &str = "J-NUL";
    pub const SHAPE: &str = "A-SHAPE";
    pub const NULL: &str = "K-NULL";
}

/// What else than NULL a rule may make of the values of a code.
fn other_ways(code: &str) -> &'static str {
    match code {
        code::UTF8 => "replace:VALUE",
        code::NUL | code::LENGTH | code::SIZE => "clamp, replace:VALUE",
        code::NAN | code::INFINITY | code::SHAPE => "text",
        code::ZERO_DATE => "text, replace:VALUE",
        _ => "text, clamp, replace:VALUE, where they apply",
    }
}

/// Rows touched by a policy, by table, column and code.
#[derive(Debug, Default)]
pub struct Losses(Mutex<BTreeMap<(String, String, &'static str), u64>>);

impl Losses {
    pub fn add(&self, table: &str, column: &str, code: &'static str, rows: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((table.to_owned(), column.to_owned(), code)).or_default() += rows;
    }

    /// Takes over what another has counted.
    pub fn merge(&self, other: &Losses) {
        for (table, column, code, rows) in other.counts() {
            self.add(&table, &column, code, rows);
        }
    }

    /// `(table, column, code, rows)`, sorted.
    pub fn counts(&self) -> Vec<(String, String, &'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((t, c, k), n)| (t.clone(), c.clone(), *k, *n)).collect()
    }
}

/// What the policy wants done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    Null,
    Clamp,
    Replace(&'a str),
}

/// Judges the values of one column; counts are added to the run's `Losses` when it is dropped.
pub struct Guard<'a> {
    table: &'a str,
    column: &'a ColumnPlan,
    losses: &'a Losses,
    counts: BTreeMap<&'static str, u64>,
}

impl<'a> Guard<'a> {
    pub fn new(table: &'a str, column: &'a ColumnPlan, losses: &'a Losses) -> Self {
        Self { table, column, losses, counts: BTreeMap::new() }
    }

    /// The same for a part of the column's values, such as the elements of its lists.
    #[must_use]
    pub fn within(&self, part: &'a ColumnPlan) -> Self {
        Self::new(self.table, part, self.losses)
    }

    /// Decides on a value that can't be carried: counts and tells what to do, or is the error.
    /// `row` counts from 0 within the batch; `fact` ends the sentence "the value …".
    pub fn judge(&mut self, code: &'static str, row: usize, fact: &str) -> Result<Verdict<'a>> {
        let verdict = match self.column.policies.get(code) {
            None | Some(Policy::Error) => return Err(self.refusal(code, row, fact)),
            Some(Policy::Null) => Verdict::Null,
            Some(Policy::Clamp) => Verdict::Clamp,
            Some(Policy::Replace(value)) => Verdict::Replace(value),
        };
        *self.counts.entry(code).or_default() += 1;
        Ok(verdict)
    }

    /// Counts a value that was changed in a known way and needs no decision.
    pub fn note(&mut self, code: &'static str) {
        *self.counts.entry(code).or_default() += 1;
    }

    /// The error for a value, whatever the policy.
    pub fn refusal(&self, code: &'static str, row: usize, fact: &str) -> Error {
        Error::new(Kind::Data, format!("the value {fact}"))
            .with_code(code)
            .with_hint(format!(
                "choose what becomes of such values: --on-loss '{}.{}:{code}=null' (or {})",
                self.table,
                self.column.name,
                other_ways(code)
            ))
            .in_column(&self.column.name)
            .in_row(row as u64 + 1)
    }

    pub fn column(&self) -> &'a ColumnPlan {
        self.column
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        for (code, rows) in std::mem::take(&mut self.counts) {
            self.losses.add(self.table, &self.column.name, code, rows);
        }
    }
}
