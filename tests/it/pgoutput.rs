//! What the server under test sends, in every kind of message, is what the decoder reads.
//!
//! The seeds of the fuzzer, `fuzz/seeds/pgoutput/MAJOR/NAME`, are such messages. After a change here, for each major:
//!
//! ```sh
//! make test-matrix TEST="--test it -- --ignored pgoutput::capture"
//! ```

use std::path::Path;

use walsift::wal::{Message, OldKind, ReplicaIdentity, Value};

use crate::world::World;

const TABLES: &str = r#"
create type mood as enum ('gloomy', 'fröhlich');
create domain "E-Mail" as text check (value like '%@%');
create type pair as (one int, other text);
create table "Größe ""L""" (
    "Straße" bigint primary key, yes boolean, small int2, plain int, exact numeric(12, 4), nan numeric, near float8, empty text,
    short varchar(20), padded char(5), bytes bytea, day date, moment timestamptz, span interval, id uuid, json json,
    jsonb jsonb, ints int[], texts text[][], mood mood, moods mood[], mail "E-Mail", pair pair, pairs pair[], during tstzrange,
    several int4multirange, net inet, bits bit varying, words tsvector, spot point, nothing text);
create table toasted (id int primary key, body text, seen int);
alter table toasted alter body set storage external;
create table whole (id int, name text, body text);
alter table whole replica identity full;
alter table whole alter body set storage external;
create table indexed (id int primary key, code text not null, note text);
create unique index indexed_code on indexed (code);
alter table indexed replica identity using index indexed_code;
create table anonymous (note text);
alter table anonymous replica identity nothing;
create table bare ();
alter table bare replica identity full;
create publication everything for table "Größe ""L""", toasted, whole, indexed, anonymous, bare;
"#;

