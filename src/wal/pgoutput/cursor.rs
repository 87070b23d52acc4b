//! Reading big-endian fields off a byte slice without ever looking past its end.

use std::ffi::CStr;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::super::Lsn;

/// Bytes that are no pgoutput message, or that say more than this decoder understands.
///
/// Names the message, the field and the byte offset, never a value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{message} message, {field} at byte {offset}: {problem}")]
pub struct DecodeError {
    /// `insert`, `relation`, …; `unknown` where the tag itself is at fault.
    pub message: &'static str,
    pub field: &'static str,
    /// Counted from the tag, which is byte 0.
    pub offset: usize,
    pub problem: Problem,
}

/// What is wrong with the field that a [`DecodeError`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    Short { wanted: usize, left: usize },
    Trailing { bytes: usize },
    Negative { value: i32 },
    UnknownByte { found: u8 },
    NotTerminated,
    NotUtf8,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { wanted, left } => write!(f, "{wanted} bytes wanted, {left} left"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes left over"),
            Self::Negative { value } => write!(f, "{value} where a count or length is wanted"),
            Self::UnknownByte { found } => write!(f, "unknown value 0x{found:02x}"),
            Self::NotTerminated => f.write_str("no terminating zero byte"),
            Self::NotUtf8 => f.write_str("not valid UTF-8"),
        }
    }
}

/// A position in one message, and its name for errors.
pub(in crate::wal) struct Cursor<'a> {
    message: &'static str,
    left: &'a [u8],
    total: usize,
}

impl<'a> Cursor<'a> {
    pub(in crate::wal) fn new(bytes: &'a [u8]) -> Self {
        Self {
            message: "unknown",
            left: bytes,
            total: bytes.len(),
        }
    }

    /// The name that errors carry from here on.
    pub(in crate::wal) fn name(&mut self, message: &'static str) {
        self.message = message;
    }

    pub(in crate::wal) fn left(&self) -> &'a [u8] {
        self.left
    }

    pub(in crate::wal) fn bytes(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.left.split_at_checked(len).ok_or_else(|| {
            self.error(
                field,
                Problem::Short {
                    wanted: len,
                    left: self.left.len(),
                },
            )
        })?;
        self.left = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.left.split_first_chunk::<N>().ok_or_else(|| {
            self.error(
                field,
                Problem::Short {
                    wanted: N,
                    left: self.left.len(),
                },
            )
        })?;
        self.left = tail;
        Ok(*head)
    }

    /// One byte that tells how to go on; `known` says whether it is one of those that exist.
    pub(in crate::wal) fn tag<T>(
        &mut self,
        field: &'static str,
        known: impl FnOnce(u8) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let before = self.left;
        let found = self.u8(field)?;
        known(found).ok_or_else(|| self.error_at(before, field, Problem::UnknownByte { found }))
    }

    pub(in crate::wal) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(in crate::wal) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(in crate::wal) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(in crate::wal) fn lsn(&mut self, field: &'static str) -> Result<Lsn, DecodeError> {
        self.array(field).map(u64::from_be_bytes).map(Lsn)
    }

    pub(in crate::wal) fn time(&mut self, field: &'static str) -> Result<SystemTime, DecodeError> {
        self.array(field).map(i64::from_be_bytes).map(postgres_time)
    }

    /// A 16-bit count of columns.
    pub(in crate::wal) fn count(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        let before = self.left;
        let value = self.array(field).map(i16::from_be_bytes)?;
        u16::try_from(value).map_err(|_| self.error_at(before, field, Problem::Negative { value: value.into() }))
    }

    /// A 32-bit count or length.
    pub(in crate::wal) fn length(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        let before = self.left;
        let value = self.i32(field)?;
        usize::try_from(value).map_err(|_| self.error_at(before, field, Problem::Negative { value }))
    }

    /// A zero-terminated string.
    pub(in crate::wal) fn string(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let text = CStr::from_bytes_until_nul(self.left).map_err(|_| self.error(field, Problem::NotTerminated))?;
        let before = self.left;
        self.bytes(field, text.count_bytes() + 1)?;
        text.to_str()
            .map_err(|_| self.error_at(before, field, Problem::NotUtf8))
    }

    pub(in crate::wal) fn end(&self) -> Result<(), DecodeError> {
        match self.left.len() {
            0 => Ok(()),
            bytes => Err(self.error("end", Problem::Trailing { bytes })),
        }
    }

    /// An error about what stands at the present position.
    fn error(&self, field: &'static str, problem: Problem) -> DecodeError {
        self.error_at(self.left, field, problem)
    }

    /// An error about what stands where `left` was still unread.
    pub(in crate::wal) fn error_at(&self, left: &[u8], field: &'static str, problem: Problem) -> DecodeError {
        DecodeError {
            message: self.message,
            field,
            offset: self.total.saturating_sub(left.len()),
            problem,
        }
    }
}

/// From the epoch of Unix to that of Postgres, 2000-01-01: 30 years, seven of them leap years.
const POSTGRES_EPOCH: Duration = Duration::from_hours((30 * 365 + 7) * 24);

/// The time `micros` µs after (or before) 2000-01-01 UTC, which is how Postgres counts.
pub(in crate::wal) fn postgres_time(micros: i64) -> SystemTime {
    let epoch = SystemTime::UNIX_EPOCH + POSTGRES_EPOCH;
    let distance = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 {
        epoch.checked_sub(distance)
    } else {
        epoch.checked_add(distance)
    };
    // Out of the platform's range: only a broken server sends such a time, and nothing is decided by it.
    time.unwrap_or(epoch)
}

/// The inverse of [`postgres_time`].
pub(in crate::wal) fn postgres_micros(time: SystemTime) -> i64 {
    let epoch = SystemTime::UNIX_EPOCH + POSTGRES_EPOCH;
    let micros = |distance: Duration| u64::try_from(distance.as_micros()).unwrap_or(u64::MAX);
    match time.duration_since(epoch) {
        Ok(after) => 0_i64.saturating_add_unsigned(micros(after)),
        Err(before) => 0_i64.saturating_sub_unsigned(micros(before.duration())),
    }
}
