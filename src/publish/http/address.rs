//! The url of a request, from the url of the configuration and its `{placeholders}`.
//!
//! A placeholder is the id that the other side gave, a key column, or else a top-level member of the document; a delete knows only the key. The value is
//! percent-encoded, so it always stays within its path segment or query parameter: a value that would lead
//! elsewhere all the same (an empty one, `.` or `..`) is refused, because a `DELETE` of `/orders/` is not what anybody
//! meant.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use super::json;
use crate::diff::Operation;
use crate::publish::Delivery;

/// All but the characters that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for the id that the other side gave.
pub(super) const REMOTE_ID: &str = "remote_id";

/// The url of the configuration, taken apart.
pub(super) struct Address {
    parts: Vec<Part>,
    /// Where in the url the path begins. No placeholder stands before it, so it is the same in every url.
    path_at: usize,
}

enum Part {
    /// As it stands in the configuration.
    Literal(String),
    Placeholder {
        name: String,
        in_path: bool,
    },
}

/// The url of the configuration can never work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the url does not start with `http://` or `https://` and a host")]
    NotHttp,
    #[error("the url has a `{{` without its `}}`, or a `}}` without its `{{`")]
    Braces,
    #[error("the url has an empty placeholder")]
    EmptyPlaceholder,
    #[error("the url has the placeholder `{{{0}}}` before its path; secrets could be sent to another host")]
    PlaceholderBeforePath(String),
    #[error("the url has `.` or `..` in its path")]
    DotSegment,
    #[error("the url is not valid: {0}")]
    NotAUrl(String),
}

