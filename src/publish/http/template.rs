//! Bodies by template.
//!
//! What a template is given is the JSON that Postgres wrote, looked into as far as the template asks. Whole numbers are
//! numbers; any other, such as `7.00`, is a text that stands for itself, since a float could not give it back. `| float`
//! makes a number of it for those who calculate or compare.
//!
//! Where the body is JSON, whatever stands between `{{` and `}}` is written as JSON, quotes included, so that no value can
//! get out of its place; in XML and HTML its special characters are escaped; elsewhere it is written as it is.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, escape_formatter};
use serde_json::value::RawValue;

use crate::config;
use crate::diff::Operation;
use crate::publish::Delivery;

/// Steps that a body may take: some hundred milliseconds at most.
const FUEL: u64 = 5_000_000;

const NAME: &str = "body";

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    Json,
    Markup,
    None,
}

impl Escape {
    pub fn of(content_type: &str) -> Self {
        let kind = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if kind.ends_with("json") {
            Self::Json
        } else if kind.ends_with("xml") || kind.ends_with("html") {
            Self::Markup
        } else {
            Self::None
        }
    }
}

/// A template, ready for deliveries.
pub(super) struct Template {
    environment: Environment<'static>,
    escape: Escape,
}

/// Why there is no body. Names and lines of the template, no values.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unrenderable {
    #[error("the template of the body fails in its line {line}: {reason}")]
    Fails { line: usize, reason: String },
    #[error(
        "the body is not valid JSON; values bring their own quotes, so it is `{{{{ document.name }}}}` and not \
         `\"{{{{ document.name }}}}\"`"
    )]
    NotJson,
}

impl Template {
    pub fn new(template: &config::Template, escape: Escape) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // Errors name what is undefined.
        environment.set_debug(true);
        environment.set_auto_escape_callback(move |_| match escape {
            Escape::Json => AutoEscape::Custom("json".into()),
            Escape::Markup => AutoEscape::Html,
            Escape::None => AutoEscape::None,
        });
        environment.set_formatter(format);
        environment.add_filter("tojson", to_json);
        environment.add_filter("float", float);
        environment
            .add_template_owned(NAME, template.text.clone())
            .map_err(|error| format!("the template of the body is malformed: {}", reason(&error)))?;
        Ok(Self { environment, escape })
    }

    pub fn render(&self, delivery: &Delivery) -> Result<String, Unrenderable> {
        let template = self.environment.get_template(NAME).expect("it was added");
        let body = template
            .render(context(delivery))
            .map_err(|error| Unrenderable::Fails {
                line: error.line().unwrap_or(1),
                reason: reason(&error),
            })?;
        if self.escape == Escape::Json && serde_json::from_str::<&RawValue>(&body).is_err() {
            return Err(Unrenderable::NotJson);
        }
        Ok(body)
    }
}

/// Details only where they can have no values in them.
fn reason(error: &Error) -> String {
    use ErrorKind as K;
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        K::UndefinedError | K::UnknownFilter | K::UnknownTest | K::UnknownFunction | K::SyntaxError
            if !detail.is_empty() =>
        {
            detail.to_owned()
        }
        K::OutOfFuel => "it takes too many steps".to_owned(),
        kind => kind.to_string(),
    }
}

fn context(delivery: &Delivery) -> Value {
    let mut names = vec![
        ("key", Written::value(&Arc::from(key(delivery)))),
        ("sync", Value::from(&*delivery.sync)),
        ("operation", Value::from(delivery.operation.as_str())),
        ("version", Value::from(delivery.version)),
        ("remote_id", Value::from(delivery.remote_id.as_deref())),
    ];
    if delivery.operation == Operation::Upsert {
        names.push(("document", Written::value(&delivery.document)));
    }
    Value::from_object(Names(names))
}

