//! One connection to one server, and what is published on it.
//!
//! Nothing goes on behind it: what is not written when its future is dropped is never written, and when it is closed our
//! system throws away what it has not sent yet.

use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};

use super::answer::{Answer, Trouble};
use super::login::introduction;
use super::message::Message;
use super::wire::{self, Info, Said};
use crate::config::{NatsAuth, NatsServer, Tls};
use crate::publish::socket::{self, NoTls, Socket};
use crate::publish::web::Secrets;

/// Most bytes that are gathered before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// Room for what is read at once: some hundred answers.
const READ_BYTES: usize = 16 << 10;

/// The status of a message that found nobody.
const NOBODY: u16 = 503;

/// How a server says that it forbids a single message; the connection stays as it is.
const FORBIDDEN: &str = "Permissions Violation for Publish to \"";

/// Who we are, and how a server has to show who it is.
pub(super) struct Access {
    pub auth: Option<NatsAuth>,
    pub tls: Tls,
    pub secrets: Secrets,
}

pub(super) struct Connection {
    stream: Box<dyn Socket>,
    read: BytesMut,
    info: Info,
    /// What the subjects of answers begin with.
    inbox: String,
    /// How many messages were sent before, each with an inbox of its own.
    sent: u64,
    /// How many times the server has asked for a sign of life and got none yet.
    pings: usize,
    used: Instant,
}

impl Connection {
    /// With the server's word that we are let in.
    pub async fn open(server: &NatsServer, access: &Access) -> Result<Self, Trouble> {
        let stream = socket::connect(&server.host, server.port).await;
        let stream = stream.map_err(|error| Trouble::Unreachable(format!("{server}: {error}")))?;
        let mut connection = Self {
            stream: Box::new(stream),
            read: BytesMut::new(),
            info: Info::default(),
            inbox: format!("_INBOX.{:016x}{:016x}.", fastrand::u64(..), fastrand::u64(..)),
            sent: 0,
            pings: 0,
            used: Instant::now(),
        };
        connection
            .enter(server, access)
            .await
            .map_err(|trouble| match trouble {
                // Nothing was sent yet but words about ourselves.
                Trouble::Broken(reason) => Trouble::Unreachable(format!("{server}: {reason}")),
                other => other,
            })?;
        Ok(connection)
    }

    pub fn info(&self) -> &Info {
        &self.info
    }

    pub fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Whether nothing speaks against using it again.
    pub async fn is_open(&mut self) -> bool {
        // For the runtime to take note of what has come meanwhile.
        tokio::task::yield_now().await;
        loop {
            self.read.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.read).now_or_never() {
                None => break,
                Some(Ok(0) | Err(_)) => return false,
                Some(Ok(_)) => {}
            }
        }
        loop {
            match wire::take(&mut self.read) {
                Ok(None) => return !self.info.leaves,
                Ok(Some(Said::Ping)) => self.pings += 1,
                Ok(Some(Said::Info(info))) => self.info = *info,
                Ok(Some(Said::Pong | Said::Ok | Said::Message { .. })) => {}
                Ok(Some(Said::Error(_))) | Err(_) => return false,
            }
        }
    }

    /// Publishes all of them, and notes the answer to each at its place. Returns when all are there, or with the reason why
    /// there will be no more; only in the first case the connection may be used again.
    pub async fn publish(&mut self, messages: &[&Message], answers: &mut [Option<Answer>]) -> Result<(), Trouble> {
        let first = self.sent;
        self.sent += messages.len() as u64;
        let (reader, writer) = tokio::io::split(&mut self.stream);
        let mut inbox = Inbox {
            prefix: &self.inbox,
            first,
            messages,
            answers,
            open: messages.len(),
            info: &mut self.info,
            pings: &mut self.pings,
        };
        let write = write(writer, messages, &self.inbox, first);
        let read = inbox.fill(reader, &mut self.read);
        tokio::try_join!(write, read)?;
        for _ in 0..std::mem::take(&mut self.pings) {
            self.write("PONG\r\n").await?;
        }
        self.used = Instant::now();
        Ok(())
    }

    /// Asks something of the server. `None`: nobody is there to answer, or we may not ask.
    pub async fn ask(&mut self, subject: &str, question: &str) -> Result<Option<bytes::Bytes>, Trouble> {
        let message = Message {
            subject: subject.to_owned(),
            headers: "NATS/1.0\r\n\r\n".to_owned(),
            payload: question.into(),
        };
        let mut answers = [None];
        self.publish(&[&message], &mut answers).await?;
        Ok(match answers {
            [Some(Answer::Said(said))] => Some(said),
            _ => None,
        })
    }

    async fn enter(&mut self, server: &NatsServer, access: &Access) -> Result<(), Trouble> {
        let Said::Info(info) = self.next().await? else {
            return Err(wire::Malformed.into());
        };
        self.info = *info;
        let wants_tls = server.tls || access.tls.roots.is_some() || access.tls.client.is_some();
        let tls = wants_tls || self.info.tls_required;
        if tls {
            self.secure(server, access).await?;
        }
        if !self.info.headers {
            let version = &self.info.version;
            return Err(Trouble::Refused(format!(
                "the server, of version `{version}`, takes no headers"
            )));
        }
        let introduction = introduction(access.auth.as_ref(), &self.info, tls, &access.secrets);
        let introduction = introduction.map_err(Trouble::Refused)?;
        let inbox = &self.inbox;
        let words = format!("CONNECT {introduction}\r\nSUB {inbox}* 1\r\nPING\r\n");
        self.write(&words).await?;
        loop {
            match self.next().await? {
                Said::Pong => return Ok(()),
                Said::Error(words) => return Err(refusal(words)),
                Said::Ping => self.write("PONG\r\n").await?,
                Said::Info(info) => self.info = *info,
                Said::Ok | Said::Message { .. } => {}
            }
        }
    }

    async fn secure(&mut self, server: &NatsServer, access: &Access) -> Result<(), Trouble> {
        if !self.info.tls_required && !self.info.tls_available {
            return Err(Trouble::Refused(format!("{server} offers no TLS")));
        }
        // Whatever was said in the clear may be somebody else's.
        if !self.read.is_empty() {
            return Err(wire::Malformed.into());
        }
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let secured = socket::secure(plain, &server.host, &access.tls).await;
        self.stream = secured.map_err(|error| match error {
            NoTls::Unusable(_) => Trouble::Refused(error.to_string()),
            NoTls::Failed(_) => Trouble::Unreachable(format!("{server}: {error}")),
        })?;
        Ok(())
    }

    async fn write(&mut self, words: &str) -> Result<(), Trouble> {
        self.stream.write_all(words.as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    async fn next(&mut self) -> Result<Said, Trouble> {
        next(&mut self.stream, &mut self.read).await
    }
}

/// The answers of one batch, as they come in.
struct Inbox<'a> {
    prefix: &'a str,
    /// The number of the first message.
    first: u64,
    messages: &'a [&'a Message],
    answers: &'a mut [Option<Answer>],
    /// How many are missing.
    open: usize,
    info: &'a mut Info,
    pings: &'a mut usize,
}

