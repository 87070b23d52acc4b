//! Which documents an index takes: types of fields, and what happens to fields that are new.
//!
//! `server/src/main/java/org/elasticsearch/index/mapper/`: `DocumentParser`, `DynamicFieldsBuilder`, `FieldMapper.doParse`,
//! `StrictDynamicMappingException`; the wording of OpenSearch, which has no place in the document and other types of exceptions, from
//! its fork of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cluster::Product;
use super::fault::Fault;

#[derive(Debug, Clone)]
pub struct Mapping {
    product: Product,
    root: Object,
}

#[derive(Debug, Clone, Default)]
struct Object {
    dynamic: Dynamic,
    fields: BTreeMap<String, Field>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Dynamic {
    #[default]
    True,
    False,
    Strict,
}

#[derive(Debug, Clone)]
enum Field {
    Object(Object),
    Long,
    Float,
    Boolean,
    Date,
    Text,
}

impl Mapping {
    pub fn dynamic(product: Product) -> Self {
        let root = Object::default();
        Self { product, root }
    }

    /// From `mappings` of a request that makes an index.
    pub fn parse(product: Product, mappings: &Value) -> Result<Self, Fault> {
        let root = object(product, mappings, Dynamic::True)?;
        Ok(Self { product, root })
    }

    /// Takes a document in, and learns its new fields.
    pub fn take(&mut self, id: &str, source: &str) -> Result<(), Fault> {
        let document: Result<Map<String, Value>, _> = serde_json::from_str(source);
        let document = document.map_err(|error| {
            let fault = self.unparsable("failed to parse".to_owned());
            fault.caused_by("json_parse_exception", error.to_string())
        })?;
        let mut root = self.root.clone();
        self.take_object(&mut root, "", id, &document)?;
        self.root = root;
        Ok(())
    }

    fn take_object(
        &self,
        object: &mut Object,
        path: &str,
        id: &str,
        members: &Map<String, Value>,
    ) -> Result<(), Fault> {
        for (name, value) in members {
            let full = format!("{path}{name}");
            for value in elements(value) {
                if let Some(field) = object.fields.get_mut(name) {
                    self.take_value(field, &full, id, value)?;
                } else if object.dynamic == Dynamic::Strict {
                    return Err(self.is_strict(name, path));
                } else if object.dynamic == Dynamic::True
                    && let Some(mut field) = guessed(value)
                {
                    self.take_value(&mut field, &full, id, value)?;
                    object.fields.insert(name.clone(), field);
                }
            }
        }
        Ok(())
    }

    fn take_value(&self, field: &mut Field, path: &str, id: &str, value: &Value) -> Result<(), Fault> {
        match (&mut *field, value) {
            (_, Value::Null) => Ok(()),
            (Field::Object(object), Value::Object(members)) => {
                self.take_object(object, &format!("{path}."), id, members)
            }
            (Field::Object(_), _) => Err(self.unparsable(format!(
                "object mapping for [{path}] tried to parse field [{path}] as object, but found a concrete value"
            ))),
            (field, value) if fits(field, value) => Ok(()),
            (field, value) => Err(self.does_not_fit(field, path, id, value)),
        }
    }

    fn does_not_fit(&self, field: &Field, path: &str, id: &str, value: &Value) -> Fault {
        let (kind, value) = (name(field), shown(value));
        let fault = self.unparsable(format!(
            "failed to parse field [{path}] of type [{kind}] in document with id '{id}'. Preview of field's value: '{value}'"
        ));
        let cause = match field {
            Field::Date => {
                format!("failed to parse date field [{value}] with format [strict_date_optional_time||epoch_millis]")
            }
            _ => format!("For input string: \"{value}\""),
        };
        fault.caused_by("illegal_argument_exception", cause)
    }

    fn unparsable(&self, reason: String) -> Fault {
        match self.product {
            Product::Elasticsearch => Fault::new(400, "document_parsing_exception", format!("[1:1] {reason}")),
            Product::OpenSearch => Fault::new(400, "mapper_parsing_exception", reason),
        }
    }

