//! The other side of the decoder, for tests and fuzzing only: writes what a server would send.

use super::super::{Relation, ReplicaIdentity};
use super::{Content, Message, OldKind, OldTuple, Tuple, Value, postgres_micros};

/// A message that owns what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    Begin {
        final_lsn: u64,
        micros: i64,
        xid: u32,
    },
    Commit {
        lsn: u64,
        end_lsn: u64,
        micros: i64,
    },
    Origin {
        lsn: u64,
        name: String,
    },
    Relation(Relation),
    Type {
        oid: u32,
        schema: String,
        name: String,
    },
    Insert {
        relation: u32,
        new: Row,
    },
    Update {
        relation: u32,
        old: Option<(OldKind, Row)>,
        new: Row,
    },
    Delete {
        relation: u32,
        old: (OldKind, Row),
    },
    Truncate {
        flags: u8,
        relations: Vec<u32>,
    },
    Logical {
        transactional: bool,
        lsn: u64,
        prefix: String,
        content: Vec<u8>,
    },
}

pub type Row = Vec<Cell>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Null,
    Unchanged,
    Text(String),
    Binary(Vec<u8>),
}

/// What must have been sent for this to be read, flags without a meaning aside.
impl From<&Message<'_>> for Sent {
    fn from(message: &Message<'_>) -> Self {
        match message {
            Message::Begin {
                final_lsn,
                commit_time,
                xid,
            } => Self::Begin {
                final_lsn: final_lsn.0,
                micros: postgres_micros(*commit_time),
                xid: *xid,
            },
            Message::Commit {
                lsn,
                end_lsn,
                commit_time,
            } => Self::Commit {
                lsn: lsn.0,
                end_lsn: end_lsn.0,
                micros: postgres_micros(*commit_time),
            },
            Message::Origin { lsn, name } => Self::Origin {
                lsn: lsn.0,
                name: (*name).to_owned(),
            },
            Message::Relation(relation) => Self::Relation(relation.clone()),
            Message::Type { oid, schema, name } => Self::Type {
                oid: *oid,
                schema: (*schema).to_owned(),
                name: (*name).to_owned(),
            },
            Message::Insert { relation, new } => Self::Insert {
                relation: *relation,
                new: row(*new),
            },
            Message::Update { relation, old, new } => Self::Update {
                relation: *relation,
                old: old.map(old_row),
                new: row(*new),
            },
            Message::Delete { relation, old } => Self::Delete {
                relation: *relation,
                old: old_row(*old),
            },
            Message::Truncate {
                cascade,
                restart_identity,
                relations,
            } => Self::Truncate {
                flags: u8::from(*cascade) | u8::from(*restart_identity) << 1,
                relations: relations.iter().collect(),
            },
            Message::Logical {
                transactional,
                lsn,
                prefix,
                content: Content(content),
            } => Self::Logical {
                transactional: *transactional,
                lsn: lsn.0,
                prefix: (*prefix).to_owned(),
                content: content.to_vec(),
            },
        }
    }
}

fn old_row(old: OldTuple<'_>) -> (OldKind, Row) {
    (old.kind, row(old.tuple))
}

fn row(tuple: Tuple<'_>) -> Row {
    let cell = |value| match value {
        Value::Null => Cell::Null,
        Value::Unchanged => Cell::Unchanged,
        Value::Text(text) => Cell::Text(text.to_owned()),
        Value::Binary(bytes) => Cell::Binary(bytes.to_vec()),
    };
    tuple.iter().map(cell).collect()
}

pub fn encode(sent: &Sent) -> Vec<u8> {
    let mut out = Vec::new();
    match sent {
        Sent::Begin { final_lsn, micros, xid } => {
            out.push(b'B');
            out.extend(final_lsn.to_be_bytes());
            out.extend(micros.to_be_bytes());
            out.extend(xid.to_be_bytes());
        }
        Sent::Commit { lsn, end_lsn, micros } => {
            out.extend(*b"C\0");
            out.extend(lsn.to_be_bytes());
            out.extend(end_lsn.to_be_bytes());
            out.extend(micros.to_be_bytes());
        }
        Sent::Origin { lsn, name } => {
            out.push(b'O');
            out.extend(lsn.to_be_bytes());
            put_string(&mut out, name);
        }
        Sent::Relation(relation) => put_relation(&mut out, relation),
        Sent::Type { oid, schema, name } => {
            out.push(b'Y');
            out.extend(oid.to_be_bytes());
            put_string(&mut out, schema);
            put_string(&mut out, name);
        }
        Sent::Insert { relation, new } => {
            out.push(b'I');
            out.extend(relation.to_be_bytes());
            put_tuple(&mut out, b'N', new);
        }
        Sent::Update { relation, old, new } => {
            out.push(b'U');
            out.extend(relation.to_be_bytes());
            if let Some((kind, row)) = old {
                put_tuple(&mut out, old_letter(*kind), row);
            }
            put_tuple(&mut out, b'N', new);
        }
        Sent::Delete {
            relation,
            old: (kind, row),
        } => {
            out.push(b'D');
            out.extend(relation.to_be_bytes());
            put_tuple(&mut out, old_letter(*kind), row);
        }
        Sent::Truncate { flags, relations } => {
            out.push(b'T');
            put_length(&mut out, relations.len());
            out.push(*flags);
            out.extend(relations.iter().flat_map(|oid| oid.to_be_bytes()));
        }
        Sent::Logical {
            transactional,
            lsn,
            prefix,
            content,
        } => {
            out.extend([b'M', u8::from(*transactional)]);
            out.extend(lsn.to_be_bytes());
            put_string(&mut out, prefix);
            put_length(&mut out, content.len());
            out.extend(content);
        }
    }
    out
}

fn put_relation(out: &mut Vec<u8>, relation: &Relation) {
    out.push(b'R');
    out.extend(relation.oid.to_be_bytes());
    put_string(out, &relation.schema);
    put_string(out, &relation.name);
    out.push(match relation.identity {
        ReplicaIdentity::Default => b'd',
        ReplicaIdentity::Nothing => b'n',
        ReplicaIdentity::Full => b'f',
        ReplicaIdentity::Index => b'i',
    });
    out.extend(count(relation.columns.len()).to_be_bytes());
    for column in &relation.columns {
        out.push(u8::from(column.in_identity));
        put_string(out, &column.name);
        out.extend(column.type_oid.to_be_bytes());
        out.extend(column.type_modifier.to_be_bytes());
    }
}

fn put_tuple(out: &mut Vec<u8>, letter: u8, row: &Row) {
    out.push(letter);
    out.extend(count(row.len()).to_be_bytes());
    for cell in row {
        match cell {
            Cell::Null => out.push(b'n'),
            Cell::Unchanged => out.push(b'u'),
            Cell::Text(text) => {
                out.push(b't');
                put_length(out, text.len());
                out.extend(text.as_bytes());
            }
            Cell::Binary(bytes) => {
                out.push(b'b');
                put_length(out, bytes.len());
                out.extend(bytes);
            }
        }
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend(text.as_bytes());
    out.push(0);
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("a message is shorter");
    out.extend(length.to_be_bytes());
}

fn count(columns: usize) -> u16 {
    u16::try_from(columns).expect("a table has fewer columns")
}

fn old_letter(kind: OldKind) -> u8 {
    match kind {
        OldKind::Key => b'K',
        OldKind::Full => b'O',
    }
}
