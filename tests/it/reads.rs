//! Which columns count, as Postgres says, and what is refused because nobody listens to it.

use std::fmt::Write as _;

use insta::assert_snapshot;
use walsift::config::Config;
use walsift::pipeline::{Databases, prepare};
use walsift::plan::ReadColumns;

use crate::world::World;

/// For each table that the sync listens to the columns that count, and what was found wrong.
async fn reads(world: &World, sync: &str) -> String {
    let environment = |name: &str| std::env::var(name).ok();
    let config = world.config(&format!(
        "[syncs.d]\nsink = \"out\"\n{sync}\n[sinks.out]\ntype = \"stdout\"\n[sinks.shop_api]\ntype = \"stdout\""
    ));
    let loaded = Config::load(&config, &environment).unwrap();
    let databases = Databases::open(&loaded.config).unwrap();
    let prepared = prepare(&loaded.config, &databases.source).await.unwrap();
    let mut said = String::new();
    for read in prepared.plans.iter().flat_map(|plan| &plan.reads) {
        let columns = match &read.columns {
            ReadColumns::All => "all".to_owned(),
            ReadColumns::Only(columns) => columns.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        writeln!(said, "{}.{}: {columns}", read.schema, read.table).unwrap();
    }
    for problem in &prepared.problems {
        let kind = if problem.warning { "warning" } else { "error" };
        let place = problem.place.as_ref().map_or("", |place| place.path.as_str());
        writeln!(said, "{kind} at {place}: {}", problem.summary).unwrap();
    }
    // Temporary things are gone again.
    let left: i64 = world
        .value("select count(*) from pg_class where relname like 'w$%'")
        .await;
    assert_eq!(left, 0);
    said
}

const SHOP: &str = "create table customers (id int primary key, name text, email text, tier text);
     create table orders (id int primary key, customer_id int references customers, status text, note text, weight int,
                          heavy boolean generated always as (weight > 10) stored);
     create table lines (id int primary key, order_id int references orders, product_id int, qty int, price numeric, sku text);
     create table products (id int primary key, name text, descr text, stock int);
     create table labels (id int primary key, name text);
     create table order_labels (order_id int references orders, label_id int references labels, by_whom text,
                                primary key (order_id, label_id));
     create table rates (tier text primary key, rate numeric, since date);
     create view good_rates as select tier, rate from rates where since > '2020-01-01';
     create index on orders (customer_id); create index on lines (order_id); create index on lines (product_id);
     create index on order_labels (label_id);
     alter table orders replica identity full; alter table lines replica identity full";

#[tokio::test]
async fn reads_are_columns_of_expressions_links_keys_and_order() {
    let world = World::new().await;
    world.sql(SHOP).await;
    let said = reads(
        &world,
        r#"
table = "orders"
where = "note is distinct from 'x'"
document = { status = "upper(status)", who = "customer.name || ' ' || customer.id" }
[syncs.d.one.customer]
table = "customers"
where = "tier <> 'none'"
[syncs.d.many.lines]
order_by = "price desc"
document = { qty = "qty", product = "product.name" }
aggregate = { total = "sum(qty)" }
[syncs.d.many.lines.one.product]
table = "products"
on = { id = "product_id" }
[syncs.d.many.labels]
through = "order_labels"
document = "name"
"#,
    )
    .await;
    assert_snapshot!(said, @r#"
    public.orders: customer_id, id, note, status
    public.customers: id, name, tier
    public.lines: id, order_id, price, product_id, qty
    public.products: id, name
    public.order_labels: label_id, order_id
    public.labels: id, name
    "#);
}

#[tokio::test]
async fn reads_of_whole_rows_generated_columns_and_system_columns_are_all() {
    let world = World::new().await;
    world.sql(SHOP).await;
    let said = reads(
        &world,
        r#"
table = "orders"
document = { heavy = "heavy", one = "to_json(customer)" }
[syncs.d.one.customer]
table = "customers"
[syncs.d.many.lines]
document = { version = "sku" }
aggregate = { rows = "json_agg(lines)" }
"#,
    )
    .await;
    assert_snapshot!(said, @r#"
    public.orders: all
    public.customers: all
    public.lines: all
    "#);
}

#[tokio::test]
async fn reads_of_a_document_without_members_are_all_of_the_root() {
    let world = World::new().await;
    world.sql(SHOP).await;
    assert_snapshot!(reads(&world, "table = 'customers'").await, @"public.customers: all");
}

#[tokio::test]
async fn reads_in_sub_selects_and_views_are_refused_unless_somebody_listens() {
    let world = World::new().await;
    world.sql(SHOP).await;
    let tree = r#"
table = "customers"
document = { name = "name", rate = "(select max(rate) from good_rates g where g.tier = customers.tier)" }
"#;
    assert_snapshot!(reads(&world, tree).await, @r#"
    public.customers: id, name, tier
    error at syncs.d.document.rate: `public.rates` (rate, since, tier) is read, but nothing says which subjects its changes touch
    "#);
    let listening = format!("{tree}[syncs.d.changes]\nrates = 'all'");
    assert_snapshot!(reads(&world, &listening).await, @r#"
    public.customers: id, name, tier
    public.rates: rate, since, tier
    "#);
    // The tree listens to it, but for other rows.
    let itself = r#"
table = "customers"
document = { name = "name", peers = "(select count(*) from customers c where c.tier = customers.tier)" }
"#;
    assert_snapshot!(reads(&world, itself).await, @r#"
    public.customers: id, name, tier
    error at syncs.d.document.peers: `public.customers` (tier) is read, but nothing says which subjects its changes touch
    "#);
}

#[tokio::test]
async fn reads_of_functions_cannot_be_seen() {
    let world = World::new().await;
    world.sql(SHOP).await;
    world
        .sql(
            "create function total(int) returns bigint stable language sql as 'select sum(qty) from lines where order_id = $1';
             create function twice(int) returns int immutable language sql as 'select 2 * $1'",
        )
        .await;
    let said = reads(
        &world,
        "table = 'orders'\ndocument = { total = \"total(id)\", two = \"twice(id)\" }",
    )
    .await;
    assert_snapshot!(said, @r#"
    public.orders: all
    warning at syncs.d.document.total: what total(integer) reads cannot be seen, so every change of a row counts
    "#);
}

/// Of a row that is given away nothing is known, so the other tables of the document count with all their columns as well.
#[tokio::test]
async fn reads_of_functions_of_a_row_cannot_be_seen_either() {
    let world = World::new().await;
    world.sql(SHOP).await;
    world
        .sql(
            "create function tier(orders) returns text stable language sql as 'select tier from customers where id = $1.customer_id'",
        )
        .await;
    let said = reads(
        &world,
        "table = 'orders'
         document = { tier = \"tier(orders)\", name = \"customer.name\" }
         [syncs.d.one.customer]
         table = \"customers\"",
    )
    .await;
    assert_snapshot!(said, @r#"
    public.orders: all
    public.customers: all
    warning at syncs.d.document.tier: what this expression reads cannot be seen, so every change of a row counts
    "#);
}

#[tokio::test]
async fn reads_of_a_statement_by_hand_must_all_be_listened_to() {
    let world = World::new().await;
    world.sql(SHOP).await;
    let sync = r#"
table = "orders"
sql = """
select o.id, json_build_object('status', o.status, 'qty', (select sum(qty) from lines l where l.order_id = o.id)) as document
  from orders o where o.id = any($1)"""
[syncs.d.changes]
orders = ["id"]
"#;
    assert_snapshot!(reads(&world, sync).await, @r#"
    public.orders: id, status
    error at syncs.d.sql: `public.lines` (order_id, qty) is read, but nothing says which subjects its changes touch
    "#);
    assert_snapshot!(reads(&world, &format!("{sync}lines = ['order_id']")).await, @r#"
    public.orders: id, status
    public.lines: order_id, qty
    "#);
    // A table that the statement doesn't read is somebody's business all the same.
    assert_snapshot!(reads(&world, &format!("{sync}lines = ['order_id']\nrates = 'all'")).await, @r#"
    public.orders: id, status
    public.lines: order_id, qty
    public.rates: all
    "#);
}

#[tokio::test]
async fn without_temporary_tables_any_change_counts() {
    let world = World::new().await;
    world.sql(SHOP).await;
    // Roles are the server's, not the database's.
    let role = world.slot();
    let deny = format!(
        "create role {role} login; grant usage on schema public to {role}; grant select on all tables in schema public to {role};
         do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$"
    );
    world.sql(&deny).await;
    let url = world.url().replacen("postgres@", &format!("{role}@"), 1);
    let said = reads(
        &world,
        &format!("table = 'orders'\ndocument = {{ status = \"status\" }}\n[source]\nurl = '{url}'"),
    )
    .await;
    let said: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("public.orders") || line.contains("every change"))
        .collect();
    let database: String = world.value("select current_database()::text").await;
    assert_snapshot!(said.join("\n").replace(&database, "DATABASE"), @r#"
    public.orders: all
    warning at syncs.d: postgres cannot say which columns count, so every change of a row counts: permission denied to create temporary tables in database "DATABASE" (SQLSTATE 42501)
    "#);
}