    fn is_strict(&self, name: &str, path: &str) -> Fault {
        let within = if path.is_empty() {
            "_doc"
        } else {
            path.trim_end_matches('.')
        };
        let reason =
            format!("mapping set to strict, dynamic introduction of [{name}] within [{within}] is not allowed");
        let reason = match self.product {
            Product::Elasticsearch => format!("[1:1] {reason}"),
            Product::OpenSearch => reason,
        };
        Fault::new(400, "strict_dynamic_mapping_exception", reason)
    }
}

/// What it does not say of new fields is as around it.
fn object(product: Product, mappings: &Value, around: Dynamic) -> Result<Object, Fault> {
    let dynamic = match mappings.get("dynamic") {
        Some(value) if value == "strict" => Dynamic::Strict,
        Some(value) if value == "false" || value == &Value::Bool(false) => Dynamic::False,
        Some(_) => Dynamic::True,
        None => around,
    };
    let mut fields = BTreeMap::new();
    for (name, field) in mappings
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        fields.insert(name.clone(), declared(product, name, field, dynamic)?);
    }
    Ok(Object { dynamic, fields })
}

fn declared(product: Product, name: &str, field: &Value, around: Dynamic) -> Result<Field, Fault> {
    let kind = field.get("type").and_then(Value::as_str);
    Ok(match kind {
        None | Some("object" | "nested") => Field::Object(object(product, field, around)?),
        Some("long" | "integer" | "short" | "byte") => Field::Long,
        Some("float" | "double" | "scaled_float") => Field::Float,
        Some("boolean") => Field::Boolean,
        Some("date") => Field::Date,
        Some("text" | "keyword") => Field::Text,
        Some(kind) => {
            let reason = match product {
                Product::Elasticsearch => format!(
                    "The mapper type [{kind}] declared on field [{name}] does not exist. It might have been created within a future \
                     version or requires a plugin to be installed. Check the documentation."
                ),
                Product::OpenSearch => format!("No handler for type [{kind}] declared on field [{name}]"),
            };
            let fault = Fault::new(
                400,
                "mapper_parsing_exception",
                format!("Failed to parse mapping: {reason}"),
            );
            return Err(fault.caused_by("mapper_parsing_exception", reason));
        }
    })
}

/// What a new field becomes. `None`: it says nothing yet.
fn guessed(value: &Value) -> Option<Field> {
    Some(match value {
        Value::Null | Value::Array(_) => return None,
        Value::Bool(_) => Field::Boolean,
        Value::Number(number) if number.is_f64() => Field::Float,
        Value::Number(_) => Field::Long,
        Value::String(text) if is_date(text) => Field::Date,
        Value::String(_) => Field::Text,
        Value::Object(_) => Field::Object(Object::default()),
    })
}

fn fits(field: &Field, value: &Value) -> bool {
    match (field, value) {
        (Field::Object(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        // Numbers are coerced, out of text as well.
        (Field::Long | Field::Float, Value::Number(_)) | (Field::Boolean, Value::Bool(_)) | (Field::Text, _) => true,
        (Field::Long | Field::Float, Value::String(text)) => text.parse::<f64>().is_ok(),
        (Field::Boolean, Value::String(text)) => ["true", "false", ""].contains(&text.as_str()),
        (Field::Date, Value::Number(number)) => number.is_i64(),
        (Field::Date, Value::String(text)) => is_date(text) || text.parse::<i64>().is_ok(),
        _ => false,
    }
}

/// `strict_date_optional_time`, roughly: four digits for the year, two for what follows, a time of day behind a `T`.
fn is_date(text: &str) -> bool {
    let (date, time) = text.split_once('T').unwrap_or((text, "00"));
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let date: Vec<&str> = date.split('-').collect();
    let in_range = |part: &str, max: u8| digits(part, 2) && part.parse::<u8>().is_ok_and(|number| number <= max);
    let is_day = match date.as_slice() {
        [year, month] => digits(year, 4) && in_range(month, 12),
        [year, month, day] => digits(year, 4) && in_range(month, 12) && in_range(day, 31),
        _ => false,
    };
    is_day && time.get(..2).is_some_and(|hour| in_range(hour, 23)) && !time.contains(' ')
}

fn name(field: &Field) -> &'static str {
    match field {
        Field::Object(_) => "object",
        Field::Long => "long",
        Field::Float => "float",
        Field::Boolean => "boolean",
        Field::Date => "date",
        Field::Text => "text",
    }
}

/// The value, or the values of a list, however deep.
fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().flat_map(elements).collect(),
        value => vec![value],
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
