//! Which requests an HTTP sink makes, and whether they go together.

use secrecy::{ExposeSecret, SecretString};

use super::http::{check_headers, check_url};
use super::template;
use crate::config::check::settings::within;
use crate::config::raw::units::{format_size, format_status};
use crate::config::raw::{At, Field, RawBatch, RawCreate, RawDelete, RawRead, RawRequests};
use crate::config::wording::quoted;
use crate::config::{
    Batch, BatchFormat, Create, Delete, Pointer, Problem, Read, Report, Requests, StatusRange, Statuses,
};

const CREATE_METHOD: &str = "POST";
const CREATE_ID: &str = "/id";
const DELETE_METHOD: &str = "DELETE";
const BATCH_MAX: usize = 100;
const BATCH_MAX_MAX: u64 = 10_000;
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_BYTES_MIN: u64 = 1 << 10;

/// What stands for the id that the other side gave.
const REMOTE_ID: &str = "remote_id";

pub fn requests(raw: RawRequests, url: &Field<SecretString>, report: &mut Report) -> Requests {
    check_remote_ids(&raw, url, report);
    check_batch(&raw, url, report);
    check_statuses(&raw, report);
    let ranges = |field: Field<Vec<At<StatusRange>>>| {
        let given = field.into_given()?;
        Some(given.value.into_iter().map(|range| range.value).collect())
    };
    Requests {
        body: raw
            .body
            .into_given()
            .map(|body| template::template("body", body, &template::NAMES, report)),
        create: raw.create.into_given().map(|raw| create(raw.value, report)),
        delete: raw
            .delete
            .into_given()
            .map_or_else(Delete::default, |raw| delete(raw.value, report)),
        batch: raw.batch.into_given().map(|raw| batch(raw.value, report)),
        read: raw.read.into_given().map(|raw| read(raw.value, report)),
        statuses: Statuses {
            ok: ranges(raw.ok),
            reject: ranges(raw.reject),
        },
    }
}

fn create(raw: RawCreate, report: &mut Report) -> Create {
    match &raw.url {
        Field::Given(url) => {
            check_url(url, report);
            if names(url, REMOTE_ID) {
                let problem = Problem::at(&url.place, "a subject has no `{remote_id}` before it is created");
                report.push(problem.help("the other side names it in its answer"));
            }
        }
        Field::Absent => {
            let problem = Problem::at(&raw.place, "`create` has no `url`");
            report.push(problem.help("add `url = \"https://…\"`, where subjects are created"));
        }
        Field::Unusable => {}
    }
    let given = raw.id.into_given();
    let id = given.and_then(|id| pointer("id", &id, "wanted is \"/member\" or \"/member/member\"", report));
    Create {
        method: raw.method.or(CREATE_METHOD).to_owned(),
        url: raw.url.or(SecretString::default()),
        id: id.unwrap_or_else(|| Pointer::parse(CREATE_ID).expect("a pointer")),
    }
}

fn delete(raw: RawDelete, report: &mut Report) -> Delete {
    if let Some(url) = raw.url.given() {
        check_url(url, report);
    }
    Delete {
        method: raw.method.or(DELETE_METHOD).to_owned(),
        url: raw.url.into_given().map(|url| url.value),
        body: raw
            .body
            .into_given()
            .map(|body| template::template("body", body, &template::NAMES_OF_DELETES, report)),
    }
}

fn read(raw: RawRead, report: &mut Report) -> Read {
    match &raw.url {
        Field::Given(url) => check_url(url, report),
        Field::Absent => {
            let problem = Problem::at(&raw.place, "`read` has no `url`");
            report.push(problem.help("add `url = \"https://…/{id}\"`, where a document is shown as it is held"));
        }
        Field::Unusable => {}
    }
    let headers = raw.headers.or(Vec::new());
    check_headers(&headers, report);
    Read {
        url: raw.url.or(SecretString::default()),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.value, value.value))
            .collect(),
    }
}

fn batch(raw: RawBatch, report: &mut Report) -> Batch {
    if let Some(bytes) = raw.bytes.given().filter(|bytes| bytes.value < BATCH_BYTES_MIN) {
        let problem = Problem::at(&bytes.place, "`bytes` is too small");
        report.push(problem.help(format!("wanted is at least \"{}\"", format_size(BATCH_BYTES_MIN))));
    }
    let results = raw.results.into_given().and_then(|written| {
        if written.value.is_empty() {
            return Some(Pointer(Vec::new()));
        }
        let help = "wanted is \"/member\", or \"\" where the answer itself is the list";
        pointer("results", &written, help, report)
    });
    Batch {
        max: within("max", raw.max, BATCH_MAX, 1..=BATCH_MAX_MAX, report),
        bytes: usize::try_from(raw.bytes.or(BATCH_BYTES)).unwrap_or(usize::MAX),
        format: raw.format.or(BatchFormat::Json),
        results,
    }
}

