//! A sync and the tree of its document.

use std::time::Duration;

use toml::de::DeValue;

use super::changes::{RawWay, read_changes, read_messages};
use super::reader::{Entry, Reader};
use super::reading::{At, Field};
use super::sections::{DELETES, HISTORIES, INITIALS, PRECEDENCES};
use crate::config::{Cardinality, Deletes, History, Initial, Place, Precedence, Problem};

pub struct RawSync {
    pub sink: Field<Vec<At<String>>>,
    pub sinks: Field<Vec<At<String>>>,
    pub key: Field<Vec<At<String>>>,
    pub deletes: Field<Deletes>,
    pub ignore: Field<Vec<At<String>>>,
    pub debounce: Field<Duration>,
    pub min_interval: Field<Duration>,
    pub refresh_every: Field<Duration>,
    pub priority: Field<Precedence>,
    pub after_publish: Field<String>,
    pub initial: Field<Initial>,
    pub history: Field<History>,
    pub keep_document: Field<bool>,
    pub root: RawNode,
    pub sql: Field<String>,
    /// `(table, way)`
    pub changes: Field<Vec<(At<String>, RawWay)>>,
    /// `(prefix, whether to listen)`
    pub messages: Vec<(At<String>, bool)>,
}

pub struct RawNode {
    /// At the header of its table.
    pub name: At<String>,
    pub cardinality: Cardinality,
    pub table: Field<String>,
    pub on: Field<Vec<(At<String>, At<String>)>>,
    pub through: Option<RawThrough>,
    pub filter: Field<String>,
    pub order_by: Field<String>,
    pub limit: Field<u64>,
    pub document: Field<RawDocument>,
    pub aggregate: Field<Vec<(At<String>, At<String>)>>,
    /// In the order of the file, whatever their kind.
    pub children: Vec<RawNode>,
}

pub struct RawThrough {
    pub place: Place,
    pub table: Field<String>,
    pub on: Field<Vec<(At<String>, At<String>)>>,
    pub to: Field<Vec<(At<String>, At<String>)>>,
}

pub enum RawDocument {
    Object(Vec<RawMember>),
    Bare(String),
}

pub struct RawMember {
    pub name: At<String>,
    pub value: RawValue,
}

pub enum RawValue {
    Expression(At<String>),
    /// JSON.
    Constant(String),
    Object(Vec<RawMember>),
    /// Reported.
    Unusable,
}

pub fn read_sync(name: At<String>, mut reader: Reader<'_>) -> RawSync {
    let sync = RawSync {
        sink: read_sink_name(&mut reader),
        sinks: reader.strings("sinks"),
        key: reader.strings("key"),
        deletes: reader.word("deletes", &DELETES),
        ignore: reader.strings("ignore"),
        debounce: reader.duration("debounce"),
        min_interval: reader.duration("min_interval"),
        refresh_every: reader.duration("refresh_every"),
        priority: reader.word("priority", &PRECEDENCES),
        after_publish: reader.string("after_publish"),
        initial: reader.word("initial", &INITIALS),
        history: reader.word("history", &HISTORIES),
        keep_document: reader.boolean("keep_document"),
        root: read_node(name, Cardinality::Root, &mut reader),
        sql: reader.string("sql"),
        changes: read_changes(&mut reader),
        messages: read_messages(&mut reader),
    };
    finish(reader);
    sync
}

/// One name, written as a string: `sinks` is the list.
fn read_sink_name(reader: &mut Reader<'_>) -> Field<Vec<At<String>>> {
    let Some(entry) = reader.any("sink") else {
        return Field::Absent;
    };
    let name = match entry.value.get_ref() {
        DeValue::Array(_) => reader.mistyped_but(&entry, "a string", "for several there is `sinks`"),
        _ => reader.text(&entry, "a string"),
    };
    match name {
        Some(name) => {
            let place = entry.value_place;
            Field::Given(At::new(vec![At::new(name, place.clone())], place))
        }
        None => Field::Unusable,
    }
}

fn read_through(reader: &mut Reader<'_>) -> Option<RawThrough> {
    let entry = reader.any("through")?;
    match entry.value.get_ref() {
        DeValue::String(_) => Some(RawThrough {
            place: entry.value_place.clone(),
            table: Field::Given(At::new(reader.text(&entry, "a string")?, entry.value_place)),
            on: Field::Absent,
            to: Field::Absent,
        }),
        DeValue::Table(_) => {
            let mut inner = reader.child(&entry)?;
            let through = RawThrough {
                place: inner.place.clone(),
                table: inner.string("table"),
                on: inner.named_strings("on"),
                to: inner.named_strings("to"),
            };
            inner.finish();
            Some(through)
        }
        _ => reader.mistyped(&entry, "the name of a table, or { table, on, to }"),
    }
}

