//! Wrappers that let so many blocks pass and then fail, once for all.

use crate::block::Block;
use crate::error::{Error, Result};
use crate::plan::{Range, Sizes, TablePlan};
use crate::source::{Reader, Reading};
use crate::target::{Accepted, Writer, Written};

/// When to fail, and with what.
struct Fault {
    blocks_left: u64,
    error: Error,
}

impl Fault {
    fn pass(&mut self) -> Result<()> {
        match self.blocks_left.checked_sub(1) {
            Some(left) => {
                self.blocks_left = left;
                Ok(())
            }
            None => Err(self.error.clone()),
        }
    }
}

/// A reader that fails instead of handing over the block after the first `blocks`.
pub fn reader(inner: Box<dyn Reader>, blocks: u64, error: Error) -> Box<dyn Reader> {
    Box::new(FaultyReader { inner, fault: Fault { blocks_left: blocks, error } })
}

struct FaultyReader {
    inner: Box<dyn Reader>,
    fault: Fault,
}

impl Reader for FaultyReader {
    fn ranges(&mut self, table: &TablePlan, sizes: &Sizes) -> Result<Vec<Range>> {
        self.inner.ranges(table, sizes)
    }

    fn read(
        &mut self,
        table: &TablePlan,
        range: &Range,
        reading: &Reading<'_>,
        emit: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<()> {
        let fault = &mut self.fault;
        self.inner.read(table, range, reading, &mut |block| {
            fault.pass()?;
            emit(block)
        })
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        self.inner.count(table)
    }
}

/// A writer that takes the first `blocks` and fails at the next, with its range rolled back.
pub fn writer(inner: Box<dyn Writer>, blocks: u64, error: Error) -> Box<dyn Writer> {
    Box::new(FaultyWriter { inner, fault: Fault { blocks_left: blocks, error } })
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    fault: Fault,
}

impl Writer for FaultyWriter {
    fn write(
        &mut self,
        table: &TablePlan,
        range: &Range,
        blocks: &mut dyn Iterator<Item = Result<Block>>,
        accepted: Accepted<'_>,
    ) -> Result<Written> {
        let fault = &mut self.fault;
        let mut faulty = blocks.map(|block| {
            let block = block?;
            fault.pass().map(|()| block)
        });
        self.inner.write(table, range, &mut faulty, accepted)
    }

    fn count(&mut self, table: &TablePlan) -> Result<u64> {
        self.inner.count(table)
    }
}
