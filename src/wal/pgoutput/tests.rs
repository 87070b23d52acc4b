//! The decoder against an encoder written from the same page of the manual, and against bytes that nobody wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::super::{Column, Relation, ReplicaIdentity};
use super::cursor::{postgres_micros, postgres_time};
use super::encoder::{Cell, Row, Sent, encode};
use super::{Message, OldKind, Problem, Value};

/// Text that fits a zero-terminated string.
fn name() -> impl Strategy<Value = String> {
    "[^\0]{1,12}"
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Null),
        Just(Cell::Unchanged),
        any::<String>().prop_map(Cell::Text),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Cell::Binary),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    proptest::collection::vec(cell(), 0..8)
}

fn old_row() -> impl Strategy<Value = (OldKind, Row)> {
    (prop_oneof![Just(OldKind::Key), Just(OldKind::Full)], row())
}

fn relation() -> impl Strategy<Value = Relation> {
    let identity = prop_oneof![
        Just(ReplicaIdentity::Default),
        Just(ReplicaIdentity::Nothing),
        Just(ReplicaIdentity::Full),
        Just(ReplicaIdentity::Index),
    ];
    let column =
        (name(), any::<u32>(), any::<i32>(), any::<bool>()).prop_map(|(name, type_oid, type_modifier, in_identity)| {
            Column {
                name,
                type_oid,
                type_modifier,
                in_identity,
            }
        });
    (
        any::<u32>(),
        name(),
        name(),
        identity,
        proptest::collection::vec(column, 0..6),
    )
        .prop_map(|(oid, schema, name, identity, columns)| Relation {
            oid,
            schema,
            name,
            identity,
            columns,
        })
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        (any::<u64>(), any::<i64>(), any::<u32>()).prop_map(|(final_lsn, micros, xid)| Sent::Begin {
            final_lsn,
            micros,
            xid
        }),
        (any::<u64>(), any::<u64>(), any::<i64>()).prop_map(|(lsn, end_lsn, micros)| Sent::Commit {
            lsn,
            end_lsn,
            micros
        }),
        (any::<u64>(), name()).prop_map(|(lsn, name)| Sent::Origin { lsn, name }),
        relation().prop_map(Sent::Relation),
        (any::<u32>(), name(), name()).prop_map(|(oid, schema, name)| Sent::Type { oid, schema, name }),
        (any::<u32>(), row()).prop_map(|(relation, new)| Sent::Insert { relation, new }),
        (any::<u32>(), proptest::option::of(old_row()), row()).prop_map(|(relation, old, new)| Sent::Update {
            relation,
            old,
            new
        }),
        (any::<u32>(), old_row()).prop_map(|(relation, old)| Sent::Delete { relation, old }),
        (0..4u8, proptest::collection::vec(any::<u32>(), 0..5))
            .prop_map(|(flags, relations)| Sent::Truncate { flags, relations }),
        (
            any::<bool>(),
            any::<u64>(),
            name(),
            proptest::collection::vec(any::<u8>(), 0..40)
        )
            .prop_map(|(transactional, lsn, prefix, content)| Sent::Logical {
                transactional,
                lsn,
                prefix,
                content
            }),
    ]
}

/// Walks every row of a message in every way there is.
fn walk(message: &Message<'_>) {
    let (one, other) = match message {
        Message::Insert { new, .. } => (Some(new), None),
        Message::Update { old, new, .. } => (Some(new), old.as_ref().map(|old| &old.tuple)),
        Message::Delete { old, .. } => (Some(&old.tuple), None),
        _ => (None, None),
    };
    for tuple in one.into_iter().chain(other) {
        let values: Vec<Value<'_>> = tuple.iter().collect();
        assert_eq!(
            (tuple.len(), tuple.is_empty(), tuple.iter().len()),
            (values.len(), values.is_empty(), values.len())
        );
        // Not `assert_eq!`: the `Debug` of values hides what is wanted here.
        assert!((0..values.len()).all(|i| tuple.get(i) == values.get(i).copied()));
        assert_eq!(tuple.get(values.len()), None);
    }
}

