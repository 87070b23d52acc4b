//! Generated columns: the stored ones are in the stream only where Postgres demands it, the virtual ones (from version 18
//! on) never.

use serde_json::Value;

use super::{Mirror, NOTHING};
use crate::world::{DEADLINE, World, eventually};

const BOOKS: &str = "
    create table shelves (id int primary key, name text);
    create table books (id int primary key, shelf_id int references shelves, title text, words int, note text);
    create index on books (shelf_id);
    alter table books replica identity full;
    insert into shelves values (1, 'low'), (2, 'high');
    insert into books values (1, 1, 'Emma', 160000), (2, 1, 'Persuasion', 88000), (3, null, 'Sanditon', 24000)";

const SHELVES_SYNC: &str = r#"
table = "shelves"
document = { name = "name" }
[syncs.d.many.books]
document = { title = "title", long = "long" }
"#;

const SHELVES: &str = "
    select s.id, jsonb_build_object('name', s.name, 'books', coalesce(
               (select jsonb_agg(jsonb_build_object('title', b.title, 'long', b.long) order by b.id)
                  from books b where b.shelf_id = s.id), '[]'))
      from shelves s";

impl World {
    /// What `check` says of the syncs, and the SQL that it proposes.
    async fn checked(&self, config: &str) -> (Vec<String>, Vec<String>) {
        let config = self.config(config);
        let output = self
            .walsift(&["check", "--json", "--config", config.to_str().unwrap()])
            .await;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = report["problems"].as_array().unwrap();
        let said = problems.iter().map(|problem| {
            let help: Vec<&str> = problem["help"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            format!("{}; {}", problem["summary"].as_str().unwrap(), help.join("; "))
        });
        let sql = problems.iter().filter_map(|problem| problem["sql"].as_str());
        (said.collect(), sql.map(str::to_owned).collect())
    }

    /// From Postgres 18 on.
    async fn has_virtual_columns(&self) -> bool {
        self.major().await >= 18
    }
}

/// From version 18 on Postgres rejects the application's writes of such a table, unless what is generated is published.
#[tokio::test]
async fn old_rows_may_be_carried_whole_where_there_is_a_stored_generated_column() {
    let shelves = Mirror::open(
        &format!("{BOOKS}; alter table books add long boolean generated always as (words > 100000) stored"),
        SHELVES_SYNC,
        SHELVES,
    )
    .await;
    assert_eq!(
        shelves.after("update books set words = 5 where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(shelves.after("update books set words = 6, note = 'n'").await, NOTHING);
    assert_eq!(
        shelves.after("update books set shelf_id = 2 where id = 2").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(shelves.after("delete from books where id = 1").await, ["PUT 1"]);
}

#[tokio::test]
async fn a_generated_column_in_the_replica_identity_does_not_make_writes_fail() {
    let items = Mirror::open(
        "create table items (id int primary key, name text, twice int not null generated always as (id * 2) stored);
         create unique index by_twice on items (id, twice);
         alter table items replica identity using index by_twice;
         insert into items values (1, 'a'), (2, 'b')",
        "table = \"items\"\ndocument = { name = \"name\", twice = \"twice\" }",
        "select id, jsonb_build_object('name', name, 'twice', twice) from items",
    )
    .await;
    assert_eq!(items.after("update items set name = 'x'").await, ["PUT 1", "PUT 2"]);
    assert_eq!(
        items.after("update items set id = 3 where id = 1").await,
        ["DELETE 1", "PUT 3"]
    );
    assert_eq!(items.after("delete from items where id = 2").await, ["DELETE 2"]);
}

#[tokio::test]
async fn a_generated_column_names_no_subjects() {
    let world = World::new().await;
    world
        .sql("create table items (id int, twice int generated always as (id * 2) stored primary key)")
        .await;
    let sync = "[syncs.d]\nsink = \"shop_api\"\ntable = \"items\"\n";
    let (said, _) = world.checked(sync).await;
    assert!(
        said[0].contains("generated column, which the WAL does not carry"),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_publication_made_before_an_upgrade_shows_what_postgres_now_demands() {
    let world = World::new().await;
    if world.major().await < 18 {
        return;
    }
    world.sql(BOOKS).await;
    world
        .sql("alter table books add long boolean generated always as (words > 100000) stored")
        .await;
    let sync = format!("[syncs.d]\nsink = \"shop_api\"\n{SHELVES_SYNC}");
    let config = world.config(&sync);
    let mut engine = world.synced(&config).await;
    engine.kill9();
    let generated = "select pubgencols::text from pg_publication";
    world
        .sql("alter publication walsift set (publish_generated_columns = none)")
        .await;
    let _engine = world.synced(&config).await;
    assert_eq!(world.value::<String>(generated).await, "s");
    assert_eq!(
        world.caused_by("update books set words = 5 where id = 1").await,
        ["PUT /orders/1"]
    );

    // Of a publication that is not ours it is said.
    world
        .sql("alter publication walsift set (publish_generated_columns = none)")
        .await;
    let (said, sql) = world.checked(&format!("{sync}\n[source]\nmanage = false")).await;
    assert!(said[0].contains("leaves out long of"), "{said:?}");
    for statement in &sql {
        world.sql(statement).await;
    }
    assert_eq!(world.value::<String>(generated).await, "s");
    world.sql("delete from books").await;
}

/// From Postgres 17 on; nothing of it is in the WAL as changes of rows. Of virtual ones Postgres refuses it where the table
/// is published.
#[tokio::test]
async fn another_expression_of_a_generated_column_visits_every_subject() {
    if World::new().await.major().await < 17 {
        return;
    }
    let items = Mirror::open(
        "create table items (id int primary key, more int generated always as (id * 2) stored);
         insert into items values (1), (2)",
        "table = \"items\"\ndocument = { more = \"more\" }",
        "select id, jsonb_build_object('more', more) from items",
    )
    .await;
    items.world.receiver().clear_journal();
    items
        .world
        .sql("alter table items alter more set expression as (id * 3)")
        .await;
    items.world.receiver().wait_for_requests(2, DEADLINE).await.unwrap();
    assert_eq!(items.after("delete from items where id = 1").await, ["DELETE 1"]);
}

/// From Postgres 18 on.
#[tokio::test]
async fn a_virtual_generated_column_changes_with_what_it_is_made_from() {
    if !World::new().await.has_virtual_columns().await {
        return;
    }
    let schema = BOOKS.replace("shelf_id int references", "shelf_id int not null references");
    let schema = schema.replace(", (3, null, 'Sanditon', 24000)", "");
    let shelves = Mirror::open(
        &format!(
            "{schema};
             alter table books add long boolean generated always as (words > 100000) virtual;
             alter table shelves add loud text generated always as (upper(name)) virtual;
             create unique index identity on books (id, shelf_id);
             alter table books replica identity using index identity"
        ),
        &SHELVES_SYNC.replace("name = \"name\"", "name = \"loud\""),
        &SHELVES.replace("s.name", "s.loud"),
    )
    .await;
    assert_eq!(
        shelves.after("update books set words = 5 where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(shelves.after("update books set words = 6, note = 'n'").await, NOTHING);
    assert_eq!(
        shelves.after("update shelves set name = 'new' where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(
        shelves.after("update books set shelf_id = 2 where id = 2").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(shelves.after("delete from books where id = 1").await, ["PUT 1"]);
}

/// From Postgres 18 on.
#[tokio::test]
async fn old_rows_with_a_virtual_generated_column_are_never_to_be_carried_whole() {
    let world = World::new().await;
    if !world.has_virtual_columns().await {
        return;
    }
    world.sql(BOOKS).await;
    world
        .sql("alter table books add long boolean generated always as (words > 100000) virtual")
        .await;
    let sync = format!("[syncs.d]\nsink = \"shop_api\"\n{SHELVES_SYNC}");
    let (said, sql) = world.checked(&sync).await;
    let rejected = "the replica identity of `books` has the virtual generated column long: postgres would reject";
    assert!(said.iter().any(|said| said.starts_with(rejected)), "{said:?}");
    // A null can be in no index that is an identity.
    assert!(
        said.iter().any(|said| said.contains("make shelf_id not null")),
        "{said:?}"
    );
    assert!(sql.is_empty(), "{sql:?}");
    let mut engine = world.engine(&world.config(&sync));
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(2));
    assert_eq!(world.value::<i64>("select count(*) from pg_publication").await, 0);
    world
        .sql("update books set words = 1; delete from books where id = 3")
        .await;

    world.sql("alter table books alter shelf_id set not null").await;
    let (_, sql) = world.checked(&sync).await;
    for statement in sql.iter().flat_map(|sql| sql.split_terminator(";\n")) {
        world.sql(statement.trim_end_matches(';')).await;
    }
    let _engine = world.synced(&world.config(&sync)).await;
    let moved = world.caused_by("update books set shelf_id = 2 where id = 1").await;
    assert_eq!(moved, ["PUT /orders/1", "PUT /orders/2"]);
}

/// From Postgres 18 on.
#[tokio::test]
async fn writes_fail_no_longer_than_it_takes_to_notice_a_virtual_generated_column() {
    let world = World::new().await;
    if !world.has_virtual_columns().await {
        return;
    }
    world.sql(BOOKS).await;
    let config = world.config(&format!(
        "[syncs.d]\nsink = \"shop_api\"\n{}",
        SHELVES_SYNC.replace(", long = \"long\"", "")
    ));
    let _engine = world.synced(&config).await;
    world
        .sql("alter table books add long boolean generated always as (words > 100000) virtual")
        .await;
    eventually(DEADLINE, "an update of the application's own", async || {
        let update = "update books set title = 'Unseen' where id = 1";
        world.connect().await.batch_execute(update).await.ok()
    })
    .await;
    world.sql("alter table books drop long").await;
    let oracle = SHELVES.replace(", 'long', b.long", "");
    let oracle = format!("select '/orders/' || id, document from ({oracle}) as o(id, document)");
    eventually(DEADLINE, "what was unseen", async || {
        world.divergence(&oracle, "/orders/").await.is_none().then_some(())
    })
    .await;
}
