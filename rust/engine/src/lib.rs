//! The engine of dbferry: everything that touches a row.
//!
//! # The road of one row
//!
//! Python has settled types, verdicts and statements in a [`plan::TablePlan`]. [`copy`] cuts every table
//! into [`plan::Range`]s and gives them to workers. A worker is a pair of threads: one reads with a
//! [`source::Reader`], the other writes with a [`target::Writer`], and a few [`block::Block`]s are between them.
//!
//! 1. `<engine>::read` asks the server for a range and keeps the bytes that come as [`wire::WireRows`].
//! 2. `<engine>::decode`, the first loop over values: wire bytes to Arrow arrays, a column at a time.
//! 3. [`convert`]: the checks that the column's plan demands, a column at a time.
//! 4. `<engine>::write` takes the block, and `<engine>::encode`, the second loop over values, turns
//!    arrays into what the target takes in bulk.
//! 5. The range is committed in one transaction, and its entry in the [`ledger`] with it.
//!
//! Between two of the same engine a block holds the engine's own bytes and 2 to 4 fall away.
//!
//! A source written in Python comes in through [`arrow_stream`] and joins the road at 3; a stream for Python
//! leaves it there, through [`copy::stream`].
//!
//! Every engine has the same rooms: `connect` (session, TLS, settings), `ranges` (how a table is cut), `read`,
//! `decode`, `write`, `encode`, `error` (server code to [`error::Kind`]).

pub mod arrow_stream;
pub mod block;
pub mod calendar;
pub mod cancel;
pub mod convert;
pub mod copy;
pub mod engines;
pub mod error;
pub mod ledger;
pub mod loss;
pub mod mysql;
pub mod net;
pub mod plan;
pub mod postgres;
pub mod quarantine;
pub mod session;
pub mod source;
pub mod sqlite;
mod strings;
pub mod target;
pub mod testing;
pub mod wire;
