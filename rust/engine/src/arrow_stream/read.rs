//! Rows out of shared streams.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::DataType;

use super::decode::Decoder;
use super::{Incoming, Producer};
use crate::block::{Block, Rows, emit_all};
use crate::cancel::Cancel;
use crate::convert;
use crate::copy::sift::decode_halves;
use crate::error::{Error, Kind, Result, Side};
use crate::loss::Losses;
use crate::plan::{Range, Sizes, TablePlan, Transfer};
use crate::quarantine::Unfit;
use crate::source::{Reader, Reading};

/// Readers that share the producer's streams.
pub fn readers(producer: Arc<dyn Producer>, count: usize) -> Vec<Box<dyn Reader>> {
    let shared = Arc::new(Shared { producer, streams: Mutex::default(), parts: count });
    (0..count).map(|_| Box::new(StreamReader(Arc::clone(&shared))) as _).collect()
}

struct Shared {
    producer: Arc<dyn Producer>,
    /// By the table's name.
    streams: Mutex<HashMap<String, Arc<Stream>>>,
    parts: usize,
}

#[derive(Default)]
struct Stream {
    state: Mutex<State>,
    /// Rows that were taken from it.
    rows: AtomicU64,
}

#[derive(Default)]
enum State {
    #[default]
    Unopened,
    Open(Open),
    Ended,
    /// Every reader is told the error that came first.
    Failed(Error),
}

struct Open {
    incoming: Incoming,
    decoder: Arc<Decoder>,
    /// What is left of the batch that came last, and how many of its rows go into a block.
    rest: Option<(RecordBatch, usize)>,
}

/// Some rows of a stream, not yet converted.
struct Taken {
    batch: RecordBatch,
    decoder: Arc<Decoder>,
    /// Rows of the stream before these.
    before: u64,
}

impl Stream {
    /// From its first row on, whatever was taken from it.
    fn begin(&self) {
        *lock(&self.state) = State::Unopened;
        self.rows.store(0, Ordering::Relaxed);
    }

    /// Takes the next few rows.
    fn take(
        &self,
        shared: &Shared,
        table: &TablePlan,
        reading: &Reading<'_>,
    ) -> Result<Option<Taken>> {
        let mut state = lock(&self.state);
        let taken = match &*state {
            State::Failed(error) => return Err(error.clone()),
            State::Unopened | State::Open(_) | State::Ended => {
                self.advance(&mut state, shared, table, reading)
            }
        };
        match &taken {
            Ok(Some(_)) => {}
            Ok(None) => *state = State::Ended,
            Err(error) => *state = State::Failed(error.clone()),
        }
        taken
    }

    fn advance(
        &self,
        state: &mut State,
        shared: &Shared,
        table: &TablePlan,
        reading: &Reading<'_>,
    ) -> Result<Option<Taken>> {
        if matches!(*state, State::Unopened) {
            let incoming = shared.producer.open(table)?;
            let decoder = Arc::new(Decoder::new(table, &incoming.schema())?);
            *state = State::Open(Open { incoming, decoder, rest: None });
        }
        let State::Open(open) = state else { return Ok(None) };
        // A database's session is not to be closed under whoever reads from it.
        let leave = (!shared.producer.repeats()).then_some(reading.cancel);
        let Some(batch) = open.next(&reading.sizes, leave)? else { return Ok(None) };
        let before = self.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        Ok(Some(Taken { batch, decoder: Arc::clone(&open.decoder), before }))
    }
}

impl Open {
    fn next(&mut self, sizes: &Sizes, leave: Option<&Cancel>) -> Result<Option<RecordBatch>> {
        let (batch, share) = match self.rest.take() {
            Some(rest) => rest,
            None => loop {
                let Some(batch) = self.incoming.next_batch(leave)? else {
                    return Ok(None);
                };
                if batch.num_rows() > 0 {
                    let batch = self.decoder.pick(&batch)?;
                    let share = share(&batch, sizes);
                    break (batch, share);
                }
            },
        };
        if batch.num_rows() <= share {
            return Ok(Some(batch));
        }
        self.rest = Some((batch.slice(share, batch.num_rows() - share), share));
        Ok(Some(batch.slice(0, share)))
    }
}

