//! A stream from outside, batch by batch.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, from_ffi_and_data_type};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{Array, ArrayReader, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};

type Arrays = Box<dyn Iterator<Item = Result<ArrayRef, ArrowError>> + Send>;
type Pulled = (Arrays, Option<Result<ArrayRef, ArrowError>>);

/// How often a wait for the producer looks whether all was stopped.
const TURN: Duration = Duration::from_millis(50);
/// How long a producer is waited for once all was stopped: one that computes comes back, one that waits for the world may not.
const GRACE: Duration = Duration::from_secs(3);

/// Batches of one schema.
pub struct Incoming {
    schema: SchemaRef,
    /// The schema without its promises that a column has no NULLs: the target tests them.
    nullable: SchemaRef,
    /// Nothing while the producer is at work.
    arrays: Option<Arrays>,
    puller: Option<Puller>,
}

/// A thread that waits for the producer, which may be code of anybody's and never come back.
struct Puller {
    wanted: Sender<Arrays>,
    pulled: Receiver<Pulled>,
}

impl Puller {
    fn start() -> Self {
        let (wanted, asked) = channel::<Arrays>();
        let (send, pulled) = channel();
        thread::spawn(move || {
            for mut arrays in asked {
                let next = arrays.next();
                if send.send((arrays, next)).is_err() {
                    return;
                }
            }
        });
        Self { wanted, pulled }
    }
}

impl Incoming {
    /// Takes a stream over from its producer.
    pub fn of_stream(stream: FFI_ArrowArrayStream) -> Result<Self> {
        let reader = ArrayStreamReader::try_new(stream).map_err(broken)?;
        let schema = columns(reader.field())?;
        Ok(Self::new(schema, Box::new(reader)))
    }

    /// Takes one array of rows over from its producer.
    ///
    /// # Safety
    ///
    /// The array must be of the schema's type and keep to the C data interface.
    pub unsafe fn of_array(array: FFI_ArrowArray, schema: &FFI_ArrowSchema) -> Result<Self> {
        let field = Field::try_from(schema).map_err(broken)?;
        let schema = columns(&field)?;
        // SAFETY: the caller promises that the two belong together.
        let data = unsafe { from_ffi_and_data_type(array, field.data_type().clone()) };
        let array = data.map(make_array);
        Ok(Self::new(schema, Box::new(std::iter::once(array))))
    }

    fn new(schema: SchemaRef, arrays: Arrays) -> Self {
        let fields = schema.fields().iter();
        let fields: Vec<Field> = fields.map(|f| f.as_ref().clone().with_nullable(true)).collect();
        let nullable = Arc::new(Schema::new(fields));
        Self { schema, nullable, arrays: Some(arrays), puller: None }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows; an error is the producer's own. With `leave` one that never answers is left behind once that is raised.
    pub fn next_batch(&mut self, leave: Option<&Cancel>) -> Result<Option<RecordBatch>> {
        let next = match leave {
            Some(cancel) => self.pull(cancel)?,
            None => self.arrays.as_mut().ok_or_else(Error::cancelled)?.next(),
        };
        let Some(array) = next else { return Ok(None) };
        let array = array.map_err(broken)?;
        let rows = array.as_struct_opt().ok_or_else(no_rows)?;
        if rows.null_count() > 0 {
            return Err(Error::new(Kind::Data, "the stream has rows that are NULL as a whole")
                .with_hint("drop the NULL structs, or give their fields NULLs, before writing"));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(
            Arc::clone(&self.nullable),
            rows.columns().to_vec(),
            &options,
        )
        .map(Some)
        .map_err(broken)
    }
}

impl Incoming {
    fn pull(&mut self, cancel: &Cancel) -> Result<Option<Result<ArrayRef, ArrowError>>> {
        let gone = || Error::new(Kind::Internal, "the stream's producer panicked");
        let arrays = self.arrays.take().ok_or_else(Error::cancelled)?;
        let puller = self.puller.get_or_insert_with(Puller::start);
        puller.wanted.send(arrays).map_err(|_| gone())?;
        let mut end = None;
        loop {
            match puller.pulled.recv_timeout(TURN) {
                Ok((arrays, next)) => {
                    self.arrays = Some(arrays);
                    return Ok(next);
                }
                Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                    if Instant::now() > *end.get_or_insert_with(|| Instant::now() + GRACE) {
                        return Err(Error::cancelled());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }
}

/// The columns of a stream whose values are rows.
pub fn columns(field: &Field) -> Result<SchemaRef> {
    match field.data_type() {
        DataType::Struct(fields) => Ok(Arc::new(Schema::new(fields.clone()))),
        _ => Err(no_rows()),
    }
}

fn no_rows() -> Error {
    Error::new(Kind::Request, "the stream's values are not rows")
        .with_hint("give a table, a record batch or a stream of record batches")
}

fn broken(error: ArrowError) -> Error {
    let text = match error {
        ArrowError::CDataInterface(text) => text,
        error => error.to_string(),
    };
    // What the producer said is what helps.
    let said = text.split_once("Producer error: ").map_or(text.as_str(), |(_, said)| said).trim();
    let (fact, detail) = match said.split_once(". Detail: ") {
        Some((fact, detail)) => (fact, Some(detail)),
        None => (said, None),
    };
    let error = Error::new(Kind::Data, format!("the incoming stream failed: {fact}"));
    match detail {
        Some(detail) => error.with_detail(detail),
        None => error,
    }
}
