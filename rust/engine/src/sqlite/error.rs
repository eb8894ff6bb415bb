//! What `SQLite`'s result codes mean. See <https://sqlite.org/rescode.html>.

use libsqlite3_sys as ffi;

use crate::error::{Error, Kind};
use crate::plan::Engine;

/// The error for a result code, with `SQLite`'s own words.
pub(super) fn failure(extended: i32, words: &str) -> Error {
    let error = match extended & 0xff {
        ffi::SQLITE_NOTADB => Error::protocol("the file is not a database")
            .with_hint("check the path; an encrypted database can't be read either"),
        ffi::SQLITE_CORRUPT => Error::protocol("the database file is damaged")
            .with_hint("try `sqlite3 FILE .recover` to save what can be read"),
        ffi::SQLITE_FULL => {
            Error::new(Kind::Space, "the disk is full, or the file is at its limit")
        }
        ffi::SQLITE_NOMEM => Error::new(Kind::Space, "there is no memory left"),
        ffi::SQLITE_CONSTRAINT if extended == ffi::SQLITE_CONSTRAINT_DATATYPE => {
            Error::new(Kind::Data, lowered(words))
        }
        ffi::SQLITE_CONSTRAINT => Error::new(Kind::Constraint, lowered(words)),
        ffi::SQLITE_MISMATCH => Error::new(Kind::Data, "a row's key is not an integer"),
        ffi::SQLITE_TOOBIG => {
            Error::new(Kind::Data, "a value or a row is larger than `SQLite` allows")
        }
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL | ffi::SQLITE_SCHEMA => {
            Error::new(Kind::Busy, "the database file is locked by another program")
                .with_hint("end what else writes to the file, or try again later")
        }
        ffi::SQLITE_READONLY => Error::new(Kind::Permission, "the database file can't be written")
            .with_hint("the file and its directory must be writable"),
        ffi::SQLITE_PERM | ffi::SQLITE_AUTH => Error::new(Kind::Permission, lowered(words)),
        ffi::SQLITE_CANTOPEN => Error::new(Kind::Permission, "the database file can't be opened")
            .with_hint("the file must be readable, and in WAL mode its directory writable as well"),
        ffi::SQLITE_INTERRUPT | ffi::SQLITE_ABORT => Error::cancelled(),
        ffi::SQLITE_IOERR => Error::new(Kind::Lost, "the disk failed to read or write the file"),
        ffi::SQLITE_ERROR => Error::new(Kind::Request, lowered(words)),
        // What remains are misuses of the library's interface.
        _internal => Error::new(Kind::Internal, lowered(words)),
    };
    error.with_code(extended.to_string()).with_detail(words).on(Engine::Sqlite)
}

/// The error of a call through `rusqlite`.
pub(super) fn from_rusqlite(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(code, words) => {
            failure(code.extended_code, &words.unwrap_or_else(|| code.to_string()))
        }
        // rusqlite has two dozen more, all of them wrong uses of its interface.
        other => Error::new(Kind::Internal, other.to_string()).on(Engine::Sqlite),
    }
}

/// Lower case at the start, as all messages here are; names keep theirs.
fn lowered(words: &str) -> String {
    let mut letters = words.chars();
    match (letters.next(), letters.clone().next()) {
        // `UNIQUE constraint failed` stays as it is.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _short => words.to_owned(),
    }
}
