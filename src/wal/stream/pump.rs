//! The task that owns the socket.
//!
//! Why a task: the server must be answered, and told what is confirmed, however long the events are left lying.

use std::io;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::super::Lsn;
use super::super::pgoutput::postgres_micros;
use super::StreamError;
use super::channel::Sender;
use super::error::{Subject, hung_up};
use super::frames::{last_word, status, survey};
use super::pulse::{Beat, Lateness, Pulse};
use super::settings::Rhythm;
use super::wire::{Header, make_room};

/// A read that brings so much was worth its wake-up.
const GULP_BYTES: usize = 16 << 10;

pub(super) struct Pump<S> {
    input: ReadHalf<S>,
    output: Output<S>,
    /// Read, but no whole frame yet.
    unread: BytesMut,
    /// Whole frames that wait for room.
    waiting: Bytes,
    chunks: Sender,
    /// Its sender is dropped to end the session.
    confirmed: watch::Receiver<Lsn>,
    subject: Subject,
    rhythm: Rhythm,
    pulse: Pulse,
    lateness: Lateness,
    /// The stream is behind, and the last read has brought little.
    may_gather: bool,
}

impl<S: AsyncRead + AsyncWrite> Pump<S> {
    pub(super) fn new(
        socket: S,
        unread: BytesMut,
        chunks: Sender,
        confirmed: watch::Receiver<Lsn>,
        subject: Subject,
        rhythm: Rhythm,
    ) -> Self {
        let (input, output) = tokio::io::split(socket);
        Self {
            input,
            output: Output::new(output),
            unread,
            waiting: Bytes::new(),
            chunks,
            confirmed,
            subject,
            rhythm,
            pulse: Pulse::new(rhythm, Instant::now()),
            lateness: Lateness::default(),
            may_gather: false,
        }
    }

    pub(super) async fn run(mut self) {
        match self.pump().await {
            Ok(Left) => {
                // Whatever is lost by giving up comes again.
                let _ = timeout(self.rhythm.leave, self.leave()).await;
            }
            Err(error) => self.chunks.end(error),
        }
    }

    async fn pump(&mut self) -> Result<Left, StreamError> {
        self.take()?;
        let timer = sleep_until(self.pulse.due());
        tokio::pin!(timer);
        loop {
            tokio::select! {
                biased;
                // First: rare, and it frees WAL on the server.
                raised = self.confirmed.changed() => {
                    if raised.is_err() {
                        return Ok(Left);
                    }
                    self.pulse.raise();
                    timer.as_mut().reset(self.pulse.due());
                }
                // Before reading, or a busy stream would keep it back.
                written = self.output.drain(), if self.output.is_pending() => written.map_err(StreamError::Connection)?,
                () = &mut timer => {
                    self.beat()?;
                    timer.as_mut().reset(self.pulse.due());
                }
                room = self.chunks.reserve(self.waiting.len()), if !self.waiting.is_empty() => {
                    let Ok(room) = room else { return Ok(Left) };
                    self.chunks.send(room, std::mem::take(&mut self.waiting));
                    if self.may_gather {
                        sleep(self.rhythm.gather).await;
                    }
                    // Nobody listened for a while.
                    self.pulse.hear(Instant::now());
                    self.take()?;
                }
                read = self.input.read_buf(&mut self.unread), if self.waiting.is_empty() => {
                    if read.map_err(StreamError::Connection)? == 0 {
                        return Err(hung_up());
                    }
                    self.pulse.hear(Instant::now());
                    self.take()?;
                }
            }
        }
    }

    /// Puts the whole frames that were read aside, to be passed on.
    fn take(&mut self) -> Result<(), StreamError> {
        let survey = survey(&self.unread)?;
        if survey.ends && survey.bytes == 0 {
            return Err(last_word(&self.unread).map_or(StreamError::Dismissed, |said| self.subject.explain(said)));
        }
        self.waiting = self.unread.split_to(survey.bytes).freeze();
        make_room(&mut self.unread);
        if survey.asked {
            self.say(Beat::Tell);
        }
        let late = self.lateness.is_late(survey.committed_at, survey.sent_at);
        self.may_gather = late && survey.bytes < GULP_BYTES && !self.rhythm.gather.is_zero();
        Ok(())
    }

    fn beat(&mut self) -> Result<(), StreamError> {
        let beat = self.pulse.beat(Instant::now(), self.waiting.is_empty())?;
        self.say(beat);
        Ok(())
    }

    fn say(&mut self, beat: Beat) {
        if beat != Beat::Nothing {
            let confirmed = *self.confirmed.borrow();
            let now = postgres_micros(SystemTime::now());
            self.output.put(&status(confirmed, beat == Beat::Ask, now));
        }
    }

    /// Tells the last position, and waits until the server has let the slot go.
    async fn leave(&mut self) -> io::Result<()> {
        self.say(Beat::Tell);
        frontend::copy_done(&mut self.output.unsent);
        self.output.drain().await?;
        while !self.dismissed()? {
            make_room(&mut self.unread);
            if self.input.read_buf(&mut self.unread).await? == 0 {
                return Ok(());
            }
        }
        frontend::terminate(&mut self.output.unsent);
        self.output.drain().await?;
        self.output.half.shutdown().await
    }

    /// Throws away what was read; says whether the end of the command was there, or an error in its place.
    fn dismissed(&mut self) -> io::Result<bool> {
        while let Some(header) = Header::of_whole(&self.unread).map_err(io::Error::other)? {
            let _ = self.unread.split_to(header.bytes);
            if matches!(header.tag, b'C' | b'E') {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whoever reads the events does so no more.
struct Left;

/// What is to be sent. Nothing is lost to a cancelled [`Output::drain`].
struct Output<S> {
    half: WriteHalf<S>,
    unsent: BytesMut,
    /// Something was written that may linger in a buffer of TLS.
    unflushed: bool,
}

impl<S: AsyncWrite> Output<S> {
    fn new(half: WriteHalf<S>) -> Self {
        Self {
            half,
            unsent: BytesMut::new(),
            unflushed: false,
        }
    }

    fn put(&mut self, message: &[u8]) {
        self.unsent.extend_from_slice(message);
    }

    fn is_pending(&self) -> bool {
        !self.unsent.is_empty() || self.unflushed
    }

    async fn drain(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            self.unflushed = true;
            if self.half.write_buf(&mut self.unsent).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.half.flush().await?;
        self.unflushed = false;
        Ok(())
    }
}
