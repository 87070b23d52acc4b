//! Which rows count, in which order, and what they add up to.

use super::{Mirror, NOTHING};

#[tokio::test]
async fn a_root_that_is_filtered_away_is_deleted_and_may_return() {
    let orders = Mirror::open(
        "create table customers (id int primary key, blocked boolean not null default false);
         create table orders (id int primary key, status text, customer_id int references customers);
         create index on orders (customer_id);
         insert into customers values (1), (2);
         insert into orders values (1, 'open', 1), (2, 'draft', 1), (3, 'open', 2), (4, null, 2)",
        r#"
table = "orders"
where = "status <> 'draft' and not customer.blocked -- a null is not true"
document = { status = "status" }
[syncs.d.one.customer]
table = "customers"
"#,
        "select o.id::text, json_build_object('status', o.status) from orders o
          where o.status <> 'draft' and (select not blocked from customers where id = o.customer_id)",
    )
    .await;
    assert_eq!(
        orders.after("update orders set status = 'draft' where id = 1").await,
        ["DELETE 1"]
    );
    assert_eq!(
        orders.after("update orders set status = 'open' where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(
        orders.after("update orders set status = 'open' where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(
        orders.after("update customers set blocked = true where id = 1").await,
        ["DELETE 1", "DELETE 2"]
    );
    // Changes of what nobody sees.
    assert_eq!(
        orders.after("update orders set status = 'paid' where id = 1").await,
        NOTHING
    );
    assert_eq!(
        orders
            .after("delete from orders where id = 1; insert into orders values (5, 'draft', 2)")
            .await,
        NOTHING
    );
    assert_eq!(
        orders.after("update customers set blocked = false where id = 1").await,
        ["PUT 2"]
    );
    assert_eq!(
        orders.after("update orders set status = null where id = 3").await,
        ["DELETE 3"]
    );
}

#[tokio::test]
async fn a_one_that_is_filtered_away_is_null() {
    let orders = Mirror::open(
        "create table cities (id int primary key, name text);
         create table customers (id int primary key, name text, active boolean not null, city_id int references cities);
         create table orders (id int primary key, customer_id int references customers);
         create table lines (id int primary key, order_id int not null references orders, customer_id int references customers, qty int);
         create index on orders (customer_id); create index on customers (city_id);
         create index on lines (order_id); create index on lines (customer_id);
         alter table lines replica identity full;
         insert into cities values (1, 'Paris'), (2, 'secret');
         insert into customers values (1, 'Ada', true, 1), (2, 'Bob', false, 1), (3, 'Cyd', true, 2);
         insert into orders values (1, 1), (2, 2), (3, 3), (4, null);
         insert into lines values (1, 1, 1, 1), (2, 1, 2, 2), (3, 2, 3, 4), (4, 4, null, 8)",
        r#"
table = "orders"
document = { name = "customer.name", city = "city.name" }
[syncs.d.one.customer]
table = "customers"
where = "active and city.name <> 'secret'"
document = { name = "name" }
[syncs.d.one.customer.one.city]
table = "cities"
[syncs.d.many.lines]
document = { by = "buyer.name" }
aggregate = { bought = "sum(lines.qty) filter (where buyer.name is not null)" }
[syncs.d.many.lines.one.buyer]
table = "customers"
where = "active"
"#,
        "with seen as (select c.*, t.name as city from customers c join cities t on t.id = c.city_id where c.active and t.name <> 'secret')
         select o.id::text, json_build_object('name', s.name, 'city', s.city,
                'customer', case when s.id is not null then json_build_object('name', s.name) end,
                'lines', array(select json_build_object('by', (select name from customers c where c.id = l.customer_id and c.active))
                                 from lines l where l.order_id = o.id order by l.id),
                'bought', (select sum(qty) from lines l join customers c on c.id = l.customer_id where c.active and l.order_id = o.id))
           from orders o left join seen s on s.id = o.customer_id",
    )
    .await;
    assert_eq!(
        orders.after("update customers set active = true where id = 2").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        orders.after("update customers set active = false where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(
        orders.after("update cities set name = 'Lima' where id = 2").await,
        ["PUT 3"]
    );
}

#[tokio::test]
async fn a_many_counts_only_the_rows_that_its_filter_lets_through() {
    let orders = Mirror::open(
        "create table products (id int primary key, name text, hidden boolean not null default false);
         create table orders (id int primary key, name text);
         create table lines (id int primary key, order_id int not null references orders, product_id int references products,
                             canceled boolean not null default false, qty int not null);
         create index on lines (order_id); create index on lines (product_id);
         alter table lines replica identity full;
         insert into products values (1, 'Tea'), (2, 'Cup'); insert into orders values (1), (2);
         insert into lines values (1, 1, 1, false, 1), (2, 1, 2, false, 2), (3, 2, 1, true, 4), (4, 2, 2, false, 8), (5, 2, null, false, 16)",
        r#"
table = "orders"
document = { id = "id" }
[syncs.d.many.lines]
where = "not canceled and product.hidden is not true"
document = { product = "product.name", qty = "qty" }
aggregate = { quantity = "sum(qty)", names = "string_agg(product.name, '+' order by product.name)", rows = "count(*)" }
[syncs.d.many.lines.one.product]
table = "products"
"#,
        "with l as (select l.*, p.name as product from lines l left join products p on p.id = l.product_id
                     where not l.canceled and p.hidden is not true)
         select o.id::text, json_build_object('id', o.id,
                'lines', array(select json_build_object('product', product, 'qty', qty) from l where order_id = o.id order by l.id),
                'quantity', (select sum(qty) from l where order_id = o.id), 'rows', (select count(*) from l where order_id = o.id),
                'names', (select string_agg(product, '+' order by product) from l where order_id = o.id))
           from orders o",
    )
    .await;
    assert_eq!(
        orders.after("update lines set canceled = true where id = 2").await,
        ["PUT 1"]
    );
    assert_eq!(orders.after("update lines set qty = 5 where id = 2").await, NOTHING);
    assert_eq!(
        orders.after("update products set hidden = true where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(
        orders.after("update lines set canceled = false where id = 3").await,
        ["PUT 2"]
    );
    assert_eq!(
        orders.after("update products set hidden = true").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        orders.after("update products set hidden = false").await,
        ["PUT 1", "PUT 2"]
    );
}

#[tokio::test]
async fn a_many_stands_in_the_order_that_was_asked_for() {
    let lists = Mirror::open(
        "create table lists (id int primary key);
         create table kinds (id int primary key, rank int);
         create table items (id int primary key, list_id int not null references lists, a int, b text, kind_id int references kinds);
         create index on items (list_id); create index on items (kind_id);
         alter table items replica identity full;
         insert into lists values (1), (2); insert into kinds values (1, 9), (2, 5), (3, null);
         insert into items values (10, 1, 1, 'x', 1), (9, 1, 1, 'x', 2), (8, 1, null, 'y', 3), (7, 1, 3, 'b,c', 1), (6, 1, 3, 'a', null),
                                  (5, 2, 3, null, 1), (4, 2, 3, 'B', 2), (3, 2, 3, 'a', 3)",
        r#"
table = "lists"
document = { id = "id" }
[syncs.d.many.default_order]
table = "items"
document = "id"
[syncs.d.many.by_two]
table = "items"
document = "id"
order_by = "a desc nulls last, coalesce(b, 'a,b') collate \"C\" asc"
[syncs.d.many.by_kind]
table = "items"
document = "id"
order_by = "kind.rank NULLS  FIRST, id DESC"
[syncs.d.many.by_kind.one.kind]
table = "kinds"
"#,
        "select l.id::text, json_build_object('id', l.id,
                'default_order', array(select id from items where list_id = l.id order by id),
                'by_two', array(select id from items where list_id = l.id order by a desc nulls last, coalesce(b, 'a,b') collate \"C\" asc, id),
                'by_kind', array(select i.id from items i left join kinds k on k.id = i.kind_id where list_id = l.id
                                  order by k.rank nulls first, i.id desc))
           from lists l",
    )
    .await;
    assert_eq!(lists.after("update items set a = 7 where id = 8").await, ["PUT 1"]);
    // A tie with what it was tied with before.
    assert_eq!(
        lists.after("update items set b = 'w' where id in (9, 10)").await,
        NOTHING
    );
    assert_eq!(
        lists.after("update kinds set rank = 1 where id = 1").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(lists.after("update items set id = 1000 where id = 9").await, ["PUT 1"]);
}

#[tokio::test]
async fn a_many_without_a_key_still_has_one_order() {
    let lists = Mirror::open(
        "create table lists (id int primary key);
         create table items (list_id int not null references lists, name text, qty int);
         create index on items (list_id);
         alter table items replica identity full;
         insert into lists values (1);
         insert into items values (1, 'a', 2), (1, 'a', 1), (1, 'b', 1), (1, null, null)",
        r#"
table = "lists"
[syncs.d.many.items]
document = { name = "name", qty = "qty" }
order_by = "name desc nulls last"
"#,
        "select l.id::text, json_build_object('id', l.id, 'items', (
                select json_agg(json_build_object('name', name, 'qty', qty) order by name desc nulls last, qty)
                  from items where list_id = l.id)) from lists l",
    )
    .await;
    // The rows change places in the table, not in the document.
    let rewritten = "update items set qty = qty where name = 'b'; update items set qty = qty where qty = 2; update items set qty = qty";
    assert_eq!(lists.after(rewritten).await, NOTHING);
    assert_eq!(
        lists
            .after("delete from items where ctid = (select min(ctid) from items where name = 'a')")
            .await,
        ["PUT 1"]
    );
}

#[tokio::test]
async fn aggregates_stand_without_a_document_and_see_the_one_children() {
    let orders = Mirror::open(
        "create table brands (id int primary key, margin numeric);
         create table products (id int primary key, price numeric(10, 2), brand_id int references brands);
         create table orders (id int primary key);
         create table lines (id int primary key, order_id int not null references orders, product_id int references products, qty int);
         create index on products (brand_id); create index on lines (order_id); create index on lines (product_id);
         alter table lines replica identity full;
         insert into brands values (1, 0.5); insert into products values (1, 2.50, 1), (2, 4.00, null); insert into orders values (1), (2);
         insert into lines values (1, 1, 1, 2), (2, 1, 2, 1), (3, 1, null, 5)",
        r#"
table = "orders"
document = { id = "id" }
[syncs.d.many.lines]
aggregate = { total = "sum(qty * product.price)", margin = "sum(brand.margin)", big = "count(*) filter (where qty > 1)", count = "count(*)", none = "coalesce(max(qty), -1)", shouted = "max(PRODUCT.price)" }
[syncs.d.many.lines.one.product]
table = "products"
[syncs.d.many.lines.one.product.one.brand]
table = "brands"
"#,
        "select o.id::text, json_build_object('id', o.id,
                'total', (select sum(qty * price) from lines l join products p on p.id = l.product_id where order_id = o.id),
                'margin', (select sum(margin) from lines l join products p on p.id = l.product_id join brands b on b.id = p.brand_id where order_id = o.id),
                'big', (select count(*) from lines where order_id = o.id and qty > 1),
                'count', (select count(*) from lines where order_id = o.id),
                'none', (select coalesce(max(qty), -1) from lines where order_id = o.id),
                'shouted', (select max(price) from lines l join products p on p.id = l.product_id where order_id = o.id))
           from orders o",
    )
    .await;
    assert_eq!(
        orders.after("update products set price = 3 where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(orders.after("update brands set margin = 0.25").await, ["PUT 1"]);
    assert_eq!(orders.after("insert into lines values (4, 2, 1, 7)").await, ["PUT 2"]);
    assert_eq!(orders.after("delete from lines where order_id = 2").await, ["PUT 2"]);
}
