//! Whether a replica shows what a snapshot of the source shows.

use tokio_postgres::GenericClient;
use tokio_postgres::types::PgLsn;

use super::{Identity, Lsn};
use crate::pg;

/// A moment of the source, by its place in the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub server: Identity,
    /// All that a snapshot of that moment sees was written before.
    pub lsn: Lsn,
}

/// What a replica shows, compared with a moment of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Clear,
    /// It has replayed up to here.
    Behind(Lsn),
    OtherServer,
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
    let lsn = end_of_records(
        row.get::<_, PgLsn>("lsn").into(),
        row.get::<_, i64>("page_bytes").cast_unsigned(),
    );
    Ok(Moment { server, lsn })
}

/// Where nothing was written after a record that fills its page, the insert position is behind the next page's header, while the
/// record ends, and is replayed, at its beginning. No record lies in the first bytes of a page altogether, so for one that
/// ends there the beginning of the page is as good.
fn end_of_records(insert: u64, page_bytes: u64) -> Lsn {
    /// Of the first page of a segment; the others' are shorter.
    const HEADER_BYTES_MAX: u64 = 40;
    let into_page = insert % page_bytes;
    Lsn(if into_page <= HEADER_BYTES_MAX {
        insert - into_page
    } else {
        insert
    })
}

/// Of a replica: whether its next snapshot sees all that one of `moment` saw.
pub async fn sight(client: &pg::Client, moment: Moment) -> Result<Sight, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/source/replayed.sql"))
        .await?;
    let row = client.query_one(&statement, &[]).await?;
    let lsn = row
        .get::<_, Option<PgLsn>>("lsn")
        .map_or(Lsn::ZERO, |lsn| Lsn(lsn.into()));
    let timeline = row.get::<_, Option<i32>>("timeline").map(i32::cast_unsigned);
    Ok(match timeline {
        _ if row.get::<_, i64>("system_identifier") != moment.server.system_identifier => Sight::OtherServer,
        Some(timeline) if timeline != moment.server.timeline => Sight::Promoted,
        _ if lsn < moment.lsn => Sight::Behind(lsn),
        _ => Sight::Clear,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_behind_a_page_header_is_the_end_of_the_page_before() {
        let page = 8192;
        for (insert, end) in [
            (0, 0),
            (24, 0),
            (40, 0),
            (48, 48),
            (page + 24, page),
            (page + 100, page + 100),
        ] {
            assert_eq!(end_of_records(insert, page), Lsn(end));
        }
    }
}
