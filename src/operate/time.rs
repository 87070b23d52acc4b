//! Points in time, as other programs and people write them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

const DAY_SECONDS: i64 = 86_400;

/// Written as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) has it, in UTC and to the millisecond; read with any offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub SystemTime);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is wanted, such as 2026-03-01T06:30:00Z or 2026-03-01T07:30:00+01:00")]
pub struct NoTime;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
        let (year, month, day) = date(seconds.div_euclid(DAY_SECONDS));
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let milliseconds = since_epoch.subsec_millis();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z"
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Timestamp {
    type Err = NoTime;

    /// Not before 1970.
    fn from_str(text: &str) -> Result<Self, NoTime> {
        let (date, time) = text.split_once(['T', 't', ' ']).ok_or(NoTime)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let at = time.find(['Z', 'z', '+', '-']).ok_or(NoTime)?;
        let (time, offset) = time.split_at(at);
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let is_one = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
        if !is_one || hour > 23 || minute > 59 || second > 59 {
            return Err(NoTime);
        }
        let of_day = hour * 3_600 + minute * 60 + second;
        let seconds = day_number(year, month, day) * DAY_SECONDS + of_day - offset_seconds(offset)?;
        let seconds = u64::try_from(seconds).map_err(|_| NoTime)?;
        let fraction = format!("0.{fraction}")
            .parse::<f64>()
            .ok()
            .filter(|_| !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or(NoTime)?;
        Ok(Self(
            UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_secs_f64(fraction),
        ))
    }
}

/// `Z` or `+01:00`.
fn offset_seconds(text: &str) -> Result<i64, NoTime> {
    if text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(&text[1..], ':', [2, 2])?;
    if hours > 23 || minutes > 59 {
        return Err(NoTime);
    }
    Ok(sign * (hours * 3_600 + minutes * 60))
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Result<[i64; N], NoTime> {
    let parts: Vec<&str> = text.split(between).collect();
    let mut found = [0; N];
    if parts.len() != N {
        return Err(NoTime);
    }
    for ((part, digits), number) in parts.iter().zip(digits).zip(&mut found) {
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoTime);
        }
        *number = part.parse().map_err(|_| NoTime)?;
    }
    Ok(found)
}

fn days(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, counted in years that begin in March, so that a leap day is the
/// last of its year.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round: year, month and day.
fn date(day_number: i64) -> (i64, i64, i64) {
    let days = day_number + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        #[rustfmt::skip]
        let cases = [
            (0,                 "1970-01-01T00:00:00.000Z"),
            (951_782_400_000,   "2000-02-29T00:00:00.000Z"),
            (951_868_799_999,   "2000-02-29T23:59:59.999Z"),
            (951_868_800_000,   "2000-03-01T00:00:00.000Z"),
            (1_795_404_080_123, "2026-11-23T03:21:20.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (millis, text) in cases {
            let time = Timestamp(UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse(), Ok(time));
        }
    }

    #[test]
    fn every_day_reads_back() {
        for day in 0..100_000 {
            let (year, month, of_month) = date(day);
            assert!((1..=days(year, month)).contains(&of_month), "{year}-{month}-{of_month}");
            assert_eq!(day_number(year, month, of_month), day);
        }
    }

    #[test]
    fn times_are_read_with_any_offset() {
        let wanted: Timestamp = "2026-03-01T06:30:00Z".parse().unwrap();
        for text in [
            "2026-03-01T07:30:00+01:00",
            "2026-03-01 06:30:00.000z",
            "2026-02-28t20:00:00-10:30",
        ] {
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-03-01",
            "2026-03-01T06:30:00",
            "2026-03-01T06:30Z",
            "2026-02-29T06:30:00Z",
            "2026-13-01T06:30:00Z",
            "2026-03-01T24:30:00Z",
            "2026-03-01T06:30:00+1:00",
            "2026-03-01T06:30:00.Z",
            "2026-03-01T06:30:00.1e3Z",
            "1969-12-31T23:59:59Z",
            "+026-03-01T06:30:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NoTime), "{text}");
        }
    }
}
