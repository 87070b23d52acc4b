//! Names with placeholders, by which a sink knows a subject.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::Delivery;
use crate::diff::Operation;
use crate::mapping::SubjectKey;
use crate::plan::{KeyColumn, KeyShape};

/// Text with `{name}` placeholders: key columns, or else top-level members of the document.
#[derive(Debug)]
pub(super) struct Name {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Placeholder(String),
}

impl Name {
    /// Says why not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((literal, behind)) = rest.split_once('{') {
            let (name, behind) = behind
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has a brace without its partner"))?;
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Placeholder(name.to_owned()));
            rest = behind;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self { parts })
    }

    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Placeholder(name) => Some(name.as_str()),
        })
    }

    /// Of the subject of a delivery. Says why not.
    pub fn fill(&self, delivery: &Delivery) -> Result<String, String> {
        self.fill_with(delivery, str::to_owned)
    }

    /// The same, so that no two subjects come to the same: characters of the text between placeholders are percent-encoded in values,
    /// and `%` with them. Where there is one placeholder only, its value is as it is.
    pub fn fill_apart(&self, delivery: &Delivery) -> Result<String, String> {
        let between = self.between();
        self.fill_with(delivery, |value| {
            if between.is_empty() {
                return value.to_owned();
            }
            let mut encoded = String::with_capacity(value.len());
            for c in value.chars() {
                if c == '%' || between.contains(c) {
                    let bytes = c.to_string().into_bytes();
                    encoded.extend(bytes.iter().map(|byte| format!("%{byte:02X}")));
                } else {
                    encoded.push(c);
                }
            }
            encoded
        })
    }

    /// The subject whose name, [filled so](Name::fill_apart), is `text`. `None` where it is of no subject, or where not all of a key
    /// stands in the name.
    pub fn subject(&self, text: &str, shape: &KeyShape) -> Option<SubjectKey> {
        let encoded = !self.between().is_empty();
        let mut values: HashMap<&str, String> = HashMap::new();
        let (mut rest, mut parts) = (text, self.parts.iter());
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Placeholder(name) => {
                    let Part::Literal(behind) = parts.next()? else {
                        return None;
                    };
                    let is_last = parts.len() == 0;
                    // What stands between is never part of a value, what stands at the end may be.
                    let (value, left) = if is_last {
                        (rest.strip_suffix(behind.as_str())?, "")
                    } else {
                        rest.split_once(behind.as_str()).filter(|_| !behind.is_empty())?
                    };
                    let value = if encoded {
                        percent_decode_str(value).decode_utf8().ok()?
                    } else {
                        Cow::Borrowed(value)
                    };
                    values.insert(name, value.into_owned());
                    rest = left;
                }
            }
        }
        let column = |column: &KeyColumn| values.get(column.name.as_str()).map(String::as_str);
        let key: Vec<&str> = shape.columns.iter().map(column).collect::<Option<_>>()?;
        Some(SubjectKey::new(key.into_iter()))
    }

    /// What begins all names, and what ends them.
    pub fn ends<'a>(&'a self) -> (&'a str, &'a str) {
        let literal = |part: Option<&'a Part>| match part {
            Some(Part::Literal(literal)) => literal.as_str(),
            _ => "",
        };
        (literal(self.parts.first()), literal(self.parts.last()))
    }

    /// What stands between placeholders.
    fn between(&self) -> String {
        let literals: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Literal(literal) => Some(literal.as_str()),
                Part::Placeholder(_) => None,
            })
            .collect();
        // There is a literal, perhaps an empty one, before and behind each placeholder.
        literals
            .get(1..literals.len().saturating_sub(1))
            .unwrap_or_default()
            .concat()
    }

    /// The same, with each value as `encode` makes it.
    pub fn fill_with(&self, delivery: &Delivery, encode: impl Fn(&str) -> String) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => filled.push_str(literal),
                Part::Placeholder(name) => filled.push_str(&encode(&value(delivery, name)?)),
            }
        }
        Ok(filled)
    }
}

fn value<'a>(delivery: &'a Delivery, name: &str) -> Result<Cow<'a, str>, String> {
    let columns = &delivery.shape.columns;
    if let Some(at) = columns.iter().position(|column| column.name == name) {
        let found = delivery.key.values(columns.len()).into_iter().nth(at);
        return found.ok_or_else(|| format!("the key has no value for `{{{name}}}`"));
    }
    if delivery.operation == Operation::Delete {
        return Err(format!(
            "`{{{name}}}` is not a key column; of a subject that is gone only the key is known"
        ));
    }
    let members: HashMap<String, &RawValue> = serde_json::from_str(&delivery.document)
        .map_err(|_| format!("`{{{name}}}` is a member of the document, which is not a JSON object"))?;
    let member = members.get(name).map_or("null", |member| member.get());
    match member.as_bytes() {
        [b'"', ..] => serde_json::from_str(member)
            .map_err(|error| error.to_string())
            .map(Cow::Owned),
        [b'{' | b'[' | b'n', ..] | [] => Err(format!(
            "`{{{name}}}` is neither a key column nor a string, number or boolean in this document"
        )),
        _ => Ok(Cow::Owned(member.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::publish::peer::delivery;

    #[test]
    fn a_name_leads_back_to_its_subject() {
        let cases = [
            ("o:{a}:{b}", "x:y", "50%"),
            ("o:{a}·{b}.json", "x:y", "·.json"),
            ("{b}/{a}", "1", "2/3"),
            ("{a}%20{b}", "", ""),
        ];
        for (template, a, b) in cases {
            let (name, delivery) = (Name::parse(template).unwrap(), delivery(&[("a", a), ("b", b)], "{}"));
            let filled = name.fill_apart(&delivery).unwrap();
            assert_eq!(name.subject(&filled, &delivery.shape), Some(delivery.key), "{filled}");
        }
        let one = delivery(&[("a", "x:%41")], "{}");
        let name = Name::parse("o:{a}").unwrap();
        assert_eq!(name.subject("o:x:%41", &one.shape), Some(one.key));
        assert_eq!(name.subject("p:1", &one.shape), None);
        let two = delivery(&[("a", "1"), ("b", "2")], "{}");
        for (template, text) in [("o:{a}", "o:1"), ("o:{a}:{b}", "o:1"), ("o", "o"), ("{a}{b}", "12")] {
            assert_eq!(
                Name::parse(template).unwrap().subject(text, &two.shape),
                None,
                "{template}"
            );
        }
    }

    #[test]
    fn what_stands_between_placeholders_is_encoded_in_values() {
        let filled = |template: &str, a, b| {
            let name = Name::parse(template).unwrap();
            name.fill_apart(&delivery(&[("a", a), ("b", b)], "{}")).unwrap()
        };
        assert_eq!(filled("o:{a}:{b}", "x:y", "50%"), "o:x%3Ay:50%25");
        assert_eq!(filled("o:{a}·{b}", "x:y", "·"), "o:x:y·%C2%B7");
        assert_eq!(filled("o:{a}", "x:%", ""), "o:x:%");
        // Also what the encoding itself is made of.
        for template in ["{a}:{b}", "{a}3{b}", "{a}33{b}", "{a}A{b}", "{a}::{b}"] {
            let values = [
                "", "%", ":", "3", "A", "33", "%3", "%33", "3A", "%3A", ":A", "::", "25", "25%",
            ];
            let all: BTreeSet<String> = values
                .iter()
                .flat_map(|a| values.map(|b| filled(template, a, b)))
                .collect();
            assert_eq!(all.len(), values.len() * values.len(), "{template}");
        }
    }
}
