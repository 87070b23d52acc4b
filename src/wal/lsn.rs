//! A position in the write-ahead log.

use std::fmt;
use std::str::FromStr;

/// A byte position in the WAL; ordered. Its text form is that of Postgres, `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The valueless position, which Postgres calls `InvalidXLogRecPtr`.
    pub const ZERO: Lsn = Lsn(0);
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// The text was not of the form `X/X` with hexadecimal halves of at most eight digits.
#[derive(Debug, thiserror::Error)]
#[error("invalid LSN {0:?}")]
pub struct InvalidLsn(String);

impl FromStr for Lsn {
    type Err = InvalidLsn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let halves = text.split_once('/').and_then(|(high, low)| {
            let high = u32::from_str_radix(high, 16).ok()?;
            let low = u32::from_str_radix(low, 16).ok()?;
            Some(Lsn(u64::from(high) << 32 | u64::from(low)))
        });
        halves.ok_or_else(|| InvalidLsn(text.to_owned()))
    }
}
