//! What an answer means.
//!
//! | result of an item | outcome |
//! | --- | --- |
//! | 2xx; 409 `version_conflict_engine_exception`; for deletes 404 without an error | delivered |
//! | 429 | retry, rate limited, certain |
//! | 404 `index_not_found_exception` | retry, certain |
//! | 401, 403; 400 for a pipeline that does not exist | retry, certain: what is refused is not the document |
//! | 408, 5xx | retry, uncertain |
//! | other 4xx | rejected, certain |
//!
//! The same of a request as a whole, but that it says nothing of versions. An answer that has not one result for each
//! item says nothing of any.

use std::time::Duration;

use serde::Deserialize;

use crate::diff::Operation;
use crate::publish::web::Secrets;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

const CONFLICT: &str = "version_conflict_engine_exception";
const NO_INDEX: &str = "index_not_found_exception";

/// With `illegal_argument_exception`, in the words of both products.
const NO_PIPELINE: &str = "pipeline with id [";

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
    let lacks = match &told.error {
        Some(error) if error.kind == NO_INDEX => Some(FailureClass::NotFound),
        Some(error) if error.lacks_pipeline() => Some(FailureClass::Configuration),
        _ => None,
    };
    match lacks {
        Some(class) => Outcome::Retry {
            failure: Failure::certain(class, message).with_status(told.status),
            after,
        },
        None => by_status(told.status, after, message),
    }
}

impl Error {
    fn lacks_pipeline(&self) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default();
        reason.starts_with(NO_PIPELINE) && reason.ends_with("] does not exist")
    }
}

/// What a status means that does not say accepted.
pub(super) fn by_status(status: u16, after: Option<Duration>, message: String) -> Outcome {
    let (class, certain, again) = match status {
        429 => (FailureClass::RateLimited, true, true),
        408 => (FailureClass::Timeout, false, true),
        401 | 403 => (FailureClass::Configuration, true, true),
        404 => (FailureClass::NotFound, true, true),
        409 => (FailureClass::Conflict, true, true),
        400..500 => (FailureClass::Refused, true, false),
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
