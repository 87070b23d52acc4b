//! Which changes touch what, over plans made by hand and messages as a server sends them.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Batch, Change, Malformed, Mapper, Origin, Unheard};
use crate::catalog::{Identity, Persistence, Table, TableKind};
use crate::plan::{Finder, KeyColumn, KeyShape, Listener, Read, ReadColumns, SyncPlan, Walk};
use crate::wal::encoder::{Cell, Row, Sent, encode};
use crate::wal::{Column, Message, OldKind, Relation, ReplicaIdentity};

const OID: u32 = 16_384;

/// A sync of orders that reads `read` of them and messages with the prefix `orders`.
fn plan(name: &str, read: ReadColumns) -> SyncPlan {
    SyncPlan {
        name: name.into(),
        shape: Arc::new(shape(&[("id", "bigint")])),
        members: None,
        build_sql: String::new(),
        key_sql: String::new(),
        walk: Walk::default(),
        listeners: vec![Listener {
            schema: "shop".to_owned(),
            table: "orders".to_owned(),
            node: String::new(),
            columns: vec!["id".to_owned()],
            finder: Finder::Key,
        }],
        reads: vec![Read {
            schema: "shop".to_owned(),
            table: "orders".to_owned(),
            columns: read,
        }],
        messages: vec!["orders".to_owned()],
    }
}

fn shape(columns: &[(&str, &str)]) -> KeyShape {
    let column = |(name, sql_type): &(&str, &str)| KeyColumn {
        name: (*name).to_owned(),
        sql_type: (*sql_type).to_owned(),
        bare_in_json: ["smallint", "integer", "bigint"].contains(sql_type),
    };
    KeyShape {
        columns: columns.iter().map(column).collect(),
    }
}

fn only(columns: &[&str]) -> ReadColumns {
    ReadColumns::Only(columns.iter().map(|&column| column.to_owned()).collect())
}

/// `id, status, note`, as the stream shows them.
fn orders(identity: ReplicaIdentity) -> Relation {
    let column = |name: &str| Column {
        name: name.to_owned(),
        type_oid: 25,
        type_modifier: -1,
        in_identity: name == "id" || identity == ReplicaIdentity::Full,
    };
    Relation {
        oid: OID,
        schema: "shop".to_owned(),
        name: "orders".to_owned(),
        identity,
        columns: ["id", "status", "note"].map(column).into(),
    }
}

fn row(values: [&str; 3]) -> Row {
    let cell = |value: &str| match value {
        "" => Cell::Null,
        "…" => Cell::Unchanged,
        text => Cell::Text(text.to_owned()),
    };
    values.map(cell).into()
}

fn origin(author: Option<usize>) -> Origin {
    Origin {
        xid: 7,
        committed_at: SystemTime::UNIX_EPOCH,
        author,
    }
}

/// The batch after one message of the stream.
fn after(mapper: &Mapper, sent: &Sent, author: Option<usize>) -> Batch {
    let bytes = encode(sent);
    let mut batch = Batch::default();
    let change = match Message::decode(&bytes).unwrap() {
        Message::Insert { new, .. } => Change::Insert { new },
        Message::Update { old, new, .. } => Change::Update { old, new },
        Message::Delete { old, .. } => Change::Delete { old },
        other => panic!("{other:?}"),
    };
    let heard = mapper.map(OID, &change, origin(author), &mut batch);
    assert_eq!(heard, !batch.is_empty());
    batch
}

/// Whether a sync that reads `read` passes over an update.
fn passes_over(
    read: ReadColumns,
    identity: ReplicaIdentity,
    old: Option<(OldKind, [&str; 3])>,
    new: [&str; 3],
) -> bool {
    let mut mapper = Mapper::new(vec![plan("a", read)].into(), &[]);
    mapper.describe(&orders(identity));
    let update = Sent::Update {
        relation: OID,
        old: old.map(|(kind, values)| (kind, row(values))),
        new: row(new),
    };
    let batch = after(&mapper, &update, None);
    let irrelevant = batch
        .unheard
        .get(&(0, Unheard::Irrelevant))
        .copied()
        .unwrap_or_default();
    assert_eq!(irrelevant == 1, batch.is_empty());
    batch.is_empty()
}

const FULL: OldKind = OldKind::Full;
const KEY: OldKind = OldKind::Key;

