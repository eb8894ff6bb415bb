//! What came of tables, and of a copy as a whole.

use std::time::Instant;

use serde::Serialize;

use super::healed::Healed;
use crate::error::{Error, Kind};
use crate::plan::{TablePlan, Work};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every range is committed and both sides count the same rows.
    Done,
    /// Every range is committed but the counts differ.
    Different,
    /// A range failed, here is why.
    Failed,
    /// Stopped because something else failed or the user interrupted; some ranges may be committed.
    Unfinished,
}

/// What came of one table.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub table: String,
    pub state: State,
    /// Rows and bytes of committed ranges.
    pub rows: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// Rows counted on each side after the copy; absent if it didn't come to that.
    pub source_rows: Option<u64>,
    pub target_rows: Option<u64>,
    /// Rows that were put aside, in this run and before.
    pub unfit: u64,
    pub losses: Vec<Lost>,
    pub error: Option<Error>,
}

/// Values that a committed range has lost as a policy says: number of the range, column, code, values.
pub type Lost = (usize, String, &'static str, u64);

/// What came of a copy.
#[derive(Debug, Serialize)]
pub struct Copied {
    pub outcomes: Vec<Outcome>,
    /// Why work is left that another snapshot could do: no session of this one is left.
    pub lost: Option<Error>,
    pub healed: Vec<Healed>,
}

/// A table while its ranges are on their way.
#[derive(Default)]
pub(super) struct Tally {
    pub ranges_left: usize,
    pub landed: usize,
    pub rows: u64,
    pub bytes: u64,
    pub unfit: u64,
    pub losses: Vec<Lost>,
    pub started: Option<Instant>,
    pub seconds: f64,
    /// Rows counted on each side.
    pub source_rows: Option<u64>,
    pub target_rows: Option<u64>,
    pub error: Option<Error>,
}

impl Tally {
    /// Of a table of which some may be done.
    pub fn of(work: &Work) -> Self {
        Self {
            rows: work.rows_done,
            bytes: work.bytes_done,
            unfit: work.unfit_done,
            ..Self::default()
        }
    }

    /// Rows that have been moved or put aside.
    pub fn read(&self) -> u64 {
        self.rows + self.unfit
    }
}

pub(super) fn outcome(table: &TablePlan, tally: Tally, work: &Work) -> Outcome {
    let before = work.rows_before;
    let counts = tally.source_rows.zip(tally.target_rows);
    let state = match (&tally.error, counts) {
        (Some(error), _) if error.kind() == Kind::Cancelled => State::Unfinished,
        (Some(_), _) => State::Failed,
        (None, None) => State::Unfinished,
        (None, Some((source, target))) => {
            let equal =
                source + before == target + tally.unfit && source == tally.rows + tally.unfit;
            if equal { State::Done } else { State::Different }
        }
    };
    Outcome {
        table: table.name.clone(),
        state,
        rows: tally.rows,
        bytes: tally.bytes,
        seconds: tally.seconds,
        source_rows: counts.map(|(source, _)| source),
        target_rows: counts.map(|(_, target)| target - before.min(target)),
        unfit: tally.unfit,
        losses: tally.losses,
        error: tally.error,
    }
}
