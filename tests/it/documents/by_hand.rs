//! What a tree cannot say: hand-written listeners under `changes`, and statements in place of the tree.

use super::{Mirror, NOTHING};

#[tokio::test]
async fn changes_lead_from_tables_in_sub_selects_to_subjects() {
    let orders = Mirror::open(
        "create table orders (id int primary key, currency text, amount numeric);
         create index on orders (currency);
         create table exchange_rates (currency text primary key, rate numeric, note text);
         create table settings (name text primary key, value text);
         create schema old;
         create table old.notes (order_id bigint, line int, body text, primary key (order_id, line));
         insert into orders select n, case n % 2 when 0 then 'EUR' else 'USD' end, n from generate_series(1, 6) n;
         insert into exchange_rates values ('EUR', 2), ('USD', 1);
         insert into settings values ('greeting', 'hello'), ('other', 'x');
         insert into old.notes values (1, 1, 'first')",
        r#"
table = "orders"
[syncs.d.document]
amount = "amount * (select rate from exchange_rates r where r.currency = orders.currency)"
greeting = "(select value from settings where name = 'greeting')"
notes = "array(select body from old.notes n where n.order_id = orders.id order by line)"
[syncs.d.changes]
exchange_rates = { sql = "select id from orders where currency = any($1) -- by index", from = ["currency"] }
settings = "all"
"old.notes" = ["order_id"]
"#,
        "select o.id::text, json_build_object(
                'amount', amount * (select rate from exchange_rates r where r.currency = o.currency),
                'greeting', (select value from settings where name = 'greeting'),
                'notes', array(select body from old.notes n where n.order_id = o.id order by line))
           from orders o",
    )
    .await;
    assert_eq!(
        orders
            .after("update exchange_rates set rate = 3 where currency = 'EUR'")
            .await,
        ["PUT 2", "PUT 4", "PUT 6"]
    );
    assert_eq!(
        orders
            .after("update exchange_rates set note = 'x' where currency = 'EUR'")
            .await,
        NOTHING
    );
    // Both the old and the new value count.
    assert_eq!(
        orders
            .after("delete from exchange_rates where currency = 'USD'; update exchange_rates set currency = 'USD'")
            .await,
        ["PUT 1", "PUT 2", "PUT 3", "PUT 4", "PUT 5", "PUT 6"]
    );
    assert_eq!(
        orders
            .after("insert into old.notes values (3, 1, 'new'), (77, 1, 'nobody')")
            .await,
        ["PUT 3"]
    );
    assert_eq!(
        orders
            .after("update old.notes set order_id = 2 where order_id = 3")
            .await,
        ["PUT 2", "PUT 3"]
    );
    assert_eq!(
        orders
            .after("update settings set value = 'good day' where name = 'greeting'")
            .await,
        ["PUT 1", "PUT 2", "PUT 3", "PUT 4", "PUT 5", "PUT 6"]
    );
    assert_eq!(
        orders
            .after("update settings set value = 'y' where name = 'other'")
            .await,
        NOTHING
    );
    assert_eq!(orders.after("truncate old.notes").await, ["PUT 1", "PUT 2"]);
}

