//! Values of every sort, and large ones.

use super::{Mirror, NOTHING};

#[tokio::test]
async fn values_of_every_sort_are_written_as_postgres_writes_them() {
    let items = Mirror::open(
        "create type pair as (a int, b text);
         create table items (id int primary key, j json, jb jsonb, ints int[], texts text[][], t timestamp, tz timestamptz, d date, f float8,
                             r real, b bytea, n numeric, m money, i interval, u uuid, ok boolean, p pair, range int4range, x xml, c char(4), bits bit(3));
         insert into items values
         (1, '{\"a\" : 1, \"a\": 2}', '{\"b\": [1.50, {\"c\": null}]}', '{1,NULL,3}', '{{a,b},{\"c,\",\"d\\\"\"}}', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56+02',
          '0044-03-15 BC', 0.1, 1e-5, '\\x00ff', 1.500, 12.34, '1 day 2 hours', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', true, (1, 'x'), '[1,5)', '<a>&amp;</a>', 'ab', '101'),
         (2, 'null', 'null', '{}', '{}', 'infinity', '-infinity', 'infinity', 'Infinity', '-Infinity', '', 'NaN', 0, '0', null, false, (null, null), 'empty', null, '', '000'),
         (3, '[]', '[]', '{{1}}', '{\"é\\\\\"}', 'epoch', 'epoch', 'epoch', 'NaN', 3.4e38, E'\\\\\\\\', -123456789012345678901234567890.123456789, -1, '-1 mon', null, null, null, null, null, null, '111');
         insert into items (id) values (4);
         -- For the oracle, which shares this session.
         set timezone = 'UTC'; set intervalstyle = 'iso_8601'",
        "table = \"items\"",
        "select id::text, to_json(items) from items",
    )
    .await;
    // What only looks different is no difference.
    assert_eq!(
        items
            .after("update items set jb = '{\"b\":[1.5,{\"c\":null}]}', n = 1.5 where id = 1")
            .await,
        NOTHING
    );
    assert_eq!(
        items.after("update items set f = 0.1 + 0.2 where id = 1").await,
        ["PUT 1"]
    );
    assert_eq!(
        items.after("update items set f = '-Infinity' where id = 2").await,
        ["PUT 2"]
    );
    assert_eq!(
        items.after("update items set b = '\\x00' where id = 4").await,
        ["PUT 4"]
    );
}

#[tokio::test]
async fn documents_do_not_depend_on_how_the_database_writes_values() {
    let items = Mirror::open(
        "do $$ begin
             execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database());
             execute format('alter database %I set datestyle = ''German, DMY''', current_database());
             execute format('alter database %I set extra_float_digits = -5', current_database());
         end $$;
         create table items (id int primary key, tz timestamptz, d date, f float8);
         insert into items values (1, '2024-02-29 12:00+00', '2024-02-29', 0.1::float8 + 0.2)",
        r#"
table = "items"
document = { tz = "tz", d = "d", f = "f", as_text = "tz::text || ' ' || d" }
"#,
        "select id::text, '{\"tz\": \"2024-02-29T12:00:00+00:00\", \"d\": \"2024-02-29\", \"f\": 0.30000000000000004,
                            \"as_text\": \"2024-02-29 12:00:00+00 2024-02-29\"}'::json from items",
    )
    .await;
    assert_eq!(items.after("update items set tz = tz, d = d, f = f").await, NOTHING);
}

#[tokio::test]
async fn large_values_that_did_not_change_are_not_lost() {
    // Incompressible, so that they are stored out of line and left out of the WAL where they do not change.
    let large = "(select string_agg(md5(n::text || %), '') from generate_series(1, 400) n)";
    let large = |salt: &str| large.replace('%', salt);
    let files = Mirror::open(
        &format!(
            "create table folders (id int primary key, name text not null unique);
             create table files (id int primary key, folder text not null, content text, size int, meta text);
             create index on files (folder);
             alter table files replica identity full; alter table folders replica identity full;
             insert into folders values (1, 'a'), (2, 'b');
             insert into files select n, case when n < 3 then 'a' else 'b' end, {}, n from generate_series(1, 4) n (n)",
            large("'one'")
        ),
        r#"
table = "folders"
document = { name = "name" }
[syncs.d.many.files]
on = { folder = "name" }
document = { size = "size", content = "content" }
"#,
        "select id::text, json_build_object('name', name, 'files',
                array(select json_build_object('size', size, 'content', content) from files where folder = f.name order by id)) from folders f",
    )
    .await;
    assert_eq!(files.after("update files set size = 10 where id = 1").await, ["PUT 1"]);
    assert_eq!(
        files.after("update files set folder = 'b' where id = 1").await,
        ["PUT 1", "PUT 2"]
    );
    assert_eq!(
        files
            .after(&format!("update files set content = {} where id = 1", large("'two'")))
            .await,
        ["PUT 2"]
    );
    assert_eq!(files.after("update files set meta = 'unread'").await, NOTHING);
    assert_eq!(files.after("delete from files where id = 1").await, ["PUT 2"]);
}

#[tokio::test]
async fn a_large_value_may_itself_be_the_link() {
    // A link of out-of-line text: in the WAL it stands only where it changes, or in the old row.
    let groups = Mirror::open(
        "create table groups (id int primary key, signature text not null);
         create table members (id int primary key, signature text not null, name text);
         create index on groups using hash (signature); create index on members using hash (signature);
         alter table members alter signature set storage external; alter table members replica identity full;
         insert into groups select g, string_agg(md5(g || '-' || n), '') from generate_series(1, 2) g, generate_series(1, 200) n group by g;
         insert into members select id, signature, 'member' from groups",
        r#"
table = "groups"
document = { id = "id" }
[syncs.d.many.members]
on = { signature = "signature" }
document = "name"
"#,
        "select id::text, json_build_object('id', id, 'members', array(select name from members m where m.signature = g.signature order by id)) from groups g",
    )
    .await;
    assert_eq!(
        groups.after("update members set name = 'renamed' where id = 1").await,
        ["PUT 1"]
    );
    let moved = "update members set signature = (select signature from groups where id = 2) where id = 1";
    assert_eq!(groups.after(moved).await, ["PUT 1", "PUT 2"]);
    assert_eq!(groups.after("delete from members where id = 1").await, ["PUT 2"]);
}

#[tokio::test]
async fn a_document_that_cannot_be_built_stops_no_other() {
    let items = Mirror::open(
        "create table items (id int primary key, n int not null, d int not null);
         insert into items select n, n, 1 from generate_series(1, 50) n",
        r#"
table = "items"
document = { ratio = "n / d" }
"#,
        "select id::text, json_build_object('ratio', n / nullif(d, 0)) from items where d <> 0",
    )
    .await;
    items.world.receiver().clear_journal();
    items
        .world
        .sql("update items set d = 0 where id = 25; update items set n = n + 1 where id <> 25")
        .await;
    items
        .world
        .receiver()
        .wait_for_requests(49, crate::world::DEADLINE)
        .await
        .unwrap();
    // It keeps what it was last, until it can be built again.
    assert_eq!(items.held("25"), "{\"ratio\":25}");
    items.world.sql("update items set d = 5 where id = 25").await;
    items.world.settled().await;
    items.world.assert_converged(&items.oracle, "/d/").await;
}
