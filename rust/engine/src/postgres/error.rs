//! What the server complains of: SQLSTATE to [`Kind`], and a message without a row's values.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

use crate::error::{Error, Kind};
use crate::plan::Engine;

/// The kind of a SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub fn kind(state: &str) -> Kind {
    match state {
        "28P01" | "28000" => Kind::Auth,
        "42501" | "42P17" | "25006" => Kind::Permission,
        "3D000" | "3F000" | "42P01" | "42703" | "42883" | "42704" => Kind::Missing,
        "42P04" | "42P06" | "42P07" | "42701" | "42710" | "42723" => Kind::Exists,
        "53300" | "55P03" | "40001" | "40P01" | "55006" | "57P03" => Kind::Busy,
        "57P01" | "57P02" | "57P05" => Kind::Lost,
        "57014" | "25P03" => Kind::Timeout,
        "54000" | "54001" | "54011" | "54023" | "0A000" => Kind::Unsupported,
        _ => match state.get(..2) {
            Some("08") => Kind::Lost,
            Some("22") => Kind::Data,
            Some("23" | "44") => Kind::Constraint,
            Some("40") => Kind::Busy,
            Some("53") => Kind::Space,
            Some("XX") | None => Kind::Protocol,
            Some(_) => Kind::Unsupported,
        },
    }
}

fn hint(state: &str) -> Option<&'static str> {
    Some(match state {
        "28P01" => "the user or the password is wrong",
        "28000" => "check the user's name and the server's pg_hba.conf",
        "3D000" => "check the database's name; create it first if this is the target",
        "42501" => {
            "GRANT the user what is missing: SELECT on the source, INSERT and CREATE on the target"
        }
        "25006" => {
            "nothing is written where rows are read; a server that takes no writes at all is a standby perhaps: connect to the primary"
        }
        "53100" => "free disk space on the server",
        "53200" => "the server is out of memory; use fewer workers",
        "53300" => "use fewer workers, or raise max_connections or the role's limit",
        "57P01" | "57P02" => "the server was stopped; try again when it is back",
        "57P03" => "the server is starting; try again",
        _ => return None,
    })
}

/// The fields of an `ErrorResponse`, as far as they are used.
#[derive(Debug, Default)]
struct Fields {
    state: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
}

/// The error that an `ErrorResponse` tells of.
pub fn from_server(fields: ErrorFields<'_>) -> Error {
    let mut told = Fields::default();
    // A message cut in the middle still tells what came before.
    let _ = fields.for_each(|field| {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => told.state = value,
            b'M' => told.message = value,
            b'D' => told.detail = Some(value),
            b'H' => told.hint = Some(value),
            b'W' => told.context = Some(value),
            b'c' => told.column = Some(value),
            b'n' => told.constraint = Some(value),
            _ => {}
        }
        Ok(())
    });
    told.into_error()
}

impl Fields {
    fn into_error(self) -> Error {
        let kind = kind(&self.state);
        // These tell of values: their details print rows, and so do the messages of class 22.
        let of_values = matches!(self.state.get(..2), Some("22" | "23" | "44"));
        let message = if of_values { without_values(&self.message) } else { self.message };
        let message = if message.is_empty() { "the server tells no reason" } else { &message };
        let mut error = Error::new(kind, lower_first(message)).on(Engine::Postgresql);
        match (of_values, self.detail, self.constraint) {
            (false, Some(detail), _) => error = error.with_detail(detail),
            (true, _, Some(constraint)) => {
                error = error.with_detail(format!("constraint `{constraint}`"));
            }
            (false, None, _) | (true, _, None) => {}
        }
        let place = self.context.as_deref().map(copy_place).unwrap_or_default();
        if let Some(column) = self.column.or(place.column) {
            error = error.in_column(&column);
        }
        if let Some(row) = place.row {
            error = error.in_row(row);
        }
        let own = self.hint.filter(|_| !of_values);
        // Where it is the room for locks that is full, the server tells what to raise.
        let known = if self.state == "53200" && own.is_some() { None } else { hint(&self.state) };
        match known.map(str::to_owned).or(own) {
            Some(hint) => error.with_code(self.state).with_hint(hint),
            None => error.with_code(self.state),
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct CopyPlace {
    row: Option<u64>,
    column: Option<String>,
}

/// Row and column out of a context such as `COPY t, line 3, column b: "…"`.
fn copy_place(context: &str) -> CopyPlace {
    let Some(copy) = context.lines().find(|line| line.starts_with("COPY ")) else {
        return CopyPlace::default();
    };
    // The table's own name may hold anything; what counts comes last before the value.
    let Some((_, rest)) = copy.split_once(", line ") else { return CopyPlace::default() };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let column = rest[digits..]
        .strip_prefix(", column ")
        .map(|column| column.split_once(':').map_or(column, |(name, _)| name).to_owned());
    CopyPlace { row: rest[..digits].parse().ok(), column }
}

/// A message of class 22 or 23 with what it quotes as a value left out.
fn without_values(message: &str) -> String {
    let mut kept = message.to_owned();
    if let Some(start) = kept.find(": \"") {
        kept.truncate(start);
    }
    if let Some(start) = kept.find("value \"") {
        let quoted = start + "value ".len();
        let end = kept[quoted + 1..].find("\" ").map_or(kept.len(), |end| quoted + 1 + end + 2);
        kept.replace_range(quoted..end, "");
    }
    kept
}

fn lower_first(message: &str) -> String {
    let mut letters = message.chars();
    match (letters.next(), letters.clone().next()) {
        // An acronym stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(state: &str, message: &str, detail: &str, context: &str) -> Error {
        Fields {
            state: state.to_owned(),
            message: message.to_owned(),
            detail: Some(detail.to_owned()),
            context: Some(context.to_owned()),
            ..Fields::default()
        }
        .into_error()
    }

    #[test]
    fn values_are_not_told() {
        let error = self::error(
            "22P02",
            "invalid input syntax for type integer: \"secret\"",
            "secret",
            "COPY t, line 7, column b: \"secret\"",
        );
        assert_eq!(error.message(), "invalid input syntax for type integer");
        assert_eq!(error.detail(), None);
        assert_eq!(error.place().row, Some(7));
        assert_eq!(error.place().column.as_deref(), Some("b"));
        let error = self::error("22003", "value \"99 x\" is out of range for type integer", "", "");
        assert_eq!(error.message(), "value is out of range for type integer");
    }

    #[test]
    fn memory_for_locks_is_no_matter_of_workers() {
        let told = |hint: Option<&str>| {
            let hint = hint.map(str::to_owned);
            let fields = Fields { state: "53200".to_owned(), hint, ..Fields::default() };
            fields.into_error().hint().map(str::to_owned)
        };
        let own = "You might need to increase \"max_locks_per_transaction\".";
        assert_eq!(told(Some(own)).as_deref(), Some(own));
        assert!(told(None).is_some_and(|hint| hint.contains("fewer workers")));
    }

    #[test]
    fn states_become_kinds() {
        for (state, expected) in [
            ("23505", Kind::Constraint),
            ("40P01", Kind::Busy),
            ("53100", Kind::Space),
            ("57P01", Kind::Lost),
            ("42P01", Kind::Missing),
            ("08006", Kind::Lost),
            ("22001", Kind::Data),
            ("", Kind::Protocol),
        ] {
            assert_eq!(kind(state), expected, "{state}");
        }
    }
}
