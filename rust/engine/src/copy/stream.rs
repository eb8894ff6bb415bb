//! One table as a stream of Arrow batches, for a consumer outside the engine.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::budget::Budget;
use super::pace::Pace;
use super::progress::Progress;
use crate::block::{Block, Rows};
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::Losses;
use crate::plan::{Range, Sizes, TablePlan, Transfer, Work};
use crate::source::{Reader, Reading};

/// A session that is lent to one stream at a time.
pub type Lent = Arc<Mutex<Box<dyn Reader>>>;

/// What a stream shares with whoever opened it.
#[derive(Clone)]
pub struct Watch {
    pub cancel: Cancel,
    /// Counters of one table.
    pub progress: Arc<Progress>,
    pub losses: Arc<Losses>,
    pub pace: Arc<Pace>,
    /// The error that ended the stream, with its fields; Arrow's own error is text only.
    pub failure: Arc<Mutex<Option<Error>>>,
}

/// Batches of a table, in no particular order of its ranges.
pub struct TableStream {
    schema: SchemaRef,
    blocks: Option<Receiver<Option<Result<Block>>>>,
    /// Readers that haven't said that they are through.
    reading: usize,
    failure: Arc<Mutex<Option<Error>>>,
}

impl TableStream {
    /// Cuts the table and starts to read it on all sessions.
    pub fn open(table: TablePlan, readers: &[Lent], sizes: Sizes, watch: &Watch) -> Result<Self> {
        if table.transfer != Transfer::Arrow {
            return Err(Error::new(Kind::Internal, "a stream carries Arrow batches only"));
        }
        let readers = usable(readers)?;
        let Some(first) = readers.first() else {
            return Err(
                Error::new(Kind::Lost, "no session of the snapshot is left").at(Side::Source)
            );
        };
        let ranges = first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ranges(&table, &sizes)
            .map_err(|error| error.at(Side::Source).in_table(&table.name))?;
        watch.progress.table(0).cut(ranges.len(), &Work::default());
        let schema = table.schema();
        let table = Arc::new(table);
        let queue = Arc::new(Mutex::new(VecDeque::from(ranges)));
        let budget = Budget::new(sizes.budget_bytes);
        let (send, blocks) = sync_channel(readers.len());
        for reader in &readers {
            let (reader, table, queue) =
                (Arc::clone(reader), Arc::clone(&table), Arc::clone(&queue));
            let (send, budget, watch) = (send.clone(), budget.clone(), watch.clone());
            thread::spawn(move || {
                let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                while let Some(range) = pop(&queue) {
                    let outcome = read(
                        &table,
                        &range,
                        reader.as_mut(),
                        sizes,
                        &budget,
                        &watch,
                        &mut |block| send.send(Some(Ok(block))).map_err(|_| Error::cancelled()),
                    );
                    if let Err(error) = outcome {
                        let place = error.at(Side::Source).in_table(&table.name);
                        // A consumer that dropped the stream wants nothing more.
                        let _ = send.send(Some(Err(place.in_range(&range.label()))));
                        return;
                    }
                    watch.progress.table(0).range_done();
                }
                let _ = send.send(None);
            });
        }
        Ok(Self {
            schema,
            blocks: Some(blocks),
            reading: readers.len(),
            failure: Arc::clone(&watch.failure),
        })
    }
}

/// Those whose session is alive, or could be opened again in the same snapshot.
fn usable(readers: &[Lent]) -> Result<Vec<Lent>> {
    let mut usable = Vec::with_capacity(readers.len());
    for lent in readers {
        let mut reader = lent.lock().unwrap_or_else(PoisonError::into_inner);
        if !reader.lost() || reader.renew()? {
            usable.push(Arc::clone(lent));
        }
    }
    Ok(usable)
}

fn pop(queue: &Mutex<VecDeque<Range>>) -> Option<Range> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

fn read(
    table: &TablePlan,
    range: &Range,
    reader: &mut dyn Reader,
    sizes: Sizes,
    budget: &Budget,
    watch: &Watch,
    send: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let (cancel, losses) = (&watch.cancel, &*watch.losses);
    let reading = Reading { sizes, budget, cancel, losses, sifted: false };
    reader.read(table, range, &reading, &mut |block| {
        watch.cancel.check()?;
        watch.pace.pass(block.count(), block.wire_bytes, &watch.cancel)?;
        watch.progress.table(0).read(block.count(), block.wire_bytes);
        send(block)
    })
}

impl TableStream {
    /// The next batch; `None` when none has come within the time, `Some(None)` after the last.
    pub fn next_within(&mut self, time: Duration) -> Option<Option<Result<RecordBatch>>> {
        let error = loop {
            let Some(blocks) = &self.blocks else { return Some(None) };
            match blocks.recv_timeout(time) {
                Ok(Some(Ok(Block { rows: Rows::Arrow(batch), .. }))) => {
                    return Some(Some(Ok(batch)));
                }
                Ok(Some(Ok(Block { rows: Rows::Raw { .. } | Rows::Unfit(_), .. }))) => {
                    break Error::new(Kind::Internal, "raw bytes in a stream of Arrow batches");
                }
                Ok(Some(Err(error))) => break error,
                Ok(None) => {
                    self.reading -= 1;
                    if self.reading == 0 {
                        self.blocks = None;
                    }
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    break Error::new(Kind::Internal, "a reader ended without a word");
                }
            }
        };
        self.blocks = None;
        Some(Some(Err(error)))
    }
}

impl Iterator for TableStream {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = loop {
            if let Some(next) = self.next_within(Duration::from_secs(3600)) {
                break next?;
            }
        };
        Some(next.map_err(|error| {
            let text = error.to_string();
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            ArrowError::ExternalError(text.into())
        }))
    }
}

impl RecordBatchReader for TableStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
