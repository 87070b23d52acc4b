//! Partitioned tables, which the stream shows under the name of their root.

use super::{Mirror, NOTHING};
use crate::world::World;

#[tokio::test]
async fn a_partitioned_root_is_one_table() {
    let events = Mirror::open_at(
        "{region}/{id}",
        "create table kinds (id int primary key, name text);
         create table events (id int, region text, kind_id int references kinds, name text, primary key (region, id)) partition by list (region);
         create table events_eu partition of events for values in ('de', 'fr') partition by range (id);
         create table events_eu_low partition of events_eu for values from (0) to (100);
         -- Its columns stand in another order.
         create table events_eu_high (name text, kind_id int, region text not null, extra int, id int not null, primary key (region, id));
         alter table events_eu_high drop column extra;
         alter table events_eu attach partition events_eu_high for values from (100) to (1000);
         create table events_rest partition of events default;
         create index on events (kind_id);
         insert into kinds values (1, 'k'), (2, 'l');
         insert into events values (1, 'de', 1, 'a'), (100, 'fr', 2, 'b'), (1, 'us', 1, 'c')",
        r#"
table = "events"
document = { name = "name", kind = "kind.name" }
[syncs.d.one.kind]
table = "kinds"
"#,
        "select e.region || '/' || e.id, json_build_object('name', e.name, 'kind', k.name) from events e left join kinds k on k.id = e.kind_id",
    )
    .await;
    assert_eq!(
        events.after("update events set name = 'x'").await,
        ["PUT de/1", "PUT fr/100", "PUT us/1"]
    );
    assert_eq!(
        events.after("update kinds set name = 'kk' where id = 1").await,
        ["PUT de/1", "PUT us/1"]
    );
    assert_eq!(
        events.after("update events set id = 500 where region = 'de'").await,
        ["DELETE de/1", "PUT de/500"]
    );
    assert_eq!(
        events
            .after("update events set region = 'us', id = 2 where region = 'fr'")
            .await,
        ["DELETE fr/100", "PUT us/2"]
    );
    assert_eq!(
        events
            .after("insert into events_rest values (3, 'jp', 2, 'direct')")
            .await,
        ["PUT jp/3"]
    );
    assert_eq!(
        events.after("delete from events_rest where region = 'us'").await,
        ["DELETE us/1", "DELETE us/2"]
    );
    assert_eq!(events.after("truncate events").await, ["DELETE de/500", "DELETE jp/3"]);
}

#[tokio::test]
async fn rows_of_a_partitioned_child_move_between_subjects_and_partitions() {
    let orders = Mirror::open(
        "create table orders (id int primary key, name text);
         create table lines (id int, order_id int not null references orders, year int, qty int, primary key (id, year)) partition by range (year);
         create index on lines (order_id);
         create table lines_2023 partition of lines for values from (2023) to (2024);
         create table lines_2024 partition of lines for values from (2024) to (2025);
         alter table lines replica identity full; alter table lines_2023 replica identity full; alter table lines_2024 replica identity full;
         insert into orders select n, 'order ' || n from generate_series(1, 4) n;
         insert into lines values (1, 1, 2023, 1), (2, 2, 2024, 2), (3, 1, 2024, 3)",
        r#"
table = "orders"
document = { name = "name" }
[syncs.d.many.lines]
document = { year = "year", qty = "qty" }
aggregate = { quantity = "sum(qty)" }
"#,
        "select o.id::text, json_build_object('name', o.name, 'quantity', (select sum(qty) from lines where order_id = o.id),
                'lines', array(select json_build_object('year', year, 'qty', qty) from lines where order_id = o.id order by id, year)) from orders o",
    )
    .await;
    assert_eq!(orders.after("update lines set qty = 9 where id = 1").await, ["PUT 1"]);
    assert_eq!(
        orders.after("update lines set order_id = 3 where id = 1").await,
        ["PUT 1", "PUT 3"]
    );
    assert_eq!(
        orders
            .after("update lines set order_id = 4, year = 2024 where id = 1")
            .await,
        ["PUT 3", "PUT 4"]
    );
    assert_eq!(orders.after("delete from lines_2024 where id = 2").await, ["PUT 2"]);
    assert_eq!(
        orders.after("insert into lines values (7, 2, 2023, 1)").await,
        ["PUT 2"]
    );
    // A partition that comes later.
    let added = "create table lines_2025 partition of lines for values from (2025) to (2026); alter table lines_2025 replica identity full;
                 insert into lines values (8, 2, 2025, 1)";
    assert_eq!(orders.after(added).await, ["PUT 2"]);
    assert_eq!(
        orders.after("update lines set order_id = 3 where id = 8").await,
        ["PUT 2", "PUT 3"]
    );
    assert_eq!(
        orders.after("truncate lines").await,
        ["PUT 1", "PUT 2", "PUT 3", "PUT 4"]
    );
    assert_eq!(orders.after("truncate lines").await, NOTHING);
}