/// Statements, and which of the messages that they cause are wanted, by letter: the first of each.
const STEPS: [(&str, &[(&str, u8)]); 18] = [
    (
        r#"insert into "Größe ""L""" values (
            42, true, -1, 2147483647, 3.1400, 'NaN', 1e-300, '', 'naïve', 'ab', '\x00ff', 'infinity', '2024-02-29 12:00:00.123456+02',
            '1 mon -3 days', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : [1, null]}', '{"ключ": "値"}', '{1,null,3}',
            '{{a,"b \"c\""},{"",null}}', 'fröhlich', '{gloomy}', 'ada@example.com', '(1,"x, y")', '{"(2,)"}',
            '[2024-01-01 00:00+00,)', '{[1,3),[5,8)}', '10.0.0.0/8', b'1011', 'a fat cat', '(1,2)', null)"#,
        &[
            ("begin", b'B'),
            ("type", b'Y'),
            ("relation-default", b'R'),
            ("insert-of-many-types", b'I'),
            ("commit", b'C'),
        ],
    ),
    (r#"update "Größe ""L""" set plain = 1"#, &[("update-without-old", b'U')]),
    (
        r#"update "Größe ""L""" set "Straße" = 43"#,
        &[("update-of-the-key", b'U')],
    ),
    (r#"delete from "Größe ""L""""#, &[("delete-by-key", b'D')]),
    ("insert into toasted values (1, repeat('x', 10000), 0)", &[]),
    ("update toasted set seen = 1", &[("update-unchanged-toast", b'U')]),
    (
        "insert into whole values (1, null, repeat('y', 2100))",
        &[("relation-full", b'R')],
    ),
    ("update whole set name = 'Ada'", &[("update-full", b'U')]),
    ("delete from whole", &[("delete-full", b'D')]),
    (
        "insert into indexed values (1, 'a', 'b'); update indexed set code = 'c'",
        &[("relation-index", b'R'), ("update-of-the-index", b'U')],
    ),
    (
        "insert into anonymous values ('once')",
        &[("relation-nothing", b'R'), ("insert", b'I')],
    ),
    (
        "insert into bare default values",
        &[("relation-without-columns", b'R'), ("insert-without-columns", b'I')],
    ),
    (
        "truncate toasted, whole, indexed restart identity cascade",
        &[("truncate", b'T')],
    ),
    (
        "select pg_logical_emit_message(true, 'shop.orders', '[42, \"größer\"]')",
        &[("message-of-a-transaction", b'M')],
    ),
    // What stands behind it makes the server write it out.
    (
        "select pg_logical_emit_message(false, 'shop.orders', '\\x00ff'::bytea); insert into anonymous values ('twice')",
        &[("message-at-once", b'M')],
    ),
    ("select pg_replication_origin_session_setup('ORIGIN')", &[]),
    ("insert into anonymous values ('copied')", &[("origin", b'O')]),
    ("select pg_replication_origin_session_reset()", &[]),
];

#[tokio::test]
async fn every_kind_of_message_is_read() {
    let world = World::new().await;
    let messages = captured(&world).await;
    let read = |name: &str| {
        let (_, bytes) = messages.iter().find(|(known, _)| known == name).unwrap();
        Message::decode(bytes).unwrap()
    };
    let identities = ["default", "full", "index", "nothing"].map(|name| match read(&format!("relation-{name}")) {
        Message::Relation(relation) => relation.identity,
        other => panic!("{other:?}"),
    });
    let wanted = [
        ReplicaIdentity::Default,
        ReplicaIdentity::Full,
        ReplicaIdentity::Index,
        ReplicaIdentity::Nothing,
    ];
    assert_eq!(identities, wanted);
    let Message::Insert { new, .. } = read("insert-of-many-types") else {
        panic!("no insert")
    };
    let texts: Vec<Value<'_>> = new.iter().collect();
    assert_eq!(
        (texts[0], texts[7], texts[30]),
        (Value::Text("42"), Value::Text(""), Value::Null)
    );
    assert_eq!(
        (texts[19], texts[22]),
        (Value::Text("fröhlich"), Value::Text("(1,\"x, y\")"))
    );
    let Message::Update { old: None, new, .. } = read("update-unchanged-toast") else {
        panic!("no update without an old row")
    };
    assert_eq!(new.get(1), Some(Value::Unchanged));
    for (name, wanted) in [
        ("update-without-old", None),
        ("update-of-the-key", Some(OldKind::Key)),
        ("update-of-the-index", Some(OldKind::Key)),
        ("update-full", Some(OldKind::Full)),
    ] {
        let Message::Update { old, .. } = read(name) else {
            panic!("no update")
        };
        assert_eq!(old.map(|old| old.kind), wanted, "{name}");
    }
}

/// Not a test: takes the seeds of the fuzzer from the server under test.
#[tokio::test]
#[ignore = "writes files"]
async fn capture() {
    let world = World::new().await;
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/pgoutput");
    let folder = seeds.join(world.major().await.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in captured(&world).await {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// The messages that [`STEPS`] name.
async fn captured(world: &World) -> Vec<(String, Vec<u8>)> {
    world.sql(TABLES).await;
    // Origins belong to the server, like slots.
    let slot = world.slot();
    world
        .sql(&format!(
            "select pg_create_logical_replication_slot('{slot}', 'pgoutput')"
        ))
        .await;
    world
        .sql(&format!("select pg_replication_origin_create('{slot}')"))
        .await;
    let changes = format!(
        "select data from pg_logical_slot_get_binary_changes('{slot}', null, null, 'proto_version', '1', \
         'publication_names', 'everything', 'messages', 'true')"
    );
    let mut captured = Vec::new();
    for (statements, wanted) in STEPS {
        world.sql(&statements.replace("ORIGIN", slot)).await;
        let rows = world.query(&changes, &[]).await;
        let messages: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
        for message in &messages {
            Message::decode(message).unwrap();
        }
        for (name, letter) in wanted {
            let message = messages.iter().find(|message| message.first() == Some(letter));
            captured.push(((*name).to_owned(), message.expect(name).clone()));
        }
    }
    world.sql(&format!("select pg_replication_origin_drop('{slot}')")).await;
    captured
}
