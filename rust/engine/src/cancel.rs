//! Stopping everything at once: a flag, and the sockets to close so that nobody waits on one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

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