/// The placeholders cannot be filled for this delivery.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfillable {
    #[error("the url needs `{{{0}}}`, which is neither a key column nor a member of the document")]
    Unknown(String),
    #[error(
        "the url needs `{{{0}}}`, which is not a key column; of a subject that is gone only the key is known, so \
         deletes cannot fill it"
    )]
    UnknownToDelete(String),
    #[error("the url needs `{{{0}}}`, which is not a string, number or boolean in this document")]
    NotScalar(String),
    #[error("the url needs `{{{0}}}` in its path, which is empty for this subject")]
    Empty(String),
    #[error("with this subject's values the path of the url would contain `.` or `..`")]
    DotSegment,
    #[error("the url needs members of the document, which is not a JSON object")]
    NotAnObject,
    #[error("with this subject's values the url is not valid: {0}")]
    NotAUrl(String),
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Malformed> {
        let (_, behind_scheme) = url.split_once("://").ok_or(Malformed::NotHttp)?;
        let host_at = url.len() - behind_scheme.len();
        let path_at = behind_scheme
            .find(['/', '\\', '?', '#'])
            .map_or(url.len(), |at| host_at + at);
        let address = Self {
            parts: parts(url, path_at)?,
            path_at,
        };
        // Whatever is wrong with the literal parts shows with any values.
        let sample = address
            .fill_with(|_| Ok(Cow::Borrowed("x")))
            .map_err(|unfillable| match unfillable {
                Unfillable::DotSegment => Malformed::DotSegment,
                other => Malformed::NotAUrl(other.to_string()),
            })?;
        if !matches!(sample.scheme(), "http" | "https") || !sample.has_host() {
            return Err(Malformed::NotHttp);
        }
        Ok(address)
    }

    /// The url of one delivery.
    pub(super) fn fill(&self, delivery: &Delivery) -> Result<Url, Unfillable> {
        let columns = &delivery.shape.columns;
        let values = delivery.key.values(columns.len());
        // Read only if the url asks for a member.
        let mut members = None;
        self.fill_with(|name| {
            if let Some(id) = delivery.remote_id.as_deref().filter(|_| name == REMOTE_ID) {
                return Ok(Cow::Owned(id.to_owned()));
            }
            if let Some(value) = columns
                .iter()
                .position(|column| column.name == name)
                .and_then(|i| values.get(i))
            {
                return Ok(value.clone());
            }
            if delivery.operation == Operation::Delete {
                return Err(Unfillable::UnknownToDelete(name.to_owned()));
            }
            let members: &HashMap<_, _> = match &mut members {
                Some(members) => members,
                none => none.insert(json::members(&delivery.document).ok_or(Unfillable::NotAnObject)?),
            };
            let member = members.get(name).ok_or_else(|| Unfillable::Unknown(name.to_owned()))?;
            json::scalar(member)
                .map(Cow::Owned)
                .ok_or_else(|| Unfillable::NotScalar(name.to_owned()))
        })
    }

    /// The url where it is the same for all deliveries.
    pub(super) fn fixed(&self) -> Result<Url, Unfillable> {
        self.fill_with(|name| Err(Unfillable::Unknown(name.to_owned())))
    }

    /// The names between braces.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Placeholder { name, .. } => Some(name.as_str()),
        })
    }

    /// What of the url may be a secret: everything that the configuration says literally behind the host. (User and
    /// password come from the parsed url.)
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().enumerate().filter_map(|(i, part)| match part {
            Part::Literal(literal) if i == 0 => literal.get(self.path_at..),
            Part::Literal(literal) => Some(literal.as_str()),
            Part::Placeholder { .. } => None,
        })
    }

    /// Any url of this address; for what is the same in all of them.
    pub(super) fn sample(&self) -> Result<Url, Malformed> {
        self.fill_with(|_| Ok(Cow::Borrowed("x")))
            .map_err(|unfillable| Malformed::NotAUrl(unfillable.to_string()))
    }

    fn fill_with<'a>(
        &self,
        mut value_of: impl FnMut(&str) -> Result<Cow<'a, str>, Unfillable>,
    ) -> Result<Url, Unfillable> {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => url.push_str(literal),
                Part::Placeholder { name, in_path } => {
                    let value = value_of(name)?;
                    if *in_path && value.is_empty() {
                        return Err(Unfillable::Empty(name.clone()));
                    }
                    url.extend(utf8_percent_encode(&value, RESERVED));
                }
            }
        }
        if has_dot_segment(url.get(self.path_at..).unwrap_or_default()) {
            return Err(Unfillable::DotSegment);
        }
        Url::parse(&url).map_err(|error| Unfillable::NotAUrl(error.to_string()))
    }
}

fn parts(url: &str, path_at: usize) -> Result<Vec<Part>, Malformed> {
    let mut parts = Vec::new();
    let mut in_path = true;
    let mut rest = url;
    while let Some((literal, behind)) = rest.split_once('{') {
        let at = url.len() - rest.len() + literal.len();
        let (name, behind) = behind.split_once('}').ok_or(Malformed::Braces)?;
        if literal.contains('}') || name.contains('{') {
            return Err(Malformed::Braces);
        }
        if name.is_empty() {
            return Err(Malformed::EmptyPlaceholder);
        }
        // `https://{host}`: the path is empty and starts where the url ends, so `at` is before it as well.
        if at <= path_at {
            return Err(Malformed::PlaceholderBeforePath(name.to_owned()));
        }
        in_path &= !literal.contains(['?', '#']);
        parts.push(Part::Literal(literal.to_owned()));
        parts.push(Part::Placeholder {
            name: name.to_owned(),
            in_path,
        });
        rest = behind;
    }
    if rest.contains('}') {
        return Err(Malformed::Braces);
    }
    parts.push(Part::Literal(rest.to_owned()));
    Ok(parts)
}