/// Rows of a batch that make a block of about the right size.
fn share(batch: &RecordBatch, sizes: &Sizes) -> usize {
    let rows = batch.num_rows();
    let bytes: usize = batch.columns().iter().map(|array| size(array.as_ref())).sum();
    let fitting = sizes.batch_bytes.saturating_mul(rows) / bytes.max(1);
    let share = fitting.min(sizes.batch_rows).max(1);
    // Equal parts: a last block of a few rows costs as much as a whole one.
    rows.div_ceil(rows.div_ceil(share))
}

/// Bytes of an array's values once they are plain; an estimate.
fn size(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            size(values.as_ref()) / values.len().max(1) * array.len()
        }
        DataType::Utf8View => {
            array.as_string_view().lengths().map(|n| n as usize).sum::<usize>() + 4 * array.len()
        }
        DataType::BinaryView => {
            array.as_binary_view().lengths().map(|n| n as usize).sum::<usize>() + 4 * array.len()
        }
        _ => {
            let data = array.to_data();
            data.get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
        }
    }
}

struct StreamReader(Arc<Shared>);

impl StreamReader {
    fn stream(&self, table: &TablePlan) -> Arc<Stream> {
        Arc::clone(lock(&self.0.streams).entry(table.name.clone()).or_default())
    }
}

impl Reader for StreamReader {
    fn ranges(&mut self, _table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        let parts = self.0.parts.min(sizes.workers.max(1));
        let relation = |number| (parts > 1).then(|| format!("part {} of {parts}", number + 1));
        let range = |number| Range { number, relation: relation(number), ..Range::default() };
        Ok((0..parts).map(range).collect())
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        let placed = |error: Error| error.at(Side::Source).in_table(&table.name);
        if table.transfer != Transfer::Arrow {
            let message = "a stream of Arrow batches can't travel as raw bytes";
            return Err(placed(Error::new(Kind::Internal, message).in_range(&range.label())));
        }
        let stream = self.stream(table);
        if self.repeats() {
            stream.begin();
        }
        while let Some(taken) = stream.take(&self.0, table, reading).map_err(placed)? {
            reading.cancel.check()?;
            let wire_bytes = taken.batch.columns().iter().map(|a| size(a.as_ref()) as u64).sum();
            let decoded = if reading.sifted {
                sift(table, &taken, reading.losses)
            } else {
                decode(table, &taken, 0..taken.batch.num_rows(), reading.losses)
                    .map(|batch| vec![Rows::Arrow(batch)])
            };
            // Which part a row came into is chance; its place in the stream is not.
            let rows = decoded.map_err(|error| placed(error.after_rows(taken.before)))?;
            emit_all(rows, wire_bytes, None, emit)?;
        }
        Ok(())
    }

    /// Parts of one stream are read once, for nobody knows which rows another part has taken.
    fn repeats(&self) -> bool {
        self.0.parts == 1 && self.0.producer.repeats()
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        let counted = self.0.producer.count(table).map_err(|error| error.at(Side::Source))?;
        Ok(counted.unwrap_or_else(|| self.stream(table).rows.load(Ordering::Relaxed)))
    }
}

fn decode(
    table: &TablePlan,
    taken: &Taken,
    rows: std::ops::Range<usize>,
    losses: &Losses,
) -> Result<RecordBatch> {
    let batch = taken.batch.slice(rows.start, rows.len());
    let decoded = taken.decoder.decode(table, &batch, losses)?;
    convert::apply(table, decoded, losses)
}

fn sift(table: &TablePlan, taken: &Taken, losses: &Losses) -> Result<Vec<Rows>> {
    let mut out = Vec::new();
    decode_halves(
        0..taken.batch.num_rows(),
        losses,
        &mut |rows, losses| decode(table, taken, rows, losses),
        &mut |row, error| Unfit::of_batch(table, &taken.batch, row, error),
        &mut out,
    )?;
    Ok(out)
}

/// A batch of the plan's schema, with its rows counted even without columns.
pub fn batch(
    table: &TablePlan,
    columns: Vec<arrow_array::ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(table.schema(), columns, &options)
        .map_err(|error| Error::new(Kind::Internal, error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
