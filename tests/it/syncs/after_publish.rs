//! `after_publish`: SQL on the source after each accepted delivery, repeated with it until both are written down.

use serde_json::Value;
use walsift::demo::{Behaviour, Paths, Receiver};

use crate::guarantees::journal::requests;
use crate::world::{DEADLINE, Engine, World};

const RECORD: &str = "insert into record (id, document, slot) values ($1, $document, '$document')";

fn file(world: &World, after: &str, more: &str) -> std::path::PathBuf {
    world.config(&format!(
        "[syncs.orders]
         table         = \"orders\"
         sink          = \"shop_api\"
         after_publish = \"\"\"{after}\"\"\"
         document      = {{ id = \"id\", status = \"status\" }}
         {more}"
    ))
}

/// Orders, and a table in which deliveries are recorded.
async fn world(orders: u32) -> World {
    let world = World::with_shop().await;
    world.stock_shop(1, orders).await;
    world
        .sql(
            "delete from order_lines;
             create table record (number bigint generated always as identity, id bigint check (id <> 13),
                                  document jsonb, slot text);
             create table knob (divisor int not null);
             insert into knob values (1)",
        )
        .await;
    world
}

async fn synced(orders: u32, after: &str, more: &str) -> (World, Engine) {
    let world = world(orders).await;
    let engine = world.synced(&file(&world, after, more)).await;
    (world, engine)
}

async fn recorded(world: &World) -> Vec<(i64, Option<String>)> {
    let rows = world
        .query("select id, document->>'status' from record order by number", &[])
        .await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn it_runs_after_each_accepted_delivery_and_for_nothing_else() {
    let (world, _engine) = synced(1, RECORD, "").await;
    world.caused_by("update orders set note = 'equal'").await;
    world.caused_by("update orders set status = 'paid'").await;
    world.caused_by("delete from orders").await;
    let some = |status: &str| (1, Some(status.to_owned()));
    assert_eq!(recorded(&world).await, [some("new"), some("paid"), (1, None)]);
    assert_eq!(
        world.value::<String>("select distinct slot from record").await,
        "$document"
    );
}

/// Parameters are of the types that Postgres takes them to be.
#[tokio::test]
async fn keys_of_several_columns_and_of_any_type_are_parameters() {
    let world = World::new().await;
    world
        .sql(
            "create table days (day date, shop text, sales numeric, primary key (day, shop));
             create table seen (shop text, day date, document json);
             insert into days values ('2024-02-29', 'a:b', 1.50)",
        )
        .await;
    let url = world.receiver().url();
    let file = world.config(&format!(
        "[syncs.days]
         table = \"days\"
         sink = \"shop_api\"
         after_publish = \"insert into seen values ($2, $1::date + 1, $document)\"
         [sinks.shop_api]
         type = \"http\"
         url = \"{url}/days/{{day}}/{{shop}}\""
    ));
    let _engine = world.synced(&file).await;
    let row = world
        .query_one("select shop, day::text, document->>'sales' from seen", &[])
        .await;
    let row: (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(row, ("a:b", "2024-03-01", "1.50"));
}

#[tokio::test]
async fn one_that_fails_is_given_up_in_the_end_and_stops_no_other() {
    let sink = "[sinks.shop_api]\nretry = { attempts = 3, base = \"10ms\", max = \"20ms\" }";
    let (world, _engine) = synced(20, RECORD, sink).await;
    let mut ids: Vec<i64> = recorded(&world).await.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).filter(|id| *id != 13).collect::<Vec<i64>>());

    let sent = requests(world.receiver(), "/orders/13");
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| request.version() == sent[0].version()));
    let state = "select state = 'dead' and attempts = 3 from walsift.finished_job";
    assert!(world.value::<bool>(state).await);
    let attempts = "
        select count(*) = 3 and bool_and(class = 'after_publish' and not certain and outcome = 'retry' and status / 100 = 2)
          from walsift.attempt";
    assert!(world.value::<bool>(attempts).await);
    let void = "select digest is null from walsift.state where key = '13'";
    assert!(world.value::<bool>(void).await);
}

#[tokio::test]
async fn one_that_fails_is_sent_again_under_its_number_until_it_succeeds() {
    let after = "insert into record (id) select $1::bigint / divisor from knob";
    let sink = "[sinks.shop_api]\nretry = { attempts = 1000, base = \"10ms\", max = \"20ms\" }";
    let (world, _engine) = synced(1, after, sink).await;
    world.receiver().clear_journal();
    world
        .sql("update knob set divisor = 0; update orders set status = 'paid'")
        .await;
    world.receiver().wait_for_requests(3, DEADLINE).await.unwrap();
    world.sql("update knob set divisor = 1").await;
    world.settled().await;
    let sent = requests(world.receiver(), "/orders/1");
    assert!(sent.iter().all(|request| request.version() == sent[0].version()));
    assert_eq!(recorded(&world).await.len(), 2);
    assert_eq!(world.caused_by("update orders set note = 'equal'").await, [""; 0]);
}

/// Nobody knows whether what was to be run has been run, so the delivery is made again with it.
async fn a_crash(failpoint: &str) -> Vec<(i64, Option<String>)> {
    let world = world(1).await;
    let file = file(&world, RECORD, "");
    let mut engine = world.engine_with(&file, &[("FAILPOINTS", &format!("{failpoint}=return"))]);
    engine.wait_exit(DEADLINE).await;
    assert_eq!(world.receiver().request_count(), 1);
    let _engine = world.synced(&file).await;
    assert_eq!(world.receiver().request_count(), 2);
    recorded(&world).await
}

#[tokio::test]
async fn a_crash_before_it_began_repeats_the_delivery() {
    assert_eq!(a_crash("after-publish-before-begin").await.len(), 1);
}

