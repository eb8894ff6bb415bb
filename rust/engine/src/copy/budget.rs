//! Memory for large values: a number of bytes that readers take before a large value is read and give
//! back when its block is dropped.
//!
//! A reader takes one permit for all large values of a row, while it holds no other, and hands the row over
//! at once: whoever holds a permit is on its way through a writer and gives it back, so there is no
//! deadlock. A single row larger than the whole budget gets all of it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::Result;

/// Values from this size on need a permit; smaller ones are bounded by the batch size.
pub const LARGE: usize = 1 << 20;

#[derive(Debug, Clone)]
pub struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    total: u64,
    free: Mutex<u64>,
    given_back: Condvar,
}

/// Bytes taken from a budget until dropped.
#[derive(Debug)]
pub struct Permit {
    state: Arc<State>,
    bytes: u64,
}

impl Budget {
    pub fn new(total: u64) -> Self {
        Self(Arc::new(State { total, free: Mutex::new(total), given_back: Condvar::new() }))
    }

    /// Waits until so many bytes are free and takes them.
    pub fn acquire(&self, bytes: u64, cancel: &Cancel) -> Result<Permit> {
        let bytes = bytes.min(self.0.total);
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            cancel.check()?;
            // The wait is cut short now and then so that a cancelled run is noticed.
            let (guard, _) = self
                .0
                .given_back
                .wait_timeout(free, Duration::from_millis(100))
                .unwrap_or_else(PoisonError::into_inner);
            free = guard;
        }
        *free -= bytes;
        Ok(Permit { state: Arc::clone(&self.0), bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.state.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.state.given_back.notify_all();
    }
}
