#![allow(clippy::unwrap_used, clippy::panic)]

use arrow_buffer::i256;
use proptest::prelude::*;

use super::read::Digits;
use super::write::{write_packed, write_wider};
use super::*;

fn field(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_text(text, &mut out).unwrap();
    let length = i32::from_be_bytes(out[..4].try_into().unwrap());
    assert_eq!(usize::try_from(length).unwrap(), out.len() - 4);
    out.split_off(4)
}

fn finite(bytes: &[u8]) -> Digits<'_> {
    match Number::parse(bytes).unwrap() {
        Number::Finite(digits) => digits,
        other => panic!("{other:?}"),
    }
}

fn printed(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    finite(bytes).write_text(&mut out);
    String::from_utf8(out).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|d| char::from(b"0123456789abcdef"[usize::from(d)]))
        .collect()
}

// SELECT encode(numeric_send('…'), 'hex')
#[test]
fn bytes_are_the_servers() {
    for (text, bytes) in [
        ("0", "0000000000000000"),
        ("0.00", "0000000000000002"),
        ("1", "00010000000000000001"),
        ("-12345.678", "0003000140000003000109291a7c"),
        ("10000", "00010001000000000001"),
        ("0.0001", "0001ffff000000040001"),
        ("0.00001", "0001fffe0000000503e8"),
        ("NaN", "00000000c0000000"),
        ("Infinity", "00000000d0000000"),
        ("-Infinity", "00000000f0000000"),
    ] {
        assert_eq!(hex(&field(text)), bytes, "{text}");
    }
}

#[test]
fn text_comes_back_as_it_was() {
    for text in [
        "0",
        "0.0",
        "1",
        "-1",
        "10",
        "9999",
        "10000",
        "10001",
        "0.1",
        "0.0001",
        "0.00010",
        "12345678901234567890.12345678901234567890",
        "-0.000000000001",
        "100000000",
        "1.10",
        "99999999999999999999999999999999999999999999999999999999999999999999999999999",
    ] {
        assert_eq!(printed(&field(text)), text);
    }
}

