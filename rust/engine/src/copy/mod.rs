//! Bulk copy: who reads what, how much is in flight, and what came of it.

pub mod budget;
