//! Processes at work, and the lease under which they hold jobs.
//!
//! The lease belongs to the worker, not to the job: renewing it writes one row however many jobs are held. All comparisons
//! are made by the database's clock; the worker itself counts from the moment *before* it asked for the lease, so it never
//! believes in a lease longer than the database does.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::pg;
use crate::wal::{self, Identity};

/// A worker's number; a process that starts again, or that lost its database connection, gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkerId(pub i64);

/// Which process this is, in a form by which another process on the same machine can tell that it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Host, boot and process namespace: within one of these, process ids mean something.
    place: String,
    pid: u32,
    /// Since boot, in clock ticks; tells apart two processes that had the same id.
    started: u64,
}

impl Owner {
    /// This process.
    pub fn current() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid")
            .map(|link| link.display().to_string())
            .unwrap_or_default();
        let pid = std::process::id();
        let started = started(pid).unwrap_or_default();
        Self {
            place: format!("{host} {} {namespace}", boot.trim()),
            pid,
            started,
        }
    }

    fn from_stored(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '/');
        let started = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        Some(Self {
            place: parts.next()?.to_owned(),
            pid,
            started,
        })
    }

    fn stored(&self) -> String {
        format!("{}/{}/{}", self.place, self.pid, self.started)
    }

    /// Whether `other` was a process on this machine that has ended. `false` if that cannot be known from here.
    fn knows_dead(&self, other: &Self) -> bool {
        let told_apart = self.place.split(' ').all(|part| !part.is_empty()) && other.started != 0;
        told_apart && self.place == other.place && has_ended(other.pid, other.started)
    }
}

/// Whether the process that had this id, and was started then, has ended.
fn has_ended(pid: u32, then: u64) -> bool {
    if let Some((state, started)) = status(pid) {
        // One that has ended but was not waited for does nothing any more.
        return state == "Z" || started != then;
    }
    // It may only be hidden from us.
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

fn started(pid: u32) -> Option<u64> {
    status(pid).map(|(_, started)| started)
}

/// State and start time of a process, see `proc(5)`; `None` if there is none or it is hidden.
fn status(pid: u32) -> Option<(String, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name, may hold spaces and parentheses; the start time is the twentieth after it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.to_owned();
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Until when this worker may act on its jobs.
#[derive(Debug)]
pub struct Lease {
    length: Duration,
    // Held for a copy only.
    expires: Mutex<Instant>,
}

impl Lease {
    fn new(length: Duration, from: Instant) -> Self {
        Self {
            length,
            expires: Mutex::new(from + length),
        }
    }

    pub fn expires(&self) -> Instant {
        *self.expires.lock().expect("no holder panics")
    }

    /// How often it is renewed: three tries before it runs out.
    pub fn renewal(&self) -> Duration {
        self.length / 4
    }
}

/// This process, registered.
#[derive(Debug)]
pub struct Worker {
    pub id: WorkerId,
    /// That it is registered on. One that took its place may have forgotten what this worker has done since.
    pub server: Identity,
    pub lease: Lease,
}

impl Worker {
    /// Registers this process, and gives up those workers that are known to be gone, among them `previous`, which this
    /// process was before.
    pub async fn register(
        client: &pg::Client,
        owner: &Owner,
        lease: Duration,
        previous: Option<WorkerId>,
    ) -> Result<Self, pg::Error> {
        Self::give_up_gone(client, owner, previous).await?;
        let server = wal::read_identity(&***client).await?;
        let asked = Instant::now();
        let sql = include_str!("../../sql/queue/register_worker.sql");
        let row = client.query_one(sql, &[&owner.stored(), &lease.as_secs_f64()]).await?;
        Ok(Self {
            id: WorkerId(row.get("id")),
            server,
            lease: Lease::new(lease, asked),
        })
    }

    /// Gives up the workers that are gone: `previous`, those whose lease has run out, and those that `owner` knows to be
    /// dead. Returns how many there were.
    pub async fn give_up_gone(
        client: &pg::Client,
        owner: &Owner,
        previous: Option<WorkerId>,
    ) -> Result<usize, pg::Error> {
        let mut gone: Vec<i64> = previous.into_iter().map(|worker| worker.0).collect();
        let statement = client
            .prepare_cached(include_str!("../../sql/queue/workers.sql"))
            .await?;
        for row in client.query(&statement, &[]).await? {
            let dead = Owner::from_stored(row.get("owner")).is_some_and(|other| owner.knows_dead(&other));
            if dead || row.get("expired") {
                gone.push(row.get("id"));
            }
        }
        if !gone.is_empty() {
            Self::give_up(client, &gone).await?;
        }
        Ok(gone.len())
    }

    /// How many workers there are, this one among them.
    pub async fn count_live(client: &pg::Client) -> Result<usize, pg::Error> {
        let statement = client
            .prepare_cached(include_str!("../../sql/queue/live_workers.sql"))
            .await?;
        let row = client.query_one(&statement, &[]).await?;
        Ok(usize::try_from(row.get::<_, i64>("workers")).unwrap_or_default())
    }

    /// Whether the server is the one that this worker is registered on.
    pub async fn is_at_home(&self, client: &pg::Client) -> Result<bool, pg::Error> {
        Ok(wal::read_identity(&***client).await? == self.server)
    }

    /// Extends the lease. `false`: somebody has given this worker up, and its jobs are no longer its own.
    pub async fn renew(&self, client: &pg::Client) -> Result<bool, pg::Error> {
        let asked = Instant::now();
        let statement = client
            .prepare_cached(include_str!("../../sql/queue/renew_worker.sql"))
            .await?;
        let kept = client
            .execute(&statement, &[&self.id.0, &self.lease.length.as_secs_f64()])
            .await?
            == 1;
        if kept {
            *self.lease.expires.lock().expect("no holder panics") = asked + self.lease.length;
        }
        Ok(kept)
    }

    /// The end of a worker that has let go of its jobs; those it could not let go of can be claimed at once.
    pub async fn resign(&self, client: &pg::Client) -> Result<(), pg::Error> {
        Self::give_up(client, &[self.id.0]).await
    }

    async fn give_up(client: &pg::Client, workers: &[i64]) -> Result<(), pg::Error> {
        client
            .execute(include_str!("../../sql/queue/delete_workers.sql"), &[&workers])
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_dead() {
        let me = Owner::current();
        assert!(!me.knows_dead(&me));
        assert_eq!(Owner::from_stored(&me.stored()), Some(me));
    }

    #[test]
    fn an_ended_process_of_this_machine_is_dead() {
        let me = Owner::current();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = Owner {
            pid: child.id(),
            started: started(child.id()).unwrap_or(1),
            ..me.clone()
        };
        child.wait().unwrap();
        assert!(me.knows_dead(&gone));
    }

    #[test]
    fn nothing_is_known_of_a_process_elsewhere() {
        let me = Owner::current();
        let elsewhere = Owner {
            place: "other boot ns".to_owned(),
            pid: u32::MAX,
            started: 7,
        };
        assert!(!me.knows_dead(&elsewhere));
    }
}
