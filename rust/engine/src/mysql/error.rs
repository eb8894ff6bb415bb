//! The server's error number to `Kind`, and its text to a message that holds no row's values.

use crate::error::{Error, Kind};

/// An error packet or a row of SHOW WARNINGS, as the server told it.
#[derive(Debug, Clone)]
pub struct Fault {
    pub code: u16,
    pub text: String,
}

/// Whether the server's own words may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    Repeat,
    /// The statement carried rows, which the server may quote.
    Withhold,
}

pub fn kind(code: u16) -> Kind {
    match code {
        1045 | 1131 | 1132 | 1251 | 1275 | 1396 | 1524 | 1698 | 1862 | 3118 | 3955 | 4151 => {
            Kind::Auth
        }
        1130 | 1129 | 2002 | 2003 | 2005 => Kind::Connect,
        3159 | 2026 => Kind::Tls,
        1044 | 1142 | 1143 | 1227 | 1290 | 1370 | 1419 | 1449 | 1820 | 1836 | 3161 | 3619 => {
            Kind::Permission
        }
        1049 | 1051 | 1054 | 1091 | 1109 | 1141 | 1146 | 1305 | 1360 | 1508 => Kind::Missing,
        1007 | 1050 | 1060 | 1061 | 1304 | 1359 => Kind::Exists,
        1040 | 1099 | 1203 | 1205 | 1206 | 1213 | 1226 | 1412 | 1613 | 1614 | 3024 | 3058
        | 3572 | 4031 => Kind::Busy,
        1022 | 1048 | 1062 | 1169 | 1216 | 1217 | 1364 | 1451 | 1452 | 1557 | 1586 | 1761
        | 1762 | 3819 | 4025 => Kind::Constraint,
        1153 | 1261 | 1262 | 1263 | 1264 | 1265 | 1292 | 1300 | 1301 | 1365 | 1366 | 1367
        | 1406 | 1411 | 1416 | 1441 | 1525 | 1526 | 1690 | 3140 | 3141 | 3144 | 3156 | 3854
        | 4037 | 4038 => Kind::Data,
        3 | 28 | 1021 | 1037 | 1038 | 1041 | 1114 | 1118 | 1197 | 1534 | 3505 => Kind::Space,
        1053
        | 1077
        | 1079
        | 1080
        | 1152
        | 1158..=1161
        | 1184
        | 1317
        | 1927
        | 2006
        | 2013
        | 2055
        | 4081 => Kind::Lost,
        1969 | 3169 => Kind::Timeout,
        1043 | 1047 | 1156 | 1157 | 1243 | 2027 => Kind::Protocol,
        1064 | 1149 => Kind::Internal,
        1148 | 1235 | 1289 | 1286 | 2068 | 3948 | 4166 => Kind::Unsupported,
        _ => Kind::Request,
    }
}

/// True when the server refuses LOAD DATA LOCAL, which multi-row INSERT can stand in for.
pub fn is_local_infile_off(code: u16) -> bool {
    matches!(code, 1148 | 2068 | 3948 | 4166)
}

/// What is wrong, in our words, for errors whose text would quote a value.
fn fact(code: u16) -> Option<&'static str> {
    Some(match code {
        1048 | 1263 => "a NULL came",
        1364 => "no value came and there is no default",
        1022 | 1062 | 1169 | 1586 => "a row's key is there already",
        1216 | 1217 | 1451 | 1452 => "a row has no partner for a foreign key",
        3819 | 4025 => "a row violates a check",
        1526 => "a row belongs to no partition",
        1261 => "a row has too few fields",
        1262 => "a row has too many fields",
        1264 | 1690 => "a value is out of range",
        1265 => "a value would be truncated or has no place in the type",
        1292 | 1366 | 1411 | 1367 | 1525 => "a value can't be read as the type",
        1300 => "a text holds characters that the character set lacks",
        1406 => "a value is too long",
        1153 | 1301 => "a value is larger than the server's max_allowed_packet",
        3140 | 3141 | 3144 | 3156 | 4037 | 4038 => "a text is not valid json",
        1416 | 3854 => "a geometry is malformed",
        _ => return None,
    })
}

