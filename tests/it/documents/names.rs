//! Names: awkward ones, equal ones, many of them.

use std::fmt::Write as _;

use super::{Mirror, NOTHING};

#[tokio::test]
async fn names_may_need_quotes() {
    let orders = Mirror::open_at(
        "{Order Id}",
        r#"create schema "My Schema";
         create table "My Schema"."Customers" ("Id" int primary key, "Full Name" text, "select" text);
         create table "order" ("Order Id" int primary key, "user" text, "it's" text, "Customer.Id" int references "My Schema"."Customers", "a\b" int, "%" int);
         create table "Group By" ("id" int primary key, "Order" int not null references "order", "Qty" int);
         create index on "order" ("Customer.Id"); create index on "Group By" ("Order");
         alter table "Group By" replica identity full;
         insert into "My Schema"."Customers" values (1, 'Ada', 'x'); insert into "order" values (1, 'u', 'i', 1, 1, 2), (2, null, '', null, 0, 0);
         insert into "Group By" values (1, 1, 5)"#,
        r#"
table = "order"
where = '"%" is not null'
[syncs.d.document]
"Order Id" = '"Order Id"'
"select" = '"user"'
"it's \"quoted\"" = '"it''s" || "Buyer".  "select"'
"slash\\" = '"a\b"'
"" = '1'
"ключ" = '"order"."user"'
from = { "Where ?" = '"Buyer"."Full Name"', "$1" = true }
[syncs.d.one.Buyer]
table = '"My Schema".Customers'
document = { "Full Name" = '"Full Name"' }
[syncs.d.many."group"]
table = '"Group By"'
order_by = '"Qty" desc, "group"."id"'
document = { "Qty" = '"Qty"' }
aggregate = { "Sum Of" = 'sum("Qty")', "sum" = 'sum("group"."Qty" * "Item"."%")' }
[syncs.d.many."group".one.Item]
table = "order"
"#
        .replace("\"\" = '1'\n", "")
        .replace(r#""it's \"quoted\"" = '"it''s" ||"#, r#""it's \"quoted\"" = '"it''"s" ||"#)
        .replace(r#"'"it''"s" || "Buyer".  "select"'"#, "\"\\\"it's\\\" || \\\"Buyer\\\".  \\\"select\\\"\"")
        .as_str(),
        r#"select "Order Id"::text, json_build_object('Order Id', "Order Id", 'select', "user", 'it''s "quoted"', "it's" || c."select", 'slash\', "a\b",
                'ключ', "user", 'from', json_build_object('Where ?', c."Full Name", '$1', true),
                'Buyer', case when c."Id" is not null then json_build_object('Full Name', c."Full Name") end,
                'group', array(select json_build_object('Qty', "Qty") from "Group By" where "Order" = o."Order Id" order by "Qty" desc, id),
                'Sum Of', (select sum("Qty") from "Group By" where "Order" = o."Order Id"),
                'sum', (select sum("Qty" * o."%") from "Group By" where "Order" = o."Order Id"))
           from "order" o left join "My Schema"."Customers" c on c."Id" = o."Customer.Id""#,
    )
    .await;
    assert_eq!(
        orders
            .after(r#"update "My Schema"."Customers" set "select" = 'y'"#)
            .await,
        ["PUT 1"]
    );
    assert_eq!(
        orders.after(r#"insert into "Group By" values (2, 2, 7)"#).await,
        ["PUT 2"]
    );
    assert_eq!(
        orders.after(r#"update "Group By" set "Order" = 1 where id = 2"#).await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        orders
            .after(r#"update "order" set "Customer.Id" = 1, "a\b" = 9 where "Order Id" = 2"#)
            .await,
        ["PUT 2"]
    );
}

#[tokio::test]
async fn a_bare_name_is_the_nodes_own_column() {
    let a = Mirror::open(
        "create table a (id int primary key, name text, x int, b_id int);
         create table b (id int primary key, name text, x int, c_id int);
         create table c (id int primary key, name text, x int, a_id int references a);
         alter table b add foreign key (c_id) references c; alter table a add foreign key (b_id) references b;
         create index on a (b_id); create index on b (c_id); create index on c (a_id);
         alter table c replica identity full;
         insert into c select n, 'c' || n, n * 100 from generate_series(1, 4) n; insert into b select n, 'b' || n, n * 10, n from generate_series(1, 4) n;
         insert into a select n, 'a' || n, n, n from generate_series(1, 4) n; update c set a_id = 1 + id % 2",
        r#"
table = "a"
where = "x is not null and b.x <> x and c.x <> a.x"
document = { id = "id", name = "name", names = "name || b.name || c.name || a.name", x = "x + b.x + c.x" }
[syncs.d.one.b]
document = { name = "name", x = "x - c.x" }
[syncs.d.one.b.one.c]
document = { name = "name", x = "x" }
[syncs.d.many.cs]
table = "c"
on = { a_id = "id" }
where = "x > 0"
order_by = "name, id"
document = { id = "id", name = "name", x = "x" }
aggregate = { sum_x = "sum(x)", names_of = "string_agg(name, ',' order by id)" }
"#,
        "select a.id::text, json_build_object('id', a.id, 'name', a.name, 'names', a.name || b.name || c.name || a.name, 'x', a.x + b.x + c.x,
                'b', json_build_object('name', b.name, 'x', b.x - c.x, 'c', json_build_object('name', c.name, 'x', c.x)),
                'cs', array(select json_build_object('id', id, 'name', name, 'x', x) from c where a_id = a.id and x > 0 order by name, id),
                'sum_x', (select sum(x) from c where a_id = a.id and x > 0),
                'names_of', (select string_agg(name, ',' order by id) from c where a_id = a.id and x > 0))
           from a join b on b.id = a.b_id join c on c.id = b.c_id",
    )
    .await;
    assert_eq!(a.after("update b set name = 'changed' where id = 2").await, ["PUT 2"]);
    assert_eq!(a.after("update c set x = -1 where id = 3").await, ["PUT 2", "PUT 3"]);
    assert_eq!(a.after("update a set name = 'changed' where id = 4").await, ["PUT 4"]);
}

#[tokio::test]
async fn documents_may_be_bare_constant_or_nested() {
    let a = Mirror::open(
        "create table owners (id int primary key, name text, props jsonb);
         create table a (id int primary key, n int, owner_id int references owners);
         create table tags (id int primary key, a_id int not null references a, name text);
         create index on a (owner_id); create index on tags (a_id);
         alter table tags replica identity full;
         insert into owners values (1, 'Ada', '{\"k\": [1, null]}'), (2, null, null); insert into a values (1, 5, 1), (2, null, 2), (3, 0, null);
         insert into tags values (1, 1, 'x'), (2, 1, null), (3, 2, 'y')",
        r#"
table = "a"
[syncs.d.document]
version = 3
factor = -1.50e2
live = true
deep = { n = "n", deeper = { twice = "n * 2", none = "null", list = "array[n, 1]", still = { deeper = "owner.name" } } }
comment = "n + 1 -- this is not (all of it) SQL '"
block = "n /* -- */ + 2"
text = "'-- no comment, \"quoted\" and ''single'''"
[syncs.d.one.owner]
table = "owners"
document = "props"
[syncs.d.many.tags]
document = "name -- the name"
order_by = "id desc"
[syncs.d.many.marks]
table = "tags"
document = "jsonb_build_object('of', name)"
"#,
        "select a.id::text, json_build_object('version', 3, 'factor', -150, 'live', true,
                'deep', json_build_object('n', n, 'deeper', json_build_object('twice', n * 2, 'none', null, 'list', array[n, 1],
                        'still', json_build_object('deeper', o.name))),
                'comment', n + 1, 'block', n + 2, 'text', '-- no comment, \"quoted\" and ''single''', 'owner', o.props,
                'tags', coalesce((select json_agg(name order by id desc) from tags where a_id = a.id), '[]'),
                'marks', array(select json_build_object('of', name) from tags where a_id = a.id order by id))
           from a left join owners o on o.id = a.owner_id",
    )
    .await;
    assert_eq!(a.after("update owners set props = '[]' where id = 2").await, ["PUT 2"]);
    assert_eq!(
        a.after("update owners set props = '{\"k\": [1.0, null]}' where id = 1")
            .await,
        NOTHING
    );
    assert_eq!(a.after("update tags set name = null where id = 1").await, ["PUT 1"]);
    assert_eq!(a.after("update a set n = 1 where id = 3").await, ["PUT 3"]);
}

#[tokio::test]
async fn a_root_without_a_document_is_its_whole_row_and_its_children() {
    let orders = Mirror::open(
        "create table customers (id int primary key, name text);
         create table orders (id int primary key, customer_id int references customers, gone int, amount numeric(10, 2),
                              doubled numeric generated always as (amount * 2) stored, extra jsonb);
         create table lines (id int primary key, order_id int not null references orders, qty int);
         create index on orders (customer_id); create index on lines (order_id);
         alter table orders drop column gone; alter table lines replica identity full;
         insert into customers values (1, 'Ada'); insert into orders (id, customer_id, amount, extra) values (1, 1, 1.50, '[1]'), (2, null, null, null);
         insert into lines values (1, 1, 2), (2, 1, 3)",
        r#"
table = "orders"
[syncs.d.one.customer]
table = "customers"
document = { name = "name" }
[syncs.d.many.lines]
document = "qty"
aggregate = { line_count = "count(*)" }
"#,
        "select o.id::text, to_jsonb(o) || jsonb_build_object(
                'customer', (select json_build_object('name', name) from customers where id = o.customer_id),
                'lines', array(select qty from lines where order_id = o.id order by id), 'line_count', (select count(*) from lines where order_id = o.id))
           from orders o",
    )
    .await;
    assert_eq!(
        orders.after("update orders set amount = 3 where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(orders.after("update customers set name = 'Bob'").await, ["PUT 1"]);
    assert_eq!(orders.after("delete from lines where id = 1").await, ["PUT 1"]);
}

#[tokio::test]
async fn an_object_may_have_more_members_than_a_function_has_arguments() {
    let (mut sync, mut oracle) = ("table = \"wide\"\n[syncs.d.document]\n".to_owned(), String::new());
    for n in 1..=120 {
        writeln!(sync, "m{n} = \"id * {n}\"").unwrap();
        write!(
            oracle,
            "{}{{\"m{n}\": ' || id * {n} || '",
            if n == 1 { "" } else { ",\n" }
        )
        .unwrap();
    }
    let oracle = oracle.replace(",\n{", ",").replacen('{', "select id::text, ('{", 1) + "}')::json from wide";
    let wide = Mirror::open(
        "create table wide (id int primary key); insert into wide values (1), (2)",
        &sync,
        &oracle,
    )
    .await;
    assert_eq!(wide.after("insert into wide values (3)").await, ["PUT 3"]);
}

#[tokio::test]
async fn tables_of_other_schemas_stand_beside_those_of_the_same_name() {
    let items = Mirror::open(
        "create schema one; create schema two;
         create table one.items (id int primary key, name text);
         create table two.items (id int primary key, item_id int not null references one.items, name text);
         create table items (id int primary key, name text);
         create index on two.items (item_id); alter table two.items replica identity full;
         insert into one.items values (1, 'a'), (2, 'b'); insert into two.items values (1, 1, 'x'); insert into items values (1, 'public')",
        r#"
table = "one.items"
document = { name = "items.name" }
[syncs.d.many.items]
table = "two.items"
document = "name"
[syncs.d.one.common]
table = "items"
on = { id = "id" }
document = "name"
"#,
        "select i.id::text, json_build_object('name', i.name, 'items', array(select name from two.items where item_id = i.id order by id),
                'common', (select name from public.items p where p.id = i.id))
           from one.items i",
    )
    .await;
    assert_eq!(
        items.after("update two.items set item_id = 2").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(items.after("update public.items set name = 'p'").await, ["PUT 1"]);
    assert_eq!(
        items.after("insert into public.items values (2, 'q'), (3, 'r')").await,
        ["PUT 2"]
    );
    assert_eq!(
        items.after("update one.items set name = 'c' where id = 2").await,
        ["PUT 2"]
    );
}

#[tokio::test]
async fn names_like_those_of_the_statement_itself_are_names_like_any_other() {
    let orders = Mirror::open(
        r#"create table orders (id int primary key, "w$document" text);
           create table lines (id int primary key, order_id int references orders, "w$document" text, "w$order_1" int, "w$ok" int);
           create index on lines (order_id); alter table lines replica identity full;
           insert into orders values (1, 'a'); insert into lines values (1, 1, 'x', 2, 3), (2, 1, 'y', 1, 4)"#,
        r#"
table = "orders"
document = { "w$1" = "id", "w$5" = "id", "w$6" = { "w$7" = 'array["w$2"."w$ok"]' }, "w$document" = '"w$document"' }
[syncs.d.one."w$2"]
table = "lines"
on = { id = "id" }
where = "true"
[syncs.d.one."w$row"]
table = "lines"
on = { id = "id" }
document = { "w$ok" = '"w$ok"' }
[syncs.d.many."w$3"]
table = "lines"
where = '"w$ok" > 0'
order_by = '"w$order_1"'
document = { "w$document" = '"w$document"' }
aggregate = { "w$a0" = 'sum("w$order_1")' }
"#,
        r#"select id::text, jsonb_build_object('w$1', id, 'w$5', id, 'w$6', '{"w$7": [3]}'::json, 'w$document', "w$document",
                  'w$row', '{"w$ok": 3}'::json, 'w$3', '[{"w$document": "y"}, {"w$document": "x"}]'::json, 'w$a0', 3)
             from orders"#,
    )
    .await;
    assert_eq!(
        orders.after("update lines set \"w$ok\" = 5 where id = 2").await,
        NOTHING
    );
}

#[tokio::test]
async fn a_child_may_be_named_like_the_table_or_node_that_it_belongs_to() {
    let staff = Mirror::open(
        r#"create table staff (id int primary key, name text, boss_id int references staff);
           create table tasks (id int primary key, staff_id int references staff, "d""q" text, part_of int references tasks);
           create index on staff (boss_id); create index on tasks (staff_id); create index on tasks (part_of);
           alter table tasks replica identity full;
           insert into staff values (1, 'a', null), (2, 'b', 1);
           insert into tasks values (1, 2, 'x', null), (2, 2, 'y', 1)"#,
        r#"
table = "staff"
document = { name = "name", boss = "staff.name" }
[syncs.d.one.staff]
on = { id = "boss_id" }
[syncs.d.many.tasks]
on = { staff_id = "id" }
document = { whole = 'tasks."d""q"' }
aggregate = { wholes = 'count(tasks.id)', quoted = 'min("d""q"."d""q")' }
[syncs.d.many.tasks.one.tasks]
on = { id = "part_of" }
[syncs.d.many.tasks.one.'d"q']
table = "tasks"
on = { id = "part_of" }
"#,
        r#"select s.id::text, json_build_object('name', s.name, 'boss', (select name from staff b where b.id = s.boss_id),
                  'tasks', (select coalesce(json_agg(json_build_object('whole', w."d""q") order by t.id), '[]')
                              from tasks t left join tasks w on w.id = t.part_of where t.staff_id = s.id),
                  'wholes', (select count(w.id) from tasks t join tasks w on w.id = t.part_of where t.staff_id = s.id),
                  'quoted', (select min(w."d""q") from tasks t join tasks w on w.id = t.part_of where t.staff_id = s.id))
             from staff s"#,
    )
    .await;
    assert_eq!(
        staff.after("update staff set name = 'c' where id = 1").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        staff.after("update tasks set \"d\"\"q\" = 'z' where id = 1").await,
        ["PUT 2"]
    );
}
