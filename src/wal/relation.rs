//! What the tables in the stream look like, as the stream itself says.

use std::collections::HashMap;

/// A table as a Relation message describes it: the published columns only, in the order in which rows have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub identity: ReplicaIdentity,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub type_oid: u32,
    /// `atttypmod`: the length of a `varchar(n)` and the like, -1 for none.
    pub type_modifier: i32,
    /// Whether the column is in the replica identity. With [`ReplicaIdentity::Full`] every column is.
    pub in_identity: bool,
}

/// Which columns of the old row an update or delete carries.
///
/// <https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// Those of the primary key, if there is one.
    Default,
    Nothing,
    /// All of them.
    Full,
    /// Those of a chosen unique index.
    Index,
}

impl ReplicaIdentity {
    /// From the letter that `pg_class.relreplident` and the protocol use.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'd' => Some(Self::Default),
            b'n' => Some(Self::Nothing),
            b'f' => Some(Self::Full),
            b'i' => Some(Self::Index),
            _ => None,
        }
    }
}

/// The relations of one session.
///
/// The server sends a table's description once per session and after each change of it, so a cache never outlives
/// its session: the next one starts empty.
#[derive(Debug, Default)]
pub struct Relations(HashMap<u32, Relation>);

/// A row of a table that the server has not described in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("relation with oid {oid} was not described before its first row")]
pub struct UnknownRelation {
    pub oid: u32,
}

impl Relations {
    /// Takes in a Relation message. Gives back what it replaces: whoever derived something from that must do so anew.
    pub fn insert(&mut self, relation: Relation) -> Option<Relation> {
        self.0.insert(relation.oid, relation)
    }

    pub fn get(&self, oid: u32) -> Result<&Relation, UnknownRelation> {
        self.0.get(&oid).ok_or(UnknownRelation { oid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(columns: &[&str]) -> Relation {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            type_oid: 20,
            type_modifier: -1,
            in_identity: *name == "id",
        };
        Relation {
            oid: 16_384,
            schema: "shop".to_owned(),
            name: "orders".to_owned(),
            identity: ReplicaIdentity::Default,
            columns: columns.iter().map(column).collect(),
        }
    }

    #[test]
    fn a_row_of_a_table_never_described_is_an_error() {
        let relations = Relations::default();
        assert_eq!(relations.get(16_384), Err(UnknownRelation { oid: 16_384 }));
    }

    #[test]
    fn the_last_description_counts() {
        let mut relations = Relations::default();
        assert_eq!(relations.insert(orders(&["id"])), None);
        assert_eq!(relations.insert(orders(&["id", "note"])), Some(orders(&["id"])));
        assert_eq!(relations.get(16_384), Ok(&orders(&["id", "note"])));
    }

    #[test]
    fn tables_do_not_disturb_each_other() {
        let mut relations = Relations::default();
        relations.insert(orders(&["id"]));
        relations.insert(Relation {
            oid: 16_385,
            name: "lines".to_owned(),
            ..orders(&["id"])
        });
        assert_eq!(
            relations.get(16_384).map(|relation| relation.name.as_str()),
            Ok("orders")
        );
        assert_eq!(
            relations.get(16_385).map(|relation| relation.name.as_str()),
            Ok("lines")
        );
    }

    #[test]
    fn identities_are_the_letters_of_pg_class() {
        let known = [b'd', b'n', b'f', b'i'].map(ReplicaIdentity::from_byte);
        let wanted = [
            ReplicaIdentity::Default,
            ReplicaIdentity::Nothing,
            ReplicaIdentity::Full,
            ReplicaIdentity::Index,
        ];
        assert_eq!(known, wanted.map(Some));
        assert_eq!(ReplicaIdentity::from_byte(b'x'), None);
    }
}
