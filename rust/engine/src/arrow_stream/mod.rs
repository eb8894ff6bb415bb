//! The door for rows that are Arrow already: streams of the C interface, from any producer in the process.
//!
//! A table is one stream, and a stream is read once and in order. Several readers share it: each takes the
//! next few rows under a lock, then converts, checks and writes them beside the others. A range is therefore
//! a share that isn't known before ("part 1 of 2"), and together the parts hold every row once.
//!
//! A producer is trusted with memory, as the interface demands, and with nothing else: rows that are NULL as
//! a whole, text that isn't UTF-8 and values that its types can't hold are refused here.

mod decode;
mod incoming;
mod nested;
mod read;

use std::sync::Arc;

pub use incoming::{Incoming, columns};

use crate::error::Result;
use crate::plan::TablePlan;
use crate::source::Snapshot;

/// Where a table's stream comes from.
pub trait Producer: Send + Sync {
    /// Opens the stream of a table; asked once per table, or again to read it from its beginning.
    fn open(&self, table: &TablePlan) -> Result<Incoming>;

    /// Rows of the table where the producer can tell; else those that come are counted.
    fn count(&self, table: &TablePlan) -> Result<Option<u64>>;

    /// True when it can open a table's stream more than once.
    fn repeats(&self) -> bool;
}

/// A snapshot whose rows come from a producer, shared by so many readers.
pub fn snapshot(producer: Arc<dyn Producer>, readers: usize) -> Snapshot {
    Snapshot {
        method: "arrow stream".to_owned(),
        readers: read::readers(producer, readers.max(1)),
        token: None,
        keeper: None,
    }
}
