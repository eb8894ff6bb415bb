//! Plain decimal numbers as text: `[-]digits[.digits]`.

use std::str::FromStr;

/// A plain number, taken apart; both halves are ASCII digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    pub negative: bool,
    /// Without leading zeros: empty below 1.
    pub whole: &'a str,
    /// Without trailing zeros.
    pub fraction: &'a str,
}

impl<'a> Number<'a> {
    /// `None` for anything else: NaN, Infinity, an exponent, blanks.
    pub fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
            return None;
        }
        Some(Self {
            negative: text.starts_with('-'),
            whole: whole.trim_start_matches('0'),
            fraction: fraction.trim_end_matches('0'),
        })
    }

    /// Trailing zeros before the point, which a negative scale demands.
    pub fn whole_zeros(&self) -> usize {
        self.whole.len() - self.whole.trim_end_matches('0').len()
    }

    /// The number times ten to the `scale`; `None` when it isn't whole then or doesn't fit.
    pub fn scaled<T: FromStr>(&self, scale: usize) -> Option<T> {
        let zeros = scale.checked_sub(self.fraction.len())?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0{}{}{}", self.whole, self.fraction, "0".repeat(zeros)).parse().ok()
    }
}

/// Rounds to `scale` digits after the point, halves away from zero; a negative scale rounds before it.
pub(crate) fn rounded(number: &Number<'_>, scale: i8) -> String {
    let digits = [number.whole, number.fraction].concat();
    // The place of the point among the digits, and how many digits stay.
    let point = number.whole.len();
    let kept = point.checked_add_signed(isize::from(scale)).unwrap_or(0).min(digits.len());
    let reaches = point.checked_add_signed(isize::from(scale)).is_some();
    let mut stay: Vec<u8> = digits.as_bytes()[..kept].to_vec();
    let up = reaches && digits.as_bytes().get(kept).is_some_and(|digit| *digit >= b'5');
    let mut carry = up;
    for digit in stay.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    let mut point = point;
    if carry {
        stay.insert(0, b'1');
        point += 1;
    }
    while stay.len() < point {
        stay.push(b'0');
    }
    let text: String = stay.iter().map(|digit| char::from(*digit)).collect();
    let (whole, fraction) = text.split_at(point);
    render(number.negative, whole, fraction)
}

/// The greatest magnitude with these digits.
pub(crate) fn greatest(negative: bool, precision: u8, scale: i8) -> String {
    let nines = "9".repeat(usize::from(precision));
    let after = usize::try_from(scale).unwrap_or(0);
    let padded = format!("{nines:0>width$}", width = after.max(nines.len()));
    let (whole, fraction) = padded.split_at(padded.len() - after);
    let zeros = usize::from(if scale < 0 { scale.unsigned_abs() } else { 0 });
    render(negative, &format!("{whole}{}", "0".repeat(zeros)), fraction)
}

fn render(negative: bool, whole: &str, fraction: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    let sign = if negative && !zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rounding_carries_and_moves_the_point() {
        for (text, scale, expected) in [
            ("9.995", 2, "10.00"),
            ("-0.004", 2, "0.00"),
            ("-0.005", 2, "-0.01"),
            ("1250", -2, "1300"),
            ("49", -2, "0"),
            ("50", -2, "100"),
            ("5", -2, "0"),
            ("1.5", 3, "1.5"),
            ("0.0449", 1, "0.0"),
        ] {
            assert_eq!(rounded(&Number::parse(text).unwrap(), scale), expected, "{text} {scale}");
        }
    }

    #[test]
    fn greatest_has_nines_where_they_may_stand() {
        assert_eq!(greatest(false, 5, 2), "999.99");
        assert_eq!(greatest(true, 3, 5), "-0.00999");
        assert_eq!(greatest(false, 3, -2), "99900");
        assert_eq!(greatest(false, 3, 3), "0.999");
    }

    #[test]
    fn only_plain_numbers_are_numbers() {
        for text in ["NaN", "Infinity", "1e3", "", ".", "-", " 1", "1 ", "0x1", "--1", "1.2.3"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        assert_eq!(Number::parse("-0012.50").unwrap().scaled::<i128>(2), Some(-1250));
        assert_eq!(Number::parse("1.005").unwrap().scaled::<i128>(2), None);
    }
}
