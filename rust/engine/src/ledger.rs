//! What is done, told in the target itself: each range's entry is part of the transaction that commits its rows.
//!
//! So after any death, of a client or of a server, an entry says `done` exactly when its rows are there. The task's
//! fence is a number that each run raises when it takes the task over. A transaction looks at it last and holds it
//! until its commit: a writer that slept while another took over finds a higher number and rolls back, and whoever
//! takes over waits for those who were quicker.

use serde::Deserialize;

use crate::error::{Error, Kind, Result, Side};
use crate::plan::{Range, TablePlan};
use crate::session::TextRow;
use crate::target::Written;

/// The ledger of one run in one task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The relations of tasks and of ranges, quoted.
    pub tasks: String,
    pub ranges: String,
    /// Letters and digits.
    pub task: String,
    pub fence: u64,
    /// Which transactions of the source the ranges see, as its engine tells it.
    #[serde(default)]
    pub token: String,
}

impl Ledger {
    fn place(&self, table: &TablePlan, range: &Range) -> String {
        format!(
            "task = '{}' AND table_number = {} AND number = {}",
            self.task, table.number, range.number
        )
    }

    /// The query of the fence; what holds it until the commit is the engine's own.
    pub fn fence(&self) -> String {
        format!("SELECT fence FROM {} WHERE id = '{}'", self.tasks, self.task)
    }

    /// Sets a range's entry to done, once.
    pub fn mark(&self, table: &TablePlan, range: &Range, written: Written) -> String {
        format!(
            "UPDATE {} SET state = 'done', fence = {}, token = '{}', moved_rows = {}, moved_bytes = {}, \
             unfit_rows = {} WHERE {} AND state <> 'done'",
            self.ranges,
            self.fence,
            self.token.replace('\'', "''"),
            written.rows,
            written.bytes,
            written.unfit,
            self.place(table, range)
        )
    }

    /// The query of a range's entry. A commit that is still on its way holds it: with the engine's lock it is waited for.
    pub fn entry(&self, table: &TablePlan, range: &Range) -> String {
        format!(
            "SELECT state, moved_rows, moved_bytes, unfit_rows FROM {} WHERE {}",
            self.ranges,
            self.place(table, range)
        )
    }

    /// Reads the answer to `entry`: what the range has brought, if it is done.
    pub fn written(&self, answer: &[TextRow]) -> Result<Option<Written>> {
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        match answer.first().map(Vec::as_slice) {
            None => Ok(None),
            Some([Some(state), ..]) if state != "done" => Ok(None),
            Some([_, rows, bytes, unfit]) => match (number(rows), number(bytes), number(unfit)) {
                (Some(rows), Some(bytes), Some(unfit)) => Ok(Some(Written { rows, bytes, unfit })),
                _ => Err(Error::protocol("an entry of the ledger can't be read").at(Side::Target)),
            },
            Some(_) => {
                Err(Error::protocol("an entry of the ledger can't be read").at(Side::Target))
            }
        }
    }

    /// An error unless the fence is still this run's.
    pub fn check(&self, answer: &[TextRow]) -> Result<()> {
        let fence = answer.first().and_then(|row| row.first()?.as_deref()?.parse::<u64>().ok());
        if fence == Some(self.fence) { Ok(()) } else { Err(taken_over()) }
    }
}

/// The entry is not this run's to set.
pub fn taken_over() -> Error {
    Error::new(Kind::Fenced, "another run has taken this task over")
        .at(Side::Target)
        .with_hint("let the other run finish; dbferry status tells how far it is")
}
