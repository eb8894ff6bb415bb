//! Stopping everything at once: a flag, and the sockets to close so that nobody waits on one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// Servers that are being told something by `tell`.
static TELLING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

struct Telling;

impl Drop for Telling {
    fn drop(&mut self) {
        *TELLING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        TELLING.1.notify_all();
    }
}

/// Tells a server that nobody waits for it any more, on a thread of its own: it may be gone.
pub fn tell(words: impl FnOnce() -> Result<()> + Send + 'static) {
    *TELLING.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    let telling = Telling;
    thread::spawn(move || {
        let _telling = telling;
        // It notices later, else.
        drop(words());
    });
}

/// Waits at the end of a process until servers have been told, and no longer than that.
pub fn wait_told(most: Duration) {
    let telling = TELLING.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(TELLING.1.wait_timeout_while(telling, most, |count| *count > 0));
}

type Stop = Box<dyn Fn() + Send>;

#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Default)]
struct State {
    flag: AtomicBool,
    stops: Mutex<Vec<Stop>>,
}

impl Cancel {
    /// Raises the flag and runs what was registered with `on_cancel`.
    pub fn cancel(&self) {
        self.0.flag.store(true, Ordering::SeqCst);
        for stop in self.0.stops.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            stop();
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.flag.load(Ordering::Relaxed)
    }

    /// An error once the flag is up.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// What a failure came of: once the flag is up, of that.
    pub fn cause(&self, error: Error) -> Error {
        if self.is_cancelled() { Error::cancelled() } else { error }
    }

    /// Registers what wakes a waiting thread: shutting down its socket, interrupting its statement.
    /// Runs at once when the flag is already up.
    pub fn on_cancel(&self, stop: impl Fn() + Send + 'static) {
        let mut stops = self.0.stops.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_cancelled() {
            drop(stops);
            stop();
        } else {
            stops.push(Box::new(stop));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_end_waits_for_what_is_being_told_and_not_for_ever() {
        let said = Arc::new(AtomicBool::new(false));
        let word = Arc::clone(&said);
        tell(move || {
            thread::sleep(Duration::from_millis(200));
            word.store(true, Ordering::SeqCst);
            Ok(())
        });
        let begun = Instant::now();
        wait_told(Duration::from_millis(1));
        assert!(begun.elapsed() < Duration::from_millis(150));
        wait_told(Duration::from_secs(20));
        assert!(said.load(Ordering::SeqCst));
    }
}