impl Inbox<'_> {
    async fn fill(&mut self, mut reader: impl AsyncRead + Unpin, read: &mut BytesMut) -> Result<(), Trouble> {
        while self.open > 0 {
            match next(&mut reader, read).await? {
                Said::Message {
                    subject,
                    status,
                    payload,
                } => self.answered(&subject, status, payload),
                Said::Error(words) => self.refused(words)?,
                Said::Ping => *self.pings += 1,
                Said::Info(info) => *self.info = *info,
                Said::Pong | Said::Ok => {}
            }
        }
        Ok(())
    }

    fn answered(&mut self, subject: &str, status: Option<u16>, payload: bytes::Bytes) {
        let number = subject
            .strip_prefix(self.prefix)
            .and_then(|number| number.parse::<u64>().ok());
        let place = number.and_then(|number| usize::try_from(number.checked_sub(self.first)?).ok());
        let open = place.and_then(|place| self.answers.get_mut(place));
        if let Some(answer) = open.filter(|answer| answer.is_none()) {
            self.open -= 1;
            *answer = Some(match status {
                Some(NOBODY) => Answer::Nobody,
                _ => Answer::Said(payload),
            });
        }
    }

    /// Whatever is not about a single message of ours is the end of the connection.
    fn refused(&mut self, words: String) -> Result<(), Trouble> {
        let subject = words.strip_prefix(FORBIDDEN).and_then(|rest| rest.strip_suffix('"'));
        let open = self.messages.iter().zip(self.answers.iter_mut());
        let mut meant = open.filter(|(message, answer)| answer.is_none() && subject == Some(&message.subject));
        match meant.next() {
            Some((_, answer)) => {
                self.open -= 1;
                *answer = Some(Answer::Forbidden(words));
                Ok(())
            }
            None => Err(Trouble::Broken(words)),
        }
    }
}

async fn write(writer: impl AsyncWrite + Unpin, messages: &[&Message], inbox: &str, first: u64) -> Result<(), Trouble> {
    let mut writer = BufWriter::with_capacity(WRITE_BYTES, writer);
    for (message, number) in messages.iter().zip(first..) {
        let reply = format!("{inbox}{number}");
        let line = wire::announcement(&message.subject, &reply, message.headers.len(), message.bytes());
        for part in [&line, &message.headers, &*message.payload, "\r\n"] {
            writer.write_all(part.as_bytes()).await?;
        }
    }
    Ok(writer.flush().await?)
}

async fn next(reader: &mut (impl AsyncRead + Unpin + ?Sized), read: &mut BytesMut) -> Result<Said, Trouble> {
    loop {
        if let Some(said) = wire::take(read)? {
            return Ok(said);
        }
        read.reserve(READ_BYTES);
        if reader.read_buf(read).await? == 0 {
            return Err(Trouble::Broken("the server hung up".to_owned()));
        }
    }
}

/// What a server answers to our introduction; of what is not about us it may think better.
fn refusal(words: String) -> Trouble {
    let lower = words.to_ascii_lowercase();
    let about_us = [
        "authorization",
        "authentication",
        "permissions violation",
        "secure connection",
    ];
    if about_us.iter().any(|word| lower.contains(word)) {
        Trouble::Refused(format!("the server does not let us in: {words}"))
    } else {
        Trouble::Unreachable(words)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<wire::Malformed> for Trouble {
    fn from(malformed: wire::Malformed) -> Self {
        Self::Broken(malformed.to_string())
    }
}
