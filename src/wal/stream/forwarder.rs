//! The task that owns the client.
//!
//! Why a task: the client's `recv` wants it exclusively and can lose its final error when cancelled, so nobody who
//! waits for other things as well should call it.

use std::sync::Arc;
use std::time::Duration;

use pgwire_replication::{ReplicationClient, ReplicationEvent};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::super::Lsn;
use super::super::pgoutput::postgres_time;
use super::channel::Sender;
use super::error::Subject;
use super::{Event, StreamError};

/// Longest wait for the last confirmed position to leave.
const LAST_STATUS_MAX: Duration = Duration::from_millis(800);
/// Longest wait for the client to end by itself. It does not see a request to stop in the middle of a message.
const STOP_MAX: Duration = Duration::from_secs(2);

/// Ticks in the time after which silence means that the peer is dead.
const SILENT_TICKS: u32 = 4;

pub(super) struct Forwarder {
    pub(super) client: ReplicationClient,
    pub(super) events: Sender,
    /// Its sender is dropped to end the session.
    pub(super) confirmed: watch::Receiver<Lsn>,
    /// Told after every status that carried a new position to the server.
    pub(super) status_sent: Arc<Notify>,
    pub(super) subject: Subject,
    /// Twice the time after which the server drops a silent peer, having asked us at half of it.
    pub(super) silence_max: Duration,
}

impl Forwarder {
    pub(super) async fn run(mut self) {
        match self.forward().await {
            Ok(Left) => self.leave().await,
            Err(error) => {
                self.client.abort();
                self.events.end(error);
            }
        }
    }

    async fn forward(&mut self) -> Result<Left, StreamError> {
        // Counted in coarse ticks, which spares reading the clock for every row. Time spent in `pass_on` counts for
        // one at most: as long as nobody reads, we do not know whether the peer is silent.
        let mut ticks = interval(self.silence_max / SILENT_TICKS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_ticks = 0;
        loop {
            tokio::select! {
                biased;
                // First: rare, and it frees WAL on the server.
                changed = self.confirmed.changed() => match changed {
                    Ok(()) => self.confirm(),
                    Err(_) => return Ok(Left),
                },
                // Before the clock: whoever has something to say is not silent.
                received = self.client.recv() => {
                    silent_ticks = 0;
                    let received = received.map_err(|error| StreamError::of(error, &self.subject))?;
                    let event = received.and_then(translate).ok_or(StreamError::Ended)?;
                    if let Some(left) = self.pass_on(event).await {
                        return Ok(left);
                    }
                },
                _ = ticks.tick() => {
                    // The first tick may follow the last event at once, so it takes one more.
                    if silent_ticks == SILENT_TICKS {
                        return Err(StreamError::Silent(self.silence_max));
                    }
                    silent_ticks += 1;
                }
            }
        }
    }

    /// Puts `event` into the channel, and goes on confirming while it waits for room.
    async fn pass_on(&mut self, event: Event) -> Option<Left> {
        if let Some(room) = self.events.try_reserve(&event) {
            self.events.send(room, event);
            return None;
        }
        loop {
            tokio::select! {
                biased;
                changed = self.confirmed.changed() => match changed {
                    Ok(()) => self.confirm(),
                    Err(_) => return Some(Left),
                },
                room = self.events.reserve(&event) => {
                    let Ok(room) = room else { return Some(Left) };
                    self.events.send(room, event);
                    return None;
                }
            }
        }
    }

    fn confirm(&mut self) {
        let lsn = self.confirmed.borrow_and_update().0;
        self.client.update_applied_lsn(pgwire_replication::Lsn::from_u64(lsn));
    }

    async fn leave(mut self) {
        self.confirm();
        // Stopping the client drops a position it has not sent. Nothing breaks then, but the next session would
        // be sent again what this one has settled.
        let _ = timeout(LAST_STATUS_MAX, self.last_status()).await;
        self.client.stop();
        let stopped = async { while let Ok(Some(_)) = self.client.recv().await {} };
        if timeout(STOP_MAX, stopped).await.is_err() {
            self.client.abort();
        }
    }

    async fn last_status(&self) {
        let confirmed = self.confirmed.borrow().0;
        let metrics = self.client.metrics();
        while self.client.is_running() && metrics.last_applied_lsn().as_u64() < confirmed {
            self.status_sent.notified().await;
        }
    }
}

/// Whoever reads the events does so no more.
struct Left;

/// `None` for what ends the stream.
fn translate(event: ReplicationEvent) -> Option<Event> {
    Some(match event {
        ReplicationEvent::XLogData { data, .. } => Event::Data(data),
        ReplicationEvent::Begin {
            final_lsn,
            xid,
            commit_time_micros,
        } => Event::Begin {
            xid,
            final_lsn: Lsn(final_lsn.as_u64()),
            commit_time: postgres_time(commit_time_micros),
        },
        ReplicationEvent::Commit {
            end_lsn,
            commit_time_micros,
            ..
        } => Event::Commit {
            end_lsn: Lsn(end_lsn.as_u64()),
            commit_time: postgres_time(commit_time_micros),
        },
        ReplicationEvent::Message {
            transactional,
            lsn,
            prefix,
            content,
        } => Event::Message {
            transactional,
            lsn: Lsn(lsn.as_u64()),
            prefix,
            content,
        },
        ReplicationEvent::KeepAlive { wal_end, .. } => Event::KeepAlive {
            wal_end: Lsn(wal_end.as_u64()),
        },
        ReplicationEvent::StoppedAt { .. } => return None,
    })
}
