//! The replication session against a real server.

use tokio_postgres::types::PgLsn;
use walsift::demo::{ClusterSettings, Shutdown};
use walsift::wal::{Event, Fork, Lsn, Reading, Session, StreamError, WalSource, WalStream};

use crate::world::{DEADLINE, World, eventually};

#[tokio::test]
async fn a_closed_stream_leaves_the_slot_free_and_what_was_confirmed_behind() {
    let world = World::with_slot().await;
    for round in 0..10 {
        let mut stream = world.stream().await.unwrap();
        world.sql(&format!("insert into t values ({round})")).await;
        let end_lsn = next_commit(&mut stream).await;
        stream.confirm(end_lsn);
        stream.close().await;
        assert_eq!(world.slot_state().await, (false, end_lsn), "round {round}");
    }
}

#[tokio::test]
async fn a_stream_closed_amid_a_backlog_leaves_too() {
    let world = World::with_slot().await;
    world.sql("insert into t select generate_series(1, 100000)").await;
    let mut stream = world.stream().await.unwrap();
    while !matches!(stream.next().await.unwrap(), Event::Data(_)) {}
    stream.close().await;
    let free = async || (!world.slot_state().await.0).then_some(());
    eventually(DEADLINE, "the slot is free", free).await;
}

#[tokio::test]
async fn a_dropped_session_lets_the_slot_go() {
    let world = World::with_slot().await;
    drop(world.stream().await.unwrap());
    let free = async || (!world.slot_state().await.0).then_some(());
    eventually(DEADLINE, "the slot is free", free).await;
}

#[tokio::test]
async fn what_a_server_says_about_slots_is_understood() {
    let world = World::with_slot().await;
    let stream = world.stream().await.unwrap();
    assert!(matches!(world.stream().await, Err(StreamError::SlotInUse { .. })));
    stream.close().await;

    let drop_slot = format!("select pg_drop_replication_slot('{}')", world.slot());
    world.sql(&drop_slot).await;
    assert!(matches!(world.stream().await, Err(StreamError::SlotMissing { .. })));

    // Found out when the first change comes.
    world.sql("drop publication walsift").await;
    world.make_slot().await;
    world.sql("drop publication walsift; insert into t values (1)").await;
    let mut stream = world.stream().await.unwrap();
    let error = ended(&mut stream).await;
    assert!(matches!(error, StreamError::PublicationMissing { .. }), "{error:?}");
}

#[tokio::test]
async fn an_invalidated_slot_is_told_from_a_missing_one() {
    let settings = ClusterSettings {
        max_slot_wal_keep_size: Some("1MB".to_owned()),
        ..ClusterSettings::default()
    };
    let world = World::apart(settings).await;
    world.make_slot().await;
    let lost = async || {
        let write = "create table w as select repeat('x', 1000) from generate_series(1, 20000); drop table w";
        world.sql(write).await;
        world.sql("select pg_switch_wal()").await;
        world.sql("checkpoint").await;
        let lost = "select wal_status = 'lost' from pg_replication_slots";
        world.value::<bool>(lost).await.then_some(())
    };
    eventually(DEADLINE, "the slot is lost", lost).await;
    let error = world.stream().await.unwrap_err();
    assert!(matches!(error, StreamError::SlotUnusable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_process_that_is_ended_says_so() {
    let world = World::with_slot().await;
    let mut stream = world.stream().await.unwrap();
    let end = format!(
        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '{}'",
        world.slot()
    );
    world.sql(&end).await;
    let error = ended(&mut stream).await;
    assert!(
        matches!(&error, StreamError::Server(said) if said.sqlstate == "57P01"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_shuts_down_waits_for_the_last_confirmation() {
    let world = World::apart(ClusterSettings::default()).await;
    world.make_slot().await;
    let mut stream = world.stream().await.unwrap();
    let read = async {
        loop {
            match stream.next().await {
                Ok(Event::KeepAlive { wal_end }) => stream.confirm(wal_end),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    let cluster = world.cluster();
    let (halted, error) = tokio::join!(cluster.halt(Shutdown::Fast), read);
    halted.unwrap();
    assert!(matches!(error, StreamError::Dismissed), "{error:?}");
}

#[tokio::test]
async fn a_promoted_standby_tells_where_it_left_the_old_timeline() {
    let world = World::apart(ClusterSettings::default()).await;
    let mut session = world.session().await.unwrap();
    let before = session.identify().await.unwrap();
    let own: i64 = world.value("select system_identifier from pg_control_system()").await;
    assert_eq!((before.system_identifier, before.timeline), (own, 1));
    assert_eq!(session.timeline_history(1).await.unwrap(), []);
    assert_eq!(session.parameter("in_hot_standby"), Some("off"));
    drop(session);

    let folder: String = world.value("select current_setting('data_directory')").await;
    world.sql(&format!("copy (select) to '{folder}/standby.signal'")).await;
    world.cluster().restart(Shutdown::Fast).await.unwrap();
    let session = world.session().await.unwrap();
    assert_eq!(session.parameter("in_hot_standby"), Some("on"));
    assert!(world.value::<bool>("select pg_promote()").await);

    let mut session = world.session().await.unwrap();
    let after = session.identify().await.unwrap();
    assert_eq!((after.system_identifier, after.timeline), (own, 2));
    let history = session.timeline_history(2).await.unwrap();
    let [Fork { timeline: 1, at }] = history[..] else {
        panic!("{history:?}")
    };
    let now: PgLsn = world.value("select pg_current_wal_lsn()").await;
    assert!(Lsn::ZERO < at && at <= Lsn(now.into()), "{at}, {now}");
    let unknown = session.timeline_history(9).await.unwrap_err();
    assert!(matches!(unknown, StreamError::Server(_)), "{unknown:?}");
    // The session goes on.
    assert_eq!(session.identify().await.unwrap().timeline, 2);
}

impl World {
    /// With a table `t`, published, and a slot.
    async fn with_slot() -> World {
        let world = World::new().await;
        world.make_slot().await;
        world
    }

    async fn make_slot(&self) {
        self.sql("create table if not exists t (n int); create publication walsift for table t")
            .await;
        self.sql(&format!(
            "select pg_create_logical_replication_slot('{}', 'pgoutput')",
            self.slot()
        ))
        .await;
    }

    async fn session(&self) -> Result<Session, StreamError> {
        Session::open(&self.url().parse().unwrap()).await
    }

    /// From where the slot stands.
    async fn stream(&self) -> Result<WalStream, StreamError> {
        let reading = Reading {
            slot: self.slot().to_owned(),
            publication: "walsift".to_owned(),
            start: Lsn::ZERO,
            buffer_bytes: 1 << 20,
            patience: 1,
        };
        self.session().await?.start(&reading).await
    }

    /// Whether somebody reads the slot, and what is confirmed.
    async fn slot_state(&self) -> (bool, Lsn) {
        let statement = "select active, confirmed_flush_lsn from pg_replication_slots where slot_name = $1";
        let row = self.query_one(statement, &[&self.slot()]).await;
        (row.get(0), Lsn(row.get::<_, PgLsn>(1).into()))
    }
}

async fn next_commit(stream: &mut WalStream) -> Lsn {
    loop {
        if let Event::Commit { end_lsn, .. } = stream.next().await.unwrap() {
            return end_lsn;
        }
    }
}

async fn ended(stream: &mut WalStream) -> StreamError {
    let ended = async {
        loop {
            if let Err(error) = stream.next().await {
                return error;
            }
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.expect("the stream ends")
}
