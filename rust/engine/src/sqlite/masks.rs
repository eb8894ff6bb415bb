//! What masks ask of `SQLite`, which has no hash: functions of all sessions.
//!
//! `dbferry_sha256(part, …)` is the hash of its parts, one after the other, as a blob; texts count as UTF-8.
//! `dbferry_number(hash)` is a whole number of 31 bits from the hash's first bytes.
//! `dbferry_scramble(text, hash, letters)` gives every digit another that the hash and its place choose, with `letters`
//! ASCII letters too, and `x` for what is beyond ASCII. The other engines do the same in plain SQL, to the letter.
//! Each is NULL where a part, a text or a hash is; what is neither text nor blob is an error and never a value.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};
use sha2::{Digest, Sha256};

pub(super) fn register(connection: &Connection) -> Result<()> {
    // None is for the schema of a file, which may come from anywhere.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("dbferry_sha256", -1, flags, sha256)?;
    connection.create_scalar_function("dbferry_number", 1, flags, number)?;
    connection.create_scalar_function("dbferry_scramble", 3, flags, scramble)
}

fn sha256(context: &mut Context<'_>) -> Result<Option<Vec<u8>>> {
    let mut hash = Sha256::new();
    for index in 0..context.len() {
        let Some(part) = bytes(context, index)? else { return Ok(None) };
        hash.update(part);
    }
    Ok(Some(hash.finalize().to_vec()))
}

fn number(context: &mut Context<'_>) -> Result<Option<i64>> {
    let Some(hash) = bytes(context, 0)? else { return Ok(None) };
    match hash {
        [first, second, third, fourth, ..] => {
            Ok(Some(i64::from(u32::from_be_bytes([first & 0x7f, *second, *third, *fourth]))))
        }
        _short => Err(wrong("dbferry_number needs a hash")),
    }
}

fn scramble(context: &mut Context<'_>) -> Result<Option<String>> {
    let (Some(text), Some(hash)) = (bytes(context, 0)?, bytes(context, 1)?) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(text).map_err(|_| wrong("a text to be masked isn't UTF-8"))?;
    if hash.is_empty() {
        return Err(wrong("dbferry_scramble needs a hash"));
    }
    let letters = context.get::<bool>(2)?;
    let pairs = text.chars().zip(hash.iter().copied().cycle());
    Ok(Some(pairs.map(|(one, byte)| other(one, byte, letters)).collect()))
}

/// What stands in the place of one character.
fn other(one: char, byte: u8, letters: bool) -> char {
    match one {
        '0'..='9' => char::from(b'0' + byte % 10),
        'a'..='z' if letters => char::from(b'a' + byte % 26),
        'A'..='Z' if letters => char::from(b'A' + byte % 26),
        _beyond if letters && !one.is_ascii() => 'x',
        _other => one,
    }
}

/// The bytes of an argument; nothing for NULL.
fn bytes<'a>(context: &'a Context<'_>, index: usize) -> Result<Option<&'a [u8]>> {
    match context.get_raw(index) {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Some(bytes)),
        ValueRef::Integer(_) | ValueRef::Real(_) => Err(wrong("a number can't be masked as text")),
    }
}

fn wrong(what: &'static str) -> Error {
    Error::UserFunctionError(what.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rusqlite::Connection;

    fn told(expression: &str) -> Result<Option<String>, rusqlite::Error> {
        let connection = Connection::open_in_memory()?;
        super::register(&connection)?;
        connection.query_row(&format!("SELECT CAST({expression} AS TEXT)"), [], |row| row.get(0))
    }

    #[test]
    fn a_hash_is_of_all_parts_in_their_order() {
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        for parts in ["'abc'", "'a', X'6263'", "'', 'ab', X'', 'c'"] {
            assert_eq!(told(&format!("hex(dbferry_sha256({parts}))")).unwrap().unwrap(), abc);
        }
    }

    #[test]
    fn null_stays_null_and_a_number_is_refused() {
        for expression in [
            "dbferry_sha256('a', NULL)",
            "dbferry_number(NULL)",
            "dbferry_scramble(NULL, X'01', 1)",
            "dbferry_scramble('a', NULL, 1)",
        ] {
            assert_eq!(told(expression).unwrap(), None, "{expression}");
        }
        for expression in [
            "dbferry_sha256(1)",
            "dbferry_number(X'010203')",
            "dbferry_scramble('a', X'', 1)",
            "dbferry_scramble(CAST(X'61FF' AS TEXT), X'01', 1)",
        ] {
            assert!(told(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn a_scrambled_text_keeps_its_form() {
        let hash = "X'0102'";
        let letters = told(&format!("dbferry_scramble('0a-Zé9', {hash}, 1)")).unwrap();
        assert_eq!(letters.as_deref(), Some("1c-Cx2"));
        let digits = told(&format!("dbferry_scramble('0a-Zé9', {hash}, 0)")).unwrap();
        assert_eq!(digits.as_deref(), Some("1a-Zé2"));
        assert_eq!(told("dbferry_number(X'FFFFFFFF00')").unwrap().as_deref(), Some("2147483647"));
    }

    #[test]
    fn the_schema_of_a_file_may_not_use_them() {
        let connection = Connection::open_in_memory().unwrap();
        super::register(&connection).unwrap();
        connection.execute_batch("CREATE VIEW v AS SELECT dbferry_sha256('a') AS a").unwrap();
        assert!(connection.query_row("SELECT a FROM v", [], |_| Ok(())).is_err());
    }
}
