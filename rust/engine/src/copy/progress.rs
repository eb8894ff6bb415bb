//! How far a copy is: counters that workers raise and anyone may read.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::plan::Work;

/// Counters of every table of a run, in the order of the plan.
#[derive(Debug)]
pub struct Progress {
    tables: Vec<Counters>,
}

#[derive(Debug, Default)]
pub struct Counters {
    rows: AtomicU64,
    bytes: AtomicU64,
    ranges: AtomicU64,
    ranges_done: AtomicU64,
}

/// A table's counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Rows and wire bytes read so far.
    pub rows: u64,
    pub bytes: u64,
    /// Ranges in all (0 until the table is cut) and committed.
    pub ranges: u64,
    pub ranges_done: u64,
}

impl Progress {
    pub fn new(tables: usize) -> Self {
        Self { tables: (0..tables).map(|_| Counters::default()).collect() }
    }

    pub fn table(&self, index: usize) -> &Counters {
        &self.tables[index]
    }

    pub fn readings(&self) -> Vec<Reading> {
        self.tables.iter().map(Counters::reading).collect()
    }
}

impl Counters {
    /// So many ranges are left, besides what earlier runs have done.
    pub fn cut(&self, ranges: usize, work: &Work) {
        self.ranges_done.store(work.ranges_done, Ordering::Relaxed);
        self.read(work.rows_done, 0);
        self.ranges.store(ranges as u64 + work.ranges_done, Ordering::Relaxed);
    }

    pub fn read(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes back what was read for nothing.
    pub fn unread(&self, rows: u64, bytes: u64) {
        self.rows.fetch_sub(rows, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn range_done(&self) {
        self.ranges_done.fetch_add(1, Ordering::Relaxed);
    }

    pub fn reading(&self) -> Reading {
        Reading {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            ranges: self.ranges.load(Ordering::Relaxed),
            ranges_done: self.ranges_done.load(Ordering::Relaxed),
        }
    }
}
