//! Ranges that wait for a worker, and those that wait for their next attempt.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::manner::Manner;
use crate::cancel::Cancel;
use crate::plan::Range;

/// How long a worker waits at most before it looks whether the run was stopped.
const TURN: Duration = Duration::from_millis(50);

/// A range on its way.
#[derive(Clone)]
pub struct Unit {
    pub table: usize,
    pub range: Range,
    /// Times that it has been tried in vain.
    pub attempts: u32,
    pub manner: Manner,
    not_before: Option<Instant>,
}

impl Unit {
    pub fn new(table: usize, range: Range) -> Self {
        Self { table, range, attempts: 0, manner: Manner::Whole, not_before: None }
    }
}

pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<Unit>,
    /// Units that were taken and may come back.
    out: usize,
}

impl Queue {
    /// Largest first; units of one size stay in the order of their table.
    pub fn new(mut units: Vec<Unit>) -> Self {
        units.sort_by_key(|unit| std::cmp::Reverse(unit.range.bytes));
        let state = State { waiting: units.into(), out: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next unit whose time has come; nothing once all are settled or the run is stopped.
    pub fn take(&self, cancel: &Cancel) -> Option<Unit> {
        let mut state = self.lock();
        loop {
            if cancel.is_cancelled() || (state.waiting.is_empty() && state.out == 0) {
                return None;
            }
            let now = Instant::now();
            let due = |unit: &Unit| unit.not_before.is_none_or(|moment| moment <= now);
            if let Some(place) = state.waiting.iter().position(due) {
                let unit = state.waiting.remove(place);
                state.out += 1;
                return unit;
            }
            state =
                self.changed.wait_timeout(state, TURN).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A unit that was taken is through, whatever came of it.
    pub fn settle(&self) {
        self.lock().out -= 1;
        self.changed.notify_all();
    }

    /// A unit that was taken is to be tried again after a while.
    pub fn give_back(&self, mut unit: Unit, after: Duration) {
        unit.attempts += 1;
        unit.not_before = Some(Instant::now() + after);
        let mut state = self.lock();
        state.waiting.push_back(unit);
        state.out -= 1;
        self.changed.notify_all();
    }

    /// A unit that was taken is to be looked at more closely.
    pub fn look_closer(&self, unit: Unit, manner: Manner) {
        let mut state = self.lock();
        state.waiting.push_back(Unit { manner, ..unit });
        state.out -= 1;
        self.changed.notify_all();
    }

    /// Nothing more of a table.
    pub fn drop_table(&self, table: usize) {
        self.lock().waiting.retain(|unit| unit.table != table);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