fn pointer(key: &str, written: &At<String>, help: &str, report: &mut Report) -> Option<Pointer> {
    let pointer = Pointer::parse(&written.value);
    if pointer.is_none() {
        let summary = format!("the value of `{key}` is not a JSON pointer: {}", quoted(&written.value));
        report.push(Problem::at(&written.place, summary).help(help));
    }
    pointer
}

fn check_remote_ids(raw: &RawRequests, url: &Field<SecretString>, report: &mut Report) {
    if !raw.create.is_absent() {
        return;
    }
    let delete = raw.delete.given().and_then(|delete| delete.value.url.given());
    let read = raw.read.given().and_then(|read| read.value.url.given());
    for url in [url.given(), delete, read]
        .into_iter()
        .flatten()
        .filter(|url| names(url, REMOTE_ID))
    {
        let problem = Problem::at(
            &url.place,
            "the url has `{remote_id}`, and nothing says how subjects get one",
        );
        report.push(problem.help("add `create = { url = \"https://…\", id = \"/id\" }`"));
    }
}

/// One request for many has one url, and takes deletes as well.
fn check_batch(raw: &RawRequests, url: &Field<SecretString>, report: &mut Report) {
    let Some(batch) = raw.batch.given() else {
        return;
    };
    let here = "many documents go in one request";
    if let Some(url) = url.given().filter(|url| !placeholders(url).is_empty()) {
        let problem = Problem::at(&url.place, "with `batch` the url can't have placeholders");
        report.push(problem.also(&batch.place, here).help("each item carries its key"));
    }
    if let Some(create) = raw.create.given() {
        let problem = Problem::at(&create.place, "`create` and `batch` can't go together");
        report.push(problem.also(&batch.place, here));
    }
    let delete = raw.delete.given().map(|delete| &delete.value);
    let (method, url) = delete.map_or((None, None), |it| (it.method.given(), it.url.given()));
    let places = [method.map(|at| ("method", &at.place)), url.map(|at| ("url", &at.place))];
    for (key, place) in places.into_iter().flatten() {
        let problem = Problem::at(place, format!("`delete.{key}` and `batch` can't go together"));
        report.push(problem.also(&batch.place, "deletes go in the same requests"));
    }
    let has_delete_body = delete.is_some_and(|delete| !delete.body.is_absent());
    if let Some(body) = raw.body.given().filter(|_| !has_delete_body) {
        let problem = Problem::at(&body.place, "nothing says what stands for a delete in a batch");
        report.push(problem.also(&batch.place, here).help("add `delete = { body = \"…\" }`"));
    }
}

fn check_statuses(raw: &RawRequests, report: &mut Report) {
    for (key, field) in [("ok", &raw.ok), ("reject", &raw.reject)] {
        if let Some(at) = field.given().filter(|at| at.value.is_empty()) {
            report.push(Problem::at(&at.place, format!("`{key}` is empty")).help("leave it out for the default"));
        }
    }
    let ok = raw.ok.given().map_or(&[][..], |ok| &ok.value);
    let Some(reject) = raw.reject.given() else {
        return;
    };
    for refused in &reject.value {
        let both = |ok: StatusRange| ok.overlap(refused.value);
        let found = ok.iter().find_map(|ok| Some((both(ok.value)?, Some(&ok.place))));
        let default = || Some((both(StatusRange { from: 200, to: 299 })?, None));
        let found = found.or_else(|| if raw.ok.is_absent() { default() } else { None });
        if let Some((range, place)) = found {
            let range = format_status(range);
            let problem = Problem::at(&refused.place, format!("{range} can't be both accepted and refused"));
            report.push(match place {
                Some(place) => problem.also(place, "accepted here"),
                None => problem.help("by default `ok` is \"2xx\""),
            });
        }
    }
}

fn names(url: &At<SecretString>, name: &str) -> bool {
    placeholders(url).contains(&name)
}

fn placeholders(url: &At<SecretString>) -> Vec<&str> {
    let pieces = url.value.expose_secret().split('{').skip(1);
    pieces.filter_map(|piece| Some(piece.split_once('}')?.0)).collect()
}
