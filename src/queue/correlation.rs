//! The id by which requests, log lines and attempts of one job are found.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::JobId;

/// 32 hex digits: when the job was made, in microseconds since 1970, and its number. That is a trace id of the
/// [W3C](https://www.w3.org/TR/trace-context/#trace-id), the same for all tries, and leads back to the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correlation {
    pub job: JobId,
    created_micros: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a correlation id has 32 hex digits")]
pub struct NoCorrelation;

impl Correlation {
    pub fn new(job: JobId, created_at: SystemTime) -> Self {
        let since_epoch = created_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            job,
            created_micros: u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// To the microsecond, as Postgres has it. `None` for what was never the id of a job.
    pub fn created_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_micros(self.created_micros))
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.created_micros, self.job.0)
    }
}

impl FromStr for Correlation {
    type Err = NoCorrelation;

    fn from_str(text: &str) -> Result<Self, NoCorrelation> {
        let half = |from| {
            text.get(from..from + 16)
                .filter(|_| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        };
        let (created_micros, job) = half(0).zip(half(16)).ok_or(NoCorrelation)?;
        let job = JobId(i64::try_from(job).map_err(|_| NoCorrelation)?);
        Ok(Self { job, created_micros })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_id_leads_back_to_its_job() {
        let created_at = UNIX_EPOCH + Duration::from_micros(1_795_000_000_123_456);
        let correlation = Correlation::new(JobId(4711), created_at);
        let text = correlation.to_string();
        assert_eq!(text, "0006608b016112400000000000001267");
        assert_eq!(text.parse(), Ok(correlation));
        assert_eq!(text.to_uppercase().parse(), Ok(correlation));
        assert_eq!(correlation.created_at(), Some(created_at));
    }

    #[test]
    fn each_job_has_another_one_and_none_is_all_zeros() {
        let at = UNIX_EPOCH + Duration::from_micros(1);
        let new = |job, at| Correlation::new(JobId(job), at).to_string();
        assert_ne!(new(1, at), new(2, at));
        assert_ne!(new(1, at), new(1, UNIX_EPOCH));
        assert_eq!(new(1, UNIX_EPOCH), format!("{:032x}", 1));
        let last = Correlation::new(JobId(i64::MAX), at);
        assert_eq!(last.to_string().parse(), Ok(last));
    }

    #[test]
    fn what_is_none_is_refused() {
        let digits = "0006608b016112400000000000001267";
        let others = [
            "",
            "17",
            &digits[1..],
            &format!("{digits}0"),
            &digits.replace('b', "g"),
            &digits.replace('b', "+"),
            "ääääääääääääääää",
            "0006608b01611240ffffffffffffffff",
        ];
        for text in others {
            assert_eq!(text.parse::<Correlation>(), Err(NoCorrelation), "{text}");
        }
    }
}
