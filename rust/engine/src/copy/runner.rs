//! The copy itself: ranges, largest first, through pairs of threads.
//!
//! A worker is a reading thread and a writing thread, each with one session, and a channel of a few blocks
//! between them; while the writer commits a range the reader is already in the next. Only the writer judges
//! what came of a range. What the world has broken goes back into the queue and is tried again, with new
//! sessions where they were lost; a commit that wasn't answered is looked up in the ledger first. What the rows
//! are to blame for ends their table, and the others go on unless the run is to stop; or, where rows may be put
//! aside, the range is sifted for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::budget::Budget;
use super::gate::Gate;
use super::halve::Halving;
use super::healed::Healing;
use super::manner::Manner;
pub use super::outcome::{Copied, Outcome, State};
use super::outcome::{Tally, outcome};
use super::pace::Pace;
use super::patience::{pause, persist};
use super::progress::Progress;
use super::queue::{Queue, Unit};
use super::sift::Sieve;
use crate::block::Block;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::Losses;
use crate::plan::{Retry, Sizes, TablePlan, Work};
use crate::quarantine::Quarantine;
use crate::source::{Reader, Reading};
use crate::target::{Writer, Written};

/// Blocks between a reader and its writer: one in the writer's hands, one waiting, one being made.
const BLOCKS_BETWEEN: usize = 1;

/// Everything a run shares.
pub struct Run<'a> {
    pub tables: &'a [TablePlan],
    /// What is to be done with each table, in their order.
    pub work: &'a [Work],
    pub sizes: Sizes,
    pub cancel: &'a Cancel,
    pub progress: &'a Progress,
    pub pace: &'a Pace,
    pub commit: Commit,
    pub retry: Retry,
    pub on_error: OnError,
    /// Where rows go that don't fit; absent when they end their table.
    pub quarantine: Option<&'a Quarantine>,
}

/// When ranges are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Each when its rows are there; both sides are counted at the end.
    Each {
        /// True when the target keeps a ledger, which knows what a lost session has committed.
        ledger: bool,
    },
    /// None before the rows of all are there, which needs a worker for each range. What the servers
    /// accepted is the count; nothing is tried again.
    Together,
}

/// What the failure of one table means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    Stop,
    Continue,
}

/// A range on its way: the writer pulls its blocks from here.
struct Delivery {
    unit: Unit,
    blocks: Blocks,
    taken: Arc<Taken>,
}

/// What has come of a range so far, which counts once it has landed.
#[derive(Default)]
struct Taken {
    losses: Losses,
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// The blocks of one range, and proof that they were all: a reader that dies in silence must not look
/// like one that has finished.
struct Blocks {
    blocks: Receiver<Option<Result<Block>>>,
    /// True once the reader has said that there are no more.
    ended: bool,
}

impl Iterator for Blocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        let lost = || {
            Some(Err(Error::new(Kind::Internal, "the reader of this range ended without a word")))
        };
        if self.ended {
            return None;
        }
        let next = self.blocks.recv().unwrap_or_else(|_| lost());
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Blocks {
    /// Takes what is left of the range, for nobody.
    fn drain(&mut self) {
        while self.next().is_some() {}
    }
}

/// What the workers of a run share besides what it was asked for.
struct Floor<'a> {
    run: &'a Run<'a>,
    queue: Queue,
    tallies: Vec<Mutex<Tally>>,
    budget: Budget,
    gate: Option<Gate>,
    healing: Healing,
    /// False when a range can be read once only.
    repeats: bool,
    lost: Mutex<Option<Error>>,
}

/// Copies all tables with as many workers as there are pairs of a reader and a writer.
pub fn copy(
    run: &Run<'_>,
    readers: &mut [Box<dyn Reader>],
    writers: &mut [Box<dyn Writer>],
) -> Copied {
    let tallies = run.work.iter().map(|work| Mutex::new(Tally::of(work))).collect();
    let mut floor = Floor {
        run,
        queue: Queue::new(vec![]),
        tallies,
        budget: Budget::new(run.sizes.budget_bytes),
        gate: None,
        healing: Healing::default(),
        repeats: readers.iter().all(|reader| reader.repeats()),
        lost: Mutex::default(),
    };
    if let Some(units) = floor.cut(readers) {
        floor.gate = (run.commit == Commit::Together).then(|| Gate::new(units.len()));
        floor.queue = Queue::new(units);
        floor.work(readers, writers);
        match run.commit {
            Commit::Each { .. } => floor.count(readers, writers),
            Commit::Together => floor.settle(readers),
        }
    }
    let tallies = floor.tallies.into_iter().zip(run.tables).zip(run.work);
    let outcomes = tallies.map(|((tally, table), work)| {
        outcome(table, tally.into_inner().unwrap_or_else(PoisonError::into_inner), work)
    });
    Copied {
        outcomes: outcomes.collect(),
        lost: floor.lost.into_inner().unwrap_or_else(PoisonError::into_inner),
        healed: floor.healing.all(),
    }
}

