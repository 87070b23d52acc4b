//! Which requests an HTTP sink makes: `body`, `create`, `delete`, `batch`, `ok` and `reject`.

use secrecy::SecretString;
use toml::de::DeValue;

use crate::config::mask::Secrecy;
use crate::config::raw::reader::{Entry, Reader};
use crate::config::raw::reading::{At, Field, Passage};
use crate::config::raw::units::{self, STATUS_WANTED};
use crate::config::{BatchFormat, Place, StatusRange};

#[derive(Default)]
pub struct RawRequests {
    pub body: Field<Passage>,
    pub create: Field<RawCreate>,
    pub delete: Field<RawDelete>,
    pub batch: Field<RawBatch>,
    pub read: Field<RawRead>,
    pub ok: Field<Vec<At<StatusRange>>>,
    pub reject: Field<Vec<At<StatusRange>>>,
}

pub struct RawCreate {
    /// Where the table begins.
    pub place: Place,
    pub method: Field<&'static str>,
    pub url: Field<SecretString>,
    pub id: Field<String>,
}

pub struct RawDelete {
    pub method: Field<&'static str>,
    pub url: Field<SecretString>,
    pub body: Field<Passage>,
}

pub struct RawRead {
    /// Where the table begins.
    pub place: Place,
    pub url: Field<SecretString>,
    pub headers: Field<Vec<(At<String>, At<SecretString>)>>,
}

pub struct RawBatch {
    pub max: Field<u64>,
    pub bytes: Field<u64>,
    pub format: Field<BatchFormat>,
    pub results: Field<String>,
}

const CREATE_METHODS: [(&str, &str); 3] = [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")];
const DELETE_METHODS: [(&str, &str); 4] = [
    ("DELETE", "DELETE"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
];
const FORMATS: [(&str, BatchFormat); 2] = [("json", BatchFormat::Json), ("ndjson", BatchFormat::Ndjson)];

pub fn read(reader: &mut Reader<'_>) -> RawRequests {
    RawRequests {
        body: reader.passage("body"),
        create: reader.table("create").map(create),
        delete: reader.table("delete").map(delete),
        batch: reader.table("batch").map(|table| batch(table.unguarded())),
        read: reader.table("read").map(read_back),
        ok: statuses(reader, "ok"),
        reject: statuses(reader, "reject"),
    }
}

fn create(mut reader: Reader<'_>) -> RawCreate {
    let create = RawCreate {
        place: reader.place.clone(),
        method: reader.word("method", &CREATE_METHODS),
        url: reader.secret("url", Secrecy::Url),
        id: reader.string("id"),
    };
    reader.finish();
    create
}

fn delete(mut reader: Reader<'_>) -> RawDelete {
    let delete = RawDelete {
        method: reader.word("method", &DELETE_METHODS),
        url: reader.secret("url", Secrecy::Url),
        body: reader.passage("body"),
    };
    reader.finish();
    delete
}

fn read_back(mut reader: Reader<'_>) -> RawRead {
    let read = RawRead {
        place: reader.place.clone(),
        url: reader.secret("url", Secrecy::Url),
        headers: reader.named_secrets("headers"),
    };
    reader.finish();
    read
}

fn batch(mut reader: Reader<'_>) -> RawBatch {
    let batch = RawBatch {
        max: reader.count("max"),
        bytes: reader.size("bytes"),
        format: reader.word("format", &FORMATS),
        results: reader.string("results"),
    };
    reader.finish();
    batch
}

/// One or a list, each a number or a string.
fn statuses(reader: &mut Reader<'_>, key: &'static str) -> Field<Vec<At<StatusRange>>> {
    reader.read(key, |reader, entry| match entry.value.get_ref() {
        DeValue::Array(items) => {
            let ranges: Vec<_> = items
                .iter()
                .map(|value| {
                    let value_place = Place::new(entry.value_place.path.clone(), value.span());
                    let item = Entry {
                        value_place,
                        value,
                        ..entry.clone()
                    };
                    status(reader, &item)
                })
                .collect();
            ranges.into_iter().collect()
        }
        _ => Some(vec![status(reader, entry)?]),
    })
}

fn status(reader: &Reader<'_>, entry: &Entry<'_>) -> Option<At<StatusRange>> {
    let text = match entry.value.get_ref() {
        DeValue::Integer(integer) => integer.as_str().to_owned(),
        DeValue::String(_) => reader.text(entry, STATUS_WANTED)?,
        _ => return reader.mistyped(entry, STATUS_WANTED),
    };
    match units::parse_status(&text) {
        Some(range) => Some(At::new(range, entry.value_place.clone())),
        None => reader.refuse(entry, "is not a status", STATUS_WANTED),
    }
}