#[test]
fn an_update_of_other_columns_is_passed_over_where_the_old_row_is_known() {
    let full = |read: &[&str], old, new| passes_over(only(read), ReplicaIdentity::Full, Some((FULL, old)), new);
    assert!(full(&["status"], ["1", "new", "a"], ["1", "new", "b"]));
    assert!(full(&["status"], ["1", "", "a"], ["1", "", "b"]));
    assert!(full(&[], ["1", "new", "a"], ["1", "sent", "b"]));
    assert!(!full(&["status"], ["1", "new", "a"], ["1", "sent", "a"]));
    assert!(!full(&["status"], ["1", "", "a"], ["1", "new", "a"]));
    assert!(!full(&["status"], ["1", "new", "a"], ["1", "", "a"]));
    // What leads to the subject counts, read or not.
    assert!(!full(&["status"], ["1", "new", "a"], ["2", "new", "a"]));
    assert!(!full(&["status", "note"], ["1", "new", "a"], ["1", "new", "b"]));
}

#[test]
fn without_an_old_row_only_what_is_in_the_identity_is_known_not_to_have_changed() {
    let without = |read: &[&str], identity| passes_over(only(read), identity, None, ["1", "new", "a"]);
    assert!(without(&["id"], ReplicaIdentity::Default));
    assert!(without(&["id"], ReplicaIdentity::Index));
    assert!(!without(&["id", "status"], ReplicaIdentity::Default));
    // One that should have come.
    assert!(!without(&["id"], ReplicaIdentity::Full));
}

#[test]
fn an_old_key_tells_nothing_of_the_other_columns() {
    let key = |read: &[&str], new| passes_over(only(read), ReplicaIdentity::Default, Some((KEY, ["1", "", ""])), new);
    assert!(key(&["id"], ["1", "new", "a"]));
    assert!(!key(&["id"], ["2", "new", "a"]));
    // Null in the old key is no value.
    assert!(!key(&["id", "status"], ["1", "", "a"]));
}

#[test]
fn a_large_value_that_was_left_alone_has_not_changed() {
    let default = |read: &[&str], new| passes_over(only(read), ReplicaIdentity::Default, None, new);
    assert!(default(&["id", "note"], ["1", "sent", "…"]));
    assert!(!default(&["id", "status", "note"], ["1", "sent", "…"]));
}

#[test]
fn nothing_is_passed_over_where_a_column_that_counts_is_not_known() {
    let old = Some((FULL, ["1", "new", "a"]));
    let same = ["1", "new", "a"];
    assert!(!passes_over(ReadColumns::All, ReplicaIdentity::Full, old, same));
    assert!(!passes_over(
        only(&["status", "hidden"]),
        ReplicaIdentity::Full,
        old,
        same
    ));
    assert!(passes_over(only(&["status"]), ReplicaIdentity::Full, old, same));
}

#[test]
fn old_rows_of_partitions_are_not_relied_on() {
    let table = Table {
        id: OID,
        schema: "shop".to_owned(),
        name: "orders".to_owned(),
        kind: TableKind::Partitioned,
        persistence: Persistence::Permanent,
        identity: Identity::Full,
        rows: 0.0,
        columns: Vec::new(),
        indexes: Vec::new(),
        partitions: Vec::new(),
        heirs: Vec::new(),
    };
    let mut mapper = Mapper::new(vec![plan("a", only(&["status"]))].into(), &[table]);
    mapper.describe(&orders(ReplicaIdentity::Full));
    let update = Sent::Update {
        relation: OID,
        old: Some((FULL, row(["1", "new", "a"]))),
        new: row(["1", "new", "b"]),
    };
    assert_eq!(after(&mapper, &update, None).subjects.len(), 1);
}

#[test]
fn inserts_and_deletes_always_count() {
    let mut mapper = Mapper::new(vec![plan("a", only(&[]))].into(), &[]);
    mapper.describe(&orders(ReplicaIdentity::Default));
    let new = row(["1", "new", "a"]);
    let insert = Sent::Insert { relation: OID, new };
    assert_eq!(after(&mapper, &insert, None).subjects.len(), 1);
    let delete = Sent::Delete {
        relation: OID,
        old: (KEY, row(["1", "", ""])),
    };
    assert_eq!(after(&mapper, &delete, None).subjects.len(), 1);
}

#[test]
fn a_sync_does_not_listen_to_itself_and_others_do() {
    let plans = vec![plan("a", ReadColumns::All), plan("b", ReadColumns::All)];
    let mut mapper = Mapper::new(plans.into(), &[]);
    mapper.describe(&orders(ReplicaIdentity::Default));
    let new = row(["1", "new", "a"]);
    let batch = after(&mapper, &Sent::Insert { relation: OID, new }, Some(0));
    let touched: Vec<usize> = batch.subjects.keys().map(|(sync, _)| *sync).collect();
    assert_eq!((touched, batch.unheard.get(&(0, Unheard::Own))), (vec![1], Some(&1)));

    let mut batch = Batch::default();
    assert!(mapper.map_truncate(OID, origin(Some(1)), &mut batch));
    assert!(mapper.map_message("orders", b"[1]", origin(Some(1)), &mut batch).0);
    let swept: Vec<usize> = batch.sweeps.keys().map(|(sync, _)| *sync).collect();
    let touched: Vec<usize> = batch.subjects.keys().map(|(sync, _)| *sync).collect();
    assert_eq!(
        (swept, touched, batch.unheard.get(&(1, Unheard::Own))),
        (vec![0], vec![0], Some(&2))
    );
}