#[tokio::test]
async fn a_table_is_read_with_those_that_inherit_from_it() {
    let cities = Mirror::open(
        "create table countries (id int primary key, name text);
         create table cities (id int primary key, country_id int, name text);
         create table capitals (seat text) inherits (cities);
         alter table capitals add primary key (id);
         create table old_capitals (until int) inherits (capitals);
         alter table old_capitals add primary key (id);
         create index on cities (country_id); create index on capitals (country_id); create index on old_capitals (country_id);
         insert into countries values (1, 'A'), (2, 'B');
         insert into cities values (1, 1, 'one'), (2, 2, 'two');
         insert into capitals values (3, 1, 'three', 'x');
         insert into old_capitals values (4, 2, 'four', 'y', 1900)",
        r#"
table = "cities"
document = { name = "name", country = "country.name" }
[syncs.d.one.country]
table = "countries"
on = { id = "country_id" }
"#,
        "select c.id::text, json_build_object('name', c.name, 'country', k.name) from cities c left join countries k on k.id = c.country_id",
    )
    .await;
    assert_eq!(
        cities.after("update cities set name = name || '!'").await,
        ["PUT 1", "PUT 2", "PUT 3", "PUT 4"]
    );
    assert_eq!(
        cities.after("update countries set name = 'C' where id = 2").await,
        ["PUT 2", "PUT 4"]
    );
    assert_eq!(
        cities.after("insert into capitals values (5, 1, 'five', 'z')").await,
        ["PUT 5"]
    );
    assert_eq!(cities.after("delete from old_capitals").await, ["DELETE 4"]);
    assert_eq!(
        cities.after("truncate cities").await,
        ["DELETE 1", "DELETE 2", "DELETE 3", "DELETE 5"]
    );
}

/// The stream shows its rows under the name of the root as soon as that is published, too.
#[tokio::test]
async fn a_partition_has_a_sync_of_its_own_beside_its_root() {
    let world = World::new().await;
    world
        .sql(
            "create table items (id int primary key, name text) partition by range (id);
             create table items_low partition of items for values from (0) to (100);
             create table items_high partition of items for values from (100) to (1000) partition by range (id);
             create table items_top partition of items_high for values from (100) to (1000);
             insert into items select n, 'item' from generate_series(1, 200, 50) n",
        )
        .await;
    let url = world.receiver().url();
    let sync = |table: &str| {
        format!(
            "[sinks.{table}]\ntype = \"http\"\nurl = \"{url}/{table}/{{id}}\"
             [syncs.{table}]\ntable = \"{table}\"\nsink = \"{table}\"\n"
        )
    };
    let tables = ["items", "items_low", "items_high"];
    let config = world.config(&tables.map(sync).concat());
    let _engine = world.synced(&config).await;
    world
        .sql(
            "update items set name = 'changed';
             insert into items values (2, 'new'), (102, 'new');
             delete from items where id in (51, 151)",
        )
        .await;
    world.settled().await;
    for table in tables {
        let documents = format!("select '/{table}/' || id, to_jsonb(t) from {table} t");
        world.assert_converged(&documents, &format!("/{table}/")).await;
    }
}
