//! A prepared statement: the thin skin over `SQLite`'s C interface that the two inner loops run on.
//!
//! rusqlite checks UTF-8 and asks several times for what it needs of a value; here a value is asked for its class
//! once and its bytes are lent out where they lie. All unsafe code of the engine is in this file.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use libsqlite3_sys as ffi;
use rusqlite::Connection;

use super::error::failure;
use crate::error::{Error, Kind, Result};
use crate::plan::Engine;

/// One value of the current row. Its class belongs to the value and not to the column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'row> {
    Null,
    Integer(i64),
    Real(f64),
    /// In UTF-8, if it is well formed.
    Text(&'row [u8]),
    Blob(&'row [u8]),
}

impl Value<'_> {
    pub fn class(self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Integer(_) => "integer",
            Value::Real(_) => "real",
            Value::Text(_) => "text",
            Value::Blob(_) => "blob",
        }
    }

    /// Bytes of a text or a blob, 8 for a number.
    pub fn size(self) -> usize {
        match self {
            Value::Null => 0,
            Value::Integer(_) | Value::Real(_) => 8,
            Value::Text(bytes) | Value::Blob(bytes) => bytes.len(),
        }
    }
}

pub(super) struct Statement<'c> {
    raw: NonNull<ffi::sqlite3_stmt>,
    database: *mut ffi::sqlite3,
    width: usize,
    connection: PhantomData<&'c Connection>,
}

