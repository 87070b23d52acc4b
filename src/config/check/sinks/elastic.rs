//! `type = "elasticsearch"` and `type = "opensearch"`

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::{access, http};
use crate::config::check::settings::within;
use crate::config::raw::units::format_size;
use crate::config::raw::{At, Field, RawElastic};
use crate::config::target::is_index;
use crate::config::wording::quoted;
use crate::config::{ElasticSink, IndexMapping, Problem, Report};

const BATCH_MAX: usize = 1_000;
const BATCH_MAX_MAX: u64 = 10_000;
const BATCH_BYTES: u64 = 8 << 20;
const BATCH_BYTES_MIN: u64 = 1 << 10;

pub fn sink(raw: RawElastic, name: &At<String>, report: &mut Report) -> ElasticSink {
    check_url(&raw.url, name, report);
    check_index(&raw.index, name, report);
    for (key, field) in [("id", &raw.id), ("routing", &raw.routing)] {
        if let Some(template) = field.given() {
            check_template(key, template, report);
        }
    }
    if let Some(bytes) = raw.batch.bytes.given().filter(|bytes| bytes.value < BATCH_BYTES_MIN) {
        let problem = Problem::at(&bytes.place, "`bytes` is too small");
        report.push(problem.help(format!("wanted is at least \"{}\"", format_size(BATCH_BYTES_MIN))));
    }
    let text = |field: Field<String>| field.into_given().map(|at| at.value);
    ElasticSink {
        product: raw.product,
        url: raw.url.or(SecretString::default()),
        index: raw.index.or(String::new()),
        id: text(raw.id),
        routing: text(raw.routing),
        pipeline: text(raw.pipeline),
        mapping: raw.mapping.into_given().and_then(|file| mapping(file, report)),
        access: access::access(raw.access, report),
        gzip: raw.gzip.or(false),
        max: within("max", raw.batch.max, BATCH_MAX, 1..=BATCH_MAX_MAX, report),
        bytes: usize::try_from(raw.batch.bytes.or(BATCH_BYTES)).unwrap_or(usize::MAX),
    }
}

fn check_url(url: &Field<SecretString>, name: &At<String>, report: &mut Report) {
    match url {
        Field::Given(url) => {
            http::check_url(url, report);
            if url.value.expose_secret().contains(['{', '?', '#']) {
                let problem = Problem::at(&url.place, "the url is where the server answers, and no more");
                report.push(problem.help("`index`, `id`, `routing` and `pipeline` have keys of their own"));
            }
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `url`", name.value));
            report.push(problem.help("add `url = \"https://search.example.com:9200\"`"));
        }
        Field::Unusable => {}
    }
}

fn check_index(index: &Field<String>, name: &At<String>, report: &mut Report) {
    match index {
        Field::Given(index) if !is_index(&index.value) => {
            let summary = format!("{} can't be the name of an index", quoted(&index.value));
            report.push(
                Problem::at(&index.place, summary).help("allowed are lower-case letters, digits, `-`, `_` and `.`"),
            );
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `index`", name.value));
            report.push(problem.help("add `index = \"orders\"`, an index or an alias that is written to"));
        }
        Field::Given(_) | Field::Unusable => {}
    }
}

pub(super) fn check_template(key: &str, template: &At<String>, report: &mut Report) {
    let mut rest = template.value.as_str();
    let mut is_whole = !rest.is_empty();
    while let Some(at) = rest.find(['{', '}']) {
        match rest[at..].strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((name, after)) if !name.trim().is_empty() && !name.contains('{') => rest = after,
            _ => {
                is_whole = false;
                break;
            }
        }
    }
    if !is_whole {
        let summary = format!("the value of `{key}` is no template: {}", quoted(&template.value));
        report.push(Problem::at(&template.place, summary).help("a placeholder is written `{name}`"));
    } else if template.value.contains("}{") {
        let summary = format!("there is nothing between two placeholders of `{key}`");
        report.push(Problem::at(&template.place, summary).help("two subjects could come to the same; put a `:` there"));
    } else if between(&template.value).contains('%') {
        let summary = format!("there is a `%` between two placeholders of `{key}`");
        report.push(Problem::at(&template.place, summary).help("two subjects could come to the same; put a `:` there"));
    }
}

/// From the first placeholder to the last.
fn between(template: &str) -> &str {
    let behind = template.split_once('}').map_or("", |(_, behind)| behind);
    behind.rsplit_once('{').map_or("", |(between, _)| between)
}

fn mapping(file: At<String>, report: &mut Report) -> Option<IndexMapping> {
    let read = std::fs::read_to_string(&file.value).map_err(|error| error.to_string());
    let checked = read.and_then(|text| match serde_json::from_str::<&RawValue>(&text) {
        Ok(value) if value.get().starts_with('{') => Ok(text),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    });
    match checked {
        Ok(text) => Some(IndexMapping { file: file.value, text }),
        Err(reason) => {
            let summary = format!("the file of `mapping` is of no use: {reason}");
            report.push(Problem::at(&file.place, summary));
            None
        }
    }
}
