//! `PostgreSQL` as source and target.
//!
//! Reading: one session exports its snapshot and every reader joins it, so all see the same rows, taken at
//! one point, with no lock beyond what a SELECT takes. A heap is cut by blocks (`ctid`), which the server
//! from version 14 on scans as ranges; a row that moves in the meantime is still seen where it was.
//! Rows come by `COPY … TO STDOUT` in binary form.
//!
//! Writing: one `COPY … FROM STDIN` per range, in a transaction of its own, and the server's own count
//! of rows is compared with what was sent before it commits. `synchronous_commit` stays as the server
//! has it: a range that is reported as written is as durable as the server's owner wants.
//!
//! Of the protocol, messages with a form of their own come from `postgres-protocol`; the messages of COPY, where the
//! rows are, are read in place by [`messages`].

pub mod auth;
pub mod connect;
pub mod copy;
pub mod decode;
pub mod encode;
pub mod error;
pub mod ledger;
pub mod messages;
pub mod numeric;
pub mod ranges;
pub mod read;
pub mod session;
pub mod write;

pub use connect::{Connection, connect};
pub use read::snapshot;
pub use write::writer;

/// Days from 1970-01-01 to 2000-01-01, where the server's calendar starts.
const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

/// An identifier in quotes.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal, read alike whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }
}
