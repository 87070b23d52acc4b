//! A replication session before its stream begins.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::super::{Fork, Identity};
use super::answer::Answer;
use super::login;
use super::settings::{Reading, Rhythm};
use super::wire::Wire;
use super::{StreamError, WalStream};
use crate::pg::{self, Dsn, Login, LoginError, ServerTraits, Socket};

/// Longest wait for an answer once logged in. None of them takes the server more than a moment.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// Logged in, in walsender mode. Dropped, it hangs up.
pub struct Session<S = Socket> {
    wire: Wire<S>,
    parameters: HashMap<String, String>,
    limit: Duration,
    rhythm: Rhythm,
}

type Row = Vec<Option<Bytes>>;

impl Session {
    /// With the server that is wanted, of those that are named.
    pub async fn open(dsn: &Dsn) -> Result<Self, StreamError> {
        let attempt = |socket: Socket, login: Login| async move {
            let end_point = socket.tls_server_end_point().map(<[u8]>::to_vec);
            let rhythm = if socket.is_unix() {
                Rhythm::default().without_gathering()
            } else {
                Rhythm::default()
            };
            let session = Self::enter(socket, end_point.as_deref(), &login, ANSWER_MAX, rhythm).await?;
            let traits = ServerTraits::of(|name| session.parameter(name));
            Ok::<_, LoginError>((session, traits))
        };
        Ok(pg::log_in(dsn, attempt).await?)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Session<S> {
    /// Logs in, within `limit`, which then is the limit of every further step as well. `end_point` is what identifies
    /// the certificate of the server's end of the TLS connection; absent without TLS.
    pub(super) async fn enter(
        socket: S,
        end_point: Option<&[u8]>,
        login: &Login,
        limit: Duration,
        rhythm: Rhythm,
    ) -> Result<Self, StreamError> {
        let mut session = Self {
            wire: Wire::new(socket),
            parameters: HashMap::new(),
            limit,
            rhythm,
        };
        within(limit, session.log_in(login, end_point)).await?;
        Ok(session)
    }

    async fn log_in(&mut self, login: &Login, end_point: Option<&[u8]>) -> Result<(), StreamError> {
        let options = self.rhythm.session_options(login);
        login::introduce(&mut self.wire, login, &options).await?;
        login::authenticate(&mut self.wire, login, end_point).await?;
        self.ready().await
    }

    /// A setting that the server tells unasked, such as `server_version` or `in_hot_standby`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub async fn identify(&mut self) -> Result<Identity, StreamError> {
        let rows = self.query("IDENTIFY_SYSTEM").await?;
        identity(&rows).ok_or_else(|| StreamError::Protocol("an identity that cannot be read".to_owned()))
    }

    /// The timelines that `timeline` goes back to, oldest first. An error (58P01) if the server has no such timeline, or
    /// no longer the file that tells.
    pub async fn timeline_history(&mut self, timeline: u32) -> Result<Vec<Fork>, StreamError> {
        if timeline <= 1 {
            // The first has no predecessor, and no file.
            return Ok(Vec::new());
        }
        let rows = self.query(&format!("TIMELINE_HISTORY {timeline}")).await?;
        let history = rows.first().and_then(|row| text(row, 1)).and_then(history);
        history.ok_or_else(|| StreamError::Protocol("a timeline history that cannot be read".to_owned()))
    }

    /// Lets standbys keep a copy of the slot, which nobody may be reading. For servers of version 17 and later.
    pub async fn keep_through_failover(&mut self, slot: &str) -> Result<(), StreamError> {
        let slot = pg::identifier(slot);
        self.query(&format!("ALTER_REPLICATION_SLOT {slot} (FAILOVER true)"))
            .await?;
        Ok(())
    }

    /// Takes the slot. With `Ok`, it is ours and the server has agreed to stream, which it does before it looks at any
    /// WAL: a slot with much to catch up on takes no longer than another.
    pub async fn start(mut self, reading: &Reading) -> Result<WalStream, StreamError> {
        let command = reading.command()?;
        let subject = reading.subject();
        let limit = self.limit;
        within(limit, self.agree(&command)).await.map_err(|error| match error {
            StreamError::Server(said) => subject.explain(said),
            other => other,
        })?;
        let Wire { socket, unread } = self.wire;
        let rhythm = self.rhythm.with_patience(reading.patience);
        Ok(WalStream::begin(socket, unread, reading, rhythm))
    }

    async fn agree(&mut self, command: &str) -> Result<(), StreamError> {
        self.wire.send(|message| frontend::query(command, message)).await?;
        match self.answer().await? {
            Answer::CopyBoth => Ok(()),
            _ => Err(StreamError::Protocol("an answer other than a stream".to_owned())),
        }
    }

    /// The rows that one replication command yields. After a refusal the session may be used on.
    async fn query(&mut self, command: &str) -> Result<Vec<Row>, StreamError> {
        within(self.limit, async {
            self.wire.send(|message| frontend::query(command, message)).await?;
            let mut rows = Vec::new();
            loop {
                match self.answer().await {
                    Ok(Answer::Row(row)) => rows.push(row),
                    Ok(Answer::Ready) => return Ok(rows),
                    Ok(_) => {}
                    Err(refused @ StreamError::Server(_)) => {
                        // Unless it was the last word.
                        let _ = self.ready().await;
                        return Err(refused);
                    }
                    Err(error) => return Err(error),
                }
            }
        })
        .await
    }

    async fn ready(&mut self) -> Result<(), StreamError> {
        while self.answer().await? != Answer::Ready {}
        Ok(())
    }

    async fn answer(&mut self) -> Result<Answer, StreamError> {
        loop {
            match self.wire.answer().await? {
                Answer::Parameter { name, value } => {
                    self.parameters.insert(name, value);
                }
                answer => return Ok(answer),
            }
        }
    }
}

async fn within<T>(limit: Duration, step: impl Future<Output = Result<T, StreamError>>) -> Result<T, StreamError> {
    let done = timeout(limit, step).await;
    done.map_err(|_| StreamError::ConnectTimeout { after: limit })?
}

fn text(row: &Row, column: usize) -> Option<&str> {
    std::str::from_utf8(row.get(column)?.as_ref()?).ok()
}

fn identity(rows: &[Row]) -> Option<Identity> {
    let row = rows.first()?;
    Some(Identity {
        system_identifier: text(row, 0)?.parse::<u64>().ok()?.cast_signed(),
        timeline: text(row, 1)?.parse().ok()?,
    })
}

/// From the server's file: one line for each predecessor, with its number, its end, and a reason; and comments.
fn history(file: &str) -> Option<Vec<Fork>> {
    let lines = file
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let fork = |line: &str| {
        let mut words = line.split_whitespace();
        Some(Fork {
            timeline: words.next()?.parse().ok()?,
            at: words.next()?.parse().ok()?,
        })
    };
    lines.map(fork).collect()
}

impl<S> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = &self.parameters;
        f.debug_struct("Session")
            .field("parameters", parameters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Lsn;
    use super::*;

    #[test]
    fn a_history_names_the_end_of_every_timeline() {
        let file = "1\t0/5000148\tno recovery target specified\n\n# by hand\n 2\t16/B374D848\tbefore 2026-01-01\n";
        let fork = |timeline, at| Fork { timeline, at: Lsn(at) };
        assert_eq!(history(file).unwrap(), [fork(1, 0x0500_0148), fork(2, 0x16_B374_D848)]);
        assert_eq!(history("").unwrap(), []);
        assert_eq!(history("1\tnowhere\t"), None);
    }
}
