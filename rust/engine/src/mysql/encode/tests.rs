#![allow(clippy::unwrap_used)]

use super::*;

fn written(put: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<String> {
    let mut all = Vec::new();
    let mut send = |bytes: &[u8]| {
        assert!(bytes.len() <= PIECE);
        all.extend_from_slice(bytes);
        Ok(())
    };
    let mut out = Out::new(&mut send);
    put(&mut out)?;
    out.flush()?;
    Ok(String::from_utf8(all).unwrap())
}

#[test]
fn dates_of_the_whole_calendar() {
    for (days, text) in [
        (0, "1970-01-01"),
        (-719_528, "0000-01-01"),
        (-719_468, "0000-03-01"),
        (2_932_896, "9999-12-31"),
        (19_782, "2024-02-29"),
        (-1, "1969-12-31"),
    ] {
        assert_eq!(written(|out| put_date(days, out)).unwrap(), text);
    }
    for days in [-719_529, 2_932_897, i32::MAX, i32::MIN] {
        assert_eq!(written(|out| put_date(days, out)).unwrap_err().code(), Some("T-RANGE"));
    }
}

#[test]
fn times_keep_their_sign_and_microseconds() {
    assert_eq!(written(|out| put_timestamp(-1, out)).unwrap(), "1969-12-31 23:59:59.999999");
    assert_eq!(written(|out| put_timestamp(0, out)).unwrap(), "1970-01-01 00:00:00");
    assert_eq!(written(|out| put_time(-3_020_399_999_999, out)).unwrap(), "-838:59:59.999999");
    assert_eq!(written(|out| put_time(86_400_000_000, out)).unwrap(), "24:00:00");
    assert_eq!(written(|out| put_time(i64::MIN, out)).unwrap_err().code(), Some("T-SPAN"));
}

#[test]
fn decimals_keep_all_digits() {
    for (number, scale, text) in [
        (0, 2, "0.00"),
        (-5, 2, "-0.05"),
        (-12345, 2, "-123.45"),
        (123, 2, "1.23"),
        (12, 2, "0.12"),
        (7, 0, "7"),
    ] {
        assert_eq!(written(|out| put_decimal(number, scale, out)).unwrap(), text);
        let wide = i256::from_i128(number);
        assert_eq!(written(|out| put_wide_decimal(wide, scale, out)).unwrap(), text);
    }
    let wide = i256::from_string(&format!("-{}", "12345".repeat(13))).unwrap();
    let text = written(|out| put_wide_decimal(wide, 30, out)).unwrap();
    assert_eq!(text, format!("-{}.{}", "12345".repeat(7), "12345".repeat(6)));
    let text = written(|out| put_decimal(i128::MIN, 38, out)).unwrap();
    assert_eq!(text, "-1.70141183460469231731687303715884105728");
    assert!(written(|out| put_decimal(1, -1, out)).is_err());
}

#[test]
fn years_have_four_digits() {
    for (year, text) in [(0, "0000"), (7, "0007"), (99, "0099"), (1901, "1901")] {
        assert_eq!(written(|out| put_year(year, out)).unwrap(), text);
    }
    assert!(written(|out| put_year(-1, out)).is_err());
}

#[test]
fn many_short_values_are_sent_in_pieces() {
    let numbers = || (0..40_000_i128).map(|number| number * 1_000_003);
    let text = written(|out| numbers().try_for_each(|number| put_decimal(number, 0, out)));
    assert_eq!(text.unwrap(), numbers().map(|number| number.to_string()).collect::<String>());
}

#[test]
fn floats_that_are_no_numbers_are_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(written(|out| put_float(value, out)).unwrap_err().code(), Some("N-NAN"));
    }
    for value in [0.1, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::from(0.1_f32)] {
        let text = written(|out| put_float(value, out)).unwrap();
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
    }
}

#[test]
fn a_large_value_is_sent_in_pieces() {
    let value = "a\\".repeat(PIECE);
    let text = written(|out| escape(value.as_bytes(), |part| out.put(part))).unwrap();
    assert_eq!(text, "a\\\\".repeat(PIECE));
    let bytes = vec![0xab; 3 * PIECE + 1];
    assert_eq!(written(|out| out.put_hex(&bytes)).unwrap(), "AB".repeat(3 * PIECE + 1));
}

#[test]
fn bits_become_their_number() {
    assert_eq!(written(|out| put_bits("101", out)).unwrap(), "5");
    assert_eq!(written(|out| put_bits(&"1".repeat(64), out)).unwrap(), u64::MAX.to_string());
    assert!(written(|out| put_bits(&"1".repeat(65), out)).is_err());
    assert!(written(|out| put_bits("", out)).is_err());
}
