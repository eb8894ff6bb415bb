//! One table as a stream of Arrow batches, for a consumer outside the engine; or as blocks, whose rows are sifted.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use serde::Deserialize;

use super::budget::Budget;
use super::halve::Halving;
use super::manner::Manner;
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

/// How a table is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct How {
    pub manner: Manner,
    /// What of the table is read; all of it when absent.
    pub ranges: Option<Vec<Range>>,
    /// Rows that the source can't give, at most.
    pub most: u64,
}

/// Blocks of a table, in no particular order of its ranges.
pub struct TableBlocks {
    blocks: Option<Receiver<Option<Result<Block>>>>,
    /// Readers that haven't said that they are through.
    reading: usize,
}

impl TableBlocks {
    /// Cuts the table and starts to read it on all sessions.
    pub fn open(
        table: TablePlan,
        how: How,
        readers: &[Lent],
        sizes: Sizes,
        watch: &Watch,
    ) -> Result<Self> {
        if table.transfer != Transfer::Arrow {
            return Err(Error::new(Kind::Internal, "a stream carries Arrow batches only"));
        }
        let readers = usable(readers)?;
        let ranges = match how.ranges {
            Some(ranges) => ranges,
            None => readers[0]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .ranges(&table, &sizes)
                .map_err(|error| error.at(Side::Source).in_table(&table.name))?,
        };
        watch.progress.table(0).cut(ranges.len(), &Work::default());
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
                    let sifted = how.manner != Manner::Whole;
                    let (cancel, losses) = (&watch.cancel, &*watch.losses);
                    let reading = Reading { sizes, budget: &budget, cancel, losses, sifted };
                    let halving = Halving { most: how.most, renew: &mut renew };
                    let mut hand_over = |block: Block| {
                        watch.pass(&block)?;
                        send.send(Some(Ok(block))).map_err(|_| Error::cancelled())
                    };
                    let reader = reader.as_mut();
                    let outcome =
                        how.manner.read(reader, &table, &range, &reading, halving, &mut hand_over);
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
        Ok(Self { blocks: Some(blocks), reading: readers.len() })
    }
}

impl Watch {
    /// Counts a block that goes over to the consumer, and lets it wait its turn.
    fn pass(&self, block: &Block) -> Result<()> {
        self.cancel.check()?;
        self.pace.pass(block.count(), block.wire_bytes, &self.cancel)?;
        self.progress.table(0).read(block.count(), block.wire_bytes);
        Ok(())
    }
}

/// A session for a reader that has lost its own, once.
fn renew(reader: &mut dyn Reader) -> Result<()> {
    if reader.renew()? {
        return Ok(());
    }
    Err(Error::new(Kind::Lost, "the session was lost, and its snapshot can't be joined again"))
}

/// Those whose session is alive, or could be opened again in the same snapshot; an error when there are none.
pub fn usable(readers: &[Lent]) -> Result<Vec<Lent>> {
    let mut usable = Vec::with_capacity(readers.len());
    for lent in readers {
        let mut reader = lent.lock().unwrap_or_else(PoisonError::into_inner);
        if !reader.lost() || reader.renew()? {
            usable.push(Arc::clone(lent));
        }
    }
    if usable.is_empty() {
        let message = "no session of the snapshot is left";
        return Err(Error::new(Kind::Lost, message).at(Side::Source));
    }
    Ok(usable)
}

fn pop(queue: &Mutex<VecDeque<Range>>) -> Option<Range> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

impl TableBlocks {
    /// The next block; nothing after the last, pending when none has come within the time.
    fn next_within(&mut self, time: Duration) -> Poll<Option<Result<Block>>> {
        let error = loop {
            let Some(blocks) = &self.blocks else { return Poll::Ready(None) };
            match blocks.recv_timeout(time) {
                Ok(Some(Ok(block))) => return Poll::Ready(Some(Ok(block))),
                Ok(Some(Err(error))) => break error,
                Ok(None) => {
                    self.reading -= 1;
                    if self.reading == 0 {
                        self.blocks = None;
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Poll::Pending,
                Err(RecvTimeoutError::Disconnected) => {
                    break Error::new(Kind::Internal, "a reader ended without a word");
                }
            }
        };
        self.blocks = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Iterator for TableBlocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Poll::Ready(next) = self.next_within(Duration::from_secs(3600)) {
                return next;
            }
        }
    }
}

/// Batches of a table that is read whole.
pub struct TableStream {
    schema: SchemaRef,
    blocks: TableBlocks,
    failure: Arc<Mutex<Option<Error>>>,
}

impl TableStream {
    /// Cuts the table and starts to read it on all sessions.
    pub fn open(table: TablePlan, readers: &[Lent], sizes: Sizes, watch: &Watch) -> Result<Self> {
        let (schema, failure) = (table.schema(), Arc::clone(&watch.failure));
        let blocks = TableBlocks::open(table, How::default(), readers, sizes, watch)?;
        Ok(Self { schema, blocks, failure })
    }

    /// The next batch; `None` when none has come within the time, `Some(None)` after the last.
    pub fn next_within(&mut self, time: Duration) -> Option<Option<Result<RecordBatch>>> {
        match self.blocks.next_within(time) {
            Poll::Ready(block) => Some(block.map(|block| block.and_then(batch))),
            Poll::Pending => None,
        }
    }
}

fn batch(block: Block) -> Result<RecordBatch> {
    match block.rows {
        Rows::Arrow(batch) => Ok(batch),
        Rows::Raw { .. } | Rows::Unfit(_) => {
            Err(Error::new(Kind::Internal, "raw bytes in a stream of Arrow batches"))
        }
    }
}

impl Iterator for TableStream {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.blocks.next()?.and_then(batch);
        Some(next.map_err(|error| {
            let text = error.told();
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
