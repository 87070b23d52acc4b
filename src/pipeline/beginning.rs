//! Where the stream goes on, and whether what was read before can be trusted.
//!
//! Progress names the server and the timeline that it is about. It is trusted where the slot is still there, on the same
//! server, on the same timeline or on one that went on from behind it, and stands no further than what was read. Anything
//! else is a [`Gap`]: changes may have been missed, so the slot is taken as it is, or made anew, and everything is visited.

use std::time::Duration;

use deadpool_postgres::Transaction;

use super::engine::Engine;
use super::setup::SetupError;
use crate::config::OnLostSlot;
use crate::pg::{self, Session};
use crate::queue::{self, Progress};
use crate::wal::{self, Fork, Identity, Lsn, Slot, Standing};

/// Why changes may have been missed between what was read before and what the slot has now.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Gap {
    #[error("the source is another server than the one that was read before")]
    OtherServer,
    #[error(
        "the source has been restored from a backup: timeline {0}, on which it was read before, is none of its past"
    )]
    OtherPast(u32),
    #[error(
        "the source went on from {at} of timeline {timeline}, and had been read to {read}: some of what was read is lost"
    )]
    Forked { timeline: u32, at: Lsn, read: Lsn },
    // Its documents may show what the new timeline does not have.
    #[error("the source went on on timeline {0}, and the state, which is elsewhere, did not go back with it")]
    Elsewhere(u32),
    #[error("slot {0} is gone")]
    Gone(String),
    #[error("the server has given up the slot: {0}")]
    Lost(&'static str),
    // Whatever is read looks for the publication as it was when the change was written.
    #[error("the publication was dropped and made again since, and what was written meanwhile cannot be read")]
    Unpublished,
    #[error("the slot stands at {slot}, but was read to {read} only")]
    Ahead { slot: Lsn, read: Lsn },
    // Read from there on, the stream would leave out what is written until then.
    #[error("the source stands at {source_at}, but was read to {read} before")]
    Behind { source_at: Lsn, read: Lsn },
}

/// Finds or makes the slot, and notes in `state` where reading goes on. `unpublished`: the slot was found to stand where there
/// was no publication.
pub(super) async fn find(
    engine: &Engine,
    session: &mut wal::Session,
    source: &pg::Client,
    state: &Transaction<'_>,
    unpublished: bool,
) -> Result<Progress, SetupError> {
    let name = &engine.config.source.slot;
    let server = session.identify().await?;
    if wal::read_identity(&***source).await? != server {
        return Err(SetupError::TwoServers);
    }
    // In this order: progress is committed before it is confirmed, so what is read after the slot is never behind it,
    // even while another process reads the stream.
    let slot = wal::read_slot(&***source, name).await?;
    let before = queue::read_progress(&**state, name)
        .await?
        .map(|(progress, _)| progress);
    if let Some(before) = before {
        // And where the source stands, after progress: it is never behind what another process has read of it meanwhile.
        let slot = match slot.clone() {
            Some(slot) if before.lsn > slot.current => {
                let later = wal::read_slot(&***source, name).await?;
                let current = later.map_or(slot.current, |later| later.current);
                Some(Slot { current, ..slot })
            }
            slot => slot,
        };
        let followed = before.server.timeline != 0 && before.server.timeline != server.timeline;
        let forks = if followed {
            session.timeline_history(server.timeline).await?
        } else {
            Vec::new()
        };
        let gap = match gap(name, before, slot.as_ref(), server, &forks) {
            None if followed && wal::read_identity(&**state).await? != server => Some(Gap::Elsewhere(server.timeline)),
            None if unpublished => Some(Gap::Unpublished),
            gap => gap,
        };
        let Some(gap) = gap else {
            if engine.config.source.failover && slot.and_then(|slot| slot.failover) == Some(false) {
                session.keep_through_failover(name).await?;
                tracing::info!(slot = name, "standbys may keep a copy of the slot from now on");
            }
            return go_on(state, name, before, server).await;
        };
        if engine.config.source.on_lost_slot == OnLostSlot::Stop {
            return Err(SetupError::LostSlot(gap));
        }
        tracing::warn!(
            reason = gap.to_string(),
            "changes may have been missed: every subject will be visited"
        );
    }
    // Nothing is written to the state before: making a slot waits for every transaction that has written.
    let lsn = match slot {
        Some(slot) if slot.is_lost() || unpublished => {
            wal::drop_slot(&***source, name).await?;
            make(engine).await?
        }
        // Without progress it was made just before a crash, or by hand: nothing was read from it.
        Some(slot) => slot.confirmed,
        None => make(engine).await?,
    };
    if before.is_some() {
        // Whatever happened to the source may have happened to the state.
        queue::skip_versions(state).await?;
    }
    let progress = Progress { server, lsn };
    queue::replace_progress(state, name, progress).await?;
    Ok(progress)
}

async fn go_on(
    state: &Transaction<'_>,
    name: &str,
    before: Progress,
    server: Identity,
) -> Result<Progress, SetupError> {
    if before.server.timeline != server.timeline {
        tracing::info!(timeline = server.timeline, lsn = %before.lsn, "the source goes on, on another timeline");
        queue::follow_timeline(state, name, server.timeline).await?;
        queue::skip_versions(state).await?;
    }
    Ok(Progress { server, ..before })
}

