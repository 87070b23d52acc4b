//! Syncs as the configuration file writes them.

use toml::{Table as Toml, Value};
use walsift::pg::identifier;

use super::naive;
use super::schema::{Schema, Table};
use super::tree::{Cardinality, Document, Expression, Link, Member, Node, Sync};

/// `[sinks.…]` and `[syncs.…]`; each sink has a folder of its own at the receiver.
pub fn configuration(schema: &Schema, syncs: &[Sync], receiver: &str, more_of_sink: &str) -> String {
    let mut sinks = Toml::new();
    let mut all = Toml::new();
    for sync in syncs {
        let key = subject(schema, sync).join("}/{");
        for sink in &sync.sinks {
            let mut more: Toml = more_of_sink.parse().unwrap();
            more.insert("type".to_owned(), text("http"));
            more.insert("url".to_owned(), text(&format!("{receiver}/{sink}/{{{key}}}")));
            sinks.insert(sink.clone(), Value::Table(more));
        }
        let mut toml = if sync.by_hand {
            by_hand(schema, sync)
        } else {
            node(schema, &sync.root, None)
        };
        toml.insert(
            "sinks".to_owned(),
            Value::Array(sync.sinks.iter().map(|sink| text(sink)).collect()),
        );
        if sync.key.is_some() {
            let names = subject(schema, sync);
            toml.insert(
                "key".to_owned(),
                Value::Array(names.iter().map(|name| text(name)).collect()),
            );
        }
        all.insert(sync.name.clone(), Value::Table(toml));
    }
    let mut config = Toml::new();
    config.insert("sinks".to_owned(), Value::Table(sinks));
    config.insert("syncs".to_owned(), Value::Table(all));
    config.to_string()
}

fn subject(schema: &Schema, sync: &Sync) -> Vec<String> {
    let columns = &schema.tables[sync.root.table].columns;
    let key = sync.subject(schema).iter();
    key.map(|&column| columns[column].name.clone()).collect()
}

/// The root says itself which subjects its changes touch; any other change may touch them all.
fn by_hand(schema: &Schema, sync: &Sync) -> Toml {
    let key: Vec<Value> = subject(schema, sync).iter().map(|name| text(name)).collect();
    let mut changes = Toml::new();
    for table in sync.root.tables() {
        let way = if table == sync.root.table && sync.root.tables().iter().filter(|&&other| other == table).count() == 1
        {
            Value::Array(key.clone())
        } else {
            text("all")
        };
        changes.insert(name(&schema.tables[table]), way);
    }
    let mut toml = Toml::new();
    toml.insert("table".to_owned(), text(&name(&schema.tables[sync.root.table])));
    toml.insert("sql".to_owned(), text(&naive::by_hand(schema, sync)));
    toml.insert("changes".to_owned(), Value::Table(changes));
    toml
}

fn node(schema: &Schema, node: &Node, enclosing: Option<&Table>) -> Toml {
    let table = &schema.tables[node.table];
    let mut toml = Toml::new();
    toml.insert("table".to_owned(), text(&name(table)));
    match (&node.between, enclosing) {
        (Some(between), Some(enclosing)) => {
            let middle = &schema.tables[between.table];
            let value = if node.written {
                let mut through = Toml::new();
                through.insert("table".to_owned(), text(&name(middle)));
                through.insert("on".to_owned(), pairs(&between.link, middle, enclosing));
                let down: Link = node.link.iter().map(|&(here, between)| (between, here)).collect();
                through.insert("to".to_owned(), pairs(&down, middle, table));
                Value::Table(through)
            } else {
                text(&name(middle))
            };
            toml.insert("through".to_owned(), value);
        }
        (None, Some(enclosing)) if node.written => {
            toml.insert("on".to_owned(), pairs(&node.link, table, enclosing));
        }
        _ => {}
    }
    let written = |expression: &Expression| text(&written(schema, node, expression));
    if let Some(filter) = &node.filter {
        toml.insert("where".to_owned(), written(filter));
    }
    if !node.order_by.is_empty() {
        let terms = node
            .order_by
            .iter()
            .map(|(term, direction)| format!("{}{direction}", self::written(schema, node, term)));
        toml.insert("order_by".to_owned(), text(&terms.collect::<Vec<_>>().join(", ")));
    }
    if let Some(limit) = node.limit {
        toml.insert("limit".to_owned(), Value::Integer(limit.into()));
    }
    match &node.document {
        Document::None => {}
        Document::Bare(expression) => {
            toml.insert("document".to_owned(), written(expression));
        }
        Document::Object(list) => {
            toml.insert("document".to_owned(), Value::Table(members(list, &written)));
        }
    }
    if !node.aggregates.is_empty() {
        let aggregates = node
            .aggregates
            .iter()
            .map(|(name, sql)| (name.clone(), text(&self::written(schema, node, sql))));
        toml.insert("aggregate".to_owned(), Value::Table(aggregates.collect()));
    }
    for (key, cardinality) in [("one", Cardinality::One), ("many", Cardinality::Many)] {
        let children = node.children.iter().filter(|child| child.cardinality == cardinality);
        let children: Toml = children
            .map(|child| (child.name.clone(), Value::Table(self::node(schema, child, Some(table)))))
            .collect();
        if !children.is_empty() {
            toml.insert(key.to_owned(), Value::Table(children));
        }
    }
    toml
}

fn members(members: &[(String, Member)], written: &dyn Fn(&Expression) -> Value) -> Toml {
    let value = |member: &Member| match member {
        Member::Expression(expression) => written(expression),
        Member::Number(number) => Value::Integer(*number),
        Member::Boolean(value) => Value::Boolean(*value),
        Member::Object(inner) => Value::Table(self::members(inner, written)),
    };
    members
        .iter()
        .map(|(name, member)| (name.clone(), value(member)))
        .collect()
}

/// Own columns by their bare names, those of `one` children by `child.column`.
fn written(schema: &Schema, node: &Node, expression: &Expression) -> String {
    let names = expression.columns.iter().map(|reference| {
        let mut at = node;
        for &child in &reference.way {
            at = &at.children[child];
        }
        let column = schema.tables[at.table].column_sql(reference.column);
        if reference.way.is_empty() {
            column
        } else {
            format!("{}.{column}", identifier(&at.name))
        }
    });
    fill(&expression.sql, names)
}

/// Puts `values` where the `{}` are.
pub fn fill(pattern: &str, values: impl Iterator<Item = String>) -> String {
    let mut parts = pattern.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (value, part) in values.zip(parts) {
        filled.push_str(&value);
        filled.push_str(part);
    }
    filled
}

fn pairs(link: &Link, here: &Table, there: &Table) -> Value {
    let pair = |&(own, other): &(usize, usize)| (here.columns[own].name.clone(), text(&there.columns[other].name));
    Value::Table(link.iter().map(pair).collect())
}

fn name(table: &Table) -> String {
    identifier(table.schema) + "." + &identifier(&table.name)
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}
