//! [`WalSource`] over a replication session.

use std::fmt;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::Lsn;
use super::channel::{self, Receiver};
use super::error::Subject;
use super::frames::Frames;
use super::pump::Pump;
use super::settings::{Reading, Rhythm};
use super::{Event, StreamError, WalSource};

/// An open stream. Dropped without [`WalSource::close`], it ends itself in the same way, unattended.
pub struct WalStream {
    chunks: Receiver,
    /// What is left of the last chunk.
    frames: Frames,
    /// An error was told.
    over: bool,
    confirmed: watch::Sender<Lsn>,
    pump: JoinHandle<()>,
    subject: Subject,
}

impl WalStream {
    /// Over a socket on which the server has just agreed to stream, and what was read of it beyond that.
    pub(super) fn begin<S>(socket: S, unread: BytesMut, reading: &Reading, rhythm: Rhythm) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, chunks) = channel::channel(reading.buffer_bytes);
        let (confirmed, receiver) = watch::channel(reading.start);
        let pump = Pump::new(socket, unread, sender, receiver, reading.subject(), rhythm);
        Self {
            chunks,
            frames: Frames::default(),
            over: false,
            confirmed,
            pump: tokio::spawn(pump.run()),
            subject: reading.subject(),
        }
    }

    /// Remembers that nothing follows an error.
    fn tell(&mut self, event: Result<Event, StreamError>) -> Result<Event, StreamError> {
        self.over = event.is_err();
        event.map_err(|error| match error {
            StreamError::Server(said) => self.subject.explain(said),
            other => other,
        })
    }
}

impl WalSource for WalStream {
    async fn next(&mut self) -> Result<Event, StreamError> {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            match self.chunks.recv().await {
                Ok(chunk) => self.frames = Frames::new(chunk),
                Err(error) => return self.tell(Err(error)),
            }
        }
    }

    fn try_next(&mut self) -> Option<Result<Event, StreamError>> {
        if self.over {
            return Some(Err(StreamError::Ended));
        }
        loop {
            if let Some(event) = self.frames.next() {
                return Some(self.tell(event));
            }
            match self.chunks.try_recv()? {
                Ok(chunk) => self.frames = Frames::new(chunk),
                Err(error) => return Some(self.tell(Err(error))),
            }
        }
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
            chunks,
            confirmed,
            pump,
            ..
        } = self;
        drop((chunks, confirmed));
        // Its leaving has a limit; a panic has been reported where it happened.
        let _ = pump.await;
    }
}

impl fmt::Debug for WalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalStream")
            .field("slot", &self.subject.slot)
            .field("confirmed", &*self.confirmed.borrow())
            .finish_non_exhaustive()
    }
}