#[tokio::test]
async fn a_statement_may_take_the_place_of_the_tree() {
    let invoices = Mirror::open(
        "create table invoices (id bigint primary key, number text, draft boolean not null default false);
         create table payments (id int primary key, invoice_id bigint references invoices on delete cascade, amount numeric);
         create index on payments (invoice_id);
         alter table payments replica identity full;
         insert into invoices select n, 'no ' || n from generate_series(1, 4) n;
         insert into payments select n, 1 + n % 3, n from generate_series(1, 9) n",
        r#"
table = "invoices"
sql = """
select i.id, jsonb_build_object('number', i.number, 'paid', coalesce(sum(p.amount), 0)) as document
  from invoices i left join payments p on p.invoice_id = i.id
 where i.id = any($1) and not i.draft
 group by i.id -- one row for each
 ;
"""
[syncs.d.changes]
invoices = ["id"]
payments = ["invoice_id"]
"#,
        "select i.id::text, json_build_object('number', number, 'paid', (select coalesce(sum(amount), 0) from payments where invoice_id = i.id))
           from invoices i where not draft",
    )
    .await;
    assert_eq!(
        invoices.after("insert into payments values (50, 4, 7)").await,
        ["PUT 4"]
    );
    assert_eq!(
        invoices.after("update payments set invoice_id = 1 where id = 50").await,
        ["PUT 1", "PUT 4"]
    );
    assert_eq!(
        invoices.after("update invoices set draft = true where id = 2").await,
        ["DELETE 2"]
    );
    assert_eq!(
        invoices.after("update invoices set draft = false where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(invoices.after("delete from invoices where id = 1").await, ["DELETE 1"]);
    assert_eq!(
        invoices.after("insert into invoices values (9, 'nine')").await,
        ["PUT 9"]
    );
    assert_eq!(
        invoices.after("truncate invoices, payments").await,
        ["DELETE 2", "DELETE 3", "DELETE 4", "DELETE 9"]
    );
}

#[tokio::test]
async fn a_statement_by_hand_may_have_a_key_of_several_columns_of_any_type() {
    let days = Mirror::open_at(
        "{shop}/{day}",
        r#"create table "Days" (shop text, day date, closed boolean, primary key (shop, day));
         create table sales (id int primary key, shop text, day date, amount numeric(8,2));
         create index on sales (shop, day);
         alter table sales replica identity full;
         insert into "Days" values ('a "quoted" \ one', '2026-01-01', false), ('b', '2026-01-01', false), ('b', '2026-01-02', true);
         insert into sales values (1, 'b', '2026-01-01', 10), (2, 'b', '2026-01-02', 5)"#,
        r#"
table = "Days"
sql = """
select d.shop, d.day, json_build_object('closed', d.closed, 'total', s.total) as document
  from unnest($1::text[], $2::date[]) as k(shop, day)
  join "Days" d on d.shop = k.shop and d.day = k.day
  cross join lateral (select sum(amount) as total from sales s where s.shop = d.shop and s.day = d.day) s
"""
[syncs.d.changes]
Days = ["shop", "day"]
sales = ["shop", "day"]
"#,
        r#"select replace(replace(replace(shop, ' ', '%20'), '"', '%22'), '\', '%5C') || '/' || day, json_build_object('closed', closed, 'total', (select sum(amount) from sales s where s.shop = d.shop and s.day = d.day)) from "Days" d"#,
    )
    .await;
    assert_eq!(
        days.after("update sales set day = '2026-01-01' where id = 2").await,
        ["PUT b/2026-01-01", "PUT b/2026-01-02"]
    );
    assert_eq!(
        days.after(r#"delete from "Days" where closed"#).await,
        ["DELETE b/2026-01-02"]
    );
}

#[tokio::test]
async fn a_row_that_is_gone_is_found_however_its_table_is_watched() {
    let people = Mirror::open(
        "create table people (id int primary key, boss_id int references people on delete cascade, name text);
         create index on people (boss_id);
         insert into people values (1, null, 'a'), (2, 1, 'b'), (3, 2, 'c')",
        r#"
table = "people"
sql = """
select p.id, json_build_object('boss', b.name, 'it''s', p.name) as document
  from people p left join people b on b.id = p.boss_id
 where p.id = any($1); -- that's all"""
[syncs.d.changes]
people = "all"
"#,
        "select p.id::text, json_build_object('boss', b.name, 'it''s', p.name) from people p left join people b on b.id = p.boss_id",
    )
    .await;
    assert_eq!(
        people.after("update people set name = 'z' where id = 1").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        people.after("delete from people where id = 2").await,
        ["DELETE 2", "DELETE 3"]
    );
    assert_eq!(people.after("update people set id = 4").await, ["DELETE 1", "PUT 4"]);
    assert_eq!(people.after("truncate people").await, ["DELETE 4"]);
}
