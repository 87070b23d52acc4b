//! Trees of documents over a schema, with everything that a node can have.

use super::schema::Schema;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    Root,
    One,
    Many,
}

/// Pairs of columns, the first of the table further down.
pub type Link = Vec<(usize, usize)>;

#[derive(Debug)]
pub struct Node {
    pub name: String,
    pub table: usize,
    /// The table of the node around it; its own on a root.
    pub enclosing: usize,
    pub cardinality: Cardinality,
    /// To the enclosing table, or to the one between: own column, other column.
    pub link: Link,
    pub between: Option<Between>,
    /// Whether the configuration writes the links out.
    pub written: bool,
    pub filter: Option<Expression>,
    pub order_by: Vec<(Expression, &'static str)>,
    pub limit: Option<u32>,
    pub document: Document,
    pub aggregates: Vec<(String, Expression)>,
    pub children: Vec<Node>,
}

#[derive(Debug)]
pub struct Between {
    pub table: usize,
    /// Column of the table between, column of the enclosing one.
    pub link: Link,
}

#[derive(Debug)]
pub enum Document {
    None,
    Bare(Expression),
    Object(Vec<(String, Member)>),
}

#[derive(Debug)]
pub enum Member {
    Expression(Expression),
    Number(i64),
    Boolean(bool),
    Object(Vec<(String, Member)>),
}

/// SQL with a `{}` for each column.
#[derive(Debug)]
pub struct Expression {
    pub sql: String,
    pub columns: Vec<Reference>,
}

/// A column of the node, or of the `one` child at the end of a way.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Positions among the children.
    pub way: Vec<usize>,
    pub column: usize,
}

#[derive(Debug)]
pub struct Sync {
    pub name: String,
    pub sinks: Vec<String>,
    /// Columns that name the subject, where they are not the primary key.
    pub key: Option<Vec<usize>>,
    /// The configuration has the statement, and no tree.
    pub by_hand: bool,
    pub root: Node,
}

impl Sync {
    /// Positions of the columns that name the subject.
    pub fn subject<'a>(&'a self, schema: &'a Schema) -> &'a [usize] {
        self.key.as_ref().unwrap_or(&schema.tables[self.root.table].key)
    }
}

impl Node {
    /// Every table of the tree, the one of the root first, some more than once.
    pub fn tables(&self) -> Vec<usize> {
        let mut found = vec![self.table];
        found.extend(self.between.as_ref().map(|between| between.table));
        found.extend(self.children.iter().flat_map(Node::tables));
        found
    }
}
