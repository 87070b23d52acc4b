//! `"250ms"`, `"64KiB"`, `"100/s"` and `"2xx"`: values that are more than a number.

use std::time::Duration;

use crate::config::{Rate, StatusRange};

/// In rising order; the milliseconds that each stands for.
const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// In rising order; the bytes that each stands for.
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// What a rate may be for.
const PERIODS: [(&str, Duration); 3] = [
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_mins(1)),
    ("h", Duration::from_hours(1)),
];

pub const DURATION_WANTED: &str = "a whole number and `ms`, `s`, `m`, `h` or `d`, such as \"250ms\" or \"30s\"";
pub const SIZE_WANTED: &str = "a whole number and `B`, `KiB`, `MiB` or `GiB`, such as \"64KiB\" or \"8MiB\"";
pub const RATE_WANTED: &str = "a whole number from 1, `/`, and `s`, `m` or `h`, such as \"100/s\" or \"600/m\"";
pub const STATUS_WANTED: &str = "a status such as 200, \"2xx\" or \"400-499\", or a list of them";

pub fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &DURATIONS).map(Duration::from_millis)
}

pub fn parse_size(text: &str) -> Option<u64> {
    parse(text, &SIZES)
}

/// At least one in its time.
pub fn parse_rate(text: &str) -> Option<Rate> {
    let (count, unit) = text.split_once('/')?;
    let (_, per) = PERIODS.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    let digits = count.trim_end_matches(' ');
    let count = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse())?
        .ok()?;
    (count > 0).then_some(Rate { count, per: *per })
}

pub fn format_rate(rate: Rate) -> String {
    let unit = PERIODS.iter().find(|(_, per)| *per == rate.per);
    format!("{}/{}", rate.count, unit.map_or("s", |(name, _)| name))
}

/// One status, a class of them, or a range.
pub fn parse_status(text: &str) -> Option<StatusRange> {
    let one = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let status = digits.then(|| text.parse::<u16>())?.ok()?;
        (100..600).contains(&status).then_some(status)
    };
    if let Some(class) = text.strip_suffix("xx") {
        let from = one(&format!("{class}00"))?;
        return Some(StatusRange { from, to: from + 99 });
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (one(from.trim())?, one(to.trim())?);
    (from <= to).then_some(StatusRange { from, to })
}

pub fn format_status(range: StatusRange) -> String {
    let StatusRange { from, to } = range;
    if from == to {
        from.to_string()
    } else if from.is_multiple_of(100) && to == from + 99 {
        format!("{}xx", from / 100)
    } else {
        format!("{from}-{to}")
    }
}

/// In the largest unit that leaves a whole number, as the file would have it.
pub fn format_duration(duration: Duration) -> String {
    format(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATIONS)
}

pub fn format_size(bytes: u64) -> String {
    format(bytes, &SIZES)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn format(value: u64, units: &[(&str, u64)]) -> String {
    let fitting = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (name, factor) = fitting.unwrap_or(&units[0]);
    format!("{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_carry_their_unit() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_mins(5)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_hours(7 * 24)));
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("8MiB"), Some(8_388_608));
    }

    #[test]
    fn what_has_no_unit_a_wrong_one_or_overflows_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-3s",
            "1.5s",
            "3sec",
            "5M",
            "3 0s",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for text in ["", "64", "64KB", "64kib", "1TiB", "KiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn rates_are_for_a_second_a_minute_or_an_hour() {
        let rate = |count, seconds| {
            let per = Duration::from_secs(seconds);
            Some(Rate { count, per })
        };
        assert_eq!(parse_rate("100/s"), rate(100, 1));
        assert_eq!(parse_rate("600 / m"), rate(600, 60));
        assert_eq!(parse_rate("1/h"), rate(1, 3_600));
        for text in [
            "",
            "100",
            "100/",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "100/d",
            "100/ms",
            "99999999999/s",
        ] {
            assert_eq!(parse_rate(text), None, "{text}");
        }
        for text in ["100/s", "600/m", "1/h"] {
            assert_eq!(format_rate(parse_rate(text).unwrap()), text);
        }
    }

    #[test]
    fn statuses_are_single_or_ranges() {
        let range = |from, to| Some(StatusRange { from, to });
        assert_eq!(parse_status("204"), range(204, 204));
        assert_eq!(parse_status("2xx"), range(200, 299));
        assert_eq!(parse_status("400 - 417"), range(400, 417));
        for text in [
            "", "20", "2000", "099", "600", "9xx", "xx", "2x", "-", "400-", "417-400", "+20", "2xx-3xx", "OK",
        ] {
            assert_eq!(parse_status(text), None, "{text}");
        }
        for text in ["204", "2xx", "400-417", "200-399"] {
            assert_eq!(format_status(parse_status(text).unwrap()), text);
        }
    }

    #[test]
    fn the_written_form_reads_back() {
        for text in ["0ms", "1ms", "1500ms", "90s", "15m", "36h", "7d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        for text in ["0B", "1000B", "64KiB", "256MiB", "2GiB"] {
            assert_eq!(format_size(parse_size(text).unwrap()), text);
        }
    }
}