/// # Safety
/// The text must be null, or end with a NUL and stay as long as this call.
unsafe fn copied(text: *const c_char) -> Option<String> {
    // SAFETY: the caller says so.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

impl<'c> Statement<'c> {
    /// Prepares the one statement of `sql`.
    pub fn new(connection: &'c Connection, sql: &str) -> Result<Self> {
        let (statement, _) = Self::first(connection, sql)?;
        statement.ok_or_else(|| Error::new(Kind::Internal, "a statement without SQL"))
    }

    /// Prepares the first statement of `sql`, and tells how many bytes it took; `None` for blanks and comments.
    pub fn first(connection: &'c Connection, sql: &str) -> Result<(Option<Self>, usize)> {
        let length = c_int::try_from(sql.len())
            .map_err(|_| Error::new(Kind::Request, "an SQL text is longer than 2 GiB"))?;
        let mut raw = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: the handle is open as long as `connection` is borrowed; the text is `length` bytes long;
        // `raw` and `tail` are written before they are read.
        let (database, status) = unsafe {
            let database = connection.handle();
            let text = sql.as_ptr().cast();
            (
                database,
                ffi::sqlite3_prepare_v3(database, text, length, 0, &raw mut raw, &raw mut tail),
            )
        };
        if status != ffi::SQLITE_OK {
            return Err(last_failure(database));
        }
        let taken = (tail as usize).saturating_sub(sql.as_ptr() as usize);
        let statement = NonNull::new(raw).map(|raw| {
            // SAFETY: the statement was just prepared.
            let width = unsafe { ffi::sqlite3_column_count(raw.as_ptr()) };
            let width = usize::try_from(width).unwrap_or(0);
            Self { raw, database, width, connection: PhantomData }
        });
        Ok((statement, taken))
    }

    /// Columns of its rows.
    pub fn width(&self) -> usize {
        self.width
    }

    /// True when it can't change the database.
    pub fn is_read_only(&self) -> bool {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw.as_ptr()) != 0 }
    }

    /// Values that it wants to be bound.
    pub fn has_parameters(&self) -> bool {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_bind_parameter_count(self.raw.as_ptr()) > 0 }
    }

    /// Name of a column of its rows.
    pub fn name(&self, column: usize) -> String {
        let index = c_int::try_from(column).unwrap_or(c_int::MAX);
        // SAFETY: the statement lives; the text is copied at once.
        unsafe { copied(ffi::sqlite3_column_name(self.raw.as_ptr(), index)) }.unwrap_or_default()
    }

    /// The type that a column of a table was declared with; nothing for an expression.
    pub fn declared(&self, column: usize) -> Option<String> {
        let index = c_int::try_from(column).unwrap_or(c_int::MAX);
        // SAFETY: the statement lives; the text is copied at once.
        unsafe { copied(ffi::sqlite3_column_decltype(self.raw.as_ptr(), index)) }
    }

    /// Goes to the next row; false after the last.
    pub fn step(&mut self) -> Result<bool> {
        // SAFETY: the statement lives, and no value of the row before can still be borrowed.
        match unsafe { ffi::sqlite3_step(self.raw.as_ptr()) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            _failed => Err(self.of_value(last_failure(self.database))),
        }
    }

    /// A query that was prepared and fails on its way fails because of a value: JSON that is none, a sum too large.
    fn of_value(&self, error: Error) -> Error {
        if error.kind() != Kind::Request || !self.is_read_only() || self.width() == 0 {
            return error;
        }
        let code = error.code().unwrap_or_default();
        Error::new(Kind::Data, error.message()).with_code(code).on(Engine::Sqlite)
    }

    /// The value of the current row in a column; call only after `step` said true.
    pub fn value(&self, column: usize) -> Result<Value<'_>> {
        let index = c_int::try_from(column).unwrap_or(c_int::MAX);
        // SAFETY: the statement can't step while this borrow of it lives, and so the value stays; this
        // connection is used by one thread at a time, which makes its values protected ones.
        unsafe {
            let raw = ffi::sqlite3_column_value(self.raw.as_ptr(), index);
            Ok(match ffi::sqlite3_value_type(raw) {
                ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(raw)),
                ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(raw)),
                ffi::SQLITE_TEXT => {
                    let text = ffi::sqlite3_value_text(raw);
                    Value::Text(self.lent(text, ffi::sqlite3_value_bytes(raw))?)
                }
                ffi::SQLITE_BLOB => {
                    let blob = ffi::sqlite3_value_blob(raw);
                    Value::Blob(self.lent(blob.cast(), ffi::sqlite3_value_bytes(raw))?)
                }
                _null => Value::Null,
            })
        }
    }

    /// # Safety
    /// So many bytes must lie there until the next step.
    unsafe fn lent(&self, data: *const u8, length: c_int) -> Result<&[u8]> {
        match (NonNull::new(data.cast_mut()), usize::try_from(length)) {
            // SAFETY: the caller says so.
            (Some(data), Ok(length)) => {
                Ok(unsafe { std::slice::from_raw_parts(data.as_ptr(), length) })
            }
            // SAFETY: the handle is open.
            (None, Ok(0))
                if unsafe { ffi::sqlite3_errcode(self.database) } != ffi::SQLITE_NOMEM =>
            {
                Ok(&[])
            }
            _lost => Err(failure(ffi::SQLITE_NOMEM, "out of memory")),
        }
    }

    /// Runs an INSERT of one row with what is bound, and makes it ready for the next.
    pub fn insert(&mut self) -> Result<()> {
        let rows = self.step()?;
        // SAFETY: the statement lives; its own database counts the rows it changed.
        let changed = unsafe {
            ffi::sqlite3_reset(self.raw.as_ptr());
            ffi::sqlite3_changes64(self.database)
        };
        if rows || changed != 1 {
            return Err(Error::new(
                Kind::Constraint,
                "the target took a row without keeping exactly one (a trigger ignored it?)",
            ));
        }
        Ok(())
    }

    pub fn bind_null(&mut self, column: usize) -> Result<()> {
        // SAFETY: the statement lives; an index out of range is an error code.
        let status = unsafe { ffi::sqlite3_bind_null(self.raw.as_ptr(), parameter(column)) };
        self.bound(status)
    }

    pub fn bind_integer(&mut self, column: usize, value: i64) -> Result<()> {
        // SAFETY: as above.
        let status =
            unsafe { ffi::sqlite3_bind_int64(self.raw.as_ptr(), parameter(column), value) };
        self.bound(status)
    }

    pub fn bind_real(&mut self, column: usize, value: f64) -> Result<()> {
        // SAFETY: as above.
        let status =
            unsafe { ffi::sqlite3_bind_double(self.raw.as_ptr(), parameter(column), value) };
        self.bound(status)
    }

    /// Binds text that `SQLite` copies.
    pub fn bind_short_text(&mut self, column: usize, text: &[u8]) -> Result<()> {
        // SAFETY: the bytes are copied before the call returns.
        unsafe { self.bind_text_with(column, text, ffi::SQLITE_TRANSIENT()) }
    }

    /// Binds text where it lies.
    ///
    /// # Safety
    /// The bytes must stay where they are until the parameter is bound anew or the last `insert` is done.
    pub unsafe fn bind_text(&mut self, column: usize, text: &[u8]) -> Result<()> {
        // SAFETY: the caller keeps the bytes.
        unsafe { self.bind_text_with(column, text, ffi::SQLITE_STATIC()) }
    }

    /// Binds a blob where it lies.
    ///
    /// # Safety
    /// As for `bind_text`.
    pub unsafe fn bind_blob(&mut self, column: usize, bytes: &[u8]) -> Result<()> {
        let index = parameter(column);
        // SAFETY: the caller keeps the bytes. A slice's pointer is never null, so an empty blob isn't NULL.
        let status = unsafe {
            let data = bytes.as_ptr().cast();
            let length = bytes.len() as u64;
            ffi::sqlite3_bind_blob64(self.raw.as_ptr(), index, data, length, ffi::SQLITE_STATIC())
        };
        self.bound(status)
    }

    /// # Safety
    /// The bytes must live as long as the destructor promises.
    unsafe fn bind_text_with(
        &mut self,
        column: usize,
        text: &[u8],
        destructor: ffi::sqlite3_destructor_type,
    ) -> Result<()> {
        const UTF8: u8 = 1;
        let index = parameter(column);
        // SAFETY: the caller keeps the bytes as the destructor says.
        let status = unsafe {
            let (data, length) = (text.as_ptr().cast(), text.len() as u64);
            ffi::sqlite3_bind_text64(self.raw.as_ptr(), index, data, length, destructor, UTF8)
        };
        self.bound(status)
    }

    fn bound(&self, status: c_int) -> Result<()> {
        match status {
            ffi::SQLITE_OK => Ok(()),
            ffi::SQLITE_TOOBIG => Err(failure(status, "string or blob too big")),
            _failed => Err(last_failure(self.database)),
        }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement lives and isn't used afterwards; it reads no bound bytes here.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

/// Parameters count from 1.
fn parameter(column: usize) -> c_int {
    c_int::try_from(column + 1).unwrap_or(c_int::MAX)
}

fn last_failure(database: *mut ffi::sqlite3) -> Error {
    // SAFETY: the handle is open; the words are copied before anything else is called on it.
    unsafe {
        let words = ffi::sqlite3_errmsg(database);
        let words = if words.is_null() { c"" } else { CStr::from_ptr(words) };
        failure(ffi::sqlite3_extended_errcode(database), &words.to_string_lossy())
    }
}
