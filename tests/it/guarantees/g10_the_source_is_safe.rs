//! G10: the source is safe: an idle published set in a busy database still advances the slot, an idle system writes
//! nothing for ever, and the application's own writes never fail because of us.

use tokio_postgres::types::PgLsn;
use walsift::demo::{ClusterSettings, Shutdown};

use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, field};

const QUICK_HEART: &str = "[source]\nheartbeat = \"100ms\"";

#[tokio::test]
async fn g10_an_idle_published_set_in_a_busy_database_advances_the_slot() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.sql("create table diary (text text)").await;
    let config = world.config(&format!("{SHOP}\n{QUICK_HEART}"));
    let _engine = world.engine(&config);
    world.settled().await;
    for _ in 0..3 {
        let before: PgLsn = world.value("select pg_current_wal_lsn()").await;
        world
            .sql("insert into diary select repeat('x', 1000) from generate_series(1, 4500)")
            .await;
        let after: PgLsn = world.value("select pg_current_wal_lsn()").await;
        let bytes = u64::from(after) - u64::from(before);
        assert!(bytes > 4 << 20, "only {bytes} bytes of WAL");
        // All but the step below which moving the slot is not worth its own WAL.
        let step = 1 << 20;
        world.wait_until_confirmed(PgLsn::from(u64::from(after) - step)).await;
    }
}

#[tokio::test]
async fn g10_an_idle_system_writes_no_wal_for_ever() {
    const TOLERATED: i64 = 64 << 10;
    let world = World::apart(ClusterSettings::default().with("autovacuum", "off")).await;
    world.shop().await;
    world.stock_shop(2, 5).await;
    let config = world.config(&format!("{SHOP}\n{QUICK_HEART}"));
    let engine = world.engine(&config);
    world.settled().await;
    world.sql("checkpoint").await;
    let before: PgLsn = world.value("select pg_current_wal_lsn()").await;

    // Every worker looks at its queue about once a second: so many of its transactions are dozens of heartbeats.
    let looked = async || {
        let statement = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()";
        world.value::<i64>(statement).await
    };
    let (began, mut seen, mut asked) = (looked().await, 0, 0);
    eventually(DEADLINE, "the engine going about its business", async || {
        asked += 1;
        seen = looked().await - began - asked;
        (seen >= 20).then_some(())
    })
    .await;

    let wrote = world
        .query_one("select (pg_current_wal_lsn() - $1)::int8", &[&before])
        .await;
    let wrote: i64 = wrote.get(0);
    assert!(wrote < TOLERATED, "{wrote} bytes of WAL while nothing happened");
    assert_eq!(engine.admin("/readyz").await.0, 200);
}

/// Such a server waits for whoever reads its WAL.
#[tokio::test]
async fn g10_an_idle_engine_does_not_keep_postgres_from_shutting_down() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(2, 5).await;
    let config = world.config(&format!("{SHOP}\n{QUICK_HEART}"));
    let _engine = world.engine(&config);
    world.settled().await;
    world.cluster().restart(Shutdown::Fast).await.unwrap();
    world.sql("update orders set status = 'back'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn g10_a_table_without_a_replica_identity_is_refused_and_never_published() {
    for identity in [
        "alter table orders replica identity nothing",
        "alter table customers replica identity nothing",
        "alter table order_lines drop constraint order_lines_pkey; alter table order_lines replica identity default",
    ] {
        let world = World::with_shop().await;
        world.stock_shop(2, 5).await;
        world.sql(identity).await;
        let mut engine = world.engine(&world.config(SHOP));
        assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(2));
        assert!(engine.log().iter().any(|line| line.contains("replica identity")));
        let published = "select count(*) from pg_publication_tables";
        assert_eq!(world.value::<i64>(published).await, 0);
        world
            .sql("update orders set status = 'ours'; update customers set last_name = 'ours'; update order_lines set qty = 2")
            .await;
        world.sql("delete from order_lines; delete from orders").await;
    }
}

#[tokio::test]
async fn g10_publication_slot_and_schema_are_made_once_and_reused() {
    let world = World::with_shop().await;
    world.stock_shop(2, 5).await;
    let config = world.config(SHOP);
    let made = async || {
        let statement = "
            select (select oid from pg_publication where pubname = 'walsift'),
                   (select xmin::text from pg_publication where pubname = 'walsift'),
                   (select oid from pg_namespace where nspname = 'walsift'),
                   (select string_agg(c.oid::text, ',' order by c.oid) from pg_class c
                     where c.relnamespace = 'walsift'::regnamespace)";
        let row = world.query_one(statement, &[]).await;
        (
            row.get::<_, u32>(0),
            row.get::<_, String>(1),
            row.get::<_, u32>(2),
            row.get::<_, String>(3),
        )
    };
    let mut engine = world.engine(&config);
    world.settled().await;
    let first = made().await;
    let tables = "select count(*) from pg_publication_tables where schemaname = 'walsift'";
    assert_eq!(world.value::<i64>(tables).await, 0, "its own tables must not feed back");
    engine.kill9();

    let engine = world.engine(&config);
    world.settled().await;
    assert_eq!(made().await, first);
    for line in engine.log() {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let message = field(&line, "message").unwrap();
        assert!(!["slot made", "publication amended"].contains(&message), "{line}");
    }
    let slots = "select count(*) from pg_replication_slots where database = current_database()";
    assert_eq!(world.value::<i64>(slots).await, 1);
}

/// No superuser: a role that may replicate, owns the tables, and may create a schema.
#[tokio::test]
async fn g10_no_superuser_is_needed() {
    let world = World::apart(ClusterSettings::default()).await;
    let database: String = world.value("select current_database()::text").await;
    world
        .sql(&format!(
            "create role app login replication; grant all on database {database} to app;
             alter schema public owner to app"
        ))
        .await;
    world.sql("set role app").await;
    world.shop().await;
    world.stock_shop(2, 5).await;
    world.sql("reset role").await;
    let url = world.url().replacen("postgres@", "app@", 1);
    let config = world.config(&format!("{SHOP}\n[source]\nurl = \"{url}\""));
    let _engine = world.engine(&config);
    world.settled().await;
    world.sql("update customers set last_name = 'Lovelace'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