impl Floor<'_> {
    /// The units of all tables; `None` when one can't be cut, with the reason in its tally.
    fn cut(&self, readers: &mut [Box<dyn Reader>]) -> Option<Vec<Unit>> {
        let mut units = Vec::new();
        for (index, (table, work)) in self.run.tables.iter().zip(self.run.work).enumerate() {
            let ranges = match (&work.ranges, readers.first_mut()) {
                (Some(ranges), _) => Ok(ranges.clone()),
                (None, Some(reader)) => reader.ranges(table, &self.run.sizes),
                (None, None) => Err(Error::new(Kind::Internal, "a snapshot without a session")),
            };
            match ranges {
                Ok(ranges) => {
                    self.tally(index).ranges_left = ranges.len();
                    self.run.progress.table(index).cut(ranges.len(), work);
                    units.extend(ranges.into_iter().map(|range| Unit::new(index, range)));
                }
                Err(error) => {
                    self.tally(index).ranges_left = usize::MAX;
                    self.fail(index, error.at(Side::Source));
                    return None;
                }
            }
        }
        Some(units)
    }

    fn work(&self, readers: &mut [Box<dyn Reader>], writers: &mut [Box<dyn Writer>]) {
        thread::scope(|scope| {
            for (reader, writer) in readers.iter_mut().zip(writers.iter_mut()) {
                let (deliver, deliveries) = sync_channel::<Delivery>(1);
                scope.spawn(move || self.read_units(reader.as_mut(), &deliver));
                scope.spawn(move || self.write_units(writer.as_mut(), &deliveries));
            }
        });
    }

    fn read_units(&self, reader: &mut dyn Reader, deliver: &SyncSender<Delivery>) {
        while let Some(unit) = self.queue.take(self.run.cancel) {
            self.tally(unit.table).started.get_or_insert_with(Instant::now);
            let (send, blocks) = sync_channel(BLOCKS_BETWEEN);
            let (taken, blocks) = (Arc::new(Taken::default()), Blocks { blocks, ended: false });
            let delivery = Delivery { unit: unit.clone(), blocks, taken: Arc::clone(&taken) };
            if deliver.send(delivery).is_err() {
                return;
            }
            let read = self.read(reader, &unit, &taken, &send);
            // A writer that is gone has told why. One that waits for the others could not begin a second range.
            if send.send(read.clone().err().map(Err)).is_err() || self.gate.is_some() {
                return;
            }
            if reader.lost()
                && let Err(error) = self.renew(reader)
            {
                // What breaks after the stop has a cause that is told elsewhere.
                if !self.run.cancel.is_cancelled() {
                    lock(&self.lost).get_or_insert(read.err().unwrap_or(error));
                }
                return;
            }
        }
    }

    fn read(
        &self,
        reader: &mut dyn Reader,
        unit: &Unit,
        taken: &Taken,
        send: &SyncSender<Option<Result<Block>>>,
    ) -> Result<()> {
        let run = self.run;
        let counters = run.progress.table(unit.table);
        let plan = &run.tables[unit.table];
        let sifted = unit.manner != Manner::Whole;
        let reading = Reading {
            sizes: run.sizes,
            budget: &self.budget,
            cancel: run.cancel,
            losses: &taken.losses,
            sifted,
        };
        let mut hand_over = |block: Block| {
            run.cancel.check()?;
            run.pace.pass(block.count(), block.wire_bytes, run.cancel)?;
            counters.read(block.count(), block.wire_bytes);
            taken.rows.fetch_add(block.count(), Ordering::Relaxed);
            taken.bytes.fetch_add(block.wire_bytes, Ordering::Relaxed);
            send.send(Some(Ok(block))).map_err(|_| Error::cancelled())
        };
        let most = run.quarantine.map_or(0, |quarantine| quarantine.most);
        let halving = Halving { most, renew: &mut |reader: &mut dyn Reader| self.renew(reader) };
        let read = unit.manner.read(reader, plan, &unit.range, &reading, halving, &mut hand_over);
        let place = &unit.range.label();
        read.map_err(|error| error.at(Side::Source).in_table(&plan.name).in_range(place))
    }

    /// A session for a reader that has lost its own; an error where there can't be one.
    fn renew(&self, reader: &mut dyn Reader) -> Result<()> {
        let seen = |error: &Error| self.healing.add(error);
        if persist(self.run.retry, self.run.cancel, seen, || reader.renew())? {
            return Ok(());
        }
        Err(Error::new(Kind::Lost, "the session was lost, and its snapshot can't be joined again")
            .at(Side::Source))
    }

    fn write_units(&self, writer: &mut dyn Writer, deliveries: &Receiver<Delivery>) {
        for Delivery { unit, mut blocks, taken } in deliveries {
            let written = self.write(writer, &unit, &mut blocks);
            // The reader is not to notice: its session is inside the snapshot.
            blocks.drain();
            match written {
                Ok(written) => self.land(&unit, written, &taken),
                Err(error) => {
                    let name = &self.run.tables[unit.table].name;
                    let error = error.at(Side::Target).in_table(name).in_range(&unit.range.label());
                    if !self.mend(writer, unit, &taken, error) {
                        return;
                    }
                }
            }
        }
    }

    fn write(&self, writer: &mut dyn Writer, unit: &Unit, blocks: &mut Blocks) -> Result<Written> {
        let table = &self.run.tables[unit.table];
        match self.run.quarantine {
            Some(quarantine) if unit.manner != Manner::Whole => {
                let room = quarantine.most.saturating_sub(self.tally(unit.table).unfit);
                let sieve = Sieve { quarantine, room };
                writer.sift(&table.written_sifted(), &unit.range, blocks, &sieve)
            }
            _ => {
                let mut accepted =
                    || self.gate.as_ref().map_or(Ok(()), |gate| gate.pass(self.run.cancel));
                writer.write(table, &unit.range, blocks, &mut accepted)
            }
        }
    }

    /// What becomes of a unit that has failed; false when its writer is of no more use.
    fn mend(&self, writer: &mut dyn Writer, unit: Unit, taken: &Taken, error: Error) -> bool {
        let (run, index) = (self.run, unit.table);
        let seen = |error: &Error| self.healing.add(error);
        // Where all commit together nothing is tried again, and nobody waits for a session that would do nothing.
        if matches!(run.commit, Commit::Each { .. })
            && writer.lost()
            && let Err(error) = persist(run.retry, run.cancel, seen, || writer.renew())
        {
            self.fail(index, error.at(Side::Target));
            self.queue.settle();
            return false;
        }
        let known = match run.commit {
            Commit::Together => false,
            // A session that breaks at its commit doesn't tell what came of it.
            Commit::Each { ledger } => ledger || error.kind() == Kind::Busy,
        };
        if run.quarantine.is_some()
            && self.repeats
            && let Some(manner) = unit.manner.closer(&error)
        {
            self.untake(index, taken);
            self.queue.look_closer(unit, manner);
            return true;
        }
        if !error.kind().retryable()
            || !known
            || !self.repeats
            || unit.attempts >= run.retry.attempts
        {
            let tried = unit.attempts;
            self.fail(index, if tried == 0 { error } else { tried_before(error, tried) });
            self.queue.settle();
            return true;
        }
        self.healing.add(&error);
        let table = &run.tables[index];
        match persist(run.retry, run.cancel, seen, || {
            if writer.lost() {
                writer.renew()?;
            }
            writer.landed(table, &unit.range)
        }) {
            Ok(Some(written)) => self.land(&unit, written, taken),
            Ok(None) => {
                self.untake(index, taken);
                let after = pause(unit.attempts);
                self.queue.give_back(unit, after);
            }
            Err(error) => {
                self.fail(index, error.at(Side::Target));
                self.queue.settle();
            }
        }
        true
    }

    /// What was read of a range means nothing: it is read again.
    fn untake(&self, index: usize, taken: &Taken) {
        let (rows, bytes) =
            (taken.rows.load(Ordering::Relaxed), taken.bytes.load(Ordering::Relaxed));
        self.run.progress.table(index).unread(rows, bytes);
    }

    fn land(&self, unit: &Unit, written: Written, taken: &Taken) {
        let lost = taken.losses.counts().into_iter();
        let mut tally = self.tally(unit.table);
        tally.ranges_left -= 1;
        tally.landed += 1;
        tally.rows += written.rows;
        tally.bytes += written.bytes;
        tally.unfit += written.unfit;
        let number = unit.range.number;
        tally.losses.extend(lost.map(|(_, column, code, values)| (number, column, code, values)));
        tally.seconds = tally.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        self.run.progress.table(unit.table).range_done();
        let unfit = tally.unfit;
        drop(tally);
        if let Some(quarantine) = self.run.quarantine.filter(|quarantine| unfit > quarantine.most) {
            self.fail(unit.table, quarantine.too_many());
        }
        self.queue.settle();
    }

    /// Notes the first error of a table, and stops the run where the others can't go on.
    fn fail(&self, index: usize, error: Error) {
        // What breaks after the stop is a consequence, not a cause.
        let error = self.run.cancel.cause(error);
        let goes_on = self.run.on_error == OnError::Continue && error.kind().of_table();
        self.tally(index).error.get_or_insert(error.in_table(&self.run.tables[index].name));
        if goes_on {
            self.queue.drop_table(index);
        } else {
            self.run.cancel.cancel();
        }
    }

    fn tally(&self, index: usize) -> MutexGuard<'_, Tally> {
        lock(&self.tallies[index])
    }

    /// Compares the rows that came with those that the servers accepted, and tells a half-done commit.
    fn settle(&self, readers: &mut [Box<dyn Reader>]) {
        let Some(reader) = readers.first_mut() else { return };
        for (index, table) in self.run.tables.iter().enumerate() {
            let mut tally = self.tally(index);
            if let Some(error) = tally.error.take() {
                let (landed, rows) = (tally.landed, tally.rows);
                tally.error = Some(if landed == 0 {
                    error
                } else {
                    error.with_detail(format!(
                        "{landed} of the parts had been committed before, and their {rows} rows are in the \
                         target"
                    ))
                });
            } else if tally.ranges_left == 0 {
                match reader.count(table) {
                    Ok(source) => {
                        tally.source_rows = Some(source);
                        tally.target_rows = Some(tally.rows);
                    }
                    Err(error) => tally.error = Some(error.at(Side::Source).in_table(&table.name)),
                }
            }
        }
    }

    /// Counts the rows of finished tables on both sides at once, the largest first, under the source's snapshot.
    fn count(&self, readers: &mut [Box<dyn Reader>], writers: &mut [Box<dyn Writer>]) {
        let due = |index: &usize| {
            let tally = self.tally(*index);
            tally.ranges_left == 0 && tally.error.is_none()
        };
        let mut tables: Vec<_> = (0..self.run.tables.len()).filter(due).collect();
        tables.sort_by_key(|index| self.tally(*index).bytes);
        let (sources, targets) = (Mutex::new(tables.clone()), Mutex::new(tables));
        thread::scope(|scope| {
            // Those that had no writer beside them may have been idle for hours.
            for reader in readers.iter_mut().take(writers.len().max(1)) {
                let sources = &sources;
                scope.spawn(move || {
                    self.count_side(sources, Side::Source, |index, table| {
                        let mixed = self.run.work[index].mixed;
                        if mixed { Ok(self.tally(index).read()) } else { reader.count(table) }
                    });
                });
            }
            for writer in writers {
                let targets = &targets;
                scope.spawn(move || {
                    self.count_side(targets, Side::Target, |_, table| writer.count(table));
                });
            }
        });
    }

    /// The counts of one session, until no table is left or the session is lost.
    fn count_side(
        &self,
        tables: &Mutex<Vec<usize>>,
        side: Side,
        mut count: impl FnMut(usize, &TablePlan) -> Result<u64>,
    ) {
        while !self.run.cancel.is_cancelled() {
            let Some(index) = lock(tables).pop() else { return };
            let table = &self.run.tables[index];
            match (count(index, table).map_err(|error| error.at(side)), side) {
                (Ok(rows), Side::Source) => self.tally(index).source_rows = Some(rows),
                (Ok(rows), Side::Target) => self.tally(index).target_rows = Some(rows),
                // Another count may succeed; the rows are there.
                (Err(error), _) if error.kind().retryable() && !self.run.cancel.is_cancelled() => {
                    lock(&self.lost).get_or_insert(error.in_table(&table.name));
                    return;
                }
                (Err(error), _) => self.fail(index, error),
            }
        }
    }
}

fn tried_before(error: Error, times: u32) -> Error {
    error.with_detail(format!("it was tried {} times", times + 1))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
