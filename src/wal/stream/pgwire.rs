//! [`WalSource`] over the crate `pgwire-replication`.
//!
//! What its version 0.5.0 does about confirmed positions, since much here rests on it: `update_applied_lsn` wakes its
//! worker, which writes a standby status as soon as `status_interval` has passed since the last one, whether the
//! stream is idle, busy, or held back by us; raises in between coalesce. With nothing new to report, an idle worker
//! writes only every `idle_wakeup_interval`. The two are set apart: the first short, so that a confirmation is with
//! the server within a fraction of a second; the second long, so that the server comes to ask for a sign of life, which
//! is the only way to hear that an idle peer still lives. Write, flush and apply positions are always the one confirmed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pgwire_replication::{FeedbackObserver, ReplicationClient};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::Lsn;
use super::channel::{self, Receiver};
use super::error::Subject;
use super::forwarder::Forwarder;
use super::settings::Rhythm;
use super::{Event, StreamError, StreamSettings, WalSource};

/// An open session. Dropped without [`WalSource::close`], it ends itself in the same way, unattended.
pub struct PgWireStream {
    events: Receiver,
    confirmed: watch::Sender<Lsn>,
    forwarder: JoinHandle<()>,
    subject: Subject,
}

impl PgWireStream {
    /// Connects and takes the slot. With `Ok`, the slot is ours and the server has agreed to stream.
    pub async fn open(settings: StreamSettings) -> Result<Self, StreamError> {
        Self::open_with(settings, Rhythm::default()).await
    }

    pub(super) async fn open_with(settings: StreamSettings, rhythm: Rhythm) -> Result<Self, StreamError> {
        let subject = Subject {
            slot: settings.slot.clone(),
            publication: settings.publication.clone(),
        };
        let status_sent = Arc::new(Notify::new());
        let config = settings.client_config(rhythm)?.with_feedback_observer({
            let status_sent = Arc::clone(&status_sent);
            FeedbackObserver::new(move |_| status_sent.notify_one())
        });

        let client = ReplicationClient::connect(config)
            .await
            .map_err(|error| StreamError::of(error, &subject))?;
        let client = started(client, settings.connect_timeout, &subject).await?;

        let (sender, events) = channel::channel(settings.buffer_bytes);
        let (confirmed, confirmed_receiver) = watch::channel(settings.start);
        let forwarder = Forwarder {
            client,
            events: sender,
            confirmed: confirmed_receiver,
            status_sent,
            subject: subject.clone(),
            silence_max: rhythm.server_timeout * 2,
        };
        Ok(Self {
            events,
            confirmed,
            forwarder: tokio::spawn(forwarder.run()),
            subject,
        })
    }
}

impl WalSource for PgWireStream {
    async fn next(&mut self) -> Result<Event, StreamError> {
        self.events.recv().await
    }

    fn try_next(&mut self) -> Option<Result<Event, StreamError>> {
        self.events.try_recv()
    }

    fn confirm(&mut self, lsn: Lsn) {
        self.confirmed.send_if_modified(|confirmed| {
            let raised = lsn > *confirmed;
            *confirmed = lsn.max(*confirmed);
            raised
        });
    }

    async fn close(self) {
        let Self {
            events,
            confirmed,
            forwarder,
            ..
        } = self;
        drop((events, confirmed));
        // Each of its steps has a limit; a panic has been reported where it happened.
        let _ = forwarder.await;
    }
}

impl fmt::Debug for PgWireStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgWireStream")
            .field("slot", &self.subject.slot)
            .field("confirmed", &*self.confirmed.borrow())
            .finish_non_exhaustive()
    }
}

/// Waits for the server's consent to stream.
async fn started(
    client: ReplicationClient,
    connect_timeout: Duration,
    subject: &Subject,
) -> Result<ReplicationClient, StreamError> {
    /// Before the session runs, the client does not look at requests to stop: a caller who gives up must abort it.
    struct Starting(Option<ReplicationClient>);

    impl Drop for Starting {
        fn drop(&mut self) {
            if let Some(client) = &mut self.0 {
                client.abort();
            }
        }
    }

    let mut starting = Starting(Some(client));
    if let Some(client) = &mut starting.0 {
        timeout(connect_timeout, client.wait_started())
            .await
            .map_err(|_| StreamError::ConnectTimeout { after: connect_timeout })?
            .map_err(|error| StreamError::of(error, subject))?;
    }
    starting.0.take().ok_or(StreamError::Ended)
}
