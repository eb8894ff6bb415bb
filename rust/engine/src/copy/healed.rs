//! What went wrong and was mended by another attempt, for the report.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::error::{Error, Kind, Side};

/// One sort of failure, and how often it was got over.
#[derive(Debug, Serialize)]
pub struct Healed {
    pub kind: Kind,
    pub side: Option<Side>,
    pub code: Option<String>,
    pub message: String,
    pub times: u64,
}

#[derive(Debug, Default)]
pub struct Healing(Mutex<BTreeMap<String, Healed>>);

impl Healing {
    pub fn add(&self, error: &Error) {
        let (side, code) = (error.place().side, error.code().map(str::to_owned));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sort = format!("{side:?} {:?} {code:?} {}", error.kind(), error.message());
        let message = error.message().to_owned();
        let new = || Healed { kind: error.kind(), side, code, message, times: 0 };
        all.entry(sort).or_insert_with(new).times += 1;
    }

    pub fn all(self) -> Vec<Healed> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }
}
