//! G9: memory has a ceiling that depends on the configuration, not on the size of a transaction, of a fan-out, of a
//! backlog, or of a backfill.

use std::time::Duration;

use walsift::demo::ClusterSettings;

use crate::world::{Engine, World, eventually};

/// What an engine of this configuration may take: `memory`, and about as much again for the program, its connections,
/// and the documents in hand. Generous, as a debug build is fat.
const MEMORY: &str = "[engine]\nmemory = \"64MiB\"";
const CEILING_BYTES: u64 = 128 << 20;

/// For the heavy ones.
const WITHIN: Duration = Duration::from_mins(2);

const PARENTS: &str = r#"
[syncs.parents]
table = "parents"
sink  = "shop_api"
document = { id = "id", name = "name" }
[syncs.parents.many.children]
table     = "children"
aggregate = { children = "count(*)" }
"#;

async fn world_with_parents(parents: u32) -> World {
    let world = World::apart(ClusterSettings::default().with("max_wal_size", "2GB")).await;
    world
        .sql(&format!(
            "create table parents (id int primary key, name text not null);
             create table children (id bigint, parent_id int not null references parents, text text,
                                    primary key (id, parent_id));
             create index on children (parent_id);
             insert into parents select n, 'parent ' || n from generate_series(1, {parents}) n;"
        ))
        .await;
    world
}

fn sink(world: &World) -> String {
    let retry = "retry = { attempts = 10000, base = \"1s\", max = \"1s\" }";
    format!(
        "{MEMORY}\n[sinks.shop_api]\ntype = \"http\"\nurl = \"{}/parents/{{id}}\"\n{retry}",
        world.receiver().url()
    )
}

fn assert_below_the_ceiling(engine: &Engine) {
    let peak = engine.resident_bytes_peak();
    assert!(peak < CEILING_BYTES, "{} MiB at its peak", peak >> 20);
}

/// Until the engine has read all that is committed.
async fn read_to_the_end(world: &World) {
    let lsn: tokio_postgres::types::PgLsn = world.value("select pg_current_wal_lsn()").await;
    world
        .sql("select pg_logical_emit_message(true, 'walsift.test', '')")
        .await;
    eventually(WITHIN, "read to the end", async || {
        (world.confirmed().await? >= lsn).then_some(())
    })
    .await;
}

#[tokio::test]
async fn g9_a_transaction_of_a_million_rows_of_few_subjects_stays_below_the_ceiling() {
    const PARENTS_SQL: &str = "
        select '/parents/' || p.id,
               jsonb_build_object('id', id, 'name', name, 'children', (select count(*) from children where parent_id = p.id))
          from parents p";
    let world = world_with_parents(10).await;
    let engine = world.engine(&world.config(&format!("{PARENTS}{}", sink(&world))));
    world.settled().await;
    world
        .sql(
            "insert into children select n, 1 + n % 10, 'some text to make it a row' from generate_series(1, 100000) n",
        )
        .await;
    read_to_the_end(&world).await;
    world.settled().await;
    world.assert_converged(PARENTS_SQL, "/parents/").await;
    assert_below_the_ceiling(&engine);
}

/// With the sink down, so that the backlog is as large as it can be.
#[tokio::test]
async fn g9_a_transaction_of_many_subjects_and_its_backlog_stay_below_the_ceiling() {
    const SUBJECTS: i64 = 60_000;
    let world = world_with_parents(1).await;
    let engine = world.engine(&world.config(&format!("{PARENTS}{}", sink(&world))));
    world.settled().await;
    world.receiver().stop().await;
    world
        .sql(&format!(
            "insert into parents select n, 'parent ' || n from generate_series(2, {SUBJECTS}) n;
             insert into children select n, n, 'a row' from generate_series(1, {SUBJECTS}) n;
             update parents set name = name || '!'"
        ))
        .await;
    read_to_the_end(&world).await;
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, SUBJECTS);
    assert_below_the_ceiling(&engine);
}

/// One product in the lines of so many orders: a visit of its own, into the receiver, and live changes overtake it.
#[tokio::test]
async fn g9_a_fan_out_stays_below_the_ceiling_and_lets_live_changes_pass() {
    const ORDERS: u32 = 15_000;
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(1, ORDERS).await;
    let config = world.config(&format!(
        "[syncs.orders]
         table = \"orders\"
         sink  = \"shop_api\"
         initial = \"none\"
         document = {{ id = \"id\", status = \"status\" }}
         [syncs.orders.many.lines]
         table = \"order_lines\"
         document = {{ product = \"product.name\" }}
         [syncs.orders.many.lines.one.product]
         table = \"products\"
         {MEMORY}"
    ));
    let engine = world.engine(&config);
    world.settled().await;
    world.sql("update products set name = 'Coffee' where id = 1").await;
    let under_way = |ledger: &walsift::demo::Ledger| ledger.held().len() >= 1_000;
    world.receiver().wait_until(WITHIN, under_way).await.unwrap();
    // The last one in the order of the visit.
    world
        .sql(&format!("update orders set status = 'urgent' where id = {ORDERS}"))
        .await;
    let path = format!("/orders/{ORDERS}");
    let urgent = |ledger: &walsift::demo::Ledger| ledger.body(&path).is_some_and(|body| body.contains("urgent"));
    world.receiver().wait_until(WITHIN, urgent).await.unwrap();
    let held = world.receiver().look(|ledger| ledger.held().len());
    assert!(held < ORDERS as usize / 2, "it waited behind {held} others");
    let all = |ledger: &walsift::demo::Ledger| ledger.held().len() == ORDERS as usize;
    world.receiver().wait_until(WITHIN, all).await.unwrap();
    world.settled().await;

    world
        .assert_converged(
            "select '/orders/' || o.id, jsonb_build_object('id', o.id, 'status', o.status, 'lines',
                    array(select jsonb_build_object('product', p.name) from order_lines l, products p
                           where l.order_id = o.id and p.id = l.product_id order by l.id))
               from orders o",
            "/orders/",
        )
        .await;
    assert_eq!(world.receiver().request_count(), ORDERS as usize);
    assert_below_the_ceiling(&engine);
}
