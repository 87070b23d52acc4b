//! Connections from a pool.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use deadpool::managed::{self, BuildError, Metrics, PoolError, RecycleError, RecycleResult, Timeouts};
use deadpool_postgres::{ClientWrapper, Runtime, StatementCache};
use tokio::time::timeout;

use super::connect::open;
use super::login::Prepared;
use super::{ConnectError, Dsn, Session};

/// A pooled connection; statements prepared with `prepare_cached` stay with it.
pub type Client = managed::Object<Manager>;

/// How long a caller waits for a connection to become free before it is told that there is none.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that was idle for longer is asked for a sign of life before it is handed out: the network may have been
/// cut meanwhile, and one piece of work after the other would fail on what is left in the pool.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// Longest wait for that sign.
const SIGN_OF_LIFE_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections to one database with one kind of session.
#[derive(Debug, Clone)]
pub struct Pool(managed::Pool<Manager>);

impl Pool {
    /// Opens nothing yet, but looks whether the files are there that it would take.
    pub fn new(dsn: &Dsn, session: &Session, size: usize) -> Result<Self, ConnectError> {
        Prepared::read(dsn)?;
        let manager = Manager {
            dsn: dsn.clone(),
            session: session.clone(),
            caches: Mutex::default(),
            lost: Mutex::default(),
        };
        // A connection has limits of its own, for each of the hosts.
        let timeouts = Timeouts {
            wait: Some(WAIT_TIMEOUT),
            create: None,
            recycle: None,
        };
        let pool = managed::Pool::builder(manager)
            .max_size(size)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build();
        match pool {
            Ok(pool) => Ok(Self(pool)),
            Err(BuildError::NoRuntimeSpecified) => unreachable!("a runtime is specified"),
        }
    }

    /// Closes the connections that nobody uses.
    pub fn hang_up(&self) {
        self.0.retain(|_, _| false);
    }

    /// Prepared statements know the tables as they were when they were prepared.
    pub fn forget_statements(&self) {
        self.0.manager().forget_statements();
    }

    pub async fn get(&self) -> Result<Client, ConnectError> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            _ => ConnectError::Timeout,
        })
    }
}

/// Makes the connections of a pool, and looks after them.
pub struct Manager {
    dsn: Dsn,
    session: Session,
    /// The prepared statements of each connection that there is.
    caches: Mutex<Vec<Weak<StatementCache>>>,
    /// When a connection last gave no sign of life. Those that were idle then are not asked, one after the other.
    lost: Mutex<Option<Instant>>,
}

impl Manager {
    fn lost(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_statements(&self) {
        let caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        for cache in caches.iter().filter_map(Weak::upgrade) {
            cache.clear();
        }
    }
}

impl managed::Manager for Manager {
    type Type = ClientWrapper;
    type Error = ConnectError;

    async fn create(&self) -> Result<ClientWrapper, ConnectError> {
        let (client, served) = open(&self.dsn, &self.session).await?;
        let client = ClientWrapper::new(client, served);
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(Arc::downgrade(&client.statement_cache));
        Ok(client)
    }

    async fn recycle(&self, client: &mut ClientWrapper, metrics: &Metrics) -> RecycleResult<ConnectError> {
        if client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if metrics.last_used() < TRUSTED_FOR {
            return Ok(());
        }
        let last_used = metrics.recycled.unwrap_or(metrics.created);
        if self.lost().is_some_and(|lost| last_used < lost) {
            return Err(RecycleError::message("as lost as another"));
        }
        let sign = timeout(SIGN_OF_LIFE_TIMEOUT, client.simple_query("")).await;
        if matches!(sign, Ok(Ok(_))) {
            return Ok(());
        }
        *self.lost() = Some(Instant::now());
        Err(RecycleError::message("no sign of life"))
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("dsn", &self.dsn)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use managed::Manager as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_postgres::NoTls;

    use super::*;

    const LET_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    const NOTHING_DONE: &[u8] = b"I\0\0\0\x04Z\0\0\0\x05I";

    fn manager() -> Manager {
        Manager {
            dsn: "host=nowhere user=u".parse().unwrap(),
            session: Session {
                search_path: None,
                statement_timeout: Duration::ZERO,
            },
            caches: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    /// A connection, and the server's end of it.
    async fn connection() -> (ClientWrapper, DuplexStream) {
        let (ours, mut theirs) = duplex(1024);
        theirs.write_all(LET_IN).await.unwrap();
        let connected = tokio_postgres::Config::new().user("u").connect_raw(ours, NoTls).await;
        let (client, connection) = connected.unwrap();
        let served = tokio::spawn(async move { drop(connection.await) });
        let length = theirs.read_u32().await.unwrap() as usize;
        theirs.read_exact(&mut vec![0; length - 4]).await.unwrap();
        (ClientWrapper::new(client, served), theirs)
    }

    fn idle_for(time: Duration) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.created = metrics.created.checked_sub(time).unwrap();
        metrics
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_connection_that_was_idle_is_asked_for_a_sign_of_life() {
        let (manager, (mut client, mut server)) = (manager(), connection().await);
        manager.recycle(&mut client, &idle_for(TRUSTED_FOR / 2)).await.unwrap();
        let answer = async {
            let mut asked = [0; 6];
            server.read_exact(&mut asked).await.unwrap();
            server.write_all(NOTHING_DONE).await.unwrap();
            asked
        };
        let metrics = idle_for(TRUSTED_FOR);
        let (recycled, asked) = tokio::join!(manager.recycle(&mut client, &metrics), answer);
        recycled.unwrap();
        assert_eq!(&asked, b"Q\0\0\0\x05\0");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gives_no_sign_takes_those_along_that_were_idle_with_it() {
        let manager = manager();
        let (mut silent, _server) = connection().await;
        let (mut other, _other_server) = connection().await;
        let began = tokio::time::Instant::now();
        manager.recycle(&mut silent, &idle_for(TRUSTED_FOR)).await.unwrap_err();
        assert!(began.elapsed() >= SIGN_OF_LIFE_TIMEOUT);
        let began = tokio::time::Instant::now();
        manager.recycle(&mut other, &idle_for(TRUSTED_FOR)).await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn one_that_is_closed_is_not_handed_out() {
        let (mut client, server) = connection().await;
        drop(server);
        while !client.is_closed() {
            tokio::task::yield_now().await;
        }
        manager().recycle(&mut client, &Metrics::default()).await.unwrap_err();
    }
}
