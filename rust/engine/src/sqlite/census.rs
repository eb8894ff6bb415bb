//! A census of columns in one call per row: the classes of their values and whether they fit what is declared.
//!
//! `dbferry_census(forms, value, …)` is an aggregate of the sessions for plain SQL. `forms` has one word for each value, with
//! blanks between: `plain`, `bool`, `date`, `time`, `uuid`, or `exact` for a decimal, as `exact:15:2` when its precision and scale
//! are declared. Its result is a text with one line for each value: numbers in the order of [`Census::told`]'s.
//! The same questions as SQL expressions take some twenty times as long.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// Integers up to here are exact as doubles.
const EXACT: i64 = 1 << 53;

/// What is asked of a column's values beyond their classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Plain,
    Bool,
    Date,
    Time,
    Uuid,
    /// A decimal, with precision and scale where they are declared.
    Exact(Option<(i64, i64)>),
}

impl Form {
    fn parse(word: &str) -> Option<Self> {
        let mut parts = word.split(':');
        let form = match parts.next()? {
            "plain" => Form::Plain,
            "bool" => Form::Bool,
            "date" => Form::Date,
            "time" => Form::Time,
            "uuid" => Form::Uuid,
            "exact" => {
                let digits = parts.next().zip(parts.next());
                let digit = |text: &str| text.parse().ok();
                Form::Exact(match digits {
                    Some((precision, scale)) => Some((digit(precision)?, digit(scale)?)),
                    None => None,
                })
            }
            _unknown => return None,
        };
        parts.next().is_none().then_some(form)
    }
}

#[derive(Debug, Default, Clone)]
struct Census {
    form: Form,
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
    /// Values that the form has no place for; counted for `bool` and for `exact` with its digits.
    misfits: u64,
    /// Texts that are no plain decimal number; counted for `exact` only.
    not_numbers: u64,
    /// Texts of the shape of a day, a moment, a moment with its zone; counted for `date` only.
    days: u64,
    moments: u64,
    instants: u64,
    /// Texts of the shape of a time of day, and of a span of time; counted for `time` only.
    clocks: u64,
    spans: u64,
    /// Texts of the shape of a UUID, and those of them whose version and variant don't go together.
    uuids: u64,
    odd_uuids: u64,
    /// The smallest and the largest integer; 0 without any.
    least: i64,
    most: i64,
}

struct Take;

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_aggregate_function("dbferry_census", -1, flags, Take)
}

impl Aggregate<Vec<Census>, String> for Take {
    fn init(&self, context: &mut Context<'_>) -> rusqlite::Result<Vec<Census>> {
        let told: String = context.get(0)?;
        let forms: Option<Vec<Form>> = told.split(' ').map(Form::parse).collect();
        match forms {
            Some(forms) if forms.len() + 1 == context.len() => {
                Ok(forms.into_iter().map(|form| Census { form, ..Census::default() }).collect())
            }
            _other => Err(rusqlite::Error::UserFunctionError(
                "dbferry_census needs one form for each value".into(),
            )),
        }
    }

    fn step(&self, context: &mut Context<'_>, columns: &mut Vec<Census>) -> rusqlite::Result<()> {
        for (index, census) in columns.iter_mut().enumerate() {
            census.take(context.get_raw(index + 1));
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        columns: Option<Vec<Census>>,
    ) -> rusqlite::Result<String> {
        let told: Vec<String> = columns.unwrap_or_default().iter().map(Census::told).collect();
        Ok(told.join("\n"))
    }
}

impl Census {
    fn take(&mut self, value: ValueRef<'_>) {
        self.count(value);
        match (self.form, value) {
            (Form::Bool, _) => self.misfits += u64::from(!is_bool(value)),
            (Form::Exact(digits), _) => self.weigh(value, digits),
            (Form::Date, ValueRef::Text(text)) => self.date(text),
            (Form::Time, ValueRef::Text(text)) => {
                self.clocks += u64::from(is_clock(text));
                self.spans += u64::from(is_span(text));
            }
            (Form::Uuid, ValueRef::Text(text)) if is_uuid(text) => {
                self.uuids += 1;
                self.odd_uuids += u64::from(text[14] > b'7' && text[19] < b'8');
            }
            (Form::Plain | Form::Date | Form::Time | Form::Uuid, _) => {}
        }
    }

    fn told(&self) -> String {
        let counts = [
            self.nulls,
            self.integers,
            self.reals,
            self.texts,
            self.blobs,
            self.wide_integers,
            self.characters,
            self.octets,
            self.misfits,
            self.not_numbers,
            self.days,
            self.moments,
            self.instants,
            self.clocks,
            self.spans,
            self.uuids,
            self.odd_uuids,
        ];
        let counts = counts.map(|count| count.to_string()).join(" ");
        format!("{counts} {} {}", self.least, self.most)
    }

