//! The decoder against an encoder written from the same page of the manual, and against bytes that nobody wrote.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::super::{Column, Lsn, Relation, ReplicaIdentity};
use super::cursor::postgres_time;
use super::encoder::{Cell, Row, Sent, encode};
use super::{Content, Message, OldKind, OldTuple, Problem, Tuple, Value};

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

fn assert_same(sent: &Sent, got: &Message<'_>) {
    match (sent, got) {
        (
            Sent::Begin { final_lsn, micros, xid },
            Message::Begin {
                final_lsn: lsn,
                commit_time,
                xid: got,
            },
        ) => {
            assert_eq!(
                (Lsn(*final_lsn), postgres_time(*micros), xid),
                (*lsn, *commit_time, got)
            );
        }
        (
            Sent::Commit { lsn, end_lsn, micros },
            Message::Commit {
                lsn: at,
                end_lsn: end,
                commit_time,
            },
        ) => {
            assert_eq!(
                (Lsn(*lsn), Lsn(*end_lsn), postgres_time(*micros)),
                (*at, *end, *commit_time)
            );
        }
        (Sent::Origin { lsn, name }, Message::Origin { lsn: at, name: got }) => {
            assert_eq!((Lsn(*lsn), name.as_str()), (*at, *got));
        }
        (Sent::Relation(relation), Message::Relation(got)) => assert_eq!(relation, got),
        (
            Sent::Type { oid, schema, name },
            Message::Type {
                oid: got,
                schema: in_schema,
                name: named,
            },
        ) => {
            assert_eq!((oid, schema.as_str(), name.as_str()), (got, *in_schema, *named));
        }
        (Sent::Insert { relation, new }, Message::Insert { relation: of, new: got }) => {
            assert_eq!(relation, of);
            assert_same_row(new, *got);
        }
        (
            Sent::Update { relation, old, new },
            Message::Update {
                relation: of,
                old: before,
                new: after,
            },
        ) => {
            assert_eq!(relation, of);
            assert_eq!(old.is_some(), before.is_some());
            old.as_ref()
                .zip(*before)
                .inspect(|(old, before)| assert_same_old(old, *before));
            assert_same_row(new, *after);
        }
        (
            Sent::Delete { relation, old },
            Message::Delete {
                relation: of,
                old: before,
            },
        ) => {
            assert_eq!(relation, of);
            assert_same_old(old, *before);
        }
        (
            Sent::Truncate { flags, relations },
            Message::Truncate {
                cascade,
                restart_identity,
                relations: got,
            },
        ) => {
            assert_eq!((flags & 1 != 0, flags & 2 != 0), (*cascade, *restart_identity));
            assert_eq!(relations, &got.iter().collect::<Vec<_>>());
        }
        (
            Sent::Logical {
                transactional,
                lsn,
                prefix,
                content,
            },
            Message::Logical {
                transactional: inside,
                lsn: at,
                prefix: headed,
                content: Content(got),
            },
        ) => {
            assert_eq!((transactional, Lsn(*lsn), prefix.as_str()), (inside, *at, *headed));
            assert_eq!(content, got);
        }
        (sent, got) => panic!("sent {sent:?}, got {got:?}"),
    }
}

fn assert_same_old((kind, row): &(OldKind, Row), got: OldTuple<'_>) {
    assert_eq!(*kind, got.kind);
    assert_same_row(row, got.tuple);
}

fn assert_same_row(row: &Row, tuple: Tuple<'_>) {
    let wanted: Vec<Value<'_>> = row
        .iter()
        .map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Unchanged => Value::Unchanged,
            Cell::Text(text) => Value::Text(text),
            Cell::Binary(bytes) => Value::Binary(bytes),
        })
        .collect();
    // Not `assert_eq!`: the `Debug` of values hides what is wanted here.
    assert!(tuple.iter().eq(wanted.iter().copied()), "wanted {row:?}, got {tuple:?}");
    assert_eq!(
        (tuple.len(), tuple.is_empty(), tuple.iter().len()),
        (row.len(), row.is_empty(), row.len())
    );
    assert!((0..row.len()).all(|i| tuple.get(i) == wanted.get(i).copied()));
    assert_eq!(tuple.get(row.len()), None);
}

/// Reads all there is to read in whatever the decoder accepts.
fn decode_and_walk(bytes: &[u8]) {
    match Message::decode(bytes) {
        Ok(message) => {
            let shown = format!("{message:?}");
            assert!(!shown.is_empty());
            if let Message::Truncate { relations, .. } = message {
                relations.iter().for_each(drop);
            }
        }
        Err(error) => assert!(error.offset <= bytes.len() && !error.to_string().is_empty()),
    }
}

proptest! {
    #[test]
    fn what_is_sent_is_what_is_read(sent in sent()) {
        assert_same(&sent, &Message::decode(&encode(&sent)).unwrap());
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

#[test]
fn times_count_from_the_year_2000() {
    let new_year_2000 = SystemTime::UNIX_EPOCH + Duration::from_hours(10_957 * 24);
    assert_eq!(postgres_time(0), new_year_2000);
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