/// Reads all there is to read in whatever the decoder accepts.
fn decode_and_walk(bytes: &[u8]) {
    match Message::decode(bytes) {
        Ok(message) => {
            let shown = format!("{message:?}");
            assert!(!shown.is_empty());
            walk(&message);
            let sent = Sent::from(&message);
            assert_eq!(Message::decode(&encode(&sent)), Ok(message));
        }
        Err(error) => assert!(error.offset <= bytes.len() && !error.to_string().is_empty()),
    }
}

proptest! {
    #[test]
    fn what_is_sent_is_what_is_read(sent in sent()) {
        let bytes = encode(&sent);
        let message = Message::decode(&bytes).unwrap();
        walk(&message);
        prop_assert_eq!(Sent::from(&message), sent);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_and_walk(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_known_tag_are_read_or_refused(
        tag in proptest::sample::select(b"BCORYIUDTM".as_slice()),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        decode_and_walk(&[&[tag], bytes.as_slice()].concat());
    }

    #[test]
    fn every_truncation_is_refused(sent in sent()) {
        let bytes = encode(&sent);
        for end in 0..bytes.len() {
            prop_assert!(Message::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_byte_too_many_is_refused(sent in sent(), extra: u8) {
        let mut bytes = encode(&sent);
        let offset = bytes.len();
        bytes.push(extra);
        let error = Message::decode(&bytes).unwrap_err();
        prop_assert_eq!((error.offset, error.problem), (offset, Problem::Trailing { bytes: 1 }));
    }

    #[test]
    fn every_changed_byte_is_read_or_refused(sent in sent(), change in 1..=255u8) {
        let mut bytes = encode(&sent);
        for at in 0..bytes.len() {
            bytes[at] ^= change;
            decode_and_walk(&bytes);
            bytes[at] ^= change;
        }
    }

    #[test]
    fn any_time_is_a_time(micros: i64) {
        let _ = postgres_time(micros);
    }
}

/// The seeds of the fuzzer, which `tests/it/pgoutput.rs` takes from servers: one folder a major version, one file a
/// message, named by its kind and what is special about it.
#[test]
fn what_servers_have_sent_is_read_and_written_alike() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/pgoutput");
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in fs::read_dir(seeds)
        .unwrap()
        .flat_map(|major| fs::read_dir(major.unwrap().path()).unwrap())
    {
        let path = file.unwrap().path();
        let (major, name) = (path.parent().unwrap().file_name().unwrap(), path.file_name().unwrap());
        let name = name.to_str().unwrap();
        let bytes = fs::read(&path).unwrap();
        let message = Message::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        walk(&message);
        assert!(encode(&Sent::from(&message)) == bytes, "{}", path.display());
        assert_eq!(kind(&message), name.split('-').next().unwrap(), "{}", path.display());
        names
            .entry(major.to_str().unwrap().to_owned())
            .or_default()
            .insert(name.to_owned());
    }
    assert_eq!(names.keys().collect::<Vec<_>>(), ["14", "15", "16", "17", "18"]);
    for of_major in names.values() {
        assert_eq!(of_major, &names["14"]);
    }
}

fn kind(message: &Message<'_>) -> &'static str {
    match message {
        Message::Begin { .. } => "begin",
        Message::Commit { .. } => "commit",
        Message::Origin { .. } => "origin",
        Message::Relation(_) => "relation",
        Message::Type { .. } => "type",
        Message::Insert { .. } => "insert",
        Message::Update { .. } => "update",
        Message::Delete { .. } => "delete",
        Message::Truncate { .. } => "truncate",
        Message::Logical { .. } => "message",
    }
}

#[test]
fn times_count_from_the_year_2000() {
    let new_year_2000 = SystemTime::UNIX_EPOCH + Duration::from_hours(10_957 * 24);
    assert_eq!(postgres_time(0), new_year_2000);
    for micros in [0, 1, -1, 1_500_000, -946_684_800_000_000, i64::MIN, i64::MAX] {
        assert_eq!(postgres_micros(postgres_time(micros)), micros);
    }
    assert_eq!(postgres_time(1_500_000), new_year_2000 + Duration::from_millis(1500));
    assert_eq!(postgres_time(-946_684_800_000_000), SystemTime::UNIX_EPOCH);
    for extreme in [i64::MIN, i64::MAX] {
        let _ = postgres_time(extreme);
    }
}

#[test]
fn the_empty_schema_is_pg_catalog() {
    let bytes = encode(&Sent::Type {
        oid: 25,
        schema: String::new(),
        name: "text".to_owned(),
    });
    assert_eq!(
        Message::decode(&bytes),
        Ok(Message::Type {
            oid: 25,
            schema: "pg_catalog",
            name: "text"
        })
    );
}

#[test]
fn counts_and_lengths_below_zero_are_refused() {
    let negative = |bytes: &[u8]| Message::decode(bytes).unwrap_err().to_string();
    assert_eq!(
        negative(b"I\0\0\0\x01N\xff\xff"),
        "insert message, column count at byte 6: -1 where a count or length is wanted"
    );
    assert_eq!(
        negative(b"I\0\0\0\x01N\0\x01t\x80\0\0\0"),
        "insert message, text length at byte 9: -2147483648 where a count or length is wanted"
    );
    assert_eq!(
        negative(b"T\xff\xff\xff\xff\0"),
        "truncate message, relation count at byte 1: -1 where a count or length is wanted"
    );
}

#[test]
fn huge_counts_and_lengths_are_refused_before_anything_is_set_aside() {
    let refused = |bytes: &[u8]| Message::decode(bytes).unwrap_err().to_string();
    assert_eq!(
        refused(b"R\0\0\0\x01s\0t\0d\x7f\xff"),
        "relation message, column flags at byte 12: 1 bytes wanted, 0 left"
    );
    assert_eq!(
        refused(b"T\x7f\xff\xff\xff\0"),
        "truncate message, relations at byte 6: 8589934588 bytes wanted, 0 left"
    );
    assert_eq!(
        refused(b"I\0\0\0\x01N\0\x01t\x7f\xff\xff\xffabc"),
        "insert message, text value at byte 13: 2147483647 bytes wanted, 3 left"
    );
}

#[test]
fn errors_and_debug_show_no_row_values() {
    let insert = |text: &[u8]| [b"I\0\0\0\x01N\0\x01t\0\0\0\x07", text].concat();
    assert_eq!(
        Message::decode(&insert(b"secret\xff")).unwrap_err().to_string(),
        "insert message, text value at byte 13: not valid UTF-8"
    );
    let shown = format!("{:?}", Message::decode(&insert(b"secrets")).unwrap());
    assert_eq!(shown, "Insert { relation: 1, new: [Text(7 bytes)] }");
}

#[test]
fn unknown_tags_and_kinds_are_refused() {
    let refused = |bytes: &[u8]| Message::decode(bytes).unwrap_err().to_string();
    assert_eq!(refused(b""), "unknown message, tag at byte 0: 1 bytes wanted, 0 left");
    assert_eq!(refused(b"S\0"), "unknown message, tag at byte 0: unknown value 0x53");
    assert_eq!(
        refused(b"I\0\0\0\x01K\0\0"),
        "insert message, new tuple at byte 5: unknown value 0x4b"
    );
    assert_eq!(
        refused(b"I\0\0\0\x01N\0\x01z"),
        "insert message, column kind at byte 8: unknown value 0x7a"
    );
    assert_eq!(
        refused(b"D\0\0\0\x01N\0\0"),
        "delete message, old tuple at byte 5: unknown value 0x4e"
    );
    assert_eq!(
        refused(b"R\0\0\0\x01s\0t\0x\0\0"),
        "relation message, replica identity at byte 9: unknown value 0x78"
    );
    assert_eq!(
        refused(b"O\0\0\0\0\0\0\0\x01abc"),
        "origin message, name at byte 9: no terminating zero byte"
    );
}