    fn count(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.nulls += 1,
            ValueRef::Integer(value) => {
                let first = self.integers == 0;
                self.least = if first { value } else { self.least.min(value) };
                self.most = if first { value } else { self.most.max(value) };
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

    fn date(&mut self, text: &[u8]) {
        let Some((day, rest)) = text.split_at_checked(10) else { return };
        if !has_shape(day, b"0000-10-30") {
            return;
        }
        match rest.split_first() {
            None => self.days += 1,
            Some((b' ' | b'T', clock)) if clock.get(..5).is_some_and(is_hour) => {
                if has_zone(text) {
                    self.instants += 1;
                } else {
                    self.moments += 1;
                }
            }
            Some(_) => {}
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

/// True when every byte is a digit up to the shape's, `0` standing for any, or the shape's own mark.
fn has_shape(text: &[u8], shape: &[u8]) -> bool {
    text.len() == shape.len()
        && text.iter().zip(shape).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            b'1'..=b'9' => (b'0'..=*like).contains(byte),
            mark => byte == mark,
        })
}

/// Hour and minute.
fn is_hour(text: &[u8]) -> bool {
    has_shape(text, b"20:50")
}

fn has_zone(text: &[u8]) -> bool {
    text.ends_with(b"Z")
        || text
            .split_last_chunk::<6>()
            .is_some_and(|(_, [sign, clock @ ..])| matches!(sign, b'+' | b'-') && is_hour(clock))
}

fn is_clock(text: &[u8]) -> bool {
    let Some((clock, rest)) = text.split_at_checked(5) else { return false };
    let seconds = rest.is_empty() || rest.get(..3).is_some_and(|rest| has_shape(rest, b":60"));
    is_hour(clock) && clock[..2] < b"24"[..] && seconds
}

/// Hours of any number of digits, minutes and seconds.
fn is_span(text: &[u8]) -> bool {
    let start = text.iter().take_while(|byte| **byte == b'-').count();
    let text = &text[start..];
    let clocks = text.windows(6).any(|part| has_shape(part, b":50:60"));
    text.first().is_some_and(u8::is_ascii_digit) && clocks
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _digit => byte.is_ascii_hexdigit(),
        })
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
        let sql = format!("SELECT dbferry_census('{form}', column1) FROM (VALUES {values})");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    /// One number of the census.
    fn told(values: &str, form: &str, place: usize) -> String {
        census(values, form).split(' ').nth(place).unwrap().to_owned()
    }

    #[test]
    fn classes_and_lengths_are_counted() {
        let values = "(NULL), (1), (-9007199254740993), (1.5), ('häß'), ('a' || char(0) || 'bcd'), (x'0102')";
        let expected = "1 2 1 2 1 1 3 2 0 0 0 0 0 0 0 0 0 -9007199254740993 1";
        assert_eq!(census(values, "plain"), expected);
    }

    #[test]
    fn every_value_of_a_row_has_its_form_and_its_line() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let told = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        let lines = told("SELECT dbferry_census('plain bool', 7, 2)").unwrap();
        let expected =
            ["0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 7 7", "0 1 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 2 2"];
        assert_eq!(lines, expected.join("\n"));
        assert_eq!(told("SELECT dbferry_census('plain', 7) WHERE 0").unwrap(), "");
        assert!(told("SELECT dbferry_census('plain', 7, 2)").is_err());
        assert!(told("SELECT dbferry_census('round', 7)").is_err());
    }

    #[test]
    fn what_is_no_bool_is_a_misfit() {
        assert_eq!(told("(0), (1), ('Yes'), (2), ('maybe'), (NULL)", "bool", 8), "2");
    }

    #[test]
    fn what_a_decimal_cannot_hold_is_a_misfit() {
        let misfits = |value: &str| told(value, "exact:5:2", 8);
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
        let told = |value: &str| told(value, "exact", 9);
        for number in ["('1')", "('+1.50')", "('.5')", "('5.')"] {
            assert_eq!(told(number), "0", "{number}");
        }
        for not in ["('')", "('1e3')", "('1.2.3')", "('--1')", "('.')", "(' 1')"] {
            assert_eq!(told(not), "1", "{not}");
        }
    }

    #[test]
    fn shapes_of_moments_and_uuids_are_told() {
        let date = |value: &str| {
            ["days", "moments", "instants"]
                .into_iter()
                .zip(10..)
                .find(|(_, place)| told(&format!("('{value}')"), "date", *place) == "1")
                .map(|(name, _)| name)
        };
        for (value, shape) in [
            ("2024-02-30", Some("days")),
            ("0000-00-00", Some("days")),
            ("2024-02-30 23:59", Some("moments")),
            ("2024-02-30T00:00:00.5", Some("moments")),
            ("2024-02-30 00:00:00Z", Some("instants")),
            ("2024-02-30 00:00:00+05:30", Some("instants")),
            ("2024-2-30", None),
            ("2024-42-30", None),
            ("2024-02-30x", None),
            ("yesterday", None),
        ] {
            assert_eq!(date(value), shape, "{value}");
        }
        let time = |value: &str| {
            (told(&format!("('{value}')"), "time", 13), told(&format!("('{value}')"), "time", 14))
        };
        for (value, clock, span) in [
            ("23:59", "1", "0"),
            ("23:59:60.25", "1", "1"),
            ("24:00:00", "0", "1"),
            ("-838:59:59", "0", "1"),
            ("noon", "0", "0"),
        ] {
            assert_eq!(time(value), (clock.to_owned(), span.to_owned()), "{value}");
        }
        let uuid = "('0190163d-8694-739b-aea5-966c26f8ad91'), ('0190163d-8694-939b-0ea5-966c26f8ad91'), ('x')";
        assert_eq!(
            (told(uuid, "uuid", 15), told(uuid, "uuid", 16)),
            ("2".to_owned(), "1".to_owned())
        );
    }
}