#[tokio::test]
async fn a_crash_before_it_was_committed_repeats_the_delivery() {
    assert_eq!(a_crash("after-publish-before-commit").await.len(), 1);
}

#[tokio::test]
async fn a_crash_after_it_was_committed_repeats_both() {
    assert_eq!(a_crash("after-publish-after-commit").await.len(), 2);
}

/// By this message intake knows what to pass over.
#[tokio::test]
async fn its_transaction_begins_with_a_message_that_names_slot_and_sync() {
    let world = world(1).await;
    // Only now, so that the reader sees nothing but what comes.
    world.sql("create publication everything for all tables").await;
    world
        .sql("select pg_create_logical_replication_slot('peek', 'pgoutput')")
        .await;
    let _engine = world.synced(&file(&world, RECORD, "")).await;
    let rows = world
        .query(
            "select xid::text, get_byte(data, 0), encode(data, 'escape') from pg_logical_slot_peek_binary_changes('peek', null, null,
                    'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')",
            &[],
        )
        .await;
    let rows: Vec<(String, i32, String)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let at = rows
        .iter()
        .position(|(_, _, data)| data.contains("walsift.after_publish"))
        .expect("the message");
    let kind = |at: usize| char::from(u8::try_from(rows[at].1).unwrap());
    assert_eq!((kind(at - 1), kind(at), kind(at + 1)), ('B', 'M', 'R'));
    let mark = format!("{}/orders", world.slot());
    assert!(rows[at].2.ends_with(&mark), "{}", rows[at].2);
    world.sql("select pg_drop_replication_slot('peek')").await;
}

/// It waits for a lock while another sink of the sync, and another sync into the same sink, go on.
#[tokio::test]
async fn one_that_takes_long_holds_up_nobody_else() {
    let world = world(10).await;
    let other = Receiver::new().await.unwrap();
    let quick = format!(
        "[syncs.customers]
         table    = \"customers\"
         sink     = \"shop_api\"
         document = {{ id = \"id\", name = \"last_name\" }}
         [syncs.states]
         table    = \"orders\"
         sink     = \"other\"
         document = {{ id = \"id\", status = \"status\" }}
         [sinks.other]
         type = \"http\"
         url  = \"{}/states/{{id}}\"",
        other.url()
    );
    let _engine = world.synced(&file(&world, RECORD, &quick)).await;
    let mut holder = world.connect().await;
    let lock = holder.transaction().await.unwrap();
    lock.batch_execute("lock table record").await.unwrap();
    world.sql("update orders set status = 'paid'").await;
    let waits = "select count(*) > 0 from pg_locks where relation = 'record'::regclass and not granted";
    world.wait_until_true(waits).await;

    world.sql("update customers set last_name = 'Lovelace'").await;
    let lovelace = |ledger: &walsift::demo::Ledger| ledger.held().values().any(|held| held.body.contains("Lovelace"));
    world.receiver().wait_until(DEADLINE, lovelace).await.unwrap();
    let paid =
        |ledger: &walsift::demo::Ledger| ledger.held().values().filter(|held| held.body.contains("paid")).count() == 10;
    other.wait_until(DEADLINE, paid).await.unwrap();
    assert!(world.value::<bool>(waits).await);
    lock.rollback().await.unwrap();
    world.settled().await;
    assert_eq!(recorded(&world).await.len(), 20);
}

#[tokio::test]
async fn check_prepares_it_and_says_where_it_is_wrong() {
    let world = world(1).await;
    let cases = [
        ("update orderz set note = $1", "relation \\\"orderz\\\" does not exist"),
        ("select $2", "there is no $2 here: the key has 1 column"),
        ("select 1; select 2", "cannot insert multiple commands"),
    ];
    for (after, wanted) in cases {
        let file = file(&world, after, "");
        let output = world
            .walsift(&["check", "--json", "--config", file.to_str().unwrap()])
            .await;
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stdout).unwrap();
        let _: Value = serde_json::from_str(&text).unwrap();
        assert!(
            text.contains(wanted) && text.contains("after_publish"),
            "{after}: {text}"
        );
    }
    let file = file(&world, RECORD, "");
    let output = world.walsift(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(world.value::<i64>("select count(*) from record").await, 0);
}

/// A sink that refuses has accepted nothing.
#[tokio::test]
async fn it_does_not_run_for_what_was_refused() {
    let world = world(2).await;
    world
        .receiver()
        .rule_for_next(1, Paths::exact("/orders/1"), Behaviour::answer(422));
    let _engine = world.synced(&file(&world, RECORD, "")).await;
    assert_eq!(recorded(&world).await, [(2, Some("new".to_owned()))]);
}

/// What it writes is no news to its own sync, but to others it is.
#[tokio::test]
async fn its_own_changes_send_nothing_more() {
    let world = world(3).await;
    let other = Receiver::new().await.unwrap();
    let states = format!(
        "[syncs.states]
         table    = \"orders\"
         sink     = \"other\"
         document = {{ id = \"id\", status = \"status\" }}
         [sinks.other]
         type = \"http\"
         url  = \"{}/states/{{id}}\"",
        other.url()
    );
    let after = "update orders set status = status || ', sent' where id = $1";
    let _engine = world.synced(&file(&world, after, &states)).await;
    assert_eq!(world.requests(), ["PUT /orders/1", "PUT /orders/2", "PUT /orders/3"]);
    world.caused_by("update orders set status = 'paid' where id = 2").await;
    assert_eq!(world.requests(), ["PUT /orders/2"]);
    let sent: String = world.value("select status from orders where id = 2").await;
    assert_eq!(sent, "paid, sent");
    // It was written after what the wait before was about.
    world.settled().await;
    assert!(other.body("/states/2").unwrap().contains("paid, sent"));
}
