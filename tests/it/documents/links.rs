//! What ties a child to its parent.

use super::{Mirror, NOTHING};

#[tokio::test]
async fn on_links_by_columns_without_a_foreign_key() {
    let orders = Mirror::open(
        "create table rates (id int primary key, code text not null unique, rate numeric not null);
         create table orders (id int primary key, currency text, amount numeric);
         create index on orders (currency);
         alter table rates replica identity using index rates_code_key;
         insert into rates values (1, 'EUR', 1.5), (2, 'USD', 1);
         insert into orders values (1, 'EUR', 10), (2, 'USD', 10), (3, 'XXX', 10), (4, null, 10), (5, 'EUR', 20)",
        r#"
table = "orders"
document = { amount = "amount * rate.rate", currency = "currency" }
[syncs.d.one.rate]
table = "rates"
on = { code = "currency" }
document = { rate = "rate" }
"#,
        "select o.id::text, json_build_object('amount', (select o.amount * rate from rates where code = o.currency),
                'currency', o.currency, 'rate', (select json_build_object('rate', rate) from rates where code = o.currency))
           from orders o",
    )
    .await;
    assert_eq!(
        orders.after("update rates set rate = 2 where code = 'EUR'").await,
        ["PUT 1", "PUT 5"]
    );
    assert_eq!(orders.after("insert into rates values (3, 'XXX', 7)").await, ["PUT 3"]);
    assert_eq!(
        orders.after("update rates set code = 'YYY' where code = 'EUR'").await,
        ["PUT 1", "PUT 5"]
    );
    assert_eq!(orders.after("delete from rates where code = 'XXX'").await, ["PUT 3"]);
    assert_eq!(orders.after("delete from rates where code = 'YYY'").await, NOTHING);
}

#[tokio::test]
async fn a_link_to_a_unique_column_that_is_not_the_key_is_looked_up() {
    let products = Mirror::open(
        "create table products (id int primary key, sku text not null unique, name text);
         create table stock (id int primary key, sku text not null references products (sku) on update cascade, amount int);
         create index on stock (sku);
         alter table stock replica identity full;
         insert into products select n, 'sku-' || n, 'product ' || n from generate_series(1, 5) n;
         insert into stock select n, 'sku-' || 1 + n % 3, n from generate_series(1, 9) n",
        r#"
table = "products"
document = { name = "name", sku = "sku" }
[syncs.d.many.stock]
document = { amount = "amount" }
aggregate = { available = "coalesce(sum(amount), 0)" }
"#,
        "select p.id::text, json_build_object('name', p.name, 'sku', p.sku,
                'stock', array(select json_build_object('amount', amount) from stock where sku = p.sku order by id),
                'available', (select coalesce(sum(amount), 0) from stock where sku = p.sku))
           from products p",
    )
    .await;
    assert_eq!(
        products.after("update stock set amount = 100 where id = 3").await,
        ["PUT 1"]
    );
    assert_eq!(
        products.after("update stock set sku = 'sku-4' where id = 3").await,
        ["PUT 1", "PUT 4"]
    );
    assert_eq!(products.after("delete from stock where id = 3").await, ["PUT 4"]);
    assert_eq!(
        products.after("update products set sku = 'sku-9' where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(
        products.after("insert into stock values (50, 'sku-9', 1)").await,
        ["PUT 2"]
    );
    // The old code changes hands: rows of the old owner are the new one's now.
    let requests = products
        .after(
            "insert into products values (8, 'sku-0', 'p'); update stock set sku = 'sku-0' where sku = 'sku-9';
             update products set sku = 'sku-2' where id = 2",
        )
        .await;
    assert_eq!(requests, ["PUT 2", "PUT 8"]);
}

#[tokio::test]
async fn two_foreign_keys_between_the_same_tables_are_told_apart_by_on() {
    let schema = "create table teams (id int primary key, name text);
         create table matches (id int primary key, home_id int references teams, away_id int references teams, goals int);
         create index on matches (home_id); create index on matches (away_id);
         alter table matches replica identity full;
         insert into teams select n, 'team ' || n from generate_series(1, 4) n;
         insert into matches values (1, 1, 2, 3), (2, 2, 1, 0), (3, 3, 1, 2), (4, 1, null, 0)";
    let matches = Mirror::open(
        schema,
        r#"
table = "matches"
document = { title = "home.name || ' - ' || coalesce(away.name, '?')" }
[syncs.d.one.home]
table = "teams"
on = { id = "home_id" }
[syncs.d.one.away]
table = "teams"
on = { id = "away_id" }
document = "name"
"#,
        "select m.id::text, json_build_object('title', h.name || ' - ' || coalesce(a.name, '?'), 'away', a.name)
           from matches m left join teams h on h.id = m.home_id left join teams a on a.id = m.away_id",
    );
    let teams = Mirror::open(
        schema,
        r#"
table = "teams"
document = { name = "name" }
[syncs.d.many.at_home]
table = "matches"
on = { home_id = "id" }
document = "id"
[syncs.d.many.away]
table = "matches"
on = { away_id = "id" }
document = "id"
aggregate = { goals_seen = "sum(goals)" }
"#,
        "select t.id::text, json_build_object('name', t.name,
                'at_home', array(select id from matches where home_id = t.id order by id),
                'away', array(select id from matches where away_id = t.id order by id),
                'goals_seen', (select sum(goals) from matches where away_id = t.id))
           from teams t",
    );
    let (matches, teams) = tokio::join!(matches, teams);
    assert_eq!(
        matches.after("update teams set name = 'FC' where id = 1").await,
        ["PUT 1", "PUT 2", "PUT 3", "PUT 4"]
    );
    assert_eq!(
        matches.after("update teams set name = 'SC' where id = 3").await,
        ["PUT 3"]
    );
    let swapped = "update matches set home_id = away_id, away_id = home_id where id = 1";
    assert_eq!(matches.after(swapped).await, ["PUT 1"]);
    assert_eq!(teams.after(swapped).await, ["PUT 1", "PUT 2"]);
    assert_eq!(
        teams.after("update matches set away_id = 4 where id = 4").await,
        ["PUT 4"]
    );
    assert_eq!(
        teams.after("update matches set goals = 9 where id = 3").await,
        ["PUT 1"]
    );
}

