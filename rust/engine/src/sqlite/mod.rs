//! `SQLite`: one file, whose values each have a class of their own.
//!
//! A column's declared type is only a hint there, so every value is asked for its class and one of another
//! class than the plan expects is judged and never bent. The file is read in one transaction by one
//! reader and written by one writer; more of either would wait for each other or see different rows.

mod census;
mod column;
mod connect;
mod decode;
mod encode;
mod error;
mod ledger;
mod masks;
mod ranges;
mod read;
mod statement;
mod write;

#[cfg(test)]
mod tests;

pub use connect::session;
pub use read::snapshot;
pub use write::{MAX_WRITERS, writer};

/// A name as SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
