//! Waiting for a world that may mend: longer each time, and never all at the same moment.

use std::thread;
use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::plan::Retry;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(20);
/// How long a sleep goes on at most without a look whether the run was stopped.
const TURN: Duration = Duration::from_millis(50);

/// How long to wait before the next attempt: twice as long each time, give or take a half.
pub fn pause(attempts: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << attempts.min(10)).min(LONGEST);
    full.mul_f64(0.5 + fastrand::f64())
}

/// Does `work` until it succeeds, fails for good, or the time is over; `seen` is told of each failure.
pub fn persist<T>(
    retry: Retry,
    cancel: &Cancel,
    mut seen: impl FnMut(&Error),
    mut work: impl FnMut() -> Result<T>,
) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(retry.seconds);
    let mut attempts = 0;
    loop {
        let error = match work() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let pause = pause(attempts);
        if !error.kind().retryable() || Instant::now() + pause > end {
            return Err(error);
        }
        seen(&error);
        sleep(pause, cancel)?;
        attempts += 1;
    }
}

/// Sleeps, unless the run is stopped.
pub fn sleep(time: Duration, cancel: &Cancel) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        cancel.check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(TURN));
    }
}
