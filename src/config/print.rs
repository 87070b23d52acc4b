//! The configuration in force, as TOML: what `--print-config` shows. Secrets are `***`.

mod sinks;

use secrecy::{ExposeSecret, SecretString};
use toml::{Table, Value};

use super::mask::{Secrecy, masked};
use super::raw::units::{format_duration, format_size};
use super::{
    Cardinality, Config, Connection, Deletes, Document, Expression, History, Initial, Member, Node, OnLostSlot,
    Precedence, Secret, Sync, TableName, Way,
};

impl Config {
    /// With every default filled in, in the form of the file.
    pub fn print_masked(&self) -> String {
        let sinks = self
            .sinks
            .iter()
            .map(|sink| (sink.name.clone(), sinks::sink(sink).into()))
            .collect::<Table>();
        let syncs = self
            .syncs
            .iter()
            .map(|sync| (sync.name.clone(), self::sync(sync).into()))
            .collect::<Table>();
        let config = table([
            ("source", self.source().into()),
            ("state", self.state().into()),
            ("engine", self.engine().into()),
            ("retention", self.retention().into()),
            ("admin", self.admin().into()),
            ("sinks", sinks.into()),
            ("syncs", syncs.into()),
        ]);
        toml::to_string(&config).expect("a tree of strings, numbers and tables is valid TOML")
    }

    /// One sync as it is understood, to tell whether it is the one that was configured before.
    pub fn print_sync(sync: &Sync) -> String {
        toml::to_string(&self::sync(sync)).expect("a tree of strings, numbers and tables is valid TOML")
    }

    fn source(&self) -> Table {
        let source = &self.source;
        let mut printed = connection(&source.connection);
        printed.extend(table([
            ("publication", text(&source.publication)),
            ("slot", text(&source.slot)),
            ("manage", source.manage.into()),
            ("column_lists", source.column_lists.into()),
            ("failover", source.failover.into()),
            (
                "on_lost_slot",
                match source.on_lost_slot {
                    OnLostSlot::Resync => "resync".into(),
                    OnLostSlot::Stop => "stop".into(),
                },
            ),
            ("heartbeat", format_duration(source.heartbeat).into()),
        ]));
        if let Some(read) = &source.read {
            let url = connection(&read.connection).remove("url");
            printed.extend(url.map(|url| ("read_url".to_owned(), url)));
            printed.extend(table([
                ("read_wait", format_duration(read.wait).into()),
                ("read_fallback", read.fallback.into()),
            ]));
        }
        printed
    }

    fn state(&self) -> Table {
        let state = &self.state;
        let mut printed = connection(&state.connection);
        printed.extend(table([("schema", text(&state.schema))]));
        printed
    }

    fn engine(&self) -> Table {
        let engine = &self.engine;
        table([
            ("workers", number(engine.workers)),
            ("batch", number(engine.batch)),
            ("lease", format_duration(engine.lease).into()),
            ("memory", format_size(engine.memory_bytes as u64).into()),
        ])
    }

    fn retention(&self) -> Table {
        table([
            ("succeeded", format_duration(self.retention.succeeded).into()),
            ("failed", format_duration(self.retention.failed).into()),
        ])
    }

    fn admin(&self) -> Table {
        let mut admin = table([("listen", self.admin.listen.to_string().into())]);
        if let Some(token) = &self.admin.token {
            admin.insert("token".to_owned(), secret(token, Secrecy::Whole));
        }
        admin
    }
}

fn sync(sync: &Sync) -> Table {
    let mut found = node(&sync.root);
    found.insert(
        "sinks".to_owned(),
        sync.sinks.iter().map(|sink| text(sink)).collect::<Vec<_>>().into(),
    );
    if let Some(key) = &sync.key {
        found.insert(
            "key".to_owned(),
            key.iter().map(|column| text(column)).collect::<Vec<_>>().into(),
        );
    }
    let mut put = |key: &str, value: Value| found.insert(key.to_owned(), value);
    put(
        "deletes",
        match sync.deletes {
            Deletes::Publish => "publish",
            Deletes::Ignore => "ignore",
        }
        .into(),
    );
    let pointers: Vec<Value> = sync.ignore.iter().map(|pointer| text(&pointer.written())).collect();
    put("ignore", pointers.into());
    put("debounce", format_duration(sync.debounce).into());
    put("min_interval", format_duration(sync.min_interval).into());
    if let Some(period) = sync.refresh_every {
        put("refresh_every", format_duration(period).into());
    }
    put(
        "priority",
        match sync.priority {
            Precedence::High => "high",
            Precedence::Normal => "normal",
            Precedence::Low => "low",
        }
        .into(),
    );
    if let Some(after_publish) = &sync.after_publish {
        put("after_publish", sql(after_publish));
    }
    if let Some(by_hand) = &sync.sql {
        put("sql", sql(by_hand));
    }
    if !sync.changes.is_empty() {
        let changes = sync
            .changes
            .iter()
            .map(|watched| (watched.table.written(), way(&watched.way)));
        put("changes", changes.collect::<Table>().into());
    }
    if !sync.messages.is_empty() {
        let messages = sync.messages.iter().map(|prefix| (prefix.clone(), true.into()));
        put("messages", messages.collect::<Table>().into());
    }
    let initial = match sync.initial {
        Initial::All => "all",
        Initial::None => "none",
    };
    let history = match sync.history {
        History::Failures => "failures",
        History::All => "all",
    };
    found.insert("initial".to_owned(), initial.into());
    found.insert("history".to_owned(), history.into());
    found.insert("keep_document".to_owned(), sync.keep_document.into());
    found
}

