//! `MySQL` and `MariaDB`: both ends of a migration over their common protocol.
//!
//! Rows are read with prepared statements, whose binary rows carry floats and dates exactly, and written with
//! `LOAD DATA LOCAL INFILE` from memory. Between two of this family rows travel as the fields of
//! LOAD DATA from the text protocol to the target, without Arrow.

mod auth;
mod command;
mod connect;
#[doc(hidden)]
pub mod decode;
mod describe;
#[doc(hidden)]
pub mod encode;
mod error;
mod ledger;
mod packet;
mod ranges;
mod read;
mod snapshot;
mod write;

#[doc(hidden)]
pub use command::Wire;
pub use connect::{Connection, connect};
pub use decode::Read;
pub use encode::Write;
pub use snapshot::{snapshot, snapshot_method};
pub use write::writer;

use std::ops::RangeInclusive;

use crate::plan::Engine;

/// Days since 1970-01-01 of the years 0 to 9999, all that these servers know.
const DAYS: RangeInclusive<i32> = -719_528..=2_932_896;

/// Which of the two servers answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    MySql,
    MariaDb,
}

impl Flavour {
    fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        }
    }

    pub fn engine(self) -> Engine {
        match self {
            Flavour::MySql => Engine::Mysql,
            Flavour::MariaDb => Engine::Mariadb,
        }
    }
}

/// An identifier, quoted.
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text literal, where `NO_BACKSLASH_ESCAPES` is off.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_in_names_are_doubled() {
        assert_eq!(quote("a`b"), "`a``b`");
    }

    #[test]
    fn the_version_tells_the_flavour() {
        assert_eq!(Flavour::of("10.11.6-MariaDB-0+deb12u1"), Flavour::MariaDb);
        assert_eq!(Flavour::of("9.7.0"), Flavour::MySql);
    }
}
