//! A limit to how long a server may keep quiet while it owes an answer.
//!
//! TCP finds a peer dead whose packets are not acknowledged. A proxy in between may go on acknowledging when nobody is left
//! behind it; then only the silence tells. A server may well be busy with a query, for no longer than its statement
//! time-out; so the limit is somewhat longer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream of Postgres' protocol. Follows what is said in both directions, message by message, once there is a limit.
pub(super) struct Answers<S> {
    stream: S,
    limit: Option<Limit>,
}

struct Limit {
    silence: Duration,
    /// Runs while an answer is owed; anew after all that is read.
    timer: Pin<Box<Sleep>>,
    /// Requests that no `ReadyForQuery` has answered yet.
    owed: usize,
    sent: Messages,
    received: Messages,
}

impl<S> Answers<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, limit: None }
    }

    pub(super) fn limit(&mut self, silence: Duration) {
        self.limit = Some(Limit {
            silence,
            timer: Box::pin(sleep(silence)),
            owed: 0,
            sent: Messages::beginning_with_startup(),
            received: Messages::default(),
        });
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl Limit {
    fn sent(&mut self, bytes: &[u8], cx: &mut Context<'_>) {
        let before = self.owed;
        let owed = &mut self.owed;
        self.sent.follow(bytes, |kind| match kind {
            Messages::STARTUP | b'Q' | b'S' | b'F' => *owed += 1,
            _ => {}
        });
        if before == 0 && self.owed > 0 {
            self.restart();
            // To be woken by it: whoever has written may only wait for what wakes a reader.
            let _ = self.timer.as_mut().poll(cx);
        }
    }

    fn received(&mut self, bytes: &[u8]) {
        let owed = &mut self.owed;
        self.received.follow(bytes, |kind| {
            if kind == b'Z' {
                *owed = owed.saturating_sub(1);
            }
        });
        self.restart();
    }

    fn restart(&mut self) {
        self.timer.as_mut().reset(Instant::now() + self.silence);
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.owed > 0 && self.timer.as_mut().poll(cx).is_ready()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Answers<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(limit) = &mut self.limit else {
            return read;
        };
        if read.is_pending() && limit.is_over(cx) {
            let words = format!(
                "the server has kept quiet for {:?} while an answer was due",
                limit.silence
            );
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, words)));
        }
        ready!(read)?;
        limit.received(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Answers<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        if let Some(limit) = &mut self.limit {
            limit.sent(&buf[..written], cx);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Finds the messages of one direction, however they are cut into pieces: a byte for the kind, then a length that counts
/// itself. The first that a client sends has no kind.
#[derive(Default)]
struct Messages {
    startup: bool,
    header: Vec<u8>,
    /// Bytes of the body that have not come yet.
    left: usize,
}

impl Messages {
    /// Stands for the kind that the first message does not have.
    const STARTUP: u8 = 0;

    fn beginning_with_startup() -> Self {
        Self {
            startup: true,
            ..Self::default()
        }
    }

    /// Calls `ended` with the kind of each message whose last byte is here.
    fn follow(&mut self, mut bytes: &[u8], mut ended: impl FnMut(u8)) {
        while !bytes.is_empty() {
            let length_at = usize::from(!self.startup);
            let missing = (length_at + 4).saturating_sub(self.header.len());
            if missing > 0 {
                let (header, rest) = bytes.split_at(missing.min(bytes.len()));
                self.header.extend_from_slice(header);
                bytes = rest;
                if let Some(Ok(length)) = self.header.get(length_at..).map(<[u8; 4]>::try_from) {
                    self.left = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                }
            } else {
                let body = self.left.min(bytes.len());
                self.left -= body;
                bytes = &bytes[body..];
            }
            if self.header.len() == length_at + 4 && self.left == 0 {
                ended(if self.startup { Self::STARTUP } else { self.header[0] });
                self.startup = false;
                self.header.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(25);
    const STARTUP: &[u8] = b"\0\0\0\x08\0\x03\0\0";
    const QUERY: &[u8] = b"Q\0\0\0\x06;\0";
    const PARSE_AND_SYNC: &[u8] = b"P\0\0\0\x08\0\0\0\0S\0\0\0\x04";
    const ROW: &[u8] = b"D\0\0\0\x0aZ\0\0\0\x05I";
    const READY: &[u8] = b"Z\0\0\0\x05I";

    fn pair() -> (Answers<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 16);
        let mut answers = Answers::new(ours);
        answers.limit(LIMIT);
        (answers, theirs)
    }

    /// With the startup message sent and answered.
    async fn session() -> (Answers<DuplexStream>, DuplexStream) {
        let (mut ours, mut theirs) = pair();
        ours.write_all(STARTUP).await.unwrap();
        theirs.write_all(READY).await.unwrap();
        ours.read_exact(&mut [0; READY.len()]).await.unwrap();
        (ours, theirs)
    }

    /// How long it took until a read failed for the silence; `None` if there was nothing to wait for.
    async fn silence(ours: &mut Answers<DuplexStream>) -> Option<Duration> {
        let began = Instant::now();
        let read = tokio::time::timeout(LIMIT * 10, ours.read_u8()).await.ok()?;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        Some(began.elapsed())
    }

    fn about_the_limit(found: Option<Duration>) -> bool {
        found.is_some_and(|found| found >= LIMIT && found < LIMIT + Duration::from_millis(10))
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_found_dead() {
        let (mut ours, _theirs) = pair();
        ours.write_all(STARTUP).await.unwrap();
        assert!(about_the_limit(silence(&mut ours).await));
        for request in [QUERY, PARSE_AND_SYNC] {
            let (mut ours, _theirs) = session().await;
            ours.write_all(request).await.unwrap();
            assert!(about_the_limit(silence(&mut ours).await));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_session_may_stay_quiet() {
        let (mut ours, _theirs) = session().await;
        assert_eq!(silence(&mut ours).await, None);
        // The client takes its leave, or sends what is not to be answered yet.
        ours.write_all(b"X\0\0\0\x04").await.unwrap();
        assert_eq!(silence(&mut ours).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_arrives_grants_the_server_more_time() {
        let (mut ours, mut theirs) = session().await;
        ours.write_all(QUERY).await.unwrap();
        for _ in 0..5 {
            tokio::time::advance(LIMIT * 9 / 10).await;
            theirs.write_all(&ROW[..1]).await.unwrap();
            ours.read_u8().await.unwrap();
        }
        assert!(about_the_limit(silence(&mut ours).await));
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_looks_like_the_end_of_an_answer_is_none() {
        let (mut ours, mut theirs) = session().await;
        ours.write_all(QUERY).await.unwrap();
        theirs.write_all(ROW).await.unwrap();
        ours.read_exact(&mut [0; ROW.len()]).await.unwrap();
        assert!(about_the_limit(silence(&mut ours).await));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_found_however_it_is_cut() {
        let answer = [ROW, READY].concat();
        for cut in 1..answer.len() {
            let (mut ours, mut theirs) = session().await;
            ours.write_all(&QUERY[..cut.min(QUERY.len())]).await.unwrap();
            ours.write_all(&QUERY[cut.min(QUERY.len())..]).await.unwrap();
            let mut got = vec![0; answer.len()];
            theirs.write_all(&answer[..cut]).await.unwrap();
            ours.read_exact(&mut got[..cut]).await.unwrap();
            theirs.write_all(&answer[cut..]).await.unwrap();
            ours.read_exact(&mut got[cut..]).await.unwrap();
            assert_eq!(silence(&mut ours).await, None, "cut at {cut}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_several_requests_is_owed_an_answer() {
        let (mut ours, mut theirs) = session().await;
        ours.write_all(&[QUERY, PARSE_AND_SYNC].concat()).await.unwrap();
        theirs.write_all(READY).await.unwrap();
        ours.read_exact(&mut [0; READY.len()]).await.unwrap();
        assert!(about_the_limit(silence(&mut ours).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_written_while_somebody_reads_starts_the_clock() {
        let (ours, _theirs) = session().await;
        let (mut reader, mut writer) = tokio::io::split(ours);
        let write = async {
            sleep(LIMIT * 3).await;
            writer.write_all(QUERY).await.unwrap();
            Instant::now()
        };
        let read = async { (reader.read_u8().await.unwrap_err().kind(), Instant::now()) };
        let (written, (kind, failed)) = tokio::join!(write, read);
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert!(about_the_limit(Some(failed - written)));
    }
}
