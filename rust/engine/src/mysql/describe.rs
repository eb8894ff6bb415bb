//! The columns of a query before it runs: the definitions that the server sends when it prepares it.

use super::connect::Connection;
use super::packet::Parse;
use crate::error::{Error, Result};
use crate::session::{Described, no_rows};

pub fn describe(connection: &mut Connection, sql: &str) -> Result<Vec<Described>> {
    let mut columns = Vec::new();
    let statement = connection.prepare_seeing(sql, |packet| {
        columns.push(definition(packet)?);
        Ok(())
    })?;
    connection.close(statement)?;
    if columns.is_empty() { Err(no_rows()) } else { Ok(columns) }
}

fn definition(packet: &[u8]) -> Result<Described> {
    let mut parse = Parse::new(packet);
    let mut word = || -> Result<String> {
        let bytes = parse.lenenc_bytes()?.to_vec();
        String::from_utf8(bytes).map_err(|_| Error::protocol("a name of a column is not UTF-8"))
    };
    let _catalog = word()?;
    let schema = word()?;
    let _alias = word()?;
    let table = word()?;
    let name = word()?;
    let column = word()?;
    parse.lenenc()?;
    let collation = parse.u16()?;
    let size = parse.u32()?.into();
    let number = parse.byte()?.into();
    let flags = parse.u16()?;
    let decimals = parse.byte()?;
    let origin = (!table.is_empty() && !column.is_empty()).then_some((schema, table, column));
    Ok(Described { name, number, size, decimals, flags, collation, origin, declared: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_definition_tells_name_origin_and_type() {
        let packet = b"\x03def\x04shop\x01o\x06orders\x01n\x02id\x0c\x3f\x00\x0b\x00\x00\x00\x03\x21\x00\x00\x00\x00";
        let told = definition(packet).unwrap();
        assert_eq!(told.name, "n");
        assert_eq!(told.origin, Some(("shop".into(), "orders".into(), "id".into())));
        assert_eq!((told.number, told.size, told.flags, told.collation), (3, 11, 0x21, 63));
        for end in 0..packet.len() - 2 {
            assert!(definition(&packet[..end]).is_err());
        }
    }
}
