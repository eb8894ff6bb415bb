//! Dates and times as numbers and as text, proleptic Gregorian, without the standard formatter.
//!
//! The text forms are those that every engine here reads and writes: `YYYY-MM-DD`, `HH:MM:SS[.ffffff]`,
//! the two joined by a blank or a `T`, and an offset `Z`, `±HH`, `±HHMM` or `±HH:MM`. Years count
//! astronomically (year 0 is 1 BC); one before 0 has a `-`, one after 9999 as many digits as it needs, and
//! what is written here is always read back. A text that names no real moment (`2024-02-30`, `12:61`) is
//! refused and never bent into the next one.

use crate::strings::four_digits;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Days in 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i32 = 146_097;
/// 0000-03-01 is so many days before 1970-01-01: four eras and a rest.
const EPOCH_ERAS: i32 = 4;
const EPOCH_REST: i32 = 135_080;
/// Days from 0000-12-31 to 1970-01-01.
const COMMON_EPOCH: i32 = 719_163;

/// Why a text isn't a moment that can fly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Not this form at all, or no such day or time.
    Malformed,
    /// A real moment that doesn't fit in 64 bits of microseconds or 32 bits of days.
    Outside,
    /// Finer than a microsecond; carries the nearest microsecond.
    Finer(i64),
}

/// Days since 1970-01-01; `None` when there is no such day or it doesn't fit.
pub fn days_from_civil(year: i32, month: u32, day: u32) -> Option<i32> {
    if day == 0 || day > days_in_month(year, month)? {
        return None;
    }
    match u32::try_from(year) {
        Ok(year @ 1..=9999) => {
            i32::try_from(days_of_our_era(year, month, day)).ok().map(|days| days - COMMON_EPOCH)
        }
        Ok(_) | Err(_) => days_in_eras(year, month, day),
    }
}

/// The way of most dates: days since 0000-12-31, without a sign to mind.
fn days_of_our_era(year: u32, month: u32, day: u32) -> u32 {
    // Years are counted from March, so that the leap day comes last.
    let early = u32::from(month <= 2);
    let (year, month) = (year - early, month + 12 * early);
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month - 457) / 5 + day - 306
}

fn days_in_eras(year: i32, month: u32, day: u32) -> Option<i32> {
    let shifted = i64::from(year) - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let months = i64::from((month + 9) % 12);
    let day_of_year = (153 * months + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let eras = era - i64::from(EPOCH_ERAS);
    i32::try_from(eras * i64::from(DAYS_PER_ERA) + day_of_era - i64::from(EPOCH_REST)).ok()
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// A multiplication gives both parts of a division at once: what is above a power of two the quotient, what is below it
/// the rest. 2 939 745 is 4 / 1461 of 2^32, 2 141 is 5 / 153 of 2^16 (Neri and Schneider, "Euclidean affine functions").
pub fn civil_from_days(days: i32) -> (i32, u32, u32) {
    /// More eras than 32 bits of days go back.
    const BEFORE: i64 = 14_700;
    let days_per_era = DAYS_PER_ERA.cast_unsigned();
    let since = i64::from(days) + i64::from(EPOCH_REST);
    let quarters = 4
        * (since + (BEFORE + i64::from(EPOCH_ERAS)) * i64::from(DAYS_PER_ERA)).cast_unsigned()
        + 3;
    let (century, [day_of_century, _]) =
        (quarters / u64::from(days_per_era), halves(quarters % u64::from(days_per_era)));
    let [day_part, year_of_century] = halves(2_939_745 * u64::from(day_of_century | 3));
    let day_of_year = day_part / 2_939_745 / 4;
    let months = 2_141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xffff) / 2_141 + 1);
    // Years are counted from March; the last two months are of the next.
    let late = u32::from(month > 12);
    let year = 100 * century.cast_signed() + i64::from(year_of_century + late) - 400 * BEFORE;
    #[expect(clippy::cast_possible_truncation, reason = "2^31 days are six million years")]
    let year = year as i32;
    (year, month - 12 * late, day)
}

/// The lower and the upper half.
#[expect(clippy::cast_possible_truncation, reason = "halves")]
fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// Days of a month; `None` when there is no such month.
pub fn days_in_month(year: i32, month: u32) -> Option<u32> {
    const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = DAYS.get(usize::try_from(month.wrapping_sub(1)).ok()?)?;
    Some(days + u32::from(leap))
}

