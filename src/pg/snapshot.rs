//! Which transactions a snapshot sees.
//!
//! The stream can show a transaction before it is visible: its commit record is written, but the transaction still waits,
//! say for a synchronous standby. Whether a snapshot sees it follows from the text form of `pg_snapshot`,
//! <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>.

use std::fmt;

use tokio_postgres::GenericClient;

use super::Error;

/// A `pg_snapshot`. Full transaction ids, which never wrap around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Every transaction below has ended.
    pub xmin: u64,
    /// No transaction from here on has ended.
    pub xmax: u64,
    /// Those in between that were running, ascending.
    running: Vec<u64>,
}

impl Snapshot {
    /// What a statement sees that begins now. On the primary snapshots only ever see more.
    pub async fn current(client: &impl GenericClient) -> Result<Self, Error> {
        let row = client
            .query_one(include_str!("../../sql/source/snapshot.sql"), &[])
            .await?;
        Ok(Self::parse(row.get("snapshot")).expect("postgres writes snapshots as it documents"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let xmin = parts.next()?.parse().ok()?;
        let xmax = parts.next()?.parse().ok()?;
        let running = parts.next()?;
        let running = running
            .split(',')
            .filter(|xid| !xid.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        Some(Self { xmin, xmax, running })
    }

    /// Whether the snapshot sees the committed transaction `xid`.
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.running.binary_search(&xid).is_err())
    }

    /// The full id of a transaction whose low half the stream has shown: the one nearest to this snapshot. It may lie
    /// ahead of it, when it is committed but not yet visible.
    pub fn widen(&self, xid: u32) -> u64 {
        // The difference within 32 bits, read as signed, is the way to the nearest.
        let low = (self.xmax & 0xFFFF_FFFF) as u32;
        let distance = i64::from(xid.wrapping_sub(low).cast_signed());
        self.xmax.saturating_add_signed(distance)
    }
}

/// The form that Postgres reads.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (i, xid) in self.running.iter().enumerate() {
            write!(f, "{}{xid}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_sees_what_had_ended_when_it_was_taken() {
        let snapshot = Snapshot::parse("10:20:10,14,15").unwrap();
        let seen: Vec<u64> = (8..22).filter(|&xid| snapshot.sees(xid)).collect();
        assert_eq!(snapshot.to_string(), "10:20:10,14,15");
        assert_eq!(seen, [8, 9, 11, 12, 13, 16, 17, 18, 19]);
        assert_eq!(
            Snapshot::parse("10:10:").unwrap(),
            Snapshot {
                xmin: 10,
                xmax: 10,
                running: vec![]
            }
        );
    }

    #[test]
    fn an_id_is_widened_to_the_nearest_across_the_wrap() {
        let at = |xmax| Snapshot {
            xmin: xmax,
            xmax,
            running: vec![],
        };
        assert_eq!(at(100).widen(90), 90);
        assert_eq!(at(100).widen(105), 105);
        let epoch = 1 << 32;
        assert_eq!(at(3 * epoch + 5).widen(u32::MAX - 1), 3 * epoch - 2);
        assert_eq!(at(3 * epoch - 5).widen(2), 3 * epoch + 2);
        assert_eq!(at(3 * epoch + 5).widen(4), 3 * epoch + 4);
    }
}
