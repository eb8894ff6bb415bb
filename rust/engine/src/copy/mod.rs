//! Bulk copy: who reads what, how much is in flight, and what came of it.
//!
//! [`runner`] cuts tables into ranges and works through them with pairs of threads; [`stream`] gives one table
//! as a stream of Arrow batches to a consumer outside the engine; [`budget`] bounds the large values;
//! [`progress`] is what others may watch meanwhile. What the world has broken is tried again: `queue` keeps a range
//! until its next attempt, `patience` says when that is, and `healed` remembers it for the report. Rows that don't
//! fit are found by [`sift`], those that the source can't give by `halve`; [`manner`] says which of it is called for.

pub mod budget;
mod gate;
mod halve;
pub mod healed;
mod lines;
pub mod manner;
mod outcome;
pub mod pace;
pub mod patience;
pub mod progress;
mod queue;
pub mod runner;
pub mod sift;
pub mod stream;

#[cfg(test)]
mod tests;
