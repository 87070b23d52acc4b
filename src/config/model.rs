//! The configuration as checked: what the rest of the program uses. Every value here is valid in itself; whether it
//! fits the database is for `plan` to say, which is why tables and expressions remember their [`Place`].

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;

use super::{Connection, Place, Sink};

/// A whole configuration file, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub source: Source,
    pub state: State,
    pub engine: Engine,
    pub retention: Retention,
    pub admin: Admin,
    /// In the order of the file.
    pub sinks: Vec<Sink>,
    /// In the order of the file.
    pub syncs: Vec<Sync>,
}

/// The database that is read.
#[derive(Debug, Clone)]
pub struct Source {
    pub connection: Connection,
    pub publication: String,
    /// `[a-z0-9_]{1,63}`, as Postgres demands.
    pub slot: String,
    /// Whether Walsift creates and amends the publication.
    pub manage: bool,
    /// Whether the publication leaves out columns that do not count.
    pub column_lists: bool,
    /// Whether standbys keep a copy of the slot, where the server is able to.
    pub failover: bool,
    pub on_lost_slot: OnLostSlot,
    /// How often the slot is moved when only other tables are written.
    pub heartbeat: Duration,
    pub read: Option<Replica>,
}

/// Where documents are built in the source's place.
#[derive(Debug, Clone)]
pub struct Replica {
    pub connection: Connection,
    /// How long a build waits until the replica has what it must see.
    pub wait: Duration,
    /// Whether documents are built on the source while the replica is of no use.
    pub fallback: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLostSlot {
    Resync,
    Stop,
}

/// Where jobs, state and progress are kept.
#[derive(Debug, Clone)]
pub struct State {
    /// The source's own by default.
    pub connection: Connection,
    pub schema: String,
}

#[derive(Debug, Clone)]
pub struct Engine {
    /// Batches built at the same time.
    pub workers: usize,
    /// Most subjects in one build.
    pub batch: usize,
    pub lease: Duration,
    /// Ceiling for what intake may hold, in bytes.
    pub memory_bytes: usize,
}

/// How long finished jobs are kept, with their attempts.
#[derive(Debug, Clone)]
pub struct Retention {
    pub succeeded: Duration,
    /// Refused ones, and those out of attempts.
    pub failed: Duration,
}

#[derive(Debug, Clone)]
pub struct Admin {
    pub listen: SocketAddr,
    pub token: Option<SecretString>,
}

/// One declared kind of document.
#[derive(Debug, Clone)]
pub struct Sync {
    pub name: String,
    pub place: Place,
    /// Names of [`Config::sinks`], at least one, each once.
    pub sinks: Vec<String>,
    /// Columns that name the subject, where not the primary key.
    pub key: Option<Vec<String>>,
    pub deletes: Deletes,
    /// Members that are sent but not compared.
    pub ignore: Vec<Pointer>,
    /// A changed subject waits until it has been quiet for so long.
    pub debounce: Duration,
    /// Least time between two deliveries of one subject.
    pub min_interval: Duration,
    /// How often every subject is visited, whatever has changed.
    pub refresh_every: Option<Duration>,
    pub priority: Precedence,
    /// Run on the source after each accepted delivery: `$1`, … is the key, `$document` the document.
    pub after_publish: Option<Expression>,
    pub initial: Initial,
    pub history: History,
    /// Whether the document that a sink accepted last is kept, and not its digest alone.
    pub keep_document: bool,
    /// Of a sync by hand nothing but its table.
    pub root: Node,
    /// Takes the place of the tree: yields the key columns and `document` for the keys in `$1`, …, one array for each column.
    pub sql: Option<Expression>,
    /// Ways from changed rows to subjects that the tree does not show; each table once, in the order of the file.
    pub changes: Vec<Watched>,
    /// Prefixes of logical decoding messages that name subjects.
    pub messages: Vec<String>,
}

/// What becomes of a subject that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    Publish,
    /// The sink keeps what it has.
    Ignore,
}

/// Which syncs go first where they compete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    High,
    Normal,
    Low,
}

/// A JSON pointer (RFC 6901), its tokens unescaped; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pointer(pub Vec<String>);

impl Pointer {
    /// `None` if it is none, or the empty one, which stands for the whole document.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = text.strip_prefix('/')?.split('/');
        let unescape = |token: &str| {
            // `~` must be followed by 0 or 1; in this order `~01` becomes `~1`.
            let rest = token.replace("~0", "").replace("~1", "");
            (!rest.contains('~')).then(|| token.replace("~1", "/").replace("~0", "~"))
        };
        Some(Self(tokens.map(unescape).collect::<Option<Vec<String>>>()?))
    }

    /// As the file has it.
    pub fn written(&self) -> String {
        let escape = |token: &String| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
        self.0.iter().map(escape).collect()
    }
}

/// A table that a sync listens to beside those of its tree.
#[derive(Debug, Clone)]
pub struct Watched {
    pub table: TableName,
    pub place: Place,
    pub way: Way,
}

/// From a changed row to subjects.
#[derive(Debug, Clone)]
pub enum Way {
    /// Columns of the row that hold the key, in its order.
    Columns(Vec<String>),
    /// A query that yields keys for the values of columns of changed rows: `$1`, …, one array for each of `from`.
    Query { sql: Expression, from: Vec<String> },
    /// Nothing tells: every subject.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// A sync without state visits every subject at its first start.
    All,
    /// Only what changes from now on.
    None,
}

/// Which finished jobs and attempts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    Failures,
    All,
}

/// One table in the tree of a document.
#[derive(Debug, Clone)]
pub struct Node {
    /// The sync's name for the root, otherwise the name under `one` or `many`.
    pub name: String,
    pub place: Place,
    pub cardinality: Cardinality,
    pub table: TableName,
    /// `(column here, column of the enclosing table)`; from the foreign key where absent. Never on a root.
    pub on: Option<Vec<(String, String)>>,
    /// Only on a `many`: the table between the two.
    pub through: Option<Through>,
    pub filter: Option<Expression>,
    /// Only on a `many`.
    pub order_by: Option<Expression>,
    /// Only on a `many`: at most so many rows, the first by `order_by`.
    pub limit: Option<u64>,
    /// `None` on a root: all columns. `None` on a child: only there for expressions and aggregates.
    pub document: Option<Document>,
    /// Only on a `many`: member of the parent's document → aggregate over the rows.
    pub aggregate: Vec<(String, Expression)>,
    /// `one` and `many` children, in the order of the file.
    pub children: Vec<Node>,
}

/// The table between the two of an m:n relation.
#[derive(Debug, Clone)]
pub struct Through {
    pub table: TableName,
    pub place: Place,
    /// `(column between, column of the enclosing table)`; from the foreign key where absent.
    pub on: Option<Vec<(String, String)>>,
    /// `(column between, column here)`; from the foreign key where absent.
    pub to: Option<Vec<(String, String)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    Root,
    One,
    Many,
}

/// A table as the user wrote it: `name` or `schema.name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    pub schema: Option<String>,
    pub name: String,
}

#[derive(Debug, Clone)]
pub enum Document {
    /// Members in the order of the file.
    Object(Vec<(String, Member)>),
    /// The bare value instead of an object; never on a root.
    Bare(Expression),
}

#[derive(Debug, Clone)]
pub enum Member {
    Expression(Expression),
    /// A JSON number or boolean, as text.
    Constant(String),
    Object(Vec<(String, Member)>),
}

/// SQL of the user's, evaluated in its node.
#[derive(Debug, Clone)]
pub struct Expression {
    pub sql: String,
    pub place: Place,
}
