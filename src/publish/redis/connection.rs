//! One connection to the server, used by one batch at a time.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::FutureExt;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::{Kind, Trouble, is_forgotten, is_too_large};
use super::wire::{self, Command, Reply};
use crate::config::{RedisServer, Tls};
use crate::publish::socket::{self, NoTls, Socket};

/// Most bytes that are gathered before they are written.
const WRITE_BYTES: usize = 64 << 10;

const SCRIPT: &str = include_str!("put.lua");

pub(super) struct Connection {
    stream: Box<dyn Socket>,
    read: BytesMut,
    /// What every command begins with: of keys, our script by the name that the server gave it.
    prefix: Command,
    used: Instant,
}

impl Connection {
    /// With the server's word that we are let in.
    pub async fn open(server: &RedisServer, tls: &Tls, kind: Kind) -> Result<Self, Trouble> {
        let unreachable = |reason: String| Trouble::Unreachable(format!("{}: {reason}", server.shown()));
        let stream = socket::connect(&server.host, server.port).await;
        let mut stream: Box<dyn Socket> = Box::new(stream.map_err(|error| unreachable(error.to_string()))?);
        if server.tls || tls.roots.is_some() || tls.client.is_some() {
            stream = socket::secure(stream, &server.host, tls)
                .await
                .map_err(|error| match error {
                    NoTls::Unusable(_) => Trouble::Unfit(error.to_string()),
                    NoTls::Failed(_) => unreachable(error.to_string()),
                })?;
        }
        let mut connection = Self {
            stream,
            read: BytesMut::new(),
            prefix: Command::new(),
            used: Instant::now(),
        };
        match connection.enter(server, kind).await {
            Ok(()) => Ok(connection),
            // Nothing was sent yet but words about ourselves.
            Err(Trouble::Broken(reason)) => Err(unreachable(reason)),
            Err(other) => Err(other),
        }
    }

    pub fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Whether nothing speaks against using it again: a server says nothing unless it is asked, but when it leaves.
    pub async fn is_open(&mut self) -> bool {
        // For the runtime to take note of what has come meanwhile.
        tokio::task::yield_now().await;
        self.read.is_empty() && self.stream.read_buf(&mut self.read).now_or_never().is_none()
    }

    /// Sends all of them, and notes the reply to each at its place. Returns when all are there, or with the reason why there will be
    /// no more; only in the first case the connection may be used again.
    pub async fn run(&mut self, commands: &[&Command], replies: &mut [Option<Reply>]) -> Result<(), Trouble> {
        self.exchange(commands, replies).await?;
        let is_open = |reply: &Option<Reply>| reply.as_ref().is_some_and(is_forgotten);
        let open: Vec<usize> = (0..replies.len()).filter(|at| is_open(&replies[*at])).collect();
        if !open.is_empty() {
            self.load().await?;
            let again: Vec<&Command> = open.iter().map(|at| commands[*at]).collect();
            let mut told = vec![None; again.len()];
            let exchanged = self.exchange(&again, &mut told).await;
            for (at, reply) in open.into_iter().zip(told) {
                replies[at] = reply;
            }
            exchanged?;
        }
        self.used = Instant::now();
        Ok(())
    }

    async fn enter(&mut self, server: &RedisServer, kind: Kind) -> Result<(), Trouble> {
        let (user, password) = (server.user.as_deref(), server.password.as_ref());
        if user.is_some() || password.is_some() {
            // There are users without one, who are let in by any.
            let password = password.map_or("", |password| password.expose_secret());
            let words = ["AUTH"].into_iter().chain(user).chain([password]);
            self.ask(wire::command(words)).await?;
        }
        if server.database > 0 {
            self.ask(wire::command(["SELECT", &server.database.to_string()]))
                .await?;
        }
        match kind {
            Kind::Key => self.load().await,
            Kind::Stream => self.ask(wire::command(["PING"])).await.map(drop),
        }
    }

    /// Whether we may do what `enter` has not tried yet: runs the script on nothing.
    pub async fn try_out(&mut self, kind: Kind) -> Result<(), Trouble> {
        if kind == Kind::Stream {
            return Ok(());
        }
        let mut replies = [None];
        self.run(&[&wire::command(["0"])], &mut replies).await?;
        match replies {
            [Some(Reply::Error(words))] => Err(Trouble::Refused(words)),
            _ => Ok(()),
        }
    }

    /// As [`Connection::run`], for commands of their own in place of our script.
    pub async fn plain(&mut self, commands: &[&Command], replies: &mut [Option<Reply>]) -> Result<(), Trouble> {
        let prefix = std::mem::take(&mut self.prefix);
        let exchanged = self.exchange(commands, replies).await;
        self.prefix = prefix;
        exchanged?;
        self.used = Instant::now();
        Ok(())
    }

    async fn load(&mut self) -> Result<(), Trouble> {
        match self.ask(wire::command(["SCRIPT", "LOAD", SCRIPT])).await? {
            Reply::Text(name) => {
                self.prefix = wire::command(["EVALSHA", &name]);
                Ok(())
            }
            other => Err(Trouble::Broken(format!("a script has no name: {other:?}"))),
        }
    }

    /// One of the commands by which we introduce ourselves.
    async fn ask(&mut self, command: Command) -> Result<Reply, Trouble> {
        let mut replies = [None];
        self.plain(&[&command], &mut replies).await?;
        match replies {
            [Some(Reply::Error(words))] => Err(Trouble::Refused(words)),
            [Some(reply)] => Ok(reply),
            [None] => Err(Trouble::Broken("no reply".to_owned())),
        }
    }

    async fn exchange(&mut self, commands: &[&Command], replies: &mut [Option<Reply>]) -> Result<(), Trouble> {
        let (reader, writer) = tokio::io::split(&mut self.stream);
        let write = write(writer, &self.prefix, commands);
        let read = fill(reader, &mut self.read, replies);
        // What the server says is read to its end: it may be why we cannot write.
        let (written, read) = tokio::join!(write, read);
        read?;
        Ok(written?)
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, prefix: &Command, commands: &[&Command]) -> std::io::Result<()> {
    let mut gathered = Vec::with_capacity(WRITE_BYTES);
    for command in commands {
        wire::write(prefix, command, &mut gathered);
        if gathered.len() >= WRITE_BYTES {
            writer.write_all(&gathered).await?;
            gathered.clear();
        }
    }
    writer.write_all(&gathered).await?;
    writer.flush().await
}

async fn fill(
    mut reader: impl AsyncRead + Unpin,
    read: &mut BytesMut,
    replies: &mut [Option<Reply>],
) -> Result<(), Trouble> {
    for place in replies {
        let reply = loop {
            if let Some(reply) = wire::take(read)? {
                break reply;
            }
            if reader.read_buf(read).await? == 0 {
                return Err(Trouble::Broken("the server hung up".to_owned()));
            }
        };
        let is_last = is_too_large(&reply);
        *place = Some(reply);
        if is_last {
            return Err(Trouble::Broken(
                "the server closes it over a document that is too large".to_owned(),
            ));
        }
    }
    Ok(())
}
