//! Long work under Python: the interpreter's lock released, Ctrl-C noticed, forked children refused.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use dbferry::cancel::Cancel;
use dbferry::error::{Error, Kind};
use pyo3::prelude::*;

use crate::errors;

/// How often Ctrl-C and the progress callback get their turn. Longer and the display jerks; much shorter
/// and the lock is taken for nothing.
pub const TURN: Duration = Duration::from_millis(100);

/// Runs `work` on a thread of its own; meanwhile calls `meanwhile` every tenth of a second with the
/// interpreter attached. An exception there, Ctrl-C among them, cancels the work and is raised once the
/// work has ended.
pub fn supervise<T: Send>(
    py: Python<'_>,
    cancel: &Cancel,
    work: impl FnOnce() -> T + Send,
    mut meanwhile: impl FnMut(Python<'_>) -> PyResult<()> + Send,
) -> PyResult<T> {
    let (outcome, raised) = py.detach(|| {
        thread::scope(|scope| {
            let (done, wait) = channel();
            let worker = scope.spawn(move || {
                let outcome = work();
                let _ = done.send(());
                outcome
            });
            let mut raised = None;
            while wait.recv_timeout(TURN) == Err(RecvTimeoutError::Timeout) {
                if raised.is_some() {
                    continue;
                }
                let turn = Python::attach(|py| py.check_signals().and_then(|()| meanwhile(py)));
                if let Err(error) = turn {
                    cancel.cancel();
                    raised = Some(error);
                }
            }
            (worker.join(), raised)
        })
    });
    match (raised, outcome) {
        (Some(error), _) => Err(error),
        (None, Ok(outcome)) => Ok(outcome),
        (None, Err(_)) => Err(errors::raise(
            py,
            &Error::new(Kind::Internal, "the engine panicked")
                .with_hint("please report this with the lines above"),
        )),
    }
}

/// The process that opened the connections; a forked child must not use them.
#[derive(Debug, Clone, Copy)]
pub struct Owner(u32);

impl Owner {
    pub fn here() -> Self {
        Self(std::process::id())
    }

    pub fn is_here(self) -> bool {
        self.0 == std::process::id()
    }

    pub fn check(self, py: Python<'_>) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        let error = Error::new(Kind::Request, "this connection belongs to the parent process")
            .with_hint("open connections after the fork");
        Err(errors::raise(py, &error))
    }
}