/// The key as a JSON object: `{"id":42}`.
pub(super) fn key(delivery: &Delivery) -> String {
    let columns = &delivery.shape.columns;
    let members = columns
        .iter()
        .zip(delivery.key.values(columns.len()))
        .map(|(column, value)| {
            let name = serde_json::Value::from(column.name.as_str());
            if column.bare_in_json {
                format!("{name}:{value}")
            } else {
                format!("{name}:{}", serde_json::Value::from(&*value))
            }
        });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// What a template may name.
#[derive(Debug)]
struct Names(Vec<(&'static str, Value)>);

/// An object or an array as it is written somewhere in a document.
#[derive(Debug)]
struct Written {
    document: Arc<str>,
    part: Range<usize>,
    /// Read when the template looks inside.
    inside: OnceLock<Vec<(Value, Value)>>,
}

/// A number that is no whole one, or not written as one.
#[derive(Debug)]
struct Exact(Box<str>);

impl Written {
    fn value(document: &Arc<str>) -> Value {
        Self::part(document, document)
    }

    /// `part` is one of `document`.
    fn part(document: &Arc<str>, part: &str) -> Value {
        let text = part.trim();
        match text.as_bytes().first() {
            Some(b'{' | b'[') => {
                let start = text.as_ptr().addr() - document.as_ptr().addr();
                Value::from_object(Self {
                    document: Arc::clone(document),
                    part: start..start + text.len(),
                    inside: OnceLock::new(),
                })
            }
            Some(b'"') => serde_json::from_str::<String>(text).map_or(Value::UNDEFINED, Value::from),
            Some(b't') => Value::from(true),
            Some(b'f') => Value::from(false),
            Some(b'n') => Value::from(()),
            Some(_) => match text.parse::<i128>() {
                Ok(number) if number.to_string() == text => Value::from(number),
                _ => Value::from_object(Exact(text.into())),
            },
            None => Value::UNDEFINED,
        }
    }

    fn text(&self) -> &str {
        &self.document[self.part.clone()]
    }

    fn is_list(&self) -> bool {
        self.text().starts_with('[')
    }

    /// Names or positions, and what they stand for, in the order of the document.
    fn inside(&self) -> &[(Value, Value)] {
        self.inside.get_or_init(|| {
            let value = |raw: &RawValue| Self::part(&self.document, raw.get());
            if self.is_list() {
                let elements = super::json::elements(self.text()).unwrap_or_default();
                elements
                    .into_iter()
                    .enumerate()
                    .map(|(at, raw)| (Value::from(at), value(raw)))
                    .collect()
            } else {
                let members: Members<'_> = serde_json::from_str(self.text()).unwrap_or_default();
                members
                    .0
                    .into_iter()
                    .map(|(name, raw)| (Value::from(name), value(raw)))
                    .collect()
            }
        })
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.0.iter().find(|(name, _)| key.as_str() == Some(name));
        found.map(|(_, value)| value.clone())
    }
}

impl Object for Written {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.is_list() {
            ObjectRepr::Seq
        } else {
            ObjectRepr::Map
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if self.is_list() {
            return self.inside().get(key.as_usize()?).map(|(_, value)| value.clone());
        }
        let found = self.inside().iter().rfind(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if self.is_list() {
            Enumerator::Seq(self.inside().len())
        } else {
            Enumerator::Values(self.inside().iter().map(|(name, _)| name.clone()).collect())
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Object for Exact {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.float() != Some(0.0)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        let by_value = self.float()?.partial_cmp(&other.float()?)?;
        Some(by_value.then_with(|| self.0.cmp(&other.0)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Exact {
    fn float(&self) -> Option<f64> {
        self.0.parse().ok()
    }
}

/// The members of an object in their order.
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if matches!(state.auto_escape(), AutoEscape::Custom(_)) && !value.is_safe() {
        let mut json = String::new();
        write_json(&mut json, value)?;
        return out.write_str(&json).map_err(Error::from);
    }
    if matches!(state.auto_escape(), AutoEscape::Custom(_)) {
        return out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from);
    }
    escape_formatter(out, state, value)
}

fn to_json(value: &Value) -> Result<Value, Error> {
    let mut json = String::new();
    write_json(&mut json, value)?;
    Ok(Value::from_safe_string(json))
}

/// What Postgres wrote stays as it is.
fn write_json(out: &mut String, value: &Value) -> Result<(), Error> {
    if let Some(written) = value.downcast_object_ref::<Written>() {
        out.push_str(written.text());
        return Ok(());
    }
    if let Some(Exact(number)) = value.downcast_object_ref() {
        out.push_str(number);
        return Ok(());
    }
    let no_json = || Error::from(ErrorKind::BadSerialization);
    match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if value.is_integer() => write!(out, "{value}")?,
        ValueKind::Number => {
            let number = f64::try_from(value.clone())?;
            let number = serde_json::Number::from_f64(number).ok_or_else(no_json)?;
            write!(out, "{number}")?;
        }
        ValueKind::String => {
            let text = value.as_str().ok_or_else(no_json)?;
            write!(out, "{}", serde_json::Value::from(text))?;
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (at, element) in value.try_iter()?.enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_json(out, &element)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (at, name) in value.try_iter()?.enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write!(out, "{}:", serde_json::Value::from(name.to_string()))?;
                write_json(out, &value.get_item(&name)?)?;
            }
            out.push('}');
        }
        _ => return Err(no_json()),
    }
    Ok(())
}

fn float(value: &Value) -> Result<f64, Error> {
    let no_number = || Error::from(ErrorKind::InvalidOperation);
    if let Some(exact) = value.downcast_object_ref::<Exact>() {
        return exact.float().ok_or_else(no_number);
    }
    match value.as_str() {
        Some(text) => text.trim().parse().map_err(|_| no_number()),
        None => f64::try_from(value.clone()),
    }
}
