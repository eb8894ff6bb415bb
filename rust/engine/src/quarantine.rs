//! Rows that don't fit, put aside in a table of the target: with their key, why, and their values as text.
//!
//! The entries are part of the transaction that commits the rest of their range, so that each row is either moved or
//! told of, once.

use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::array_value_to_string;
use serde::Deserialize;

use crate::convert::append_hex;
use crate::copy::budget::LARGE;
use crate::error::{Error, Kind};
use crate::plan::{Range, TablePlan};

/// Where a run puts rows aside.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// The table, quoted.
    pub relation: String,
    /// Letters and digits.
    pub task: String,
    /// Rows of one table at most.
    pub most: u64,
}

/// A row that doesn't fit.
#[derive(Debug, Clone)]
pub struct Unfit {
    /// Its key as a JSON object of texts; absent where the table has none.
    key: Option<String>,
    column: Option<String>,
    code: Option<String>,
    reason: String,
    /// A JSON object: a text per column, `{"hex": …}` of what is none, `{"bytes": n}` of what is too large.
    values: String,
}

impl Unfit {
    /// `texts`: the values of the plan's columns, in their order.
    pub fn new(table: &TablePlan, texts: &[Option<&[u8]>], error: &Error) -> Self {
        let names = table.columns.iter().map(|column| column.name.as_str());
        Self::of_values(table, &names.zip(texts.iter().copied()).collect::<Vec<_>>(), error)
    }

    /// Of a row of which only these columns can be read.
    pub fn of_values(table: &TablePlan, all: &[(&str, Option<&[u8]>)], error: &Error) -> Self {
        let of = |name: &str| all.iter().find(|(column, _)| *column == name).copied();
        // A part of a key would tell other rows as well.
        let key: Option<Vec<_>> = table.told_by.iter().map(|name| of(name)).collect();
        Self {
            key: key.filter(|key| !key.is_empty()).map(|key| object(&key)),
            column: error.place().column.clone(),
            code: error.code().map(str::to_owned),
            reason: error.message().to_owned(),
            values: object(all),
        }
    }
}

impl Unfit {
    /// Of a row of a batch: its texts come after the columns where the plan asks for them, else the values are printed.
    pub fn of_batch(table: &TablePlan, batch: &RecordBatch, row: usize, error: &Error) -> Self {
        let own = batch.num_columns().saturating_sub(table.texts.len());
        let texts = if table.texts.is_empty() { batch.columns() } else { &batch.columns()[own..] };
        let texts: Vec<_> = texts.iter().map(|column| text(column, row)).collect();
        let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
        Self::new(table, &texts, error)
    }
}

/// A value as text; bytes are taken for one.
pub fn text(column: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    if column.is_null(row) {
        return None;
    }
    if let Some(bytes) = column.as_binary_opt::<i32>() {
        return Some(bytes.value(row).to_vec());
    }
    let printed = array_value_to_string(column, row);
    Some(printed.unwrap_or_else(|error| error.to_string()).into_bytes())
}

impl Quarantine {
    /// The statement that puts a row aside; `literal` is how the target writes a text.
    pub fn entry(
        &self,
        table: &TablePlan,
        range: &Range,
        row: &Unfit,
        literal: &dyn Fn(&str) -> String,
    ) -> String {
        let some = |text: &Option<String>| text.as_deref().map_or("NULL".to_owned(), literal);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        format!(
            "INSERT INTO {} (task, table_number, table_name, range_number, row_key, column_name, code, reason, \
             row_values, noted) VALUES ('{}', {}, {}, {}, {}, {}, {}, {}, {}, {now})",
            self.relation,
            self.task,
            table.number,
            literal(&table.name),
            range.number,
            some(&row.key),
            some(&row.column),
            some(&row.code),
            literal(&row.reason),
            literal(&row.values),
        )
    }

    /// Why a table is given up that has more of them than are allowed.
    pub fn too_many(&self) -> Error {
        Error::new(Kind::Data, format!("more than {} rows don't fit", self.most))
            .with_hint("mend what they have in common, or allow more with --max-bad-rows")
    }

    /// The same, with the row that was one too many.
    pub fn overflow(&self, last: &Unfit) -> Error {
        let error = self.too_many().with_detail(format!("the last one: {}", last.reason));
        match &last.column {
            Some(column) => error.in_column(column),
            None => error,
        }
    }
}

/// True when a row is to blame, and not the world or the plan.
pub fn of_row(error: &Error) -> bool {
    matches!(error.kind(), Kind::Data | Kind::Constraint)
}

fn object(values: &[(&str, Option<&[u8]>)]) -> String {
    let entries = values.iter().map(|(name, value)| {
        let value = match value {
            None => serde_json::Value::Null,
            Some(bytes) if bytes.len() > LARGE => serde_json::json!({ "bytes": bytes.len() }),
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(_) => {
                    let mut digits = Vec::new();
                    append_hex(&mut digits, bytes);
                    serde_json::json!({ "hex": String::from_utf8_lossy(&digits) })
                }
            },
        };
        format!("{}: {value}", serde_json::Value::from(*name))
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}
