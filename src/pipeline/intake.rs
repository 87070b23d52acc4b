//! The left loop: stream → batch → subjects → jobs, committed together with progress; then confirm.
//!
//! ```text
//! stream ─▶ decode ─▶ map ─▶ (batch) ─▶ visible? ─▶ look up ─▶ jobs + progress, one commit ─▶ confirm
//! ```
//!
//! A batch ends when nothing more is there to be read, or when it is full: a quiet system answers at once, a busy one in
//! bulk. What is confirmed has always been committed before.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::{Counter, counter, gauge};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::backoff::Backoff;
use super::engine::{Engine, Routes, chain};
use super::publication;
use super::setup::{self, SetupError};
use crate::diff::Reason;
use crate::failpoint;
use crate::mapping::{Batch, Change, Mapper, Origin, Unheard};
use crate::metrics as names;
use crate::pg;
use crate::queue::{self, Progress};
use crate::wal::{
    self, DecodeError, Event, IDLE_STEP_BYTES, Lsn, Message, Reading, Relations, Session, StreamError, UnknownRelation,
    WalSource, WalStream,
};

mod messages;
mod resolve;

use messages::Complaints;

/// Most changes in one batch, whatever they amount to.
const BATCH_CHANGES: usize = 50_000;

/// Most times the usual silence of the server that is borne: more than half an hour.
const PATIENCE_MAX: u32 = 128;

/// How long a standby waits before it looks whether the slot is free.
const STANDBY_PERIOD: Duration = Duration::from_millis(250);