#[tokio::test]
async fn a_foreign_key_of_a_wider_type_finds_its_parent() {
    let parents = Mirror::open(
        "create table parents (id int primary key, code varchar(10) unique);
         create table children (id int primary key, parent_id bigint references parents, note text);
         create table notes (id int primary key, code text references parents (code), note text);
         create index on children (parent_id); create index on notes (code);
         alter table children replica identity full; alter table notes replica identity full;
         insert into parents values (1, 'a'), (2, 'b'), (3, null);
         insert into children values (1, 1, 'x'), (2, null, 'y'); insert into notes values (1, 'a', 'n')",
        r#"
table = "parents"
document = { code = "code" }
[syncs.d.many.children]
document = "note"
[syncs.d.many.notes]
document = "note"
"#,
        "select p.id::text, json_build_object('code', p.code,
                'children', array(select note from children where parent_id = p.id order by id),
                'notes', array(select note from notes where code = p.code order by id))
           from parents p",
    )
    .await;
    assert_eq!(
        parents.after("insert into children values (3, 2, 'z')").await,
        ["PUT 2"]
    );
    assert_eq!(
        parents.after("update children set parent_id = 3 where id = 1").await,
        ["PUT 1", "PUT 3"]
    );
    assert_eq!(parents.after("update notes set code = 'b'").await, ["PUT 1", "PUT 2"]);
}

#[tokio::test]
async fn a_value_that_no_key_can_have_belongs_to_nobody() {
    let parents = Mirror::open(
        "create table parents (id int primary key);
         create domain positive as int check (value > 0);
         create table children (id int primary key, parent_id bigint, note text);
         create index on children (parent_id);
         alter table children replica identity full;
         insert into parents values (1), (2)",
        r#"
table = "parents"
[syncs.d.many.children]
on = { parent_id = "id" }
document = "note"
"#,
        "select p.id::text, json_build_object('id', p.id,
                'children', array(select note from children where parent_id = p.id order by id)) from parents p",
    )
    .await;
    let requests = parents
        .after("insert into children values (1, 5000000000, 'far'), (2, 1, 'near')")
        .await;
    assert_eq!(requests, ["PUT 1"]);
    assert_eq!(
        parents.after("update children set parent_id = 2 where id = 1").await,
        ["PUT 2"]
    );
    assert_eq!(
        parents
            .after("update children set parent_id = -9000000000 where id = 1")
            .await,
        ["PUT 2"]
    );
    let failed = "select count(*) from walsift.attempt";
    assert_eq!(parents.world.value::<i64>(failed).await, 0);
}

#[tokio::test]
async fn a_nullable_link_may_lead_to_nobody_and_back() {
    let orders = Mirror::open(
        "create table customers (id int primary key, name text);
         create table orders (id int primary key, customer_id int references customers);
         create index on orders (customer_id);
         alter table orders replica identity full;
         insert into customers values (1, 'Ada'), (2, 'Bob');
         insert into orders values (1, 1), (2, null)",
        r#"
table = "orders"
document = { known = "customer.id is not null" }
[syncs.d.one.customer]
table = "customers"
document = { name = "name", orders_at_all = "true" }
[syncs.d.one.customer.many.orders]
table = "orders"
document = "id"
"#,
        "select o.id::text, json_build_object('known', o.customer_id is not null,
                'customer', (select json_build_object('name', c.name, 'orders_at_all', true,
                                    'orders', array(select id from orders where customer_id = c.id order by id))
                               from customers c where c.id = o.customer_id))
           from orders o",
    )
    .await;
    assert!(orders.held("2").ends_with("\"customer\":null}"), "{}", orders.held("2"));
    assert_eq!(
        orders.after("update orders set customer_id = 1 where id = 2").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        orders.after("update orders set customer_id = null where id = 1").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        orders.after("update orders set customer_id = 2").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        orders.after("update orders set customer_id = null").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(orders.after("insert into orders values (3, null)").await, ["PUT 3"]);
}
