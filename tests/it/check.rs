//! `walsift check`: what it finds in the database, how it says so, and that its remedies are remedies.

use insta::assert_snapshot;
use serde_json::Value;
use walsift::demo::ClusterSettings;

use crate::world::{DEADLINE, SHOP, World};

/// Exit status and what was said, on whichever stream, without what differs from run to run.
struct Said {
    status: Option<i32>,
    text: String,
}

async fn walsift(world: &World, verb: &[&str], config: &str) -> Said {
    let file = world.config(config);
    let file = file.to_str().unwrap();
    let output = world.walsift(&[verb, &["--config", file]].concat()).await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let database: String = world.value("select current_database()::text").await;
    let port: String = world.value("select current_setting('port')").await;
    let text = text
        .replace(file, "config.toml")
        .replace(world.slot(), "SLOT")
        .replace(&format!("127.0.0.1:{port}"), "127.0.0.1:PORT")
        .replace(&database, "DATABASE");
    // The arrows under an address are as long as it is.
    let text = arrows_of_one_length(&text);
    // Frames are followed by blanks on lines that say nothing else.
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Said {
        status: output.status.code(),
        text: lines.join("\n"),
    }
}

fn arrows_of_one_length(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for at in 1..lines.len() {
        if lines[at - 1].contains("127.0.0.1:PORT")
            && let Some(start) = lines[at].find("^^^^")
        {
            lines[at].truncate(start + 4);
        }
    }
    lines.join("\n")
}

async fn check(world: &World, config: &str) -> Said {
    walsift(world, &["check", "--skip-sinks"], config).await
}

/// Refused by `check` with these words, and by `run` with the same status.
async fn refused(world: &World, config: &str) -> String {
    let said = check(world, config).await;
    assert_eq!(said.status, Some(2), "{}", said.text);
    let mut engine = world.engine(&world.config(config));
    let status = engine.wait_exit(DEADLINE).await;
    assert_eq!(status.code(), Some(2), "run does not refuse: {}", said.text);
    assert_eq!(world.requests(), [""; 0]);
    said.text
}

/// Passes with these words.
async fn passed(world: &World, config: &str) -> String {
    let said = check(world, config).await;
    assert_eq!(said.status, Some(0), "{}", said.text);
    said.text
}

/// The statements that a finding ends with, as they can be pasted.
fn remedy(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    lines.filter(|line| line.ends_with(';')).collect::<Vec<_>>().join("\n")
}

/// Runs them one by one: some are not allowed in a transaction.
async fn run(world: &World, statements: &str) {
    assert!(!statements.is_empty(), "no remedy");
    for statement in statements.lines() {
        world.sql(statement).await;
    }
}

const OK: &str = "ok: nothing stands in the way";

