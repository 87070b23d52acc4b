//! `walsift check --fix`: what it shows, what it runs, and what it leaves behind when it fails.

use insta::assert_snapshot;
use serde_json::Value;

use crate::world::{SHOP, World};

/// A shop in which lines say neither whose they were nor which of a product there are.
const BARE: &str = "
    alter table order_lines replica identity default;
    drop index order_lines_identity;
    drop index order_lines_product_id;";

const OK: &str = "ok: nothing stands in the way\n";

/// Exit status, and what was said: without how long things took.
async fn fix(world: &World, config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let file = world.config(config);
    let file = file.to_str().unwrap();
    let output = world
        .walsift(
            &[
                &["check", "--fix", "--skip-sinks", "--log-level", "off", "--config", file],
                arguments,
            ]
            .concat(),
        )
        .await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let lines = text.replace(file, "config.toml");
    let lines = lines
        .lines()
        .map(|line| match line.trim_start().strip_prefix("done in ") {
            Some(_) => "    done in TIME".to_owned(),
            None => line.trim_end().to_owned(),
        });
    (output.status.code(), lines.collect::<Vec<_>>().join("\n") + "\n")
}

async fn identity(world: &World, table: &str) -> String {
    world
        .value(&format!(
            "select relreplident::text from pg_class where oid = '{table}'::regclass"
        ))
        .await
}

#[tokio::test]
async fn what_mends_is_shown_then_run_then_no_longer_needed() {
    let world = World::with_shop().await;
    world.sql(BARE).await;
    let (status, shown) = fix(&world, SHOP, &[]).await;
    assert_eq!(status, Some(2));
    assert_snapshot!("shown", shown);
    assert_eq!(identity(&world, "order_lines").await, "d");
    let (status, run) = fix(&world, SHOP, &["--yes"]).await;
    assert_eq!(status, Some(0), "{run}");
    assert_snapshot!("run", run);
    assert_eq!(identity(&world, "order_lines").await, "i");
    assert_eq!(fix(&world, SHOP, &["--yes"]).await, (Some(0), OK.to_owned()));
    assert_eq!(fix(&world, SHOP, &[]).await, (Some(0), OK.to_owned()));
}

#[tokio::test]
async fn facts_are_printed_as_one_object() {
    let world = World::with_shop().await;
    world.sql(BARE).await;
    let results = |text: &str| -> (u64, Vec<String>) {
        let facts: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let fixes = facts["fixes"].as_array().unwrap().iter();
        let results = fixes.map(|fix| fix["result"].as_str().unwrap().to_owned());
        (facts["errors"].as_u64().unwrap(), results.collect())
    };
    let (_, shown) = fix(&world, SHOP, &["--json"]).await;
    assert_eq!(results(&shown), (1, vec!["shown".to_owned(); 3]));
    let (_, run) = fix(&world, SHOP, &["--json", "--yes"]).await;
    assert_eq!(results(&run), (0, vec!["done".to_owned(); 3]));
}

#[tokio::test]
async fn what_a_failed_build_left_behind_is_removed() {
    let world = World::with_shop().await;
    world.sql(BARE).await;
    world
        .sql(
            "create unique index order_lines_replica_identity on order_lines (id, order_id);
             create index half_made on order_lines (product_id);
             update pg_index set indisvalid = false
              where indexrelid in ('order_lines_replica_identity'::regclass, 'half_made'::regclass)",
        )
        .await;
    let (status, run) = fix(&world, SHOP, &["--yes"]).await;
    assert_eq!(status, Some(0), "{run}");
    assert_eq!(
        world
            .value::<i64>("select count(*) from pg_index where not indisvalid")
            .await,
        0
    );
    assert!(!world.value::<bool>("select to_regclass('half_made') is not null").await);
}

#[tokio::test]
async fn a_table_that_others_hold_is_not_waited_for() {
    let world = World::with_shop().await;
    world.sql("alter table order_lines replica identity default").await;
    let holder = world.connect().await;
    holder.batch_execute("begin; select from order_lines").await.unwrap();
    let (status, run) = fix(&world, SHOP, &["--yes"]).await;
    assert_eq!(status, Some(2), "{run}");
    assert!(
        run.contains("lock timeout") && run.contains("does not carry order_id"),
        "{run}"
    );
    holder.batch_execute("commit").await.unwrap();
    assert_eq!(fix(&world, SHOP, &["--yes"]).await.0, Some(0));
}

