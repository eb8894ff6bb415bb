//! The binary form of COPY: a header, rows, a trailer.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format": a row is a 16-bit count of fields, and each field a 32-bit length
//! (−1 for NULL) and its bytes. The server sends every row in a message of its own; the header comes
//! in front of the first row and the trailer alone.

use crate::error::{Error, Result};
use crate::wire::Span;

const SIGNATURE: [u8; 11] = *b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of an extension: what a writer sends first.
pub const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// A count of fields of −1: no more rows.
pub const TRAILER: [u8; 2] = [0xFF, 0xFF];

/// Length of the header in front of the first row.
pub fn header_length(bytes: &[u8]) -> Result<usize> {
    let unreadable = || Error::protocol("the server's COPY doesn't start as binary COPY does");
    let head = bytes.get(..HEADER.len()).ok_or_else(unreadable)?;
    // A critical flag would change the form of the rows; there is none since OIDs are gone.
    if head[..11] != SIGNATURE || head[11..15] != [0; 4] {
        return Err(unreadable());
    }
    let extension = u32::from_be_bytes([head[15], head[16], head[17], head[18]]) as usize;
    let length = HEADER.len() + extension;
    if length > bytes.len() {
        return Err(unreadable());
    }
    Ok(length)
}

/// Finds the fields of the one row that `bytes` holds and adds their spans, counted from `start`.
pub fn parse_row(bytes: &[u8], start: usize, width: usize, spans: &mut Vec<Span>) -> Result<()> {
    let unreadable = || Error::protocol("the server sent a row that can't be read");
    let (count, _) = bytes.split_first_chunk::<2>().ok_or_else(unreadable)?;
    if usize::from(u16::from_be_bytes(*count)) != width {
        return Err(Error::protocol("the server sent a row with another number of fields"));
    }
    let mut at = 2;
    let first = spans.len();
    spans.resize(first + width, Span::NULL);
    for span in &mut spans[first..] {
        let head =
            bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(unreadable)?;
        at += 4;
        let length = i32::from_be_bytes(*head);
        if length == -1 {
            continue;
        }
        let length = usize::try_from(length).map_err(|_| unreadable())?;
        if length > bytes.len() - at {
            return Err(unreadable());
        }
        *span = Span::new(start + at, length)?;
        at += length;
    }
    if at == bytes.len() { Ok(()) } else { Err(unreadable()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    // COPY (SELECT 1::int2, NULL::text, 'ab') TO STDOUT (FORMAT binary), its row
    const ROW: &[u8] = b"\0\x03\0\0\0\x02\0\x01\xff\xff\xff\xff\0\0\0\x02ab";

    #[test]
    fn fields_are_found() {
        let mut spans = Vec::new();
        parse_row(ROW, 100, 3, &mut spans).unwrap();
        let expected = [Span::new(106, 2).unwrap(), Span::NULL, Span::new(116, 2).unwrap()];
        assert_eq!(spans, expected);
    }

    #[test]
    fn a_row_that_is_cut_or_too_long_is_refused() {
        for end in 0..ROW.len() {
            assert!(parse_row(&ROW[..end], 0, 3, &mut Vec::new()).is_err(), "{end}");
        }
        assert!(parse_row(&[ROW, b"x"].concat(), 0, 3, &mut Vec::new()).is_err());
        assert!(parse_row(ROW, 0, 2, &mut Vec::new()).is_err());
        assert!(parse_row(b"\0\x01\xff\xff\xff\xfe", 0, 1, &mut Vec::new()).is_err());
    }

    #[test]
    fn the_header_is_checked() {
        assert_eq!(header_length(&[&HEADER[..], ROW].concat()).unwrap(), 19);
        assert!(header_length(&HEADER[..18]).is_err());
        assert!(header_length(b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0").is_err());
        assert!(header_length(b"PGCOPY\n\xff\r\n\0\0\0\0\0\x7f\0\0\0").is_err());
    }
}