#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error("cannot set up")]
    Setup(#[from] SetupError),
    #[error("the stream has ended")]
    Stream(#[from] StreamError),
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error("cannot decode the stream")]
    Decode(#[from] DecodeError),
    #[error("cannot decode the stream")]
    Relation(#[from] UnknownRelation),
    #[error("the stream is out of order: {0}")]
    Order(&'static str),
    #[error("progress is another one than this reader has committed")]
    Overtaken,
}

/// Reads whenever the slot is free, for as long as the engine runs.
pub(super) async fn run(engine: Arc<Engine>, routes: Routes) {
    let mut backoff = Backoff::new();
    let mut standing_by = false;
    let mut lesson = Lesson::default();
    while !engine.stop.is_cancelled() {
        if engine.drain.is_asked() {
            standing_by = false;
            engine.health.well("intake");
            tokio::select! {
                () = engine.stop.cancelled() => return,
                () = engine.drain.rest() => {}
            }
        }
        let ended = Intake::session(&engine, &routes, &mut backoff, &mut lesson).await;
        gauge!(names::READING).set(0.0);
        let wait = match ended {
            Ok(()) => continue,
            Err(IntakeError::Stream(StreamError::SlotInUse { .. })) => {
                if !standing_by {
                    tracing::info!(
                        slot = engine.config.source.slot,
                        "another process reads the slot; standing by"
                    );
                    standing_by = true;
                }
                engine.health.well("intake");
                STANDBY_PERIOD
            }
            Err(IntakeError::Setup(SetupError::Outdated)) => {
                // The next generation reads on.
                engine.hints.look();
                backoff.next()
            }
            Err(error) => {
                standing_by = false;
                if engine.health.ill("intake", chain(&error)) {
                    tracing::error!(error = chain(&error), "reading has stopped; trying again");
                }
                backoff.next()
            }
        };
        engine.pause(wait).await;
    }
}

/// What one session leaves to the next.
#[derive(Debug)]
struct Lesson {
    /// How many times the usual silence of the server is borne.
    patience: u32,
    /// There was no publication where the slot stands: it cannot be read from there, or leaves changes out.
    unpublished: bool,
}

impl Default for Lesson {
    fn default() -> Self {
        Self {
            patience: 1,
            unpublished: false,
        }
    }
}

/// One session of the stream.
struct Intake<'a> {
    engine: &'a Engine,
    routes: &'a Routes,
    stream: WalStream,
    mapper: Mapper,
    relations: Relations,
    batch: Batch,
    /// The transaction that is being read.
    open: Option<Origin>,
    /// Nothing of it has been read yet.
    fresh: bool,
    /// Changes and transactions read since the last flush.
    changes: usize,
    /// Everything before has been read, whole transactions only.
    read: Lsn,
    /// When the end of what was read was committed; `None` where there was nothing more to read.
    read_at: Option<SystemTime>,
    /// Progress as it is committed.
    durable: Progress,
    /// Something was read since that is worth writing progress for.
    dirty: bool,
    complaints: Complaints,
    counters: Counters,
}

struct Counters {
    inserts: Counter,
    updates: Counter,
    deletes: Counter,
    truncates: Counter,
    transactions: Counter,
}

impl<'a> Intake<'a> {
    async fn session(
        engine: &'a Engine,
        routes: &'a Routes,
        backoff: &mut Backoff,
        lesson: &mut Lesson,
    ) -> Result<(), IntakeError> {
        let stop = &engine.stop;
        if slot_is_taken(engine).await? {
            let slot = engine.config.source.slot.clone();
            return Err(StreamError::SlotInUse { slot }.into());
        }
        let mut drain = engine.drain.asked();
        let opened = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = drain.wait() => return Ok(()),
            opened = open(engine, routes, lesson) => opened,
        };
        if let Err(IntakeError::Setup(SetupError::TwoServers)) = &opened {
            engine.hang_up();
        }
        let (start, stream) = opened?;
        // The slot is ours: nobody else maps changes from here on.
        setup::take_over(engine, routes).await?;
        tracing::info!(slot = engine.config.source.slot, lsn = %start.lsn, "reading the slot");
        gauge!(names::READING).set(1.0);
        engine.health.well("intake");
        for route in routes.iter() {
            route.visits.notify_one();
            route.backfills.notify_one();
        }
        backoff.reset();
        let mut intake = Self {
            engine,
            routes,
            stream,
            mapper: Mapper::new(engine.plans.clone(), &engine.tables),
            relations: Relations::default(),
            batch: Batch::default(),
            open: None,
            fresh: false,
            changes: 0,
            read: start.lsn,
            read_at: None,
            durable: start,
            dirty: false,
            complaints: Complaints::default(),
            counters: Counters::new(),
        };
        let ended = tokio::select! {
            ended = intake.read() => ended,
            never = publication::watch(engine) => match never {},
        };
        *lesson = match &ended {
            // The same silence is to be expected again, unless it came after something new.
            Err(IntakeError::Stream(StreamError::Silent(_))) if intake.durable == start => Lesson {
                patience: PATIENCE_MAX.min(lesson.patience * 2),
                ..Lesson::default()
            },
            Err(IntakeError::Stream(StreamError::PublicationMissing { .. })) => Lesson {
                unpublished: true,
                ..Lesson::default()
            },
            _ => Lesson::default(),
        };
        intake.stream.close().await;
        ended
    }

    /// Until the stop signal, a drain or an error. What is read of a batch then is not committed, and read again by whoever is
    /// next.
    async fn read(&mut self) -> Result<(), IntakeError> {
        let mut drain = self.engine.drain.asked();
        let mut heartbeat = heartbeat(self.engine.config.source.heartbeat);
        loop {
            let event = tokio::select! {
                biased;
                // A stop must not wait for a busy stream.
                () = self.engine.stop.cancelled() => return Ok(()),
                () = drain.wait() => return Ok(()),
                // Rare and short, so a busy stream cannot put it off.
                _ = heartbeat.tick() => {
                    self.beat().await?;
                    continue;
                }
                event = self.stream.next() => event?,
            };
            self.take(event)?;
            while !self.is_full() {
                let Some(event) = self.stream.try_next() else { break };
                self.take(event?)?;
            }
            self.count_unheard();
            if self.is_full() || (self.open.is_none() && self.dirty) {
                self.flush().await?;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.changes >= BATCH_CHANGES || self.batch.bytes() >= self.engine.config.engine.memory_bytes / 4
    }

    fn take(&mut self, event: Event) -> Result<(), IntakeError> {
        match event {
            Event::Begin { xid, commit_time, .. } => {
                self.open = Some(Origin {
                    xid,
                    committed_at: commit_time,
                    author: None,
                });
                self.fresh = true;
            }
            Event::Commit { end_lsn, commit_time } => {
                self.open = None;
                self.read_at = Some(commit_time);
                self.changes += 1;
                self.read = self.read.max(end_lsn);
                self.counters.transactions.increment(1);
            }
            Event::Data(bytes) => {
                self.fresh = false;
                self.change(&bytes)?;
            }
            Event::Message {
                transactional,
                prefix,
                content,
                ..
            } => self.message(transactional, &prefix, &content)?,
            Event::KeepAlive { wal_end } => {
                // All that was committed before has been sent, if no transaction is being sent now.
                if self.open.is_none() {
                    self.read = self.read.max(wal_end);
                    self.read_at = None;
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, bytes: &[u8]) -> Result<(), IntakeError> {
        let (relation, change) = match Message::decode(bytes)? {
            Message::Relation(relation) => {
                self.engine.hints.look();
                let relation = self.engine.as_planned(relation);
                self.mapper.describe(&relation);
                self.relations.insert(relation);
                return Ok(());
            }
            Message::Truncate { relations, .. } => return self.truncate(relations.iter()),
            Message::Insert { relation, new } => (relation, Change::Insert { new }),
            Message::Update { relation, old, new } => (relation, Change::Update { old, new }),
            Message::Delete { relation, old } => (relation, Change::Delete { old }),
            _ => return Ok(()),
        };
        let described = self.relations.get(relation)?;
        let origin = self.open.ok_or(IntakeError::Order("a change outside a transaction"))?;
        match &change {
            Change::Insert { .. } => self.counters.inserts.increment(1),
            Change::Update { .. } => self.counters.updates.increment(1),
            Change::Delete { .. } => self.counters.deletes.increment(1),
        }
        // What no sync takes notice of is not worth progress of its own: if the publication shows the state tables, writing
        // it would be the next change.
        self.dirty |= self.mapper.map(described.oid, &change, origin, &mut self.batch);
        self.changes += 1;
        Ok(())
    }

    fn truncate(&mut self, relations: impl Iterator<Item = u32>) -> Result<(), IntakeError> {
        let origin = self
            .open
            .ok_or(IntakeError::Order("a truncate outside a transaction"))?;
        for relation in relations {
            let described = self.relations.get(relation)?;
            self.dirty |= self.mapper.map_truncate(described.oid, origin, &mut self.batch);
            self.counters.truncates.increment(1);
        }
        self.changes += 1;
        Ok(())
    }

    /// Counts the changes that were passed over. They may never make a batch, so it is done as they are read.
    fn count_unheard(&mut self) {
        for ((sync, why), count) in std::mem::take(&mut self.batch.unheard) {
            let reason = match why {
                Unheard::Irrelevant => Reason::IrrelevantColumns,
                Unheard::Own => Reason::Filtered,
            };
            for route in self.routes.iter().filter(|route| route.sync == sync) {
                self.engine.suppressed(route, reason, count);
            }
        }
    }

    /// Moves an idle slot past what others have written, and leaves a server that wants to go: it waits for its readers to
    /// confirm all there is, and does not say so.
    async fn beat(&mut self) -> Result<(), IntakeError> {
        if self.open.is_some() || !self.batch.is_empty() {
            return Ok(());
        }
        if self.read.0.saturating_sub(self.durable.lsn.0) >= IDLE_STEP_BYTES {
            return self.flush().await;
        }
        self.engine.source.get().await?.batch_execute("").await?;
        Ok(())
    }

    /// Commits the batch and progress, then confirms. In the middle of a transaction progress stays where it is: after a
    /// crash the whole transaction comes again and folds into the jobs that are there.
    async fn flush(&mut self) -> Result<(), IntakeError> {
        let batch = std::mem::take(&mut self.batch);
        let resolved = resolve::resolve(self.engine, self.routes, batch).await?;
        let read = self.read;
        failpoint::die_at("intake-before-commit");
        let mut state = self.engine.state.get().await?;
        let tx = state.transaction().await?;
        let covered = resolved.write(&tx, self.routes).await?;
        let slot = &self.engine.config.source.slot;
        if !queue::write_progress(&tx, slot, self.durable, read, self.read_at).await? {
            return Err(IntakeError::Overtaken);
        }
        tx.commit().await?;
        failpoint::die_at("intake-after-commit");

        self.durable.lsn = read;
        self.changes = 0;
        // The rest of a transaction that is being read is worth it again.
        self.dirty = self.open.is_some();
        self.stream.confirm(read);
        failpoint::die_at("intake-after-confirm");
        resolved.announce(self.engine, self.routes, &covered);
        Ok(())
    }
}

/// Cheaper to ask, for a process that stands by, than to try.
async fn slot_is_taken(engine: &Engine) -> Result<bool, IntakeError> {
    let source = engine.source.get().await?;
    let slot = wal::read_slot(&**source, &engine.config.source.slot).await?;
    Ok(slot.is_some_and(|slot| slot.active))
}

impl Counters {
    fn new() -> Self {
        let changes = |kind: &'static str| counter!(names::CHANGES_DECODED, "kind" => kind);
        Self {
            inserts: changes("insert"),
            updates: changes("update"),
            deletes: changes("delete"),
            truncates: changes("truncate"),
            transactions: counter!(names::TRANSACTIONS_DECODED),
        }
    }
}

fn heartbeat(period: Duration) -> Interval {
    let mut heartbeat = interval(period);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

/// Logs in, finds where to go on, and takes the slot.
async fn open(engine: &Engine, routes: &Routes, lesson: &Lesson) -> Result<(Progress, WalStream), IntakeError> {
    let mut session = Session::open(&engine.source_dsn).await?;
    let start = setup::find_start(engine, routes, &mut session, lesson.unpublished).await?;
    let source = &engine.config.source;
    let reading = Reading {
        slot: source.slot.clone(),
        publication: source.publication.clone(),
        start: start.lsn,
        buffer_bytes: engine.config.engine.memory_bytes / 4,
        patience: lesson.patience,
    };
    Ok((start, session.start(&reading).await?))
}
