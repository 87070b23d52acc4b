//! What an answer means.
//!
//! | result of an item, or answer to a request | outcome |
//! | --- | --- |
//! | 2xx; 409 `version_conflict_engine_exception`; for deletes 404 without an error | delivered |
//! | 429 | retry, rate limited, certain |
//! | what is wrong with the index, the pipeline or the routing; 401, 403, 404; 3xx and 4xx that no document can cause | retry, configuration, certain |
//! | 408, 5xx | retry, uncertain |
//! | 400, 413, 422 otherwise | rejected, certain |
//!
//! Of a request as a whole 2xx says nothing by itself. An answer that has not one result for each item says nothing of any.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>; types and reasons of errors are those of
//! `org.elasticsearch.action.bulk`, `.cluster.metadata` and `.ingest`, which OpenSearch has kept.

use std::time::Duration;

use serde::Deserialize;

use crate::diff::Operation;
use crate::publish::web::Secrets;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

const CONFLICT: &str = "version_conflict_engine_exception";
const NO_INDEX: &str = "index_not_found_exception";

/// What every document would meet, with status 400 or 404. `validation_exception`: the index is missing, and the cluster has as many
/// shards as it may.
const NOT_OF_A_DOCUMENT: [&str; 5] = [
    NO_INDEX,
    "index_closed_exception",
    "invalid_index_name_exception",
    "routing_missing_exception",
    "validation_exception",
];

/// The same of `illegal_argument_exception`, which is said of documents as well: how the reason begins and ends, in the words of both
/// products.
const NOT_ITS_ARGUMENT: [(&str, &str); 5] = [
    ("pipeline with id [", "] does not exist"),
    ("no write index is defined for alias [", ""),
    (
        "only write ops with an op_type of create are allowed in data streams",
        "",
    ),
    ("Alias [", "rejecting operation"),
    ("Validation Failed: 1: this action would add [", ""),
];

/// What of an answer is asked for.
pub(super) const FILTER: &str = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

#[derive(Deserialize)]
struct Bulk {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Item {
    Index(Told),
    Delete(Told),
}

#[derive(Deserialize)]
struct Told {
    status: u16,
    error: Option<Error>,
}

/// The answer to a request that failed.
#[derive(Deserialize)]
struct Whole {
    error: Error,
}

#[derive(Deserialize)]
struct Error {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
    caused_by: Option<Box<Cause>>,
}

#[derive(Deserialize)]
struct Cause {
    reason: Option<String>,
}

/// An outcome for each of the operations, and whether the index is missing.
pub(super) fn outcomes(
    body: &[u8],
    operations: &[Operation],
    after: Option<Duration>,
    secrets: &Secrets,
) -> (Vec<Outcome>, bool) {
    let bulk: Option<Bulk> = serde_json::from_slice(body).ok();
    let items = bulk.map(|bulk| bulk.items).filter(|items| {
        let is_of = |(item, operation): (&Item, &Operation)| {
            matches!(
                (item, operation),
                (Item::Index(_), Operation::Upsert) | (Item::Delete(_), Operation::Delete)
            )
        };
        items.len() == operations.len() && items.iter().zip(operations).all(is_of)
    });
    let Some(items) = items else {
        let message = "the answer has not one result for each document";
        let failure = Failure::uncertain(FailureClass::ServerError, message).with_status(200);
        return (vec![Outcome::Retry { failure, after }; operations.len()], false);
    };
    let told = items.into_iter().map(|(Item::Index(told) | Item::Delete(told))| told);
    let told: Vec<_> = told.collect();
    let is_missing = |told: &Told| told.error.as_ref().is_some_and(|error| error.kind == NO_INDEX);
    let missing = told.iter().any(is_missing);
    let outcomes = told.iter().zip(operations);
    let outcomes = outcomes.map(|(told, operation)| outcome(told, *operation, after, secrets));
    (outcomes.collect(), missing)
}

fn outcome(told: &Told, operation: Operation, after: Option<Duration>, secrets: &Secrets) -> Outcome {
    let kind = told.error.as_ref().map(|error| error.kind.as_str());
    let is_there = match told.status {
        200..300 => kind.is_none(),
        404 => operation == Operation::Delete && kind.is_none(),
        409 => kind == Some(CONFLICT),
        _ => false,
    };
    if is_there {
        return Outcome::Delivered {
            status: Some(told.status),
            remote: Remote::Same,
        };
    }
    let said = told.error.as_ref().map(said).unwrap_or_default();
    let message = format!("{}: {}", told.status, secrets.excerpt(&said, false));
    failed(told.error.as_ref(), told.status, after, message)
}

impl Error {
    fn is_of_no_document(&self) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default();
        let is_said = |(start, end): &(&str, &str)| reason.starts_with(start) && reason.ends_with(end);
        NOT_OF_A_DOCUMENT.contains(&self.kind.as_str())
            || self.kind == "illegal_argument_exception" && NOT_ITS_ARGUMENT.iter().any(is_said)
    }
}

/// What it means that a request was answered with anything but a 2xx.
pub(super) fn whole(body: &[u8], status: u16, after: Option<Duration>, message: String) -> Outcome {
    // Some errors are but a text, and whoever stands before the server has other forms.
    let said: Option<Whole> = serde_json::from_slice(body).ok();
    failed(said.map(|said| said.error).as_ref(), status, after, message)
}

fn failed(error: Option<&Error>, status: u16, after: Option<Duration>, message: String) -> Outcome {
    if error.is_some_and(Error::is_of_no_document) {
        let failure = Failure::certain(FailureClass::Configuration, message).with_status(status);
        return Outcome::Retry { failure, after };
    }
    by_status(status, after, message)
}

fn by_status(status: u16, after: Option<Duration>, message: String) -> Outcome {
    let (class, certain, again) = match status {
        429 => (FailureClass::RateLimited, true, true),
        408 => (FailureClass::Timeout, false, true),
        409 => (FailureClass::Conflict, true, true),
        400 | 413 | 422 => (FailureClass::Refused, true, false),
        300..500 => (FailureClass::Configuration, true, true),
        _ => (FailureClass::ServerError, false, true),
    };
    let failure = Failure {
        class,
        status: Some(status),
        message,
        certain,
        remote: Remote::Same,
    };
    if again {
        Outcome::Retry { failure, after }
    } else {
        Outcome::Rejected { failure }
    }
}

fn said(error: &Error) -> String {
    let cause = error.caused_by.as_ref().and_then(|cause| cause.reason.as_deref());
    let words = [Some(error.kind.as_str()), error.reason.as_deref(), cause];
    words.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