#[tokio::test]
async fn several_syncs_get_one_replica_identity_that_suits_all() {
    let world = World::with_shop().await;
    world.sql(BARE).await;
    let config = format!(
        "{SHOP}
[syncs.products]
table = \"products\"
sink = \"shop_api\"
document = {{ id = \"id\" }}

[syncs.products.many.sold]
table = \"order_lines\"
document = {{ qty = \"qty\" }}
"
    );
    let (status, run) = fix(&world, &config, &["--yes"]).await;
    assert_eq!(status, Some(0), "{run}");
    let columns: Vec<String> = world
        .value(
            "select array_agg(a.attname::text order by a.attname) from pg_index i
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
              where i.indrelid = 'order_lines'::regclass and i.indisreplident",
        )
        .await;
    assert_eq!(columns, ["id", "order_id", "product_id"]);
    // One that was there for fewer columns keeps its name.
    assert_eq!(
        world
            .value::<i64>("select count(*) from pg_index where indrelid = 'order_lines'::regclass and indisunique")
            .await,
        2
    );
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_alone() {
    let world = World::with_shop().await;
    world.sql(BARE).await;
    world
        .sql("create index order_lines_replica_identity on order_lines (qty)")
        .await;
    let (status, run) = fix(&world, SHOP, &["--yes"]).await;
    assert_eq!(status, Some(0), "{run}");
    assert!(
        world
            .value::<bool>("select to_regclass('order_lines_replica_identity_2') is not null")
            .await
    );
}

#[tokio::test]
async fn whole_old_rows_are_not_asked_for_without_their_price() {
    let world = World::with_shop().await;
    world
        .sql(&format!(
            "{BARE} alter table order_lines alter order_id drop not null;
             alter table orders replica identity nothing;
             insert into customers (id, first_name, last_name) values (1, 'Ada', 'Lovelace');
             insert into products (id, name) values (1, 'Tea');
             insert into orders (id, customer_id) values (1, 1);
             insert into order_lines (order_id, product_id, price) select 1, 1, 2 from generate_series(1, 2000);
             analyze"
        ))
        .await;
    assert_snapshot!(fix(&world, SHOP, &["--yes"]).await.1);
    assert_eq!(
        (identity(&world, "order_lines").await, identity(&world, "orders").await),
        ("f".to_owned(), "i".to_owned())
    );
}

#[tokio::test]
async fn an_index_on_a_partitioned_table_says_that_it_locks() {
    let world = World::new().await;
    world
        .sql(
            "create table orders (id bigint primary key);
             create table lines (id bigint, order_id bigint not null references orders (id), day date not null,
                                 primary key (id, day)) partition by range (day);
             create table lines_old partition of lines for values from ('2000-01-01') to ('2020-01-01');
             create table lines_new partition of lines for values from ('2020-01-01') to ('2040-01-01');",
        )
        .await;
    let config = "
        [syncs.orders]
        table = 'orders'
        sink = 'shop_api'
        document = { id = 'id' }
        [syncs.orders.many.lines]
        document = { day = 'day' }";
    let (status, run) = fix(&world, config, &["--yes"]).await;
    assert_eq!(status, Some(0), "{run}");
    assert_snapshot!(run);
}

#[tokio::test]
async fn a_publication_of_the_users_own_is_made_last_and_only_added_to() {
    let world = World::with_shop().await;
    world.sql("alter table order_lines replica identity default").await;
    let config = format!("[source]\nmanage = false\n{SHOP}");
    // What would make postgres reject the application's writes is not done.
    let holder = world.connect().await;
    holder.batch_execute("begin; select from order_lines").await.unwrap();
    let (status, run) = fix(&world, &config, &["--yes"]).await;
    assert_eq!(status, Some(2));
    assert!(run.contains("skipped"), "{run}");
    assert_eq!(world.value::<i64>("select count(*) from pg_publication").await, 0);
    holder.batch_execute("commit").await.unwrap();

    world
        .sql("create table other (id int primary key); create publication walsift for table other, orders")
        .await;
    let (status, run) = fix(&world, &config, &["--yes"]).await;
    assert_eq!(status, Some(0), "{run}");
    let published: Vec<String> = world
        .value(
            "select array_agg(tablename::text order by tablename) from pg_publication_tables where pubname = 'walsift'",
        )
        .await;
    assert_eq!(published, ["customers", "order_lines", "orders", "other", "products"]);
}
