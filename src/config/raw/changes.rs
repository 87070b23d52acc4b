//! Ways from changes to subjects that are written by hand: `changes` and `messages`.

use toml::de::DeValue;

use super::reader::{Entry, Reader};
use super::reading::{At, Field};

pub enum RawWay {
    /// A word, of which there is one: `all`.
    Word(At<String>),
    Columns(At<Vec<At<String>>>),
    Query {
        sql: Field<String>,
        from: Field<Vec<At<String>>>,
    },
    /// Reported.
    Unusable,
}

/// `(table, way)`
pub fn read_changes(reader: &mut Reader<'_>) -> Field<Vec<(At<String>, RawWay)>> {
    let Some(entry) = reader.any("changes") else {
        return Field::Absent;
    };
    let Some(table) = child(reader, &entry, "for each table a line such as orders = [\"id\"]") else {
        return Field::Unusable;
    };
    let ways = table.entries().into_iter().map(|entry| {
        let way = read_way(&table, &entry).unwrap_or(RawWay::Unusable);
        (At::new(entry.name, entry.key_place), way)
    });
    Field::Given(At::new(ways.collect(), entry.value_place))
}

fn read_way(table: &Reader<'_>, entry: &Entry<'_>) -> Option<RawWay> {
    match entry.value.get_ref() {
        DeValue::Table(_) if is_dotted(entry, &["sql", "from"]) => {
            let help = "a schema goes into the quotes: \"schema.name\" = …";
            table.mistyped_but(entry, "\"all\", a list of columns, or { sql, from }", help)
        }
        DeValue::Table(_) => {
            let mut query = table.child(entry)?;
            let way = RawWay::Query {
                sql: query.string("sql"),
                from: query.strings("from"),
            };
            query.finish();
            Some(way)
        }
        DeValue::Array(_) => Some(RawWay::Columns(table.strings_of(entry)?)),
        DeValue::String(_) => {
            let word = table.text(entry, "a string")?;
            Some(RawWay::Word(At::new(word, entry.value_place.clone())))
        }
        _ => table.mistyped(entry, "\"all\", a list of columns, or { sql, from }"),
    }
}

/// `(prefix, whether to listen)`
pub fn read_messages(reader: &mut Reader<'_>) -> Vec<(At<String>, bool)> {
    let example = "\"shop.orders\" = true";
    let Some(entry) = reader.any("messages") else {
        return Vec::new();
    };
    let Some(table) = child(reader, &entry, &format!("for each prefix a line such as {example}")) else {
        return Vec::new();
    };
    let read = |entry: Entry<'_>| match entry.value.get_ref() {
        DeValue::Boolean(listen) => Some((At::new(entry.name, entry.key_place), *listen)),
        DeValue::Table(_) => {
            let help = format!("a prefix with a dot in it goes in quotes: {example}");
            table.mistyped_but(&entry, "`true` or `false`", help)
        }
        _ => table.mistyped(&entry, "`true` or `false`"),
    };
    table.entries().into_iter().filter_map(read).collect()
}

fn child<'a>(reader: &Reader<'a>, entry: &Entry<'a>, lines: &str) -> Option<Reader<'a>> {
    match entry.value.get_ref() {
        DeValue::Table(_) => reader.child(entry),
        _ => reader.mistyped_but(
            entry,
            "a table",
            format!("[{}], and below it {lines}", entry.key_place.path),
        ),
    }
}

/// Whether this comes of a name with a dot that was written without quotes, which makes a table of it.
fn is_dotted(entry: &Entry<'_>, keys: &[&str]) -> bool {
    let DeValue::Table(table) = entry.value.get_ref() else {
        return false;
    };
    let is_way = |value: &DeValue<'_>| match value {
        DeValue::Array(_) | DeValue::Table(_) => true,
        DeValue::String(text) => text == "all",
        _ => false,
    };
    let mut entries = table.iter();
    !table.is_empty() && entries.all(|(name, value)| is_way(value.get_ref()) && !keys.contains(&&**name.get_ref()))
}
