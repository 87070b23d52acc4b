//! Where documents are built: on the source, or on a replica of it that has all that they must show.
//!
//! The change behind a job had been read from the stream when the job was claimed, and so was on the source's disk. So the
//! source is asked how far its WAL has been flushed, and the replica is waited for until it has replayed that much. It costs
//! the source a statement that reads no table.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use metrics::gauge;
use tokio::time::{Instant, sleep, timeout};

use crate::config::{Config, Problem};
use crate::metrics as names;
use crate::pg::{self, ConnectError, Dsn, Pool, Session};
use crate::wal::{self, Lsn, Moment, Sight};

/// How long a replica that is of no use is left alone.
const REST: Duration = Duration::from_secs(5);

/// Between two looks at how far it is; doubled up to the second.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

#[derive(Debug)]
pub struct Reading {
    source: Pool,
    replica: Option<Replica>,
}

#[derive(Debug)]
struct Replica {
    pool: Pool,
    wait: Duration,
    fallback: bool,
    /// While it is of no use. Held for a look or a change only.
    rests_until: Mutex<Option<Instant>>,
}

/// Why a replica cannot be read from.
#[derive(Debug)]
pub(super) enum Unfit {
    Unreachable(String),
    OtherServer,
    OtherTimeline(u32),
    Promoted,
    Late { replayed: Lsn, wanted: Lsn },
}

/// No session for builds can be had at present.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Source(#[from] ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error("{0}")]
    Replica(Unfit),
}

impl Reading {
    /// Connects to nothing yet.
    pub(super) fn open(config: &Config, source: Pool, session: &Session) -> Result<Self, Box<Problem>> {
        let Some(read) = &config.source.read else {
            return Ok(Self { source, replica: None });
        };
        let pool = Pool::new(&Dsn::of_replica(&read.connection), session, config.engine.workers);
        let pool = pool.map_err(|error| Box::new(Problem::at(&read.connection.place, error.to_string())))?;
        let replica = Replica {
            pool,
            wait: read.wait,
            fallback: read.fallback,
            rests_until: Mutex::new(None),
        };
        Ok(Self {
            source,
            replica: Some(replica),
        })
    }

    /// A session whose snapshots show every change that has become a job by now.
    pub(super) async fn session(&self) -> Result<pg::Client, ReadError> {
        let Some(replica) = self.replica.as_ref().filter(|replica| !replica.rests()) else {
            return Ok(self.source.get().await?);
        };
        let moment = wal::moment(&**self.source.get().await?).await?;
        match replica.session(moment).await {
            Ok(client) => {
                replica.is_fit();
                Ok(client)
            }
            Err(unfit) if replica.fallback => {
                replica.rest(&unfit);
                Ok(self.source.get().await?)
            }
            Err(unfit) => Err(ReadError::Replica(unfit)),
        }
    }

    /// A build has failed for no reason of its own: on a replica, replaying may have got in its way.
    pub(super) fn has_failed(&self, why: &str) {
        if let Some(replica) = self
            .replica
            .as_ref()
            .filter(|replica| replica.fallback && !replica.rests())
        {
            replica.rest(&Unfit::Unreachable(why.to_owned()));
        }
    }

    pub(super) fn hang_up(&self) {
        if let Some(replica) = &self.replica {
            replica.pool.hang_up();
        }
    }

    pub(super) fn forget_statements(&self) {
        if let Some(replica) = &self.replica {
            replica.pool.forget_statements();
        }
    }

    /// What can be said of the replica before anything is built on it. One that is away or late may come back.
    pub async fn inspect(&self, config: &Config) -> Result<Option<Problem>, ConnectError> {
        let (Some(replica), Some(read)) = (&self.replica, &config.source.read) else {
            return Ok(None);
        };
        let source = self.source.get().await?;
        let Ok(moment) = wal::moment(&**source).await else {
            return Ok(None);
        };
        let Err(unfit) = replica.session(moment).await else {
            return Ok(None);
        };
        let mut problem = Problem::at(&read.connection.place, unfit.to_string());
        problem.warning = !matches!(unfit, Unfit::OtherServer);
        Ok(Some(problem))
    }
}

impl Replica {
    async fn session(&self, moment: Moment) -> Result<pg::Client, Unfit> {
        let mut replayed = Lsn::ZERO;
        let waited = timeout(self.wait, async {
            let client = self
                .pool
                .get()
                .await
                .map_err(|error| Unfit::Unreachable(super::chain(&error)))?;
            let mut pause = LOOK.0;
            loop {
                match wal::sight(&client, moment).await {
                    Ok(Sight::Clear) => return Ok(client),
                    Ok(Sight::Behind(lsn)) => replayed = lsn,
                    Ok(Sight::OtherServer) => return Err(Unfit::OtherServer),
                    Ok(Sight::OtherTimeline(timeline)) => return Err(Unfit::OtherTimeline(timeline)),
                    Ok(Sight::Promoted) => return Err(Unfit::Promoted),
                    Err(error) => return Err(Unfit::Unreachable(pg::describe(&error))),
                }
                sleep(pause).await;
                pause = LOOK.1.min(pause * 2);
            }
        });
        waited.await.unwrap_or(Err(Unfit::Late {
            replayed,
            wanted: moment.lsn,
        }))
    }

    fn rests(&self) -> bool {
        let rests_until = *self.rests_until.lock().expect("no holder panics");
        rests_until.is_some_and(|until| Instant::now() < until)
    }

    /// Says so when it begins.
    fn rest(&self, unfit: &Unfit) {
        let until = Some(Instant::now() + REST);
        let before = std::mem::replace(&mut *self.rests_until.lock().expect("no holder panics"), until);
        gauge!(names::READING_REPLICA).set(0.0);
        if before.is_none() {
            tracing::warn!(
                reason = unfit.to_string(),
                "documents are built on the source, not on the replica"
            );
        }
    }

    fn is_fit(&self) {
        let before = self.rests_until.lock().expect("no holder panics").take();
        gauge!(names::READING_REPLICA).set(1.0);
        if before.is_some() {
            tracing::info!("documents are built on the replica again");
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the replica does not answer: {why}"),
            Self::OtherServer => f.write_str("the replica is not one of the source: it is another server"),
            Self::OtherTimeline(timeline) => write!(
                f,
                "the replica says that it is on timeline {timeline}, on which the source is not: it follows another server, or \
                 has gone on with the source just now"
            ),
            Self::Promoted => f.write_str("the replica has been promoted and follows the source no more"),
            Self::Late { replayed, wanted } => {
                write!(
                    f,
                    "the replica is late: it has replayed to {replayed}, and {wanted} is wanted"
                )
            }
        }
    }
}
