//! The copy itself: ranges, largest first, through pairs of threads.
//!
//! A worker is a reading thread and a writing thread, each with one session, and a channel of a few blocks
//! between them; while the writer commits a range the reader is already in the next. The first failure stops
//! everything: what isn't committed by then is rolled back by its target, and the tables it belonged to
//! are told apart from those that are done.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use serde::Serialize;

use super::budget::Budget;
use super::gate::Gate;
use super::progress::Progress;
use crate::block::Block;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::Losses;
use crate::plan::{Range, Sizes, TablePlan};
use crate::source::{Reader, Reading};
use crate::target::{Writer, Written};

/// Blocks between a reader and its writer: one in the writer's hands, one waiting, one being made.
const BLOCKS_BETWEEN: usize = 1;

/// Everything a run shares.
pub struct Run<'a> {
    pub tables: &'a [TablePlan],
    pub sizes: Sizes,
    pub cancel: &'a Cancel,
    pub progress: &'a Progress,
    pub losses: &'a Losses,
    pub commit: Commit,
}

/// When ranges are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Each when its rows are there; both sides are counted at the end.
    Each,
    /// None before the rows of all are there, which needs a worker for each range. What the servers
    /// accepted is the count.
    Together,
}

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
    pub error: Option<Error>,
}

struct Unit {
    table: usize,
    range: Range,
}

/// A range on its way: the writer pulls its blocks from here.
struct Delivery {
    unit: Unit,
    blocks: Blocks,
}

/// The blocks of one range, and proof that they were all: a reader that dies in silence must not look
/// like one that has finished.
struct Blocks(Receiver<Option<Result<Block>>>);

impl Iterator for Blocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        let lost = || {
            Some(Err(Error::new(Kind::Internal, "the reader of this range ended without a word")))
        };
        self.0.recv().unwrap_or_else(|_| lost())
    }
}

#[derive(Default)]
struct Tally {
    ranges_left: usize,
    landed: usize,
    rows: u64,
    bytes: u64,
    started: Option<Instant>,
    seconds: f64,
    counts: Option<(u64, u64)>,
    error: Option<Error>,
}

/// Copies all tables with as many workers as there are pairs of a reader and a writer.
/// `rows_before` are the rows each target table already has and keeps.
pub fn copy(
    run: &Run<'_>,
    readers: &mut [Box<dyn Reader>],
    writers: &mut [Box<dyn Writer>],
    rows_before: &[u64],
) -> Vec<Outcome> {
    let tallies: Vec<Mutex<Tally>> = run.tables.iter().map(|_| Mutex::default()).collect();
    let budget = Budget::new(run.sizes.budget_bytes);
    if let Some(queue) = cut(run, readers, &tallies) {
        let gate = match run.commit {
            Commit::Each => None,
            Commit::Together => Some(Gate::new(queue.len())),
        };
        let queue = Mutex::new(queue);
        thread::scope(|scope| {
            for (reader, writer) in readers.iter_mut().zip(writers.iter_mut()) {
                let (deliver, deliveries) = sync_channel::<Delivery>(1);
                let (queue, tallies, budget, gate) = (&queue, &tallies, &budget, gate.as_ref());
                scope.spawn(move || {
                    read_units(run, reader.as_mut(), queue, tallies, budget, &deliver);
                });
                scope.spawn(move || write_units(run, writer.as_mut(), &deliveries, tallies, gate));
            }
        });
        match run.commit {
            Commit::Each => count(run, readers, writers, &tallies),
            Commit::Together => settle(run, readers, &tallies),
        }
    }
    let outcome = |(index, tally): (usize, Mutex<Tally>)| {
        let before = rows_before.get(index).copied().unwrap_or(0);
        outcome(
            &run.tables[index],
            tally.into_inner().unwrap_or_else(PoisonError::into_inner),
            before,
        )
    };
    tallies.into_iter().enumerate().map(outcome).collect()
}

/// Cuts every table; `None` when one can't be cut, with the reason in its tally.
fn cut(
    run: &Run<'_>,
    readers: &mut [Box<dyn Reader>],
    tallies: &[Mutex<Tally>],
) -> Option<VecDeque<Unit>> {
    let mut units = Vec::new();
    for (index, table) in run.tables.iter().enumerate() {
        let ranges = match readers.first_mut() {
            Some(reader) => reader.ranges(table, &run.sizes),
            None => Err(Error::new(Kind::Internal, "a snapshot without a session")),
        };
        match ranges {
            Ok(ranges) => {
                lock(&tallies[index]).ranges_left = ranges.len();
                run.progress.table(index).cut(ranges.len());
                units.extend(ranges.into_iter().map(|range| Unit { table: index, range }));
            }
            Err(error) => {
                lock(&tallies[index]).ranges_left = usize::MAX;
                fail(run, index, error.at(Side::Source), tallies);
                return None;
            }
        }
    }
    // The sort is stable: ranges of one size stay in the order of the table.
    units.sort_by_key(|unit| std::cmp::Reverse(unit.range.bytes));
    Some(units.into())
}