#[test]
fn exponents_move_the_point() {
    for (text, expected) in [
        ("1e3", "1000"),
        ("1.5E+2", "150"),
        ("1e-3", "0.001"),
        ("-12.5e-1", "-1.25"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("-0", "0"),
        ("00012", "12"),
        ("12.3e1", "123"),
    ] {
        assert_eq!(printed(&field(text)), expected);
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in
        ["", "-", ".", "1e", "1e+", "1.2.3", "12a", " 1", "0x10", "1_000", "--1", "-NaN", "e5"]
    {
        assert_eq!(write_text(text, &mut Vec::new()), Err(Unfit::NotDecimal), "{text}");
    }
    assert_eq!(write_text("1e200001", &mut Vec::new()), Err(Unfit::TooLarge));
    assert_eq!(write_text("1e-20000", &mut Vec::new()), Err(Unfit::TooLarge));
    assert_eq!(write_text(&"9".repeat(131_073), &mut Vec::new()), Err(Unfit::TooLarge));
    assert_eq!(write_text(&"9".repeat(131_072), &mut Vec::new()), Ok(()));
}

#[test]
fn a_decimal_holds_it_or_tells_why_not() {
    let whole = |text: &str, p, s| finite(&field(text)).whole::<i128>(p, s);
    assert_eq!(whole("123.45", 5, 2), Ok(12_345));
    assert_eq!(whole("123.450", 5, 2), Ok(12_345));
    assert_eq!(whole("123.456", 5, 2), Err(Misfit::Scale));
    assert_eq!(whole("1234.5", 5, 2), Err(Misfit::Range));
    assert_eq!(whole("-999.99", 5, 2), Ok(-99_999));
    assert_eq!(whole("0.00001", 5, 2), Err(Misfit::Scale));
    assert_eq!(whole("1e30", 38, 2), Ok(10i128.pow(32)));
    assert_eq!(whole("1e131071", 38, 2), Err(Misfit::Range));
    assert_eq!(whole("0", 1, 0), Ok(0));
    assert_eq!(whole("1", 38, 37), Ok(10i128.pow(37)));
    let most = "9".repeat(36) + ".99";
    assert_eq!(whole(&most, 38, 2), Ok(10i128.pow(38) - 1));
    let wide = "9".repeat(74) + ".99";
    let expected = i256::from_string(&"9".repeat(76)).unwrap();
    assert_eq!(finite(&field(&wide)).whole::<i256>(76, 2), Ok(expected));
}

#[test]
fn damaged_fields_are_refused() {
    for bytes in [
        &[][..],
        &[0; 7],
        &[0, 1, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0x12, 0x34, 0, 0],
        &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10],
    ] {
        assert!(Number::parse(bytes).is_err());
    }
}

proptest! {
    #[test]
    fn decimals_come_back(value in any::<i128>(), scale in 0u8..=38, shift in 0u32..128) {
        let value = (value >> shift) % 10i128.pow(38);
        let mut out = Vec::new();
        write_whole(value, scale, &mut out).unwrap();
        let digits = finite(&out[4..]);
        prop_assert_eq!(digits.whole::<i128>(38, u32::from(scale)), Ok(value));
        let wide = digits.whole::<i256>(76, u32::from(scale));
        prop_assert_eq!(wide, Ok(i256::from_i128(value)));
        let text = printed(&out[4..]);
        let mut again = Vec::new();
        write_text(&text, &mut again).unwrap();
        prop_assert_eq!(again, out);
    }

    #[test]
    fn wide_decimals_come_back(high in any::<i128>(), low in any::<u128>(), scale in 0u8..=76, shift in 0u8..120) {
        let limit = i256::from(10i64).checked_pow(76).unwrap();
        let value = (i256::from_parts(low, high) >> shift) % limit;
        let mut out = Vec::new();
        write_wide(value, scale, &mut out).unwrap();
        prop_assert_eq!(finite(&out[4..]).whole::<i256>(76, u32::from(scale)), Ok(value));
    }

    #[test]
    fn the_quick_way_gives_what_the_careful_one_gives(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..30),
            ("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,12})?").prop_map(|text| field(&text)),
        ],
        precision in 1u8..=38,
        scale in 0u32..=12,
    ) {
        if let Some(value) = quick(&bytes, precision, scale) {
            prop_assert_eq!(finite(&bytes).whole::<i128>(precision, scale), Ok(value));
        }
    }

    #[test]
    fn what_a_column_holds_goes_the_quick_way(
        value in any::<i64>(), scale in 0u8..=12, shift in 0u32..64
    ) {
        let value = i128::from(value >> shift);
        let mut out = Vec::new();
        write_whole(value, scale, &mut out).unwrap();
        prop_assert_eq!(quick(&out[4..], 38, u32::from(scale)), Some(value));
    }

    #[test]
    fn the_quick_way_writes_what_the_careful_one_writes(
        value in any::<i128>(), shift in 0u32..128, zeros in 0u32..20, scale in 0u8..=76
    ) {
        let zeros = 10i128.pow(zeros);
        let value = (value >> shift) / zeros * zeros;
        let (mut quick, mut careful) = (Vec::new(), Vec::new());
        if write_packed(value, scale, &mut quick).is_some() {
            write_wider(value, scale, &mut careful).unwrap();
            prop_assert_eq!(quick, careful);
        } else {
            prop_assert!(quick.is_empty() && value.unsigned_abs() >= 10u128.pow(29));
        }
    }

    #[test]
    fn the_quick_way_prints_what_the_careful_one_prints(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..30),
            (0u16..6, -2i16..6, prop_oneof![Just(0u16), Just(NEGATIVE)], 0u16..20).prop_flat_map(
                |(count, weight, sign, shown)| proptest::collection::vec(prop_oneof![0u16..10_000, any::<u16>()], usize::from(count)).prop_map(
                    move |groups| [count, weight.cast_unsigned(), sign, shown].into_iter().chain(groups)
                        .flat_map(u16::to_be_bytes).collect()
                )
            ),
        ],
    ) {
        let mut out = b"before".to_vec();
        if quick_text(&bytes, &mut out).is_some() {
            prop_assert_eq!(String::from_utf8(out.split_off(6)).unwrap(), printed(&bytes));
        }
        prop_assert_eq!(out, b"before");
    }

    #[test]
    fn any_digits_come_back(text in "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,60})?") {
        let expected = match text.strip_prefix('-') {
            Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
            Some(_) | None => text.clone(),
        };
        prop_assert_eq!(printed(&field(&text)), expected);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(Number::Finite(digits)) = Number::parse(&bytes) {
            let _ = digits.whole::<i128>(38, 10);
            let _ = digits.whole::<i256>(76, 10);
            digits.write_text(&mut Vec::new());
        }
    }
}