/// The keys that a message names, or what is wrong with it.
fn named(columns: &[(&str, &str)], content: &str) -> Result<Vec<String>, Malformed> {
    let plan = SyncPlan {
        shape: Arc::new(shape(columns)),
        ..plan("a", ReadColumns::All)
    };
    let mapper = Mapper::new(vec![plan].into(), &[]);
    let mut batch = Batch::default();
    let (heard, mut malformed) = mapper.map_message("orders", content.as_bytes(), origin(None), &mut batch);
    assert_eq!(heard, malformed.is_empty());
    if let Some((0, error)) = malformed.pop() {
        assert!(batch.is_empty());
        return Err(error);
    }
    let mut keys: Vec<String> = batch.subjects.keys().map(|(_, key)| key.to_string()).collect();
    keys.sort();
    Ok(keys)
}

#[test]
fn a_message_names_one_key_or_several() {
    let id = [("id", "bigint")];
    let keys = |content| named(&id, content).unwrap();
    assert_eq!(keys("[42]"), ["42"]);
    assert_eq!(keys(r#" [ "42" ] "#), ["42"]);
    assert_eq!(keys("[[42],[43],[42]]"), ["42", "43"]);
    assert_eq!(keys("[]"), Vec::<String>::new());
    let pair = [("region", "text"), ("n", "integer")];
    assert_eq!(named(&pair, r#"["a:b", 7]"#).unwrap(), [r"a\:b:7"]);
    assert_eq!(named(&pair, r#"[["a", 7], ["a", "08"]]"#).unwrap(), ["a:7", "a:8"]);
}

#[test]
fn values_of_a_message_are_written_as_the_stream_writes_them() {
    let key = |sql_type, content| named(&[("id", sql_type)], content).unwrap();
    assert_eq!(key("bigint", r#"["+0042"]"#), ["42"]);
    assert_eq!(key("bigint", r#"[" -0 "]"#), ["0"]);
    assert_eq!(key("smallint", "[-32768]"), ["-32768"]);
    assert_eq!(key("text", "[42]"), ["42"]);
    assert_eq!(key("text", r#"["042"]"#), ["042"]);
    assert_eq!(key("boolean", "[true]"), ["t"]);
    assert_eq!(
        key("uuid", r#"["{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}"]"#),
        ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
    );
}

#[test]
fn a_message_that_names_nothing_says_why() {
    let error = |columns: &[(&str, &str)], content: &str| named(columns, content).unwrap_err().to_string();
    let id = [("id", "integer")];
    let pair = [("region", "text"), ("n", "integer")];
    for content in ["", "42", "{}", "[42", "[42] [43]", "[[42],43]", "\u{0}"] {
        assert_eq!(error(&id, content), "it is no JSON array", "{content}");
    }
    let arity = "a key is an array of 2 values, in the order of the key's columns; found 1";
    assert_eq!(error(&pair, r#"["a"]"#), arity);
    assert_eq!(error(&pair, r#"[["a", 7], ["a"]]"#), arity);
    for content in ["[null]", "[true]", "[1.5]", r#"["x"]"#, r#"[""]"#, "[2147483648]"] {
        let wanted = "`id`: a whole number of its type is wanted";
        assert_eq!(error(&id, content), wanted, "{content}");
    }
    assert_eq!(
        error(&pair, "[1.5, 7]"),
        "`region`: a string or a whole number is wanted"
    );
    assert_eq!(error(&[("id", "uuid")], r#"["a0eebc99"]"#), "`id`: a UUID is wanted");
    assert_eq!(error(&[("id", "text")], r#"["a\u0000b"]"#), "`id`: text is wanted");
    let long = format!("[[1]{}]", ",[1]".repeat(300_000));
    assert_eq!(error(&id, &long), "it is longer than 1048576 bytes");
}

#[test]
fn messages_of_other_prefixes_are_nobodys() {
    let mapper = Mapper::new(vec![plan("a", ReadColumns::All)].into(), &[]);
    let mut batch = Batch::default();
    let (heard, malformed) = mapper.map_message("orders2", b"no", origin(None), &mut batch);
    assert!(!heard && malformed.is_empty() && batch.is_empty());
}
