//! Whether a replica shows what a snapshot of the source shows.

use tokio_postgres::GenericClient;
use tokio_postgres::types::PgLsn;

use super::{Identity, Lsn};
use crate::pg;

/// A moment of the source, by its place in the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub server: Identity,
    /// All that was read from the stream by that moment was written before.
    pub lsn: Lsn,
}

/// What a replica shows, compared with a moment of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Clear,
    /// It has replayed up to here.
    Behind(Lsn),
    OtherServer,
    /// It follows another server than the source, or has not noted yet that it has gone on with it to a new timeline:
    /// positions on this one say nothing of those of the source.
    OtherTimeline(u32),
    /// It has been promoted, and is a replica no more.
    Promoted,
}

/// Of the source, now.
pub async fn moment(client: &impl GenericClient) -> Result<Moment, pg::Error> {
    let row = client
        .query_one(include_str!("../../sql/source/written.sql"), &[])
        .await?;
    let server = Identity {
        system_identifier: row.get("system_identifier"),
        timeline: row.get::<_, i32>("timeline").cast_unsigned(),
    };
    let lsn = Lsn(row.get::<_, PgLsn>("lsn").into());
    Ok(Moment { server, lsn })
}

/// Of a replica: whether its next snapshot sees all that one of `moment` saw.
pub async fn sight(client: &pg::Client, moment: Moment) -> Result<Sight, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/source/replayed.sql"))
        .await?;
    let row = client.query_one(&statement, &[]).await?;
    let found = Found {
        server: Identity {
            system_identifier: row.get("system_identifier"),
            timeline: row.get::<_, i32>("timeline").cast_unsigned(),
        },
        in_recovery: row.get("in_recovery"),
        lsn: row
            .get::<_, Option<PgLsn>>("lsn")
            .map_or(Lsn::ZERO, |lsn| Lsn(lsn.into())),
    };
    Ok(found.compared_with(moment))
}

/// What a replica says of itself.
#[derive(Debug, Clone, Copy)]
struct Found {
    server: Identity,
    in_recovery: bool,
    /// Its snapshots see what was written before.
    lsn: Lsn,
}

impl Found {
    fn compared_with(self, moment: Moment) -> Sight {
        let timeline = self.server.timeline;
        if self.server.system_identifier != moment.server.system_identifier {
            Sight::OtherServer
        } else if timeline == moment.server.timeline {
            if self.lsn < moment.lsn {
                Sight::Behind(self.lsn)
            } else {
                Sight::Clear
            }
        } else if self.in_recovery {
            Sight::OtherTimeline(timeline)
        } else {
            Sight::Promoted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_compared_on_one_timeline_only() {
        let here = Identity {
            system_identifier: 7,
            timeline: 2,
        };
        let moment = Moment {
            server: here,
            lsn: Lsn(100),
        };
        let on = |timeline, in_recovery, lsn| {
            let server = Identity { timeline, ..here };
            let lsn = Lsn(lsn);
            let found = Found {
                server,
                in_recovery,
                lsn,
            };
            found.compared_with(moment)
        };
        assert_eq!(on(2, true, 100), Sight::Clear);
        assert_eq!(on(2, true, 99), Sight::Behind(Lsn(99)));
        assert_eq!(on(1, true, 1000), Sight::OtherTimeline(1));
        assert_eq!(on(3, true, 1000), Sight::OtherTimeline(3));
        assert_eq!(on(3, false, 1000), Sight::Promoted);
        // The source itself, where no standby was to be had.
        assert_eq!(on(2, false, 100), Sight::Clear);
    }
}