/// Days and the microseconds within the day of a timestamp.
pub fn split_timestamp(micros: i64) -> (i32, i64) {
    #[expect(clippy::cast_possible_truncation, reason = "2^63 microseconds are 107 million days")]
    let days = micros.div_euclid(MICROS_PER_DAY) as i32;
    (days, micros.rem_euclid(MICROS_PER_DAY))
}

/// Microseconds since the epoch; `None` when they don't fit.
pub fn join_timestamp(days: i32, micros_of_day: i64) -> Option<i64> {
    // Summed in 128 bits: the first moment that fits lies in a day whose start doesn't.
    i64::try_from(i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(micros_of_day)).ok()
}

/// Reads `YYYY-MM-DD`.
pub fn parse_date(text: &[u8]) -> Result<i32, Flaw> {
    let mut scan = Scan(text);
    let days = scan.date()?;
    scan.end()?;
    Ok(days)
}

/// Reads `HH:MM[:SS[.f]]`, 00:00 to 24:00.
pub fn parse_time(text: &[u8]) -> Result<i64, Flaw> {
    let mut scan = Scan(text);
    let hours = scan.two()?;
    let clock = scan.clock(i64::from(hours), Seconds::Optional)?;
    scan.end()?;
    if clock.nearest > MICROS_PER_DAY || (hours > 23 && clock.nearest != MICROS_PER_DAY) {
        return Err(Flaw::Malformed);
    }
    clock.exact()
}

/// Reads `[-]H…:MM:SS[.f]`, any number of hours.
pub fn parse_span(text: &[u8]) -> Result<i64, Flaw> {
    let mut scan = Scan(text);
    let negative = scan.take(b'-');
    let hours = scan.number(1, 10)?;
    let mut clock = scan.clock(hours, Seconds::Demanded)?;
    scan.end()?;
    if negative {
        clock.nearest = -clock.nearest;
    }
    clock.exact()
}

/// Reads `YYYY-MM-DD[ T]HH:MM[:SS[.f]]` without an offset.
pub fn parse_timestamp(text: &[u8]) -> Result<i64, Flaw> {
    let mut scan = Scan(text);
    let clock = scan.timestamp()?;
    scan.end()?;
    clock.exact()
}

/// Reads a timestamp with its offset and gives microseconds in UTC.
pub fn parse_instant(text: &[u8]) -> Result<i64, Flaw> {
    let mut scan = Scan(text);
    let mut clock = scan.timestamp()?;
    let offset = scan.offset()?;
    scan.end()?;
    let shift = i64::from(offset) * MICROS_PER_SECOND;
    clock.nearest = clock.nearest.checked_sub(shift).ok_or(Flaw::Outside)?;
    clock.exact()
}

/// Reads `Z`, `±HH`, `±HHMM` or `±HH:MM` under 16 hours: seconds east of UTC.
pub fn parse_offset(text: &[u8]) -> Result<i32, Flaw> {
    let mut scan = Scan(text);
    let offset = scan.offset()?;
    scan.end()?;
    Ok(offset)
}

/// Writes `YYYY-MM-DD`.
pub fn append_date(out: &mut Vec<u8>, days: i32) {
    let (year, month, day) = civil_from_days(days);
    let [e, f, g, h] = four_digits(narrow(u64::from(100 * month + day)));
    if let Some(year) = u16::try_from(year).ok().filter(|year| *year <= 9_999) {
        let [a, b, c, d] = four_digits(year);
        out.extend_from_slice(&[a, b, c, d, b'-', e, f, b'-', g, h]);
        return;
    }
    if year < 0 {
        out.push(b'-');
    }
    let magnitude = year.unsigned_abs();
    if magnitude > 9_999 {
        out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
    } else {
        out.extend_from_slice(&four_digits(narrow(u64::from(magnitude))));
    }
    out.extend_from_slice(&[b'-', e, f, b'-', g, h]);
}