impl Fault {
    pub fn error(&self, words: Words) -> Error {
        let kind = kind(self.code);
        let column = self.column();
        let error = match (fact(self.code), words) {
            (Some(fact), _) => {
                let place =
                    column.as_ref().map_or(String::new(), |name| format!(" for column `{name}`"));
                Error::new(kind, format!("{fact}{place}"))
            }
            (None, Words::Repeat) => Error::new(kind, lower_first(&self.text)),
            // What these tell is about objects and never about rows.
            (None, Words::Withhold)
                if matches!(kind, Kind::Missing | Kind::Permission | Kind::Busy | Kind::Space) =>
            {
                Error::new(kind, lower_first(&self.text))
            }
            (None, Words::Withhold) => {
                Error::new(kind, format!("the server refused the rows with error {}", self.code))
            }
        };
        let error = error.with_code(self.code.to_string());
        let error = match self.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        };
        let error = match self.row() {
            Some(row) => error.in_row(row),
            None => error,
        };
        match column {
            Some(name) => error.in_column(&name),
            None => error,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self.code {
            1045 | 1698 => {
                "check the user, the password, and from which hosts the user may connect"
            }
            1040 | 1203 => "use fewer workers or raise max_connections",
            1153 | 1301 => "raise max_allowed_packet of the server",
            1412 => "a table was altered while it was copied: run again",
            _ => return None,
        })
    }

    /// The column that the text ends with: `… for column 'c' at row 3`, in `MariaDB` `` `d`.`t`.`c` ``.
    fn column(&self) -> Option<String> {
        let mark = ["for column ", "olumn '", "ield '"];
        let (at, found) = mark.iter().find_map(|m| self.text.rfind(m).map(|at| (at, *m)))?;
        let start = at + found.trim_end_matches('\'').len();
        let rest = &self.text[start..];
        let rest = rest.rfind(" at row ").map_or(rest, |end| &rest[..end]);
        match rest.as_bytes().first()? {
            b'\'' => {
                let name = rest[1..].split('\'').next()?;
                // A refused JSON text is told with its table: `t.c`.
                let bare = if self.code == 3140 { name.split_once('.') } else { None };
                Some(bare.map_or(name, |(_, column)| column).to_owned())
            }
            b'`' => {
                let inner = rest.trim_end().strip_suffix('`')?;
                inner.rsplit('`').next().map(str::to_owned)
            }
            _ => None,
        }
    }

    fn row(&self) -> Option<u64> {
        let at = self.text.rfind(" at row ")?;
        let digits = &self.text[at + 8..];
        digits.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok().filter(|row| *row > 0)
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // `SELECT command denied …` keeps its keyword.
        Some(first) if !letters.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u16, text: &str) -> Error {
        Fault { code, text: text.to_owned() }.error(Words::Repeat)
    }

    #[test]
    fn a_data_error_tells_column_and_row_and_no_value() {
        for text in [
            "Incorrect integer value: 'secret for column `x`' for column `d`.`t`.`c` at row 3",
            "Incorrect integer value: 'secret for column 'x'' for column 'c' at row 3",
        ] {
            let error = error(1366, text);
            assert_eq!(error.kind(), Kind::Data);
            assert_eq!(error.message(), "a value can't be read as the type for column `c`");
            assert_eq!(error.place().column.as_deref(), Some("c"));
            assert_eq!(error.place().row, Some(3));
        }
    }

    #[test]
    fn a_duplicate_key_tells_no_value() {
        let error = error(1062, "Duplicate entry 'secret' for key 'PRIMARY'");
        assert_eq!(error.kind(), Kind::Constraint);
        assert_eq!(error.message(), "a row's key is there already");
    }

    #[test]
    fn other_errors_keep_the_servers_words() {
        assert_eq!(error(1146, "Table 'a.b' doesn't exist").message(), "table 'a.b' doesn't exist");
        let withheld = Fault { code: 1064, text: "near 'secret'".into() }.error(Words::Withhold);
        assert_eq!(withheld.message(), "the server refused the rows with error 1064");
    }
}