fn read_node(name: At<String>, cardinality: Cardinality, reader: &mut Reader<'_>) -> RawNode {
    RawNode {
        name,
        cardinality,
        table: reader.string("table"),
        on: reader.named_strings("on"),
        through: read_through(reader),
        filter: reader.string("where"),
        order_by: reader.string("order_by"),
        limit: reader.count("limit"),
        document: read_document(reader),
        aggregate: reader.named_strings("aggregate"),
        children: read_children(reader),
    }
}

fn read_children(reader: &mut Reader<'_>) -> Vec<RawNode> {
    let ones = reader
        .tables("one")
        .into_iter()
        .map(|(name, reader)| (Cardinality::One, name, reader));
    let ones: Vec<_> = ones.collect();
    let manies = reader
        .tables("many")
        .into_iter()
        .map(|(name, reader)| (Cardinality::Many, name, reader));
    let mut children: Vec<_> = ones.into_iter().chain(manies).collect();
    children.sort_by_key(|(_, name, _)| name.place.span.start);
    let read = |(cardinality, name, mut reader): (Cardinality, At<String>, Reader<'_>)| {
        let node = read_node(name, cardinality, &mut reader);
        finish(reader);
        node
    };
    children.into_iter().map(read).collect()
}

fn finish(reader: Reader<'_>) {
    let path = reader.place.path.clone();
    reader.finish_with(|entry| {
        let looks_like_child = matches!(entry.value.get_ref(), DeValue::Table(_));
        let name = &entry.name;
        looks_like_child
            .then(|| format!("a child stands under `one` or `many`: [{path}.one.{name}] or [{path}.many.{name}]"))
    });
}

fn read_document(reader: &mut Reader<'_>) -> Field<RawDocument> {
    let Some(entry) = reader.any("document") else {
        return Field::Absent;
    };
    let document = match entry.value.get_ref() {
        DeValue::Table(_) => reader
            .child(&entry)
            .map(|table| RawDocument::Object(read_members(&table))),
        DeValue::String(_) => reader.text(&entry, "a string").map(RawDocument::Bare),
        _ => reader.mistyped(&entry, "a table of members, or one SQL expression as a string"),
    };
    match document {
        Some(document) => Field::Given(At::new(document, entry.value_place)),
        None => Field::Unusable,
    }
}

fn read_members(table: &Reader<'_>) -> Vec<RawMember> {
    let entries = table.entries().into_iter();
    entries
        .map(|entry| {
            let value = read_value(table, &entry).unwrap_or(RawValue::Unusable);
            RawMember {
                name: At::new(entry.name, entry.key_place),
                value,
            }
        })
        .collect()
}

fn read_value<'a>(table: &Reader<'a>, entry: &Entry<'a>) -> Option<RawValue> {
    let refuse = |summary: &str, help: &str| {
        table.report(Problem::at(&entry.value_place, format!("`{}` {summary}", entry.name)).help(help));
        None
    };
    match entry.value.get_ref() {
        DeValue::String(_) => {
            let sql = table.text(entry, "a string")?;
            Some(RawValue::Expression(At::new(sql, entry.value_place.clone())))
        }
        DeValue::Table(_) => Some(RawValue::Object(read_members(&table.child(entry)?))),
        DeValue::Boolean(boolean) => Some(RawValue::Constant(boolean.to_string())),
        DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Some(RawValue::Constant(number.to_string())),
            Err(_) => refuse("is too large for a number", "write it as SQL, in quotes"),
        },
        // JSON has neither a leading plus nor words for what is not a number.
        DeValue::Float(float) => match float.as_str().trim_start_matches('+') {
            text if text.ends_with(|last: char| last.is_ascii_digit()) => Some(RawValue::Constant(text.to_owned())),
            _ => refuse("is not a number that JSON could hold", "write `null` as SQL, in quotes"),
        },
        DeValue::Array(_) => refuse("can't be a list", "write it as SQL: \"jsonb_build_array(…)\""),
        DeValue::Datetime(_) => refuse(
            "can't be a date or time",
            "write it as SQL, in quotes: \"date '2026-01-31'\"",
        ),
    }
}