/// Writes `[-]HH:MM:SS[.ffffff]`, the fraction only when it isn't zero: a time of day or a span.
pub fn append_time(out: &mut Vec<u8>, micros: i64) {
    if micros < 0 {
        out.push(b'-');
    }
    let magnitude = micros.unsigned_abs();
    let (seconds, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
    let (minutes, [_, _, e, f]) = (seconds / 60, four_digits(narrow(seconds % 60)));
    let (hours, minute) = (minutes / 60, narrow(minutes % 60));
    if hours < 100 {
        let [a, b, c, d] = four_digits(100 * narrow(hours) + minute);
        out.extend_from_slice(&[a, b, b':', c, d, b':', e, f]);
    } else {
        let [_, _, c, d] = four_digits(minute);
        out.extend_from_slice(itoa::Buffer::new().format(hours).as_bytes());
        out.extend_from_slice(&[b':', c, d, b':', e, f]);
    }
    if fraction != 0 {
        let [a, b, c, d] = four_digits(narrow(fraction / 100));
        let [_, _, e, f] = four_digits(narrow(fraction % 100));
        out.extend_from_slice(&[b'.', a, b, c, d, e, f]);
    }
}

/// Writes `YYYY-MM-DD HH:MM:SS[.ffffff]`.
pub fn append_timestamp(out: &mut Vec<u8>, micros: i64) {
    let (days, micros_of_day) = split_timestamp(micros);
    append_date(out, days);
    out.push(b' ');
    append_time(out, micros_of_day);
}

/// Writes a timestamp in UTC and `+00:00`.
pub fn append_instant(out: &mut Vec<u8>, micros: i64) {
    append_timestamp(out, micros);
    out.extend_from_slice(b"+00:00");
}

#[expect(clippy::cast_possible_truncation, reason = "callers give less than ten thousand")]
fn narrow(small: u64) -> u16 {
    small as u16
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seconds {
    Optional,
    Demanded,
}

/// A moment as read, to the nearest microsecond.
struct Clock {
    nearest: i64,
    finer: bool,
}

impl Clock {
    fn exact(self) -> Result<i64, Flaw> {
        if self.finer { Err(Flaw::Finer(self.nearest)) } else { Ok(self.nearest) }
    }
}

/// The rest of a text that is being read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn take(&mut self, wanted: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn demand(&mut self, wanted: u8) -> Result<(), Flaw> {
        if self.take(wanted) { Ok(()) } else { Err(Flaw::Malformed) }
    }

    fn end(&self) -> Result<(), Flaw> {
        if self.0.is_empty() { Ok(()) } else { Err(Flaw::Malformed) }
    }

    fn digit(&mut self) -> Option<u8> {
        match self.0 {
            [first, rest @ ..] if first.is_ascii_digit() => {
                self.0 = rest;
                Some(first - b'0')
            }
            _ => None,
        }
    }

    fn two(&mut self) -> Result<u32, Flaw> {
        let tens = self.digit().ok_or(Flaw::Malformed)?;
        let ones = self.digit().ok_or(Flaw::Malformed)?;
        Ok(u32::from(tens) * 10 + u32::from(ones))
    }

    /// All digits that follow, at least and at most so many.
    fn number(&mut self, least: usize, most: usize) -> Result<i64, Flaw> {
        let mut value = 0;
        let mut count = 0;
        while let Some(digit) = self.digit() {
            count += 1;
            if count > most {
                return Err(Flaw::Malformed);
            }
            value = value * 10 + i64::from(digit);
        }
        if count < least { Err(Flaw::Malformed) } else { Ok(value) }
    }

    /// The way of most dates: four digits, two and two. Nothing for others, and nothing taken.
    fn plain_date(&mut self) -> Option<(i32, u32, u32)> {
        let (text, rest) = self.0.split_first_chunk::<10>()?;
        let digits = text.map(|byte| u32::from(byte.wrapping_sub(b'0')));
        let [a, b, c, d, _, e, f, _, g, h] = digits;
        let plain = [a, b, c, d, e, f, g, h].iter().all(|digit| *digit < 10);
        if !plain || text[4] != b'-' || text[7] != b'-' {
            return None;
        }
        self.0 = rest;
        Some(((1_000 * a + 100 * b + 10 * c + d).cast_signed(), 10 * e + f, 10 * g + h))
    }

    fn date(&mut self) -> Result<i32, Flaw> {
        let (year, month, day) = match self.plain_date() {
            Some(plain) => plain,
            None => self.any_date()?,
        };
        match days_in_month(year, month) {
            Some(days) if (1..=days).contains(&day) => {
                days_from_civil(year, month, day).ok_or(Flaw::Outside)
            }
            _ => Err(Flaw::Malformed),
        }
    }

    fn any_date(&mut self) -> Result<(i32, u32, u32), Flaw> {
        let negative = self.take(b'-');
        let before = self.0.len();
        let magnitude = self.number(4, 7)?;
        let surplus = before - self.0.len() > 4;
        if (surplus && magnitude <= 9_999) || (negative && magnitude == 0) {
            return Err(Flaw::Malformed);
        }
        let magnitude = i32::try_from(magnitude).map_err(|_| Flaw::Outside)?;
        let year = if negative { -magnitude } else { magnitude };
        self.demand(b'-')?;
        let month = self.two()?;
        self.demand(b'-')?;
        Ok((year, month, self.two()?))
    }

    /// What follows the hours: `:MM[:SS[.f]]`.
    fn clock(&mut self, hours: i64, seconds: Seconds) -> Result<Clock, Flaw> {
        self.demand(b':')?;
        let minute = self.two()?;
        let (mut second, mut fraction, mut finer) = (0, 0, false);
        if seconds == Seconds::Demanded || self.0.first() == Some(&b':') {
            self.demand(b':')?;
            second = self.two()?;
            if self.take(b'.') {
                (fraction, finer) = self.fraction()?;
            }
        }
        if minute > 59 || second > 59 {
            return Err(Flaw::Malformed);
        }
        let whole = hours * 3_600 + i64::from(minute) * 60 + i64::from(second);
        let nearest =
            whole.checked_mul(MICROS_PER_SECOND).and_then(|whole| whole.checked_add(fraction));
        Ok(Clock { nearest: nearest.ok_or(Flaw::Outside)?, finer })
    }

    /// Digits after the point: the nearest microsecond, and whether anything was finer.
    fn fraction(&mut self) -> Result<(i64, bool), Flaw> {
        let mut value = i64::from(self.digit().ok_or(Flaw::Malformed)?);
        let (mut count, mut finer) = (1, false);
        while let Some(digit) = self.digit() {
            count += 1;
            if count <= 6 {
                value = value * 10 + i64::from(digit);
            } else {
                finer |= digit != 0;
                value += i64::from(count == 7 && digit >= 5);
            }
        }
        for _ in count..6 {
            value *= 10;
        }
        Ok((value, finer))
    }

    fn timestamp(&mut self) -> Result<Clock, Flaw> {
        let days = self.date()?;
        if !self.take(b' ') {
            self.demand(b'T')?;
        }
        let hours = self.two()?;
        if hours > 23 {
            return Err(Flaw::Malformed);
        }
        let mut clock = self.clock(i64::from(hours), Seconds::Optional)?;
        clock.nearest = join_timestamp(days, clock.nearest).ok_or(Flaw::Outside)?;
        Ok(clock)
    }

    fn offset(&mut self) -> Result<i32, Flaw> {
        if self.take(b'Z') {
            return Ok(0);
        }
        let west = self.take(b'-');
        if !west {
            self.demand(b'+')?;
        }
        let hours = self.two()?;
        let minutes = match self.0 {
            [] => 0,
            [b':', ..] => {
                self.demand(b':')?;
                self.two()?
            }
            _ => self.two()?,
        };
        if hours > 15 || minutes > 59 {
            return Err(Flaw::Malformed);
        }
        let seconds = (hours * 3_600 + minutes * 60).cast_signed();
        Ok(if west { -seconds } else { seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(append: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        append(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_day_of_ten_thousand_years_agrees_with_counting() {
        let mut days = -719_528;
        for year in 0..=9_999_i32 {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let lengths = [31, 28 + u32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(lengths) {
                for day in 1..=length {
                    assert_eq!(days_from_civil(year, month, day), Some(days));
                    assert_eq!(civil_from_days(days), (year, month, day));
                    days += 1;
                }
                assert_eq!(days_from_civil(year, month, length + 1), None);
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
    }

    #[test]
    fn every_year_of_the_whole_range_begins_and_ends_where_counting_says() {
        // 0000-01-01, then outwards both ways until 32 bits are used up.
        let length = |year: i64| {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            365 + i64::from(leap)
        };
        let mut first = -719_528_i64;
        for year in 0.. {
            let Ok(days) = i32::try_from(first) else { break };
            let number = i32::try_from(year).unwrap_or(0);
            assert_eq!(days_from_civil(number, 1, 1), Some(days));
            assert_eq!(civil_from_days(days), (number, 1, 1));
            first += length(year);
        }
        let mut first = -719_528_i64;
        for year in 1.. {
            first -= length(-year);
            let Ok(days) = i32::try_from(first) else { break };
            let number = i32::try_from(-year).unwrap_or(0);
            assert_eq!(days_from_civil(number, 1, 1), Some(days));
            assert_eq!(civil_from_days(days), (number, 1, 1));
        }
        for days in [i32::MIN, i32::MIN + 1, i32::MAX - 1, i32::MAX] {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), Some(days));
        }
        assert_eq!(days_from_civil(i32::MAX, 1, 1), None);
        assert_eq!(days_from_civil(i32::MIN, 1, 1), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for days in (i32::MIN..=i32::MAX).step_by(9_973).chain([i32::MAX, 0, -1]) {
            let text = written(|out| append_date(out, days));
            assert_eq!(parse_date(text.as_bytes()), Ok(days), "{text}");
        }
        let step = usize::try_from(i64::MAX / 50_021).unwrap_or(1);
        for micros in (i64::MIN..=i64::MAX).step_by(step).chain([i64::MAX, i64::MIN, 0, -1, 1]) {
            let text = written(|out| append_timestamp(out, micros));
            assert_eq!(parse_timestamp(text.as_bytes()), Ok(micros), "{text}");
            let text = written(|out| append_instant(out, micros));
            assert_eq!(parse_instant(text.as_bytes()), Ok(micros), "{text}");
            if micros != i64::MIN {
                let text = written(|out| append_time(out, micros));
                assert_eq!(parse_span(text.as_bytes()), Ok(micros), "{text}");
            }
        }
        for micros in (0..=MICROS_PER_DAY).step_by(999_983).chain([MICROS_PER_DAY]) {
            let text = written(|out| append_time(out, micros));
            assert_eq!(parse_time(text.as_bytes()), Ok(micros), "{text}");
        }
    }

    #[test]
    fn texts_have_the_known_forms() {
        assert_eq!(written(|out| append_date(out, 0)), "1970-01-01");
        assert_eq!(written(|out| append_date(out, -719_529)), "-0001-12-31");
        assert_eq!(written(|out| append_date(out, 2_932_897)), "10000-01-01");
        assert_eq!(written(|out| append_timestamp(out, -1)), "1969-12-31 23:59:59.999999");
        assert_eq!(written(|out| append_time(out, MICROS_PER_DAY)), "24:00:00");
        assert_eq!(written(|out| append_time(out, -3_020_399_000_000)), "-838:59:59");
        assert_eq!(written(|out| append_instant(out, 500_000)), "1970-01-01 00:00:00.500000+00:00");
        assert_eq!(parse_time(b"12:30"), Ok(45_000_000_000));
        assert_eq!(parse_timestamp(b"1970-01-02T00:00"), Ok(MICROS_PER_DAY));
        assert_eq!(parse_instant(b"1970-01-01T01:00:00.5+01:00"), Ok(500_000));
        assert_eq!(parse_instant(b"1969-12-31 22:30:00-0130"), Ok(0));
        assert_eq!(parse_instant(b"1970-01-01 00:00Z"), Ok(0));
        assert_eq!(parse_offset(b"-08"), Ok(-28_800));
    }

    #[test]
    fn no_real_moment_is_refused() {
        for text in [
            "2024-02-30",
            "2023-02-29",
            "0000-00-00",
            "2024-1-01",
            "24-01-01",
            "2024-01-01 ",
            "02024-01-01",
            "-0000-01-01",
            "2024-13-01",
            "",
            "-",
            "2024-01-01T",
            "12345678-01-01",
        ] {
            assert_eq!(parse_date(text.as_bytes()), Err(Flaw::Malformed), "{text}");
        }
        for text in ["24:00:01", "25:00", "12:60", "12:00:60", "12:00:00.", "1:00", "12", "-01:00"]
        {
            assert_eq!(parse_time(text.as_bytes()), Err(Flaw::Malformed), "{text}");
        }
        for text in ["2024-01-01 24:00:00", "2024-01-01", "2024-01-01 12:00Z", "2024-01-01  12:00"]
        {
            assert_eq!(parse_timestamp(text.as_bytes()), Err(Flaw::Malformed), "{text}");
        }
        for text in ["+16:00", "+1", "+01:60", "+01:0", "", "z", "01:00", "+01:00:00"] {
            assert_eq!(parse_offset(text.as_bytes()), Err(Flaw::Malformed), "{text}");
        }
        assert_eq!(parse_timestamp(b"294247-01-10 04:00:54.775808"), Err(Flaw::Outside));
        assert_eq!(parse_span(b"9999999999:00:00"), Err(Flaw::Outside));
    }

    #[test]
    fn finer_than_a_microsecond_is_told() {
        assert_eq!(parse_time(b"00:00:00.0000015"), Err(Flaw::Finer(2)));
        assert_eq!(parse_time(b"00:00:00.000001000"), Ok(1));
        assert_eq!(parse_span(b"-00:00:00.0000014"), Err(Flaw::Finer(-1)));
        assert_eq!(parse_timestamp(b"1970-01-01 00:00:00.1234567"), Err(Flaw::Finer(123_457)));
    }
}