/// Whether reading the url would drop a segment: `.` and `..` are taken out even where they are percent-encoded.
fn has_dot_segment(path_and_query: &str) -> bool {
    let path = path_and_query.split(['?', '#']).next().unwrap_or_default();
    path.split(['/', '\\']).any(|segment| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    #[test]
    fn placeholders_are_filled_and_encoded() {
        let document = r#"{"slug": "tea/\u00e9 &?", "price": 3.50, "open": true, "id": "not the key",
                           "nested": {}, "nothing": null, "empty": "", "dots": ".."}"#;
        let key = &[("id", "42"), ("región", "a/b:ü%")];
        let cases = [
            ("https://h/orders/{id}", Ok("https://h/orders/42")),
            ("https://h/{región}/{id}", Ok("https://h/a%2Fb%3A%C3%BC%25/42")),
            (
                "https://h/o?id={id}&slug={slug}",
                Ok("https://h/o?id=42&slug=tea%2F%C3%A9%20%26%3F"),
            ),
            ("https://h/{price}-{open}", Ok("https://h/3.50-true")),
            ("https://h/fixed", Ok("https://h/fixed")),
            ("https://h", Ok("https://h/")),
            ("https://h/?q={empty}", Ok("https://h/?q=")),
            ("https://h/?q={dots}/..", Ok("https://h/?q=../..")),
            ("https://h/x{dots}", Ok("https://h/x..")),
            ("https://h/{empty}", Err(Unfillable::Empty("empty".into()))),
            ("https://h/{dots}/x", Err(Unfillable::DotSegment)),
            ("https://h/.{dots}", Ok("https://h/...")),
            ("https://h/{nested}", Err(Unfillable::NotScalar("nested".into()))),
            ("https://h/{nothing}", Err(Unfillable::NotScalar("nothing".into()))),
            ("https://h/{other}", Err(Unfillable::Unknown("other".into()))),
        ];
        for (template, expected) in cases {
            let url = Address::parse(template)
                .unwrap()
                .fill(&delivery(key, document))
                .map(|url| url.to_string());
            assert_eq!(url, expected.map(str::to_owned), "{template}");
        }
    }

    #[test]
    fn a_delete_knows_only_the_key() {
        let gone = delivery(&[("id", "42")], "");
        assert_eq!(gone.operation, Operation::Delete);
        let filled = |url| Address::parse(url).unwrap().fill(&gone);
        assert_eq!(filled("https://h/{id}").unwrap().as_str(), "https://h/42");
        assert_eq!(
            filled("https://h/{slug}"),
            Err(Unfillable::UnknownToDelete("slug".into()))
        );
    }

    #[test]
    fn a_document_that_is_no_object_has_no_members() {
        let url = Address::parse("https://h/{slug}").unwrap();
        assert_eq!(url.fill(&delivery(&[("id", "1")], "[1]")), Err(Unfillable::NotAnObject));
    }

    #[test]
    fn what_can_never_work_is_refused_at_once() {
        let before_path = |name: &str| Malformed::PlaceholderBeforePath(name.into());
        let cases = [
            ("", Malformed::NotHttp),
            ("orders/{id}", Malformed::NotHttp),
            ("ftp://h/{id}", Malformed::NotHttp),
            ("https://{host}/x", before_path("host")),
            ("https://{host}", before_path("host")),
            ("https://h{host}", before_path("host")),
            ("{scheme}://h/", before_path("scheme")),
            ("https://{user}@h/", before_path("user")),
            ("https://h:{port}?x", before_path("port")),
            ("https://h/{id", Malformed::Braces),
            ("https://h/id}", Malformed::Braces),
            ("https://h/{{id}}", Malformed::Braces),
            ("https://h/}{id}", Malformed::Braces),
            ("https://h/{}", Malformed::EmptyPlaceholder),
            ("https://h/../{id}", Malformed::DotSegment),
            ("https://h/%2E%2e/{id}", Malformed::DotSegment),
        ];
        for (url, expected) in cases {
            assert_eq!(Address::parse(url).err(), Some(expected), "{url}");
        }
        assert!(matches!(
            Address::parse("https://h:port/{id}").err(),
            Some(Malformed::NotAUrl(_))
        ));
    }
}
