//! The messages of pgoutput.

use std::fmt;
use std::time::SystemTime;

use super::super::Lsn;
use super::super::relation::{Column, Relation, ReplicaIdentity};
use super::cursor::{Cursor, DecodeError, Problem};
use super::tuple::{OldKind, OldTuple, Tuple};

/// One message of pgoutput, borrowed from the bytes it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    Begin {
        /// Where the commit record of the transaction stands.
        final_lsn: Lsn,
        commit_time: SystemTime,
        xid: u32,
    },
    Commit {
        /// Where the commit record stands.
        lsn: Lsn,
        /// Right behind the commit record: what may be confirmed once the transaction is durable elsewhere.
        end_lsn: Lsn,
        commit_time: SystemTime,
    },
    /// The transaction was itself replicated from another server.
    Origin {
        lsn: Lsn,
        name: &'a str,
    },
    /// What a table looks like from here on.
    Relation(Relation),
    /// The name of a type that is not built in.
    Type {
        oid: u32,
        schema: &'a str,
        name: &'a str,
    },
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        /// There with replica identity `full`; otherwise only if the update changed a column of the identity.
        old: Option<OldTuple<'a>>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: OldTuple<'a>,
    },
    Truncate {
        cascade: bool,
        restart_identity: bool,
        relations: RelationIds<'a>,
    },
    /// From `pg_logical_emit_message`.
    Logical {
        /// Inside of a transaction; otherwise it came at once, and may stand between transactions.
        transactional: bool,
        lsn: Lsn,
        prefix: &'a str,
        content: Content<'a>,
    },
}

impl<'a> Message<'a> {
    /// Reads one message, which must take up all of `bytes`.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let message = match cursor.u8("tag")? {
            b'B' => begin(&mut cursor)?,
            b'C' => commit(&mut cursor)?,
            b'O' => origin(&mut cursor)?,
            b'R' => relation(&mut cursor)?,
            b'Y' => type_name(&mut cursor)?,
            b'I' => insert(&mut cursor)?,
            b'U' => update(&mut cursor)?,
            b'D' => delete(&mut cursor)?,
            b'T' => truncate(&mut cursor)?,
            b'M' => logical(&mut cursor)?,
            found => return Err(cursor.error_at(bytes, "tag", Problem::UnknownByte { found })),
        };
        cursor.end()?;
        Ok(message)
    }
}

fn begin<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("begin");
    Ok(Message::Begin {
        final_lsn: cursor.lsn("final lsn")?,
        commit_time: cursor.time("commit time")?,
        xid: cursor.u32("xid")?,
    })
}

fn commit<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("commit");
    // No flag is defined. Postgres' own subscriber refuses any other value, too.
    cursor.tag("flags", |flags| (flags == 0).then_some(()))?;
    Ok(Message::Commit {
        lsn: cursor.lsn("lsn")?,
        end_lsn: cursor.lsn("end lsn")?,
        commit_time: cursor.time("commit time")?,
    })
}

fn origin<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("origin");
    Ok(Message::Origin {
        lsn: cursor.lsn("lsn")?,
        name: cursor.string("name")?,
    })
}

fn relation<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    /// Flags, an empty name, type and modifier.
    const SMALLEST_COLUMN_BYTES: usize = 1 + 1 + 4 + 4;

    cursor.name("relation");
    let oid = cursor.u32("oid")?;
    let schema = schema(cursor)?.to_owned();
    let name = cursor.string("name")?.to_owned();
    let identity = cursor.tag("replica identity", ReplicaIdentity::from_byte)?;
    let count = usize::from(cursor.count("column count")?);
    // The count is the sender's word; what is left to read is a fact.
    let mut columns = Vec::with_capacity(count.min(cursor.left().len() / SMALLEST_COLUMN_BYTES));
    for _ in 0..count {
        columns.push(Column {
            in_identity: cursor.u8("column flags")? & 1 != 0,
            name: cursor.string("column name")?.to_owned(),
            type_oid: cursor.u32("column type")?,
            type_modifier: cursor.i32("column type modifier")?,
        });
    }
    Ok(Message::Relation(Relation {
        oid,
        schema,
        name,
        identity,
        columns,
    }))
}

fn type_name<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("type");
    Ok(Message::Type {
        oid: cursor.u32("oid")?,
        schema: schema(cursor)?,
        name: cursor.string("name")?,
    })
}

/// `pg_catalog` is sent as the empty string, to save space.
fn schema<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, DecodeError> {
    let schema = cursor.string("schema")?;
    Ok(if schema.is_empty() { "pg_catalog" } else { schema })
}

fn insert<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("insert");
    Ok(Message::Insert {
        relation: cursor.u32("relation")?,
        new: new_tuple(cursor)?,
    })
}

fn update<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("update");
    let relation = cursor.u32("relation")?;
    let old = if cursor.left().first() == Some(&b'N') {
        None
    } else {
        Some(old_tuple(cursor)?)
    };
    Ok(Message::Update {
        relation,
        old,
        new: new_tuple(cursor)?,
    })
}

fn delete<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("delete");
    Ok(Message::Delete {
        relation: cursor.u32("relation")?,
        old: old_tuple(cursor)?,
    })
}

fn new_tuple<'a>(cursor: &mut Cursor<'a>) -> Result<Tuple<'a>, DecodeError> {
    cursor.tag("new tuple", |tag| (tag == b'N').then_some(()))?;
    Tuple::decode(cursor)
}

fn old_tuple<'a>(cursor: &mut Cursor<'a>) -> Result<OldTuple<'a>, DecodeError> {
    let kind = cursor.tag("old tuple", |tag| match tag {
        b'K' => Some(OldKind::Key),
        b'O' => Some(OldKind::Full),
        _ => None,
    })?;
    Ok(OldTuple {
        kind,
        tuple: Tuple::decode(cursor)?,
    })
}

fn truncate<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("truncate");
    let count = cursor.length("relation count")?;
    let flags = cursor.u8("flags")?;
    let relations = cursor.bytes("relations", count.saturating_mul(4))?;
    Ok(Message::Truncate {
        cascade: flags & 1 != 0,
        restart_identity: flags & 2 != 0,
        relations: RelationIds(relations.as_chunks().0),
    })
}

fn logical<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, DecodeError> {
    cursor.name("logical");
    let flags = cursor.u8("flags")?;
    let lsn = cursor.lsn("lsn")?;
    let prefix = cursor.string("prefix")?;
    let length = cursor.length("content length")?;
    let content = Content(cursor.bytes("content", length)?);
    Ok(Message::Logical {
        transactional: flags & 1 != 0,
        lsn,
        prefix,
        content,
    })
}

/// The oids of the tables that one statement truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationIds<'a>(&'a [[u8; 4]]);

impl<'a> RelationIds<'a> {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.0.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

/// What an application put into a logical message: any bytes, and as private as a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Content<'a>(pub &'a [u8]);

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
