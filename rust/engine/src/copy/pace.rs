//! Not faster than asked, and not at all while the run is told to rest.
//!
//! Readers wait before they hand a block over, so the source is held back by its own sockets and nothing piles up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::patience::sleep;
use crate::cancel::Cancel;
use crate::error::Result;

/// How long a run that rests waits before it looks again.
const TURN: Duration = Duration::from_millis(50);

/// What all readers together may take in a second.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    pub rows: Option<u32>,
    /// As the source sends them.
    pub bytes: Option<u32>,
}

impl Rate {
    /// How long so much should take.
    fn time(self, rows: u64, bytes: u64) -> Duration {
        let seconds = |count: u64, rate: Option<u32>| match rate {
            #[expect(clippy::cast_precision_loss, reason = "a block has far fewer than 2^52")]
            Some(rate) => Duration::from_secs_f64(count as f64 / f64::from(rate.max(1))),
            None => Duration::ZERO,
        };
        seconds(rows, self.rows).max(seconds(bytes, self.bytes))
    }
}

/// What holds the readers of a run back.
#[derive(Debug)]
pub struct Pace {
    rate: Rate,
    /// When what was taken so far has had its time.
    next: Mutex<Instant>,
    rests: AtomicBool,
}

impl Pace {
    pub fn new(rate: Rate) -> Self {
        Self { rate, next: Mutex::new(Instant::now()), rests: AtomicBool::default() }
    }

    /// Lets everyone wait, or go on.
    pub fn rest(&self, rests: bool) {
        self.rests.store(rests, Ordering::Relaxed);
    }

    /// Waits until so much may go on.
    pub fn pass(&self, rows: u64, bytes: u64, cancel: &Cancel) -> Result<()> {
        let time = self.rate.time(rows, bytes);
        if !time.is_zero() {
            let now = Instant::now();
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(now);
            *next = turn + time;
            drop(next);
            sleep(turn.saturating_duration_since(now), cancel)?;
        }
        while self.rests.load(Ordering::Relaxed) {
            sleep(TURN, cancel)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_are_spread_over_the_time_they_should_take() {
        let rate = Rate { rows: Some(1000), bytes: None };
        let pace = Pace::new(rate);
        let start = Instant::now();
        for _ in 0..4 {
            pace.pass(100, 1 << 30, &Cancel::default()).unwrap();
        }
        let passed = start.elapsed();
        assert!(passed >= Duration::from_millis(300), "{passed:?}");
    }

    #[test]
    fn a_rest_ends_when_it_is_told_or_the_run_is_stopped() {
        let (pace, cancel) = (Pace::new(Rate::default()), Cancel::default());
        pace.rest(true);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| pace.pass(1, 1, &cancel));
            pace.rest(false);
            waits.join().unwrap().unwrap();
        });
        pace.rest(true);
        cancel.cancel();
        assert!(pace.pass(1, 1, &cancel).is_err());
    }
}
