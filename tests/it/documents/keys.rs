//! What names a subject, of any type, in the stream, in the state and in a url.

use super::Mirror;

#[tokio::test]
async fn a_key_of_several_columns_may_hold_any_text() {
    let items = Mirror::open_at(
        "{shop}/{code}",
        r"create table items (shop int, code text, name text, primary key (shop, code));
          create table prices (shop int, code text, price numeric, unique (shop, code), foreign key (shop, code) references items);
          alter table prices replica identity full;
          insert into items values (1, 'a', 'plain'), (1, 'a:b', 'colon'), (1, 'a\b', 'backslash'), (1, ':\', 'both'), (12, '', 'left out');
          delete from items where code = ''",
        r#"
table = "items"
document = { name = "name" }
[syncs.d.one.prices]
document = "price"
"#,
        r"select i.shop || '/' || replace(replace(i.code, '\', '%5C'), ':', '%3A'),
                json_build_object('name', i.name, 'prices', (select price from prices p where (p.shop, p.code) = (i.shop, i.code)))
           from items i",
    )
    .await;
    assert_eq!(items.after("update items set name = 'x'").await.len(), 4);
    assert_eq!(
        items
            .after(r"insert into prices values (1, 'a:b', 1), (1, ':\', 2)")
            .await,
        ["PUT 1/%3A%5C", "PUT 1/a%3Ab"]
    );
    assert_eq!(
        items.after(r"update prices set code = 'a\b' where price = 1").await,
        ["PUT 1/a%3Ab", "PUT 1/a%5Cb"]
    );
    assert_eq!(
        items
            .after("delete from prices; delete from items where code like '%:%'")
            .await,
        ["DELETE 1/%3A%5C", "DELETE 1/a%3Ab", "PUT 1/a%5Cb"]
    );
    assert_eq!(
        items.after(r"update items set shop = 2 where code = 'a\b'").await,
        ["DELETE 1/a%5Cb", "PUT 2/a%5Cb"]
    );
    assert_eq!(
        items.after("truncate items cascade").await,
        ["DELETE 1/a", "DELETE 2/a%5Cb"]
    );
}

#[tokio::test]
async fn a_boolean_may_be_part_of_a_key() {
    let addresses = Mirror::open_at(
        "{person}/{billing}",
        "create table addresses (person int, billing boolean, city text, primary key (person, billing));
         insert into addresses values (1, true, 'Paris'), (1, false, 'Lima')",
        "table = \"addresses\"\ndocument = { city = \"city\" }",
        "select person || '/' || case when billing then 't' else 'f' end, json_build_object('city', city) from addresses",
    )
    .await;
    assert_eq!(
        addresses
            .after("update addresses set city = 'Rome' where billing")
            .await,
        ["PUT 1/t"]
    );
    assert_eq!(
        addresses.after("delete from addresses where not billing").await,
        ["DELETE 1/f"]
    );
}

#[tokio::test]
async fn a_key_of_several_columns_is_paged_and_looked_up_as_a_whole() {
    let items = Mirror::open_at(
        "{a}/{b}/{c}",
        "create table kinds (id int primary key, name text);
         create table items (a int, b uuid, c text, kind_id int references kinds, primary key (c, a, b));
         create index on items (kind_id);
         insert into kinds select n, 'kind ' || n from generate_series(1, 3) n;
         insert into items select n, md5(n::text)::uuid, 'c' || n % 7, 1 + n % 2 from generate_series(1, 4500) n",
        r#"
table = "items"
document = { kind = "kind.name" }
[syncs.d.one.kind]
table = "kinds"
"#,
        "select i.a || '/' || i.b || '/' || i.c, json_build_object('kind', k.name) from items i join kinds k on k.id = i.kind_id",
    )
    .await;
    // More than a page.
    assert_eq!(
        items.after("update kinds set name = 'other' where id = 1").await.len(),
        2250
    );
    assert_eq!(
        items
            .after("update kinds set name = 'nobody''s' where id = 3")
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn a_text_key_is_encoded_in_the_url() {
    let items = Mirror::open_at(
        "{name}",
        "create table items (name text primary key, n int default 0);
         create table parts (id int primary key, item varchar(20) references items on update cascade);
         create index on parts (item); alter table parts replica identity full;
         insert into items values ('Zoë'), ('a/b'), ('?q=1&x#y'), ('100%'), (' '), ('日本'), ('{name}'), (E'tab\\tnew\\nline'), ('''')",
        r#"
table = "items"
document = { n = "n" }
[syncs.d.many.parts]
document = "id"
"#,
        "select replace(replace(case name when 'Zoë' then 'Zo%C3%AB' when 'a/b' then 'a%2Fb' when '?q=1&x#y' then '%3Fq%3D1%26x%23y'
                       when '100%' then '100%25' when ' ' then '%20' when '日本' then '%E6%97%A5%E6%9C%AC' when '{name}' then '%7Bname%7D'
                       when '''' then '%27' else name end, chr(9), '%09'), chr(10), '%0A'),
                json_build_object('n', n, 'parts', array(select id from parts where item = name order by id)) from items",
    )
    .await;
    assert_eq!(items.after("update items set n = n + 1").await.len(), 9);
    assert_eq!(
        items
            .after("insert into parts values (1, 'a/b'), (2, 'Zoë'), (3, '日本')")
            .await,
        ["PUT %E6%97%A5%E6%9C%AC", "PUT Zo%C3%AB", "PUT a%2Fb"]
    );
    assert_eq!(
        items.after("update items set name = 'plain' where name = 'Zoë'").await,
        ["DELETE Zo%C3%AB", "PUT plain"]
    );
    assert_eq!(
        items
            .after("delete from parts; delete from items where name = 'a/b'")
            .await,
        ["DELETE a%2Fb", "PUT %E6%97%A5%E6%9C%AC", "PUT plain"]
    );
}

#[tokio::test]
async fn equal_numbers_with_other_digits_are_other_subjects() {
    let items = Mirror::open(
        "create table items (id numeric primary key, name text);
         create table parts (id int primary key, item_id numeric references items on update no action deferrable initially deferred, name text);
         create index on parts (item_id); alter table parts replica identity full;
         insert into items values (1.0, 'one'), (2.50, 'more'); insert into parts values (1, 1.00, 'p')",
        r#"
table = "items"
document = { name = "name" }
[syncs.d.many.parts]
document = "name"
"#,
        "select id::text, json_build_object('name', name, 'parts', array(select name from parts where item_id = items.id order by id)) from items",
    )
    .await;
    assert_eq!(
        items.after("update items set id = 1.00 where id = 1").await,
        ["DELETE 1.0", "PUT 1.00"]
    );
    assert_eq!(
        items.after("update items set name = 'uno' where id = 1").await,
        ["PUT 1.00"]
    );
    assert_eq!(items.after("update parts set name = 'q'").await, ["PUT 1.00"]);
    assert_eq!(
        items.after("update parts set item_id = 2.5000").await,
        ["PUT 1.00", "PUT 2.50"]
    );
}

/// One type of key: its name, values for `id` as SQL, and the paths they have.
struct Kind<'a> {
    sql_type: &'a str,
    values: [&'a str; 3],
    paths: [&'a str; 3],
}

/// Whatever the database says about how values are written, its subjects keep their names.
async fn keys_of(kind: Kind<'_>) {
    let Kind {
        sql_type,
        values: [one, two, three],
        paths,
    } = kind;
    let items = Mirror::open(
        &format!(
            "do $$ begin
                 execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database());
                 execute format('alter database %I set datestyle = ''German, DMY''', current_database());
                 execute format('alter database %I set intervalstyle = ''sql_standard''', current_database());
                 execute format('alter database %I set bytea_output = ''escape''', current_database());
                 execute format('alter database %I set extra_float_digits = -5', current_database());
             end $$;
             create type mood as enum ('sad', 'so so', 'Happy');
             create domain positive as int check (value > 0);
             create table items (id {sql_type} primary key, n int not null default 0);
             create table parts (id int primary key, item_id {sql_type} references items on update cascade on delete cascade);
             create index on parts (item_id); alter table parts replica identity full;
             insert into items values ({one}), ({two}); insert into parts values (1, {one})"
        ),
        r#"
table = "items"
document = { n = "n" }
[syncs.d.many.parts]
document = "id"
"#,
        // In the order of n, which the statements below keep apart.
        &format!(
            "select case when id = {one} then '{}' when id = {two} then '{}' else '{}' end,
                    json_build_object('n', n, 'parts', array(select id from parts where item_id = items.id order by id)) from items",
            paths[0], paths[1], paths[2]
        ),
    )
    .await;
    let put = |path: &str| format!("PUT {path}");
    let updated = items.after(&format!("update items set n = 7 where id = {one}")).await;
    assert_eq!(updated, [put(paths[0])], "{sql_type}: updated");
    let mut both = [put(paths[0]), put(paths[1])];
    both.sort();
    let moved = items.after(&format!("update parts set item_id = {two}")).await;
    assert_eq!(moved, both, "{sql_type}: moved");
    let renamed = items
        .after(&format!("update items set id = {three} where id = {two}"))
        .await;
    assert_eq!(
        renamed,
        [format!("DELETE {}", paths[1]), put(paths[2])],
        "{sql_type}: renamed"
    );
    let deleted = items.after("delete from items").await;
    let mut gone = [format!("DELETE {}", paths[0]), format!("DELETE {}", paths[2])];
    gone.sort();
    assert_eq!(deleted, gone, "{sql_type}: deleted");
}

macro_rules! keys {
    ($($test:ident: $sql_type:literal, $values:expr, $paths:expr;)*) => {
        $(#[tokio::test]
        async fn $test() {
            keys_of(Kind { sql_type: $sql_type, values: $values, paths: $paths }).await;
        })*
    };
}

keys! {
    a_uuid_names_a_subject: "uuid",
        ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'{b0eebc999c0b4ef8bb6d6bb9bd380a11}'", "'c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"];
    a_date_names_a_subject: "date",
        ["date '2024-02-29'", "date '0044-03-15 BC'", "date '20240-01-31'"],
        ["2024-02-29", "0044-03-15%20BC", "20240-01-31"];
    a_moment_names_a_subject: "timestamptz",
        ["timestamptz '2024-02-29 12:00:00.123456+01'", "timestamptz '2024-07-01 00:00+00'", "timestamptz '1999-12-31 23:59:59-05'"],
        ["2024-02-29%2011%3A00%3A00.123456%2B00", "2024-07-01%2000%3A00%3A00%2B00", "2000-01-01%2004%3A59%3A59%2B00"];
    an_enum_names_a_subject: "mood", ["'sad'::mood", "'so so'::mood", "'Happy'::mood"], ["sad", "so%20so", "Happy"];
    a_domain_names_a_subject: "positive", ["1", "2", "3"], ["1", "2", "3"];
    a_varchar_names_a_subject: "varchar(5)", ["'a'::varchar", "'a '::varchar", "'abcde'::varchar"], ["a", "a%20", "abcde"];
    a_padded_text_names_a_subject: "char(5)", ["'a'::char(5)", "'b c'::char(5)", "'abcde'::char(5)"], ["a%20%20%20%20", "b%20c%20%20", "abcde"];
    a_float_names_a_subject: "double precision", ["0.1::float8", "1e100::float8", "'-Infinity'::float8"], ["0.1", "1e%2B100", "-Infinity"];
    an_interval_names_a_subject: "interval", ["interval '1 day 02:00'", "interval '14 months'", "interval '-3 s'"],
        ["P1DT2H", "P1Y2M", "PT-3S"];
    bytes_name_a_subject: "bytea", ["'\\x00ff'::bytea", "'\\x01'::bytea", "'\\x41'::bytea"], ["%5Cx00ff", "%5Cx01", "%5Cx41"];
    an_address_names_a_subject: "inet", ["'10.0.0.1'::inet", "'10.0.0.0/8'::inet", "'::1'::inet"], ["10.0.0.1", "10.0.0.0%2F8", "%3A%3A1"];
    a_small_number_names_a_subject: "smallint", ["1::int2", "-5::int2", "32767::int2"], ["1", "-5", "32767"];
}