fn node(node: &Node) -> Table {
    let mut found = table([("table", text(&node.table.written()))]);
    let mut put = |key: &str, value: Value| found.insert(key.to_owned(), value);
    if let Some(on) = &node.on {
        put("on", pairs(on));
    }
    if let Some(through) = &node.through {
        let mut inner = table([("table", text(&through.table.written()))]);
        let links = [("on", &through.on), ("to", &through.to)];
        for (key, link) in links.into_iter().filter_map(|(key, link)| Some((key, link.as_ref()?))) {
            inner.insert(key.to_owned(), pairs(link));
        }
        put("through", inner.into());
    }
    if let Some(limit) = node.limit {
        put("limit", i64::try_from(limit).unwrap_or(i64::MAX).into());
    }
    if let Some(filter) = &node.filter {
        put("where", sql(filter));
    }
    if let Some(order_by) = &node.order_by {
        put("order_by", sql(order_by));
    }
    match &node.document {
        Some(Document::Object(members)) => _ = put("document", object(members).into()),
        Some(Document::Bare(expression)) => _ = put("document", sql(expression)),
        None => {}
    }
    if !node.aggregate.is_empty() {
        let aggregates = node
            .aggregate
            .iter()
            .map(|(name, expression)| (name.clone(), sql(expression)));
        put("aggregate", aggregates.collect::<Table>().into());
    }
    for (key, cardinality) in [("one", Cardinality::One), ("many", Cardinality::Many)] {
        let children = node.children.iter().filter(|child| child.cardinality == cardinality);
        let children: Table = children
            .map(|child| (child.name.clone(), self::node(child).into()))
            .collect();
        if !children.is_empty() {
            put(key, children.into());
        }
    }
    found
}

fn pairs(link: &[(String, String)]) -> Value {
    link.iter()
        .map(|(one, other)| (one.clone(), text(other)))
        .collect::<Table>()
        .into()
}

fn way(way: &Way) -> Value {
    let columns = |columns: &[String]| columns.iter().map(|column| text(column)).collect::<Vec<_>>().into();
    match way {
        Way::All => "all".into(),
        Way::Columns(names) => columns(names),
        Way::Query { sql: query, from } => table([("sql", sql(query)), ("from", columns(from))]).into(),
    }
}

fn object(members: &[(String, Member)]) -> Table {
    members
        .iter()
        .map(|(name, member)| (name.clone(), value(member)))
        .collect()
}

fn value(member: &Member) -> Value {
    match member {
        Member::Expression(expression) => sql(expression),
        Member::Object(members) => object(members).into(),
        Member::Constant(json) => match (json.parse::<bool>(), json.parse::<i64>(), json.parse::<f64>()) {
            (Ok(boolean), ..) => boolean.into(),
            (_, Ok(integer), _) => integer.into(),
            (.., Ok(float)) => float.into(),
            // A constant is one of the three.
            _ => text(json),
        },
    }
}

impl TableName {
    /// As the file would have it: a part is quoted only where it must be.
    pub fn written(&self) -> String {
        let part = |name: &str| {
            if name.contains(['.', '"']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.to_owned()
            }
        };
        match &self.schema {
            Some(schema) => format!("{}.{}", part(schema), part(&self.name)),
            None => part(&self.name),
        }
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// Escaped, so that the print can be read back.
fn text(text: &str) -> Value {
    text.replace("${", "$${").into()
}

fn sql(expression: &Expression) -> Value {
    text(&expression.sql)
}

/// Nothing where all is left to the environment.
fn connection(connection: &Connection) -> Table {
    let written = match connection.url.as_ref().and_then(Secret::file) {
        Some(file) => text(&format!("file:{}", file.display())),
        None => secret(&connection.text(), Secrecy::Connection),
    };
    let entry = ("url".to_owned(), written);
    [entry]
        .into_iter()
        .filter(|(_, url)| url.as_str() != Some(""))
        .collect()
}

/// The file, for one that has a file of its own.
fn renewable(secret: &Secret) -> Value {
    match secret.file() {
        Some(file) => text(&format!("file:{}", file.display())),
        None => self::secret(&secret.text, Secrecy::Whole),
    }
}

fn secret(secret: &SecretString, secrecy: Secrecy) -> Value {
    text(&masked(secret.expose_secret(), secrecy))
}

fn number(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
