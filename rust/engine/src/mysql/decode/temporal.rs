//! Dates, moments and times.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::PrimitiveBuilder;
use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Time64MicrosecondType, TimestampMicrosecondType,
};

use crate::calendar::{self, MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::error::Result;
use crate::loss::{Guard, code};
use crate::mysql::DAYS;

use super::{Values, malformed, settle};

/// A date and time of day as they stand in a row; the parts are not yet judged.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
}

impl Moment {
    fn of(bytes: &[u8]) -> Result<Self> {
        let mut moment = Moment::default();
        let (date, time, micros) = match bytes {
            [] => return Ok(moment),
            [y0, y1, m, d] => ([*y0, *y1, *m, *d], [0; 3], [0; 4]),
            [y0, y1, m, d, h, i, s] => ([*y0, *y1, *m, *d], [*h, *i, *s], [0; 4]),
            [y0, y1, m, d, h, i, s, u0, u1, u2, u3] => {
                ([*y0, *y1, *m, *d], [*h, *i, *s], [*u0, *u1, *u2, *u3])
            }
            _ => return Err(malformed()),
        };
        moment.year = u16::from_le_bytes([date[0], date[1]]);
        [moment.month, moment.day] = [date[2], date[3]];
        [moment.hour, moment.minute, moment.second] = time;
        moment.micros = u32::from_le_bytes(micros);
        let sane = moment.hour < 24 && moment.minute < 60 && moment.second < 60;
        if sane && moment.micros < 1_000_000 { Ok(moment) } else { Err(malformed()) }
    }

    /// Days since 1970-01-01; `None` when the calendar has no such day.
    fn days(self) -> Option<i32> {
        if self.year > 9999 {
            return None;
        }
        calendar::days_from_civil(self.year.into(), self.month.into(), self.day.into())
    }

    fn micros(self) -> Option<i64> {
        let seconds =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let micros_of_day = seconds * MICROS_PER_SECOND + i64::from(self.micros);
        calendar::join_timestamp(self.days()?, micros_of_day)
    }
}

/// `YYYY-MM-DD`, for a value that the user puts in place of another.
fn parse_days(text: &str) -> Option<i32> {
    calendar::parse_date(text.as_bytes()).ok().filter(|days| DAYS.contains(days))
}

/// `YYYY-MM-DD[ HH:MM[:SS[.f]]]`, likewise.
fn parse_micros(text: &str) -> Option<i64> {
    let micros = match calendar::parse_timestamp(text.as_bytes()) {
        Ok(micros) => micros,
        Err(_) => calendar::join_timestamp(parse_days(text)?, 0)?,
    };
    DAYS.contains(&calendar::split_timestamp(micros).0).then_some(micros)
}

const ZERO: &str = "is a zero date or no day of the calendar";

pub(super) fn dates(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Date32Type>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(Moment::of).transpose()?.map(Moment::days) {
            None => None,
            Some(Some(days)) => Some(days),
            Some(None) => settle(guard, (code::ZERO_DATE, row, ZERO), None, parse_days)?,
        });
    }
    Ok(Arc::new(out.finish()))
}

pub(super) fn timestamps(
    values: Values<'_>,
    guard: &mut Guard<'_>,
    zone: Option<&str>,
) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<TimestampMicrosecondType>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(Moment::of).transpose()?.map(Moment::micros) {
            None => None,
            Some(Some(micros)) => Some(micros),
            Some(None) => settle(guard, (code::ZERO_DATE, row, ZERO), None, parse_micros)?,
        });
    }
    Ok(Arc::new(out.finish().with_timezone_opt(zone.map(str::to_owned))))
}

/// Signed microseconds of a TIME.
fn span(bytes: &[u8]) -> Result<i64> {
    let (negative, days, clock, micros) = match bytes {
        [] => return Ok(0),
        [n, d0, d1, d2, d3, h, m, s] => (*n, [*d0, *d1, *d2, *d3], [*h, *m, *s], [0; 4]),
        [n, d0, d1, d2, d3, h, m, s, u0, u1, u2, u3] => {
            (*n, [*d0, *d1, *d2, *d3], [*h, *m, *s], [*u0, *u1, *u2, *u3])
        }
        _ => return Err(malformed()),
    };
    let [hours, minutes, seconds] = clock.map(i64::from);
    let days = i64::from(u32::from_le_bytes(days));
    let seconds = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    let micros = seconds * MICROS_PER_SECOND + i64::from(u32::from_le_bytes(micros));
    Ok(if negative == 0 { micros } else { -micros })
}

pub(super) fn spans(values: Values<'_>, _: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<DurationMicrosecondType>::with_capacity(values.len());
    for value in values.iter() {
        out.append_option(value.map(span).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

pub(super) fn times_of_day(values: Values<'_>, guard: &mut Guard<'_>) -> Result<ArrayRef> {
    let mut out = PrimitiveBuilder::<Time64MicrosecondType>::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        out.append_option(match value.map(span).transpose()? {
            None => None,
            Some(micros @ 0..MICROS_PER_DAY) => Some(micros),
            Some(micros) => {
                let fact = (code::SPAN, row, "is not a time of day");
                settle(guard, fact, Some(micros.clamp(0, MICROS_PER_DAY - 1)), |text| {
                    let micros = calendar::parse_time(text.as_bytes()).ok();
                    micros.filter(|micros| *micros < MICROS_PER_DAY)
                })?
            }
        });
    }
    Ok(Arc::new(out.finish()))
}
