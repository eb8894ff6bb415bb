//! Raw rows that are lines: of PostgreSQL's COPY in text form, and of LOAD DATA in MySQL and MariaDB.
//!
//! Fields lie apart by tabs, `\N` is NULL, and a tab, a newline or a backslash inside a field is escaped.

/// Where each line ends.
pub fn ends(bytes: &[u8]) -> Vec<usize> {
    memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).collect()
}

/// The fields of a line.
pub fn fields(line: &[u8]) -> Vec<Option<Vec<u8>>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.split(|byte| *byte == b'\t')
        .map(|field| (field != b"\\N").then(|| unescaped(field)))
        .collect()
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.iter().copied();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'\\' => match rest.next() {
                Some(b'b') => 8,
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'v') => 11,
                Some(b'f') => 12,
                Some(b'r') => b'\r',
                Some(b'0') => 0,
                Some(b'Z') => 26,
                Some(other) => other,
                None => b'\\',
            },
            plain => plain,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_into_what_was_written() {
        let bytes = b"1\ta\\tb\\\\\t\\N\n2\tx\\ny\t\n";
        let ends = ends(bytes);
        assert_eq!(ends, [12, 20]);
        let first = fields(&bytes[..ends[0]]);
        assert_eq!(first, [Some(b"1".to_vec()), Some(b"a\tb\\".to_vec()), None]);
        let second = fields(&bytes[ends[0]..ends[1]]);
        assert_eq!(second, [Some(b"2".to_vec()), Some(b"x\ny".to_vec()), Some(vec![])]);
    }
}