fn read_units(
    run: &Run<'_>,
    reader: &mut dyn Reader,
    queue: &Mutex<VecDeque<Unit>>,
    tallies: &[Mutex<Tally>],
    budget: &Budget,
    deliver: &SyncSender<Delivery>,
) {
    let reading = Reading { sizes: run.sizes, budget, cancel: run.cancel, losses: run.losses };
    while !run.cancel.is_cancelled() {
        let Some(unit) = lock(queue).pop_front() else { return };
        let (index, range) = (unit.table, unit.range.clone());
        lock(&tallies[index]).started.get_or_insert_with(Instant::now);
        let (send, blocks) = sync_channel(BLOCKS_BETWEEN);
        if deliver.send(Delivery { unit, blocks: Blocks(blocks) }).is_err() {
            return;
        }
        let counters = run.progress.table(index);
        let outcome = reader.read(&run.tables[index], &range, &reading, &mut |block| {
            run.cancel.check()?;
            counters.read(block.count(), block.wire_bytes);
            send.send(Some(Ok(block))).map_err(|_| Error::cancelled())
        });
        if let Err(error) = outcome {
            let error =
                error.at(Side::Source).in_table(&run.tables[index].name).in_range(&range.label());
            // A writer that is gone has failed itself and told why.
            let _ = send.send(Some(Err(error)));
            return;
        }
        // A writer that waits for the others could not begin a second range.
        if send.send(None).is_err() || run.commit == Commit::Together {
            return;
        }
    }
}

fn write_units(
    run: &Run<'_>,
    writer: &mut dyn Writer,
    deliveries: &Receiver<Delivery>,
    tallies: &[Mutex<Tally>],
    gate: Option<&Gate>,
) {
    for Delivery { unit, mut blocks } in deliveries {
        let table = &run.tables[unit.table];
        let mut accepted = || gate.map_or(Ok(()), |gate| gate.pass(run.cancel));
        match writer.write(table, &unit.range, &mut blocks, &mut accepted) {
            Ok(written) => land(run, unit.table, written, tallies),
            Err(error) => {
                let error =
                    error.at(Side::Target).in_table(&table.name).in_range(&unit.range.label());
                fail(run, unit.table, error, tallies);
                return;
            }
        }
    }
}

fn land(run: &Run<'_>, index: usize, written: Written, tallies: &[Mutex<Tally>]) {
    let mut tally = lock(&tallies[index]);
    tally.ranges_left -= 1;
    tally.landed += 1;
    tally.rows += written.rows;
    tally.bytes += written.bytes;
    tally.seconds = tally.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
    run.progress.table(index).range_done();
}

/// Notes the first error of a table and stops the run.
fn fail(run: &Run<'_>, index: usize, error: Error, tallies: &[Mutex<Tally>]) {
    // What breaks after the stop is a consequence, not a cause.
    let error = if run.cancel.is_cancelled() { Error::cancelled() } else { error };
    lock(&tallies[index]).error.get_or_insert(error.in_table(&run.tables[index].name));
    run.cancel.cancel();
}

/// Compares the rows that came with those that the servers accepted, and tells a half-done commit.
fn settle(run: &Run<'_>, readers: &mut [Box<dyn Reader>], tallies: &[Mutex<Tally>]) {
    let Some(reader) = readers.first_mut() else { return };
    for (index, table) in run.tables.iter().enumerate() {
        let mut tally = lock(&tallies[index]);
        if let Some(error) = tally.error.take() {
            let rows = tally.rows;
            tally.error = Some(if tally.landed == 0 {
                error
            } else {
                error.with_detail(format!(
                    "{} of the parts had been committed before, and their {rows} rows are in the target",
                    tally.landed
                ))
            });
            continue;
        }
        if tally.ranges_left == 0 {
            match reader.count(table) {
                Ok(source) => tally.counts = Some((source, tally.rows)),
                Err(error) => tally.error = Some(error.at(Side::Source).in_table(&table.name)),
            }
        }
    }
}

/// Counts the rows of finished tables on both sides, under the source's snapshot.
fn count(
    run: &Run<'_>,
    readers: &mut [Box<dyn Reader>],
    writers: &mut [Box<dyn Writer>],
    tallies: &[Mutex<Tally>],
) {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..run.tables.len()).collect());
    thread::scope(|scope| {
        for (reader, writer) in readers.iter_mut().zip(writers.iter_mut()) {
            let queue = &queue;
            scope.spawn(move || {
                while !run.cancel.is_cancelled() {
                    let Some(index) = lock(queue).pop_front() else { return };
                    let table = &run.tables[index];
                    if lock(&tallies[index]).ranges_left > 0 {
                        continue;
                    }
                    let counts = reader
                        .count(table)
                        .map_err(|error| error.at(Side::Source))
                        .and_then(|source| {
                            let target = writer.count(table).map_err(|e| e.at(Side::Target))?;
                            Ok((source, target))
                        });
                    match counts {
                        Ok(counts) => lock(&tallies[index]).counts = Some(counts),
                        Err(error) => fail(run, index, error, tallies),
                    }
                }
            });
        }
    });
}

fn outcome(table: &TablePlan, tally: Tally, before: u64) -> Outcome {
    let state = match (&tally.error, tally.counts) {
        (Some(error), _) if error.kind() == Kind::Cancelled => State::Unfinished,
        (Some(_), _) => State::Failed,
        (None, None) => State::Unfinished,
        (None, Some((source, target))) => {
            let equal = source + before == target && source == tally.rows;
            if equal { State::Done } else { State::Different }
        }
    };
    Outcome {
        table: table.name.clone(),
        state,
        rows: tally.rows,
        bytes: tally.bytes,
        seconds: tally.seconds,
        source_rows: tally.counts.map(|(source, _)| source),
        target_rows: tally.counts.map(|(_, target)| target - before.min(target)),
        error: tally.error,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
