//! A census of one column in one call: the classes of its values and whether they fit what is declared.
//!
//! `dbferry_census(value, form, precision, scale)` is an aggregate of the sessions for plain SQL. `form` is
//! `bool`, `exact` (a decimal; precision and scale may be NULL) or NULL. Its result is a text of numbers in the
//! order of [`Census`]'s fields. The same questions as SQL expressions take some twenty times as long.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// Integers up to here are exact as doubles.
const EXACT: i64 = 1 << 53;

#[derive(Debug, Default, Clone)]
struct Census {
    nulls: u64,
    integers: u64,
    reals: u64,
    texts: u64,
    blobs: u64,
    /// Integers that a double may not hold.
    wide_integers: u64,
    /// The longest text, in characters up to a U+0000, as SQLite's `length` counts.
    characters: u64,
    /// The longest blob.
    octets: u64,
    /// Values that the form has no place for.
    misfits: u64,
    /// Texts that are no plain decimal number; counted for `exact` only.
    not_numbers: u64,
}

struct Take;

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_aggregate_function("dbferry_census", 4, flags, Take)
}

impl Aggregate<Census, String> for Take {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Census> {
        Ok(Census::default())
    }

    fn step(&self, context: &mut Context<'_>, census: &mut Census) -> rusqlite::Result<()> {
        let value = context.get_raw(0);
        census.count(value);
        match context.get_raw(1) {
            ValueRef::Text(b"bool") => census.misfits += u64::from(!is_bool(value)),
            ValueRef::Text(b"exact") => {
                let digits = match (context.get_raw(2), context.get_raw(3)) {
                    (ValueRef::Integer(precision), ValueRef::Integer(scale)) => {
                        Some((precision, scale))
                    }
                    _ => None,
                };
                census.weigh(value, digits);
            }
            _ => {}
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, census: Option<Census>) -> rusqlite::Result<String> {
        let c = census.unwrap_or_default();
        let numbers = [
            c.nulls,
            c.integers,
            c.reals,
            c.texts,
            c.blobs,
            c.wide_integers,
            c.characters,
            c.octets,
            c.misfits,
            c.not_numbers,
        ];
        Ok(numbers.map(|number| number.to_string()).join(" "))
    }
}

impl Census {
    fn count(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.nulls += 1,
            ValueRef::Integer(value) => {
                self.integers += 1;
                self.wide_integers += u64::from(!(-EXACT..=EXACT).contains(&value));
            }
            ValueRef::Real(_) => self.reals += 1,
            ValueRef::Text(text) => {
                self.texts += 1;
                let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
                // Every byte but those that continue a character begins one.
                let begun = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
                self.characters = self.characters.max(begun as u64);
            }
            ValueRef::Blob(bytes) => {
                self.blobs += 1;
                self.octets = self.octets.max(bytes.len() as u64);
            }
        }
    }

    /// Judges a value of a decimal column.
    fn weigh(&mut self, value: ValueRef<'_>, digits: Option<(i64, i64)>) {
        let fits = match (value, digits) {
            (ValueRef::Text(text), digits) => {
                let (whole, after) = plain(text).unwrap_or_else(|| {
                    self.not_numbers += 1;
                    (0, 0)
                });
                digits.is_none_or(|(precision, scale)| whole <= precision - scale && after <= scale)
            }
            (ValueRef::Blob(_), digits) => digits.is_none(),
            (ValueRef::Null, _) | (ValueRef::Integer(_) | ValueRef::Real(_), None) => true,
            #[expect(clippy::cast_precision_loss, reason = "compared with a power of ten")]
            (ValueRef::Integer(value), Some((precision, scale))) => {
                (value as f64).abs() < power(precision - scale)
            }
            (ValueRef::Real(value), Some((precision, scale))) => {
                value.abs() < power(precision - scale) && has_scale(value, scale)
            }
        };
        self.misfits += u64::from(!fits);
    }
}

fn is_bool(value: ValueRef<'_>) -> bool {
    const WORDS: [&[u8]; 6] = [b"t", b"f", b"true", b"false", b"yes", b"no"];
    match value {
        ValueRef::Null | ValueRef::Integer(0 | 1) => true,
        ValueRef::Text(text) => WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => false,
    }
}

fn power(exponent: i64) -> f64 {
    10_f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}

/// True when the number is the double nearest to a decimal of so many digits after the point.
#[expect(clippy::float_cmp, reason = "the same double is asked for")]
fn has_scale(value: f64, scale: i64) -> bool {
    let unit = power(scale);
    let steps = (value * unit).round();
    // Beyond this the steps themselves are no longer exact; then the shortest text decides.
    if steps.abs() < 9.0e15 && scale <= 22 {
        return steps / unit == value;
    }
    plain(format!("{value}").as_bytes()).is_some_and(|(_, after)| after <= scale)
}

/// Digits before and after the point of a plain decimal number, without zeros that say nothing.
fn plain(text: &[u8]) -> Option<(i64, i64)> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let (whole, after) = (parts.next()?, parts.next().unwrap_or_default());
    let all_digits = whole.iter().chain(after).all(u8::is_ascii_digit);
    if !all_digits || whole.len() + after.len() == 0 {
        return None;
    }
    let leading = whole.iter().take_while(|byte| **byte == b'0').count();
    let trailing = after.iter().rev().take_while(|byte| **byte == b'0').count();
    let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Some((length(whole.len() - leading), length(after.len() - trailing)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn census(values: &str, form: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let sql = format!("SELECT dbferry_census(column1, {form}) FROM (VALUES {values})");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn classes_and_lengths_are_counted() {
        let values = "(NULL), (1), (-9007199254740993), (1.5), ('häß'), ('a' || char(0) || 'bcd'), (x'0102')";
        assert_eq!(census(values, "NULL, NULL, NULL"), "1 2 1 2 1 1 3 2 0 0");
    }

    #[test]
    fn what_is_no_bool_is_a_misfit() {
        assert_eq!(
            census("(0), (1), ('Yes'), (2), ('maybe'), (NULL)", "'bool', NULL, NULL"),
            "1 3 0 2 0 0 5 0 2 0"
        );
    }

    #[test]
    fn what_a_decimal_cannot_hold_is_a_misfit() {
        let misfits =
            |value: &str| census(value, "'exact', 5, 2").split(' ').nth(8).unwrap().to_owned();
        for fits in
            ["(12.34)", "(999.99)", "(0.1)", "(-7)", "('012.30')", "('-0.5')", "(NULL)", "('.5')"]
        {
            assert_eq!(misfits(fits), "0", "{fits}");
        }
        for not in [
            "(1000.0)",
            "(1.234)",
            "(1000)",
            "('1000')",
            "('1.234')",
            "(x'00')",
            "(0.30000000000000004)",
        ] {
            assert_eq!(misfits(not), "1", "{not}");
        }
    }

    #[test]
    fn texts_that_are_no_numbers_are_told() {
        let told = |value: &str| {
            census(value, "'exact', NULL, NULL").split(' ').nth(9).unwrap().to_owned()
        };
        for number in ["('1')", "('+1.50')", "('.5')", "('5.')"] {
            assert_eq!(told(number), "0", "{number}");
        }
        for not in ["('')", "('1e3')", "('1.2.3')", "('--1')", "('.')", "(' 1')"] {
            assert_eq!(told(not), "1", "{not}");
        }
    }
}