#[tokio::test]
async fn a_shop_in_order_passes() {
    let world = World::with_shop().await;
    assert_eq!(passed(&world, SHOP).await, OK);
    // It has changed nothing.
    assert_eq!(world.value::<i64>("select count(*) from pg_publication").await, 0);
    assert!(
        !world
            .value::<bool>("select to_regnamespace('walsift') is not null")
            .await
    );
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let world = World::with_shop().await;
    let text = refused(&world, &SHOP.replace("\"customers\"", "\"costumers\"")).await;
    assert_snapshot!(text, @r#"
    error: there is no table `costumers`
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: a table outside the search path is written schema.name

    1 error
    "#);
}

#[tokio::test]
async fn a_view_is_refused_with_the_tables_underneath() {
    let world = World::with_shop().await;
    world
        .sql(
            "create view people as select c.*, o.id as order_id from customers c join orders o on o.customer_id = c.id",
        )
        .await;
    let text = refused(
        &world,
        &SHOP.replace("\"customers\"", "\"people\"\non = { order_id = \"id\" }"),
    )
    .await;
    assert_snapshot!(text, @r#"
    error: `people` is a view, whose changes are not in the WAL
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: the tables underneath: customers, orders

    1 error
    "#);
}

#[tokio::test]
async fn an_unlogged_table_is_refused_until_it_is_logged() {
    let world = World::with_shop().await;
    world.sql("alter table order_lines set unlogged").await;
    let text = refused(&world, SHOP).await;
    assert_snapshot!(text, @r#"
    error: `order_lines` is unlogged, its changes are not in the WAL
      --> config.toml:13:1
       |
    13 | [syncs.orders.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^

        alter table "public"."order_lines" set logged;

    1 error
    "#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, SHOP).await, OK);
}

#[tokio::test]
async fn an_unknown_column_is_shown_where_it_was_written() {
    let world = World::with_shop().await;
    let text = refused(&world, &SHOP.replace("customer.last_name", "customer.lastname")).await;
    assert_snapshot!(text, @r#"
    error: postgres rejects this: column customer.lastname does not exist (SQLSTATE 42703): Perhaps you meant to reference the column "customer.last_name".
     --> config.toml:8:22
      |
    8 | customer_full_name = "customer.first_name || ' ' || customer.lastname"
      |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 error
    "#);
}

#[tokio::test]
async fn expressions_take_no_parameters_and_no_statements() {
    let world = World::with_shop().await;
    let config = SHOP.replace("\"status\"", "\"status || $1\"").replace(
        "qty = \"qty\"",
        "qty = \"1) from orders; drop table orders; select (1\"",
    );
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: an expression cannot have parameters
     --> config.toml:7:16
      |
    7 | order_status = "status || $1"
      |                ^^^^^^^^^^^^^^

    error: postgres rejects this: syntax error at or near ";" (SQLSTATE 42601)
      --> config.toml:19:7
       |
    19 | qty = "1) from orders; drop table orders; select (1"
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    2 errors
    "#);
}

#[tokio::test]
async fn an_aggregate_belongs_under_aggregate() {
    let world = World::with_shop().await;
    let config = SHOP
        .replace("qty = \"qty\"", "qty = \"sum(qty)\"")
        .replace("\"count(*)\"", "\"qty + 1\"");
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: postgres rejects this: aggregate functions are not allowed in WHERE (SQLSTATE 42803)
      --> config.toml:19:7
       |
    19 | qty = "sum(qty)"
       |       ^^^^^^^^^^

    error: postgres rejects this: column "lines.qty" must appear in the GROUP BY clause or be used in an aggregate function (SQLSTATE 42803)
      --> config.toml:24:14
       |
    24 | line_count = "qty + 1"
       |              ^^^^^^^^^

    2 errors
    "#);
}

#[tokio::test]
async fn a_filter_is_a_condition_and_an_order_is_of_columns() {
    let world = World::with_shop().await;
    let config = SHOP
        .replace("table = \"orders\"", "table = \"orders\"\nwhere = \"status\"")
        .replace("order_by  = \"id\"", "order_by  = \"id desc nulls last, cost\"");
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: postgres rejects this: argument of IS TRUE must be type boolean, not type text (SQLSTATE 42804)
     --> config.toml:3:9
      |
    3 | where = "status"
      |         ^^^^^^^^

    error: postgres rejects this: column "cost" does not exist (SQLSTATE 42703)
      --> config.toml:16:12
       |
    16 | order_by = "id desc nulls last, cost"
       |            ^^^^^^^^^^^^^^^^^^^^^^^^^^

    2 errors
    "#);
}

#[tokio::test]
async fn several_foreign_keys_are_listed() {
    let world = World::with_shop().await;
    world
        .sql("alter table orders add referrer_id bigint references customers")
        .await;
    let text = refused(&world, SHOP).await;
    assert_snapshot!(text, @r#"
    error: several foreign keys link `customers` with `orders`
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: orders_customer_id_fkey: on = { id = "customer_id" }
       = help: orders_referrer_id_fkey: on = { id = "referrer_id" }

    1 error
    "#);
    let config = SHOP.replace("\"customers\"", "\"customers\"\non = { id = \"customer_id\" }");
    assert_eq!(passed(&world, &config).await, OK);
}

#[tokio::test]
async fn tables_without_a_foreign_key_need_on() {
    let world = World::with_shop().await;
    let config = SHOP.replace(
        ".one.customer]\ntable = \"customers\"",
        ".one.customer]\ntable = \"products\"",
    );
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: no foreign key links `products` with `orders`
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: on = { column_here = "column of the enclosing table" }

    1 error
    "#);
    let config = SHOP.replace("\"customers\"", "\"customers\"\non = { id = \"customer\" }");
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: `on`: table `orders` has no column `customer`
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: on = { column_here = "column of the enclosing table" }

    1 error
    "#);
}

#[tokio::test]
async fn a_one_of_which_there_may_be_many_is_refused() {
    let world = World::with_shop().await;
    let by_key = format!("{SHOP}\n[syncs.orders.one.line]\ntable = \"order_lines\"\ndocument = \"qty\"");
    assert_snapshot!(refused(&world, &by_key).await, @r#"
    error: no foreign key links `order_lines` with `orders`
      --> config.toml:13:1
       |
    13 | [syncs.orders.one.line]
       | ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: `order_lines` refers to `orders`, many rows to one: make it a `many`
       = help: on = { column_here = "column of the enclosing table" }

    1 error
    "#);
    let by_on = format!("{by_key}\non = {{ order_id = \"id\" }}");
    assert_snapshot!(refused(&world, &by_on).await, @r#"
    error: several rows of `order_lines` can have the same order_id: this is no `one`
      --> config.toml:13:1
       |
    13 | [syncs.orders.one.line]
       | ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: make it a `many`, or give the columns a unique index

    1 error
    "#);
}

#[tokio::test]
async fn a_root_without_a_key_needs_one_named() {
    let world = World::new().await;
    world
        .sql(
            "create table logs (code text, day date not null, line text not null, unique (day, line), unique (code));
             alter table logs replica identity full",
        )
        .await;
    let config = |key: &str| {
        format!(
            "[syncs.logs]\ntable = \"logs\"\nsink = \"shop_api\"\n{key}\n[sinks.shop_api]\nurl = \"http://localhost/{{day}}\""
        )
    };
    assert_snapshot!(refused(&world, &config("")).await, @r#"
    error: `logs` has no primary key
     --> config.toml:1:1
      |
    1 | [syncs.logs]
      | ^^^^^^^^^^^^
      |
      = help: name the columns of a unique key with `key = [...]`

    1 error
    "#);
    assert_snapshot!(refused(&world, &config("key = [\"code\"]")).await, @r#"
    error: key: no unique index makes code name one row of `logs`
     --> config.toml:1:1
      |
    1 | [syncs.logs]
      | ^^^^^^^^^^^^
      |
      = help: the columns must be not null and have a unique index that is not deferrable

    1 error
    "#);
    assert_snapshot!(refused(&world, &config("key = [\"day\", \"lines\"]")).await, @r#"
    error: key: `logs` has no column `lines`
     --> config.toml:1:1
      |
    1 | [syncs.logs]
      | ^^^^^^^^^^^^

    1 error
    "#);
    assert_eq!(passed(&world, &config("key = [\"line\", \"day\"]")).await, OK);
}

#[tokio::test]
async fn a_replica_identity_that_lacks_a_column_is_mended_by_the_index_that_is_there() {
    let world = World::with_shop().await;
    world.sql("alter table order_lines replica identity default").await;
    let text = refused(&world, SHOP).await;
    assert_snapshot!(text, @r#"
    error: the replica identity of `order_lines` does not carry order_id
      --> config.toml:13:1
       |
    13 | [syncs.orders.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: without the old value a row that moves or goes would leave its old subject stale

        alter table "public"."order_lines" replica identity using index "order_lines_identity";

    1 error
    "#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, SHOP).await, OK);
}

#[tokio::test]
async fn a_replica_identity_that_lacks_a_column_is_mended_by_a_new_index() {
    let world = World::with_shop().await;
    world
        .sql("alter table order_lines replica identity default; drop index order_lines_identity")
        .await;
    let text = refused(&world, SHOP).await;
    assert_eq!(
        remedy(&text),
        "create unique index concurrently \"order_lines_replica_identity\" on \"public\".\"order_lines\" (\"id\", \"order_id\");\n\
         alter table \"public\".\"order_lines\" replica identity using index \"order_lines_replica_identity\";"
    );
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, SHOP).await, OK);
}

#[tokio::test]
async fn a_replica_identity_that_lacks_a_nullable_column_is_mended_by_the_whole_row() {
    let world = World::with_shop().await;
    world
        .sql("alter table order_lines replica identity default; alter table order_lines alter order_id drop not null")
        .await;
    let text = refused(&world, SHOP).await;
    assert_eq!(
        remedy(&text),
        "alter table \"public\".\"order_lines\" replica identity full;"
    );
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, SHOP).await, OK);
}

#[tokio::test]
async fn a_table_without_any_replica_identity_is_refused_before_writes_to_it_fail() {
    let world = World::with_shop().await;
    world
        .sql("alter table customers replica identity nothing; alter table products drop constraint products_pkey cascade")
        .await;
    let config = SHOP.replace(
        "table = \"products\"",
        "table = \"products\"\non = { id = \"product_id\" }",
    );
    // Without its key a product is not one of many.
    assert!(refused(&world, &config).await.contains("this is no `one`"));
    world.sql("create unique index products_id on products (id)").await;
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: `customers` has no replica identity: postgres would reject updates and deletes once it is published
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^

        alter table "public"."customers" replica identity using index "customers_pkey";

    error: `products` has no replica identity: postgres would reject updates and deletes once it is published
      --> config.toml:26:1
       |
    26 | [syncs.orders.many.lines.one.product]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        alter table "public"."products" replica identity using index "products_id";

    2 errors
    "#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, &config).await, OK);
}

#[tokio::test]
async fn a_deferrable_key_is_no_replica_identity() {
    let world = World::with_shop().await;
    world
        .sql("create table notes (order_id int primary key deferrable references orders, body text)")
        .await;
    let config = format!("{SHOP}\n[syncs.orders.many.notes]\ndocument = \"body\"\n");
    let text = refused(&world, &config).await;
    assert!(text.contains("`notes` has no replica identity"), "{text}");
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, &config).await, OK);
    let _engine = world.synced(&world.config(&config)).await;
    world
        .sql("insert into orders (id, customer_id) select 1, id from customers limit 1; insert into notes select id, 'a' from orders")
        .await;
    world.sql("update notes set body = 'b'; delete from notes").await;
}

#[tokio::test]
async fn partitions_have_replica_identities_of_their_own() {
    let world = World::with_shop().await;
    world
        .sql(
            "drop table order_lines;
             create table order_lines (id bigint not null, order_id bigint not null references orders, product_id bigint not null references products,
                                       qty int, price numeric, primary key (id)) partition by range (id);
             create index on order_lines (order_id); create index on order_lines (product_id);
             create table order_lines_1 partition of order_lines for values from (0) to (100);
             create table order_lines_2 partition of order_lines for values from (100) to (200) partition by hash (id);
             create table \"order Lines 3\" partition of order_lines_2 for values with (modulus 1, remainder 0);
             alter table order_lines replica identity full; alter table order_lines_1 replica identity full",
        )
        .await;
    // What the WAL carries is up to the partition, whatever the root says.
    let text = refused(&world, SHOP).await;
    assert_snapshot!(text, @r#"
    error: the replica identity of `order Lines 3` does not carry order_id
      --> config.toml:13:1
       |
    13 | [syncs.orders.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: without the old value a row that moves or goes would leave its old subject stale

        create unique index concurrently "order Lines 3_replica_identity" on "public"."order Lines 3" ("id", "order_id");
        alter table "public"."order Lines 3" replica identity using index "order Lines 3_replica_identity";

    1 error
    "#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, SHOP).await, OK);
}

#[tokio::test]
async fn a_missing_index_is_a_warning() {
    let world = World::with_shop().await;
    world.sql("drop index orders_customer_id, order_lines_order_id").await;
    let text = passed(&world, SHOP).await;
    assert_snapshot!(text, @r#"
    warning: no index finds rows of `orders` by customer_id
     --> config.toml:1:1
      |
    1 | [syncs.orders]
      | ^^^^^^^^^^^^^^
      |
      = help: each look-up would read the whole table

        create index concurrently on "public"."orders" ("customer_id");

    warning: no index finds rows of `order_lines` by order_id
     --> config.toml:1:1
      |
    1 | [syncs.orders]
      | ^^^^^^^^^^^^^^
      |
      = help: each look-up would read the whole table

        create index concurrently on "public"."order_lines" ("order_id");

    2 warnings
    "#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, SHOP).await, OK);
}

#[tokio::test]
async fn a_member_and_a_column_may_not_claim_one_name() {
    let world = World::with_shop().await;
    let config = "[syncs.orders]\ntable = \"orders\"\nsink = \"shop_api\"\n[syncs.orders.many.lines]\ntable = \"order_lines\"\naggregate = { status = \"count(*)\" }";
    let text = refused(&world, config).await;
    assert_snapshot!(text, @r#"
    error: `status` is a column of `orders` and the name of a child or aggregate
     --> config.toml:1:1
      |
    1 | [syncs.orders]
      | ^^^^^^^^^^^^^^
      |
      = help: give the child another name, or name the members with `document`

    1 error
    "#);
}

#[tokio::test]
async fn a_server_that_writes_too_little_wal_is_refused() {
    let world = World::apart(ClusterSettings::default().with("wal_level", "replica")).await;
    world.shop().await;
    assert_snapshot!(refused(&world, SHOP).await, @r#"
    error: wal_level is replica, logical is wanted
      --> config.toml:30:7
       |
    30 | url = "postgresql://postgres@127.0.0.1:PORT/DATABASE"
       |       ^^^^

        alter system set wal_level = 'logical';  -- then restart the server

    1 error
    "#);
}

/// A configuration in which the source is read by another role.
fn as_role(world: &World, role: &str) -> String {
    let user = world
        .url()
        .split("://")
        .nth(1)
        .unwrap()
        .split(['@', ':'])
        .next()
        .unwrap()
        .to_owned();
    let url = world.url().replacen(&format!("//{user}"), &format!("//{role}"), 1);
    format!("{SHOP}\n[source]\nurl = \"{url}\"")
}

#[tokio::test]
async fn rows_hidden_by_a_policy_are_pointed_out() {
    let world = World::with_shop().await;
    let role: String = world.value("select current_database() || '_tenant'").await;
    let setup = format!(
        "create role {role} login replication; grant select on all tables in schema public to {role};
         create publication walsift for table customers, products, orders, order_lines with (publish_via_partition_root = true);
         create schema walsift authorization {role};
         alter table orders enable row level security; create policy those on orders using (id > 0)"
    );
    world.sql(&setup).await;
    let text = passed(&world, &as_role(&world, &role)).await;
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_snapshot!(warnings.join("\n"), @r#"warning: row-level security hides rows of "public"."orders" from role "DATABASE_tenant""#);
    let remedy = remedy(&text);
    assert_snapshot!(remedy, @r#"alter role "DATABASE_tenant" bypassrls;"#);
    let database: String = world.value("select current_database()::text").await;
    run(&world, &remedy.replace("DATABASE", &database)).await;
    assert_eq!(passed(&world, &as_role(&world, &role)).await, OK);
}

#[tokio::test]
async fn a_role_that_may_do_nothing_is_told_all_that_it_needs() {
    let world = World::with_shop().await;
    let role: String = world.value("select current_database() || '_reader'").await;
    world.sql(&format!("create role {role} login")).await;
    let text = refused(&world, &as_role(&world, &role)).await;
    let errors = text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect::<Vec<_>>();
    assert_snapshot!(errors.join("\n"), @r#"
    error: role "DATABASE_reader" may not replicate
    error: role "DATABASE_reader" may not create a publication
    error: role "DATABASE_reader" may not read "public"."customers"
    error: role "DATABASE_reader" may not publish "public"."customers", which is not its own
    error: role "DATABASE_reader" may not read "public"."products"
    error: role "DATABASE_reader" may not publish "public"."products", which is not its own
    error: role "DATABASE_reader" may not read "public"."orders"
    error: role "DATABASE_reader" may not publish "public"."orders", which is not its own
    error: role "DATABASE_reader" may not read "public"."order_lines"
    error: role "DATABASE_reader" may not publish "public"."order_lines", which is not its own
    error: role "DATABASE_reader" may not make the schema walsift for the state
    "#);
    let remedy = remedy(&text);
    assert_snapshot!(remedy, @r#"
    alter role "DATABASE_reader" replication;
    grant create on database "DATABASE" to "DATABASE_reader";
    grant select on "public"."customers" to "DATABASE_reader";
    grant select on "public"."products" to "DATABASE_reader";
    grant select on "public"."orders" to "DATABASE_reader";
    grant select on "public"."order_lines" to "DATABASE_reader";
    create schema "walsift" authorization "DATABASE_reader";
    "#);
    run(
        &world,
        &remedy.replace(
            "DATABASE",
            &world.value::<String>("select current_database()::text").await,
        ),
    )
    .await;
    // Only an owner can publish a table; with that and a place for the state nothing is missing.
    let owned = "alter table customers owner to {role}; alter table products owner to {role}; alter table orders owner to {role};
                 alter table order_lines owner to {role}";
    world.sql(&owned.replace("{role}", &role)).await;
    assert_eq!(passed(&world, &as_role(&world, &role)).await, OK);
    world.stock_shop(1, 1).await;
    let _engine = world.synced(&world.config(&as_role(&world, &role))).await;
    assert_eq!(world.requests(), ["PUT /orders/1"]);
    world.sql(&format!("reassign owned by {role} to current_user")).await;
}

#[tokio::test]
async fn a_publication_kept_by_others_must_show_every_table() {
    let world = World::with_shop().await;
    let config = format!("{SHOP}\n[source]\nmanage = false\npublication = \"ours\"");
    let text = refused(&world, &config).await;
    // From Postgres 18 on.
    let shown = text.replace(", publish_generated_columns = stored", "");
    assert_snapshot!(shown, @r#"
    error: publication "ours" does not show every table that the syncs read
      --> config.toml:32:7
       |
    32 | url = "postgresql://postgres@127.0.0.1:PORT/DATABASE"
       |       ^^^^
       |
       = help: with manage = true it would be kept in step

        create publication "ours" for table "public"."customers", "public"."products", "public"."orders", "public"."order_lines" with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);

    1 error
    "#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, &config).await, OK);
    world.sql("alter publication ours drop table products").await;
    let text = refused(&world, &config).await;
    assert_snapshot!(remedy(&text), @r#"alter publication "ours" add table "public"."products";"#);
    run(&world, &remedy(&text)).await;
    assert_eq!(passed(&world, &config).await, OK);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_another_matter() {
    let world = World::new().await;
    let url = world.url();
    let (start, _) = url.rsplit_once('/').unwrap();
    for (url, wanted) in [
        ("postgres://postgres:hidden@127.0.0.1:1/x", "Connection refused"),
        (&format!("{start}/not_there"), "does not exist"),
    ] {
        let said = check(&world, &format!("{SHOP}\n[source]\nurl = \"{url}\"")).await;
        assert_eq!(said.status, Some(3), "{}", said.text);
        assert!(
            said.text.contains("the source is not ready: cannot reach the source"),
            "{}",
            said.text
        );
        assert!(said.text.contains(wanted), "{}", said.text);
        assert!(!said.text.contains("hidden@"), "{}", said.text);
    }
    let said = check(&world, "[syncs.a]\ntable = \"pg_catalog.pg_class\"\nkey = [\"oid\"]\nsink = \"shop_api\"\n[state]\nurl = \"postgres://x@127.0.0.1:1/x\"").await;
    assert!(said.text.contains("the state database is not ready"), "{}", said.text);
    assert_eq!(said.status, Some(3), "{}", said.text);
}

#[tokio::test]
async fn everything_is_said_at_once_and_as_json_too() {
    let world = World::with_shop().await;
    world
        .sql("drop index orders_customer_id; alter table order_lines replica identity default")
        .await;
    let config = SHOP
        .replace("\"customers\"", "\"costumers\"")
        .replace("\"status\"", "\"state\"")
        .replace("\"sum(qty * price)\"", "\"sum(qty * cost)\"");
    let second = "[syncs.people]\ntable = \"customers\"\nsink = \"shop_api\"\ndocument = { name = \"name\" }\n\
                  [syncs.people.many.orders]\ndocument = { state = \"state\" }\n\
                  [syncs.lines]\ntable = \"orders\"\nsink = \"shop_api\"\n[syncs.lines.many.lines]\ntable = \"order_lines\"\ndocument = \"qty\"";
    let config = format!("{config}\n{second}");
    let text = refused(&world, &config).await;
    assert_snapshot!(text, @r#"
    error: there is no table `costumers`
      --> config.toml:10:1
       |
    10 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: a table outside the search path is written schema.name

    error: postgres rejects this: column "name" does not exist (SQLSTATE 42703)
      --> config.toml:34:8
       |
    34 | name = "name"
       |        ^^^^^^

    error: the replica identity of `orders` does not carry customer_id
      --> config.toml:36:20
       |
    36 | [syncs.people.many.orders.document]
       |                    ^^^^^^
       |
       = help: without the old value a row that moves or goes would leave its old subject stale

        create unique index concurrently "orders_replica_identity" on "public"."orders" ("id", "customer_id");
        alter table "public"."orders" replica identity using index "orders_replica_identity";

    error: postgres rejects this: column "state" does not exist (SQLSTATE 42703): Perhaps you meant to reference the column "orders.status".
      --> config.toml:37:9
       |
    37 | state = "state"
       |         ^^^^^^^

    error: the replica identity of `order_lines` does not carry order_id
      --> config.toml:43:1
       |
    43 | [syncs.lines.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: without the old value a row that moves or goes would leave its old subject stale

        alter table "public"."order_lines" replica identity using index "order_lines_identity";

    warning: no index finds rows of `orders` by customer_id
      --> config.toml:29:1
       |
    29 | [syncs.people]
       | ^^^^^^^^^^^^^^
       |
       = help: each look-up would read the whole table

        create index concurrently on "public"."orders" ("customer_id");

    5 errors, 1 warning
    "#);

    let said = walsift(&world, &["check", "--json"], &config).await;
    assert_eq!(said.status, Some(2));
    let json: Value = serde_json::from_str(&said.text).unwrap();
    let problems = json["problems"].as_array().unwrap();
    assert_eq!(
        json["errors"].as_u64().unwrap() + json["warnings"].as_u64().unwrap(),
        problems.len() as u64
    );
    for problem in problems {
        assert!(text.contains(problem["summary"].as_str().unwrap()), "{problem}");
        let place = format!("config.toml:{}:{}", problem["line"], problem["column"]);
        assert!(text.contains(&place), "{problem}");
    }
    let sql = "alter table \"public\".\"order_lines\" replica identity using index \"order_lines_identity\";";
    assert!(problems.iter().any(|problem| problem["sql"] == sql), "{}", said.text);

    let said = walsift(&world, &["check", "--json"], SHOP).await;
    run(&world, sql).await;
    assert_eq!(said.status, Some(2), "the statement was not needed");
    let said = walsift(&world, &["check", "--json"], SHOP).await;
    let json: Value = serde_json::from_str(&said.text).unwrap();
    assert_eq!(
        (said.status, &json["errors"], &json["warnings"]),
        (Some(0), &0.into(), &1.into())
    );
}

#[tokio::test]
async fn the_version_is_told() {
    let world = World::new().await;
    let output = world.walsift(&["--version"]).await;
    assert!(output.status.success());
    let wanted = concat!("walsift ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), wanted);
}

#[tokio::test]
async fn bad_usage_is_told_from_failure() {
    let world = World::new().await;
    for arguments in [
        &["check", "--no-such-option"][..],
        &["chekc"],
        &["check", "--config", "not-there.toml"],
        &[],
    ] {
        assert_eq!(world.walsift(arguments).await.status.code(), Some(2), "{arguments:?}");
    }
}