fn gap(name: &str, before: Progress, slot: Option<&Slot>, server: Identity, forks: &[Fork]) -> Option<Gap> {
    let read = before.lsn;
    if before.server.system_identifier != server.system_identifier {
        return Some(Gap::OtherServer);
    }
    let timeline = before.server.timeline;
    if timeline != 0 && timeline != server.timeline {
        match forks.iter().find(|fork| fork.timeline == timeline) {
            None => return Some(Gap::OtherPast(timeline)),
            Some(fork) if read > fork.at => {
                let at = fork.at;
                return Some(Gap::Forked { timeline, at, read });
            }
            Some(_) => {}
        }
    }
    let Some(slot) = slot else {
        return Some(Gap::Gone(name.to_owned()));
    };
    if let Standing::Lost(reason) = &slot.standing {
        return Some(Gap::Lost(reason_in_words(reason.as_deref())));
    }
    if slot.confirmed > read {
        let slot = slot.confirmed;
        return Some(Gap::Ahead { slot, read });
    }
    if read > slot.current {
        let source_at = slot.current;
        return Some(Gap::Behind { source_at, read });
    }
    None
}

/// See `invalidation_reason` in
/// <https://www.postgresql.org/docs/current/view-pg-replication-slots.html>; servers before 17 do not say.
fn reason_in_words(reason: Option<&str>) -> &'static str {
    match reason {
        Some("rows_removed") => "rows of the catalogue that it needed were removed",
        Some("wal_level_insufficient") => "wal_level was no longer logical",
        Some("idle_timeout") => "nobody read it for longer than idle_replication_slot_timeout",
        _ => "WAL that it had not been read to was removed",
    }
}

/// In a session of its own: it has to wait for whatever runs now, however long, and may be given up at any moment.
async fn make(engine: &Engine) -> Result<Lsn, SetupError> {
    let source = &engine.config.source;
    let slot = &source.slot;
    tracing::info!(slot, "making the slot; this waits for running transactions to end");
    let session = Session {
        search_path: None,
        statement_timeout: Duration::ZERO,
    };
    let client = pg::connect(&engine.source_dsn, &session).await?;
    client.batch_execute("set lock_timeout = 0").await?;
    let failover = source.failover && wal::knows_failover(&client).await?;
    let lsn = wal::create_slot(&client, slot, failover).await?;
    tracing::info!(slot, lsn = %lsn, "slot made");
    Ok(lsn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Identity = Identity {
        system_identifier: 7,
        timeline: 3,
    };

    fn read_to(lsn: u64, server: Identity) -> Progress {
        Progress { server, lsn: Lsn(lsn) }
    }

    fn slot(confirmed: u64, current: u64) -> Slot {
        Slot {
            plugin: "pgoutput".to_owned(),
            database: "shop".to_owned(),
            active: false,
            standing: Standing::Safe,
            failover: None,
            confirmed: Lsn(confirmed),
            restart: Lsn(confirmed),
            current: Lsn(current),
            safe_bytes: None,
        }
    }

    fn found(before: Progress, slot: Option<&Slot>, forks: &[Fork]) -> Option<Gap> {
        gap("walsift", before, slot, HERE, forks)
    }

    #[test]
    fn a_slot_at_or_behind_what_was_read_goes_on() {
        for confirmed in [90, 100] {
            assert_eq!(found(read_to(100, HERE), Some(&slot(confirmed, 100)), &[]), None);
        }
    }

    #[test]
    fn a_slot_that_was_lost_or_moved_is_a_gap() {
        assert_eq!(
            found(read_to(100, HERE), None, &[]),
            Some(Gap::Gone("walsift".to_owned()))
        );
        let ahead = Gap::Ahead {
            slot: Lsn(101),
            read: Lsn(100),
        };
        assert_eq!(found(read_to(100, HERE), Some(&slot(101, 200)), &[]), Some(ahead));
        let behind = Gap::Behind {
            source_at: Lsn(99),
            read: Lsn(100),
        };
        assert_eq!(found(read_to(100, HERE), Some(&slot(50, 99)), &[]), Some(behind));
        for (reason, word) in [
            (None, "WAL"),
            (Some("idle_timeout"), "nobody read"),
            (Some("rows_removed"), "rows"),
        ] {
            let standing = Standing::Lost(reason.map(str::to_owned));
            let lost = Slot {
                standing,
                ..slot(100, 100)
            };
            let said = found(read_to(100, HERE), Some(&lost), &[]).unwrap().to_string();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn another_server_is_a_gap_whatever_its_slot_says() {
        let elsewhere = Identity {
            system_identifier: 8,
            ..HERE
        };
        assert_eq!(
            found(read_to(100, elsewhere), Some(&slot(100, 100)), &[]),
            Some(Gap::OtherServer)
        );
    }

    #[test]
    fn a_timeline_is_followed_if_it_forked_off_behind_what_was_read() {
        let forks = [(1, 50), (2, 100)].map(|(timeline, at)| Fork { timeline, at: Lsn(at) });
        let on = |timeline| Identity { timeline, ..HERE };
        assert_eq!(found(read_to(100, on(2)), Some(&slot(90, 300)), &forks), None);
        assert_eq!(found(read_to(40, on(1)), Some(&slot(40, 300)), &forks), None);
        let lost = Gap::Forked {
            timeline: 2,
            at: Lsn(100),
            read: Lsn(101),
        };
        assert_eq!(found(read_to(101, on(2)), Some(&slot(90, 300)), &forks), Some(lost));
        assert_eq!(
            found(read_to(40, on(9)), Some(&slot(40, 300)), &forks),
            Some(Gap::OtherPast(9))
        );
        // Written before timelines were kept.
        assert_eq!(found(read_to(100, on(0)), Some(&slot(90, 300)), &forks), None);
    }
}
