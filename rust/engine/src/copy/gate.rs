//! The gate before the commits of ranges that belong together: it opens when the last one is there.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::Result;

pub struct Gate {
    /// Ranges that aren't there yet.
    missing: Mutex<usize>,
    opened: Condvar,
}

impl Gate {
    pub fn new(ranges: usize) -> Self {
        Self { missing: Mutex::new(ranges), opened: Condvar::new() }
    }

    /// Waits for the others; an error when one of them has failed.
    pub fn pass(&self, cancel: &Cancel) -> Result<()> {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.opened.notify_all();
        }
        while *missing > 0 {
            cancel.check()?;
            // The wait is cut short now and then so that a failure elsewhere is noticed.
            let (guard, _) = self
                .opened
                .wait_timeout(missing, Duration::from_millis(20))
                .unwrap_or_else(PoisonError::into_inner);
            missing = guard;
        }
        cancel.check()
    }
}
