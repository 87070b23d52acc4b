//! The results of a request for many: one for each item, in the same order.
//!
//! | result | means |
//! | --- | --- |
//! | `200`, or an object with `"status": 200` | what that status means for an answer to a request for one |
//! | an object with `"ok": true` | accepted |
//! | an object with `"ok": false`, or with an `error` or a `message` and none of the others | rejected, certain |
//!
//! Where there are fewer results than items, nobody knows about the rest; where there are more, or it is no list, about
//! none of them.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::value::RawValue;

use super::answer::{self, Meaning};

use super::json;
use crate::config::{Pointer, Statuses};
use crate::diff::Operation;
use crate::publish::web::Secrets;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

pub(super) struct Reader<'a> {
    pub statuses: &'a Statuses,
    pub secrets: &'a Secrets,
    /// Of the answer as a whole.
    pub status: u16,
    pub after: Option<Duration>,
}

impl Reader<'_> {
    /// An outcome for each of the operations.
    pub fn outcomes(&self, body: &str, pointer: &Pointer, operations: &[Operation]) -> Vec<Outcome> {
        let list = json::at(body, pointer).and_then(|found| json::elements(found.get()));
        let results = list.filter(|list| list.len() <= operations.len()).unwrap_or_default();
        let outcome = |(at, operation): (usize, &Operation)| {
            let told = results.get(at).and_then(|result| self.outcome(*operation, result));
            told.unwrap_or_else(|| self.unknown(pointer, at))
        };
        operations.iter().enumerate().map(outcome).collect()
    }

    fn outcome(&self, operation: Operation, result: &RawValue) -> Option<Outcome> {
        if let Some(status) = status_of(result) {
            return Some(self.by_status(operation, status, ""));
        }
        let members = json::members(result.get())?;
        let said = said(&members);
        if let Some(status) = members.get("status").and_then(|value| status_of(value)) {
            return Some(self.by_status(operation, status, &said));
        }
        match members.get("ok").map(|ok| ok.get()) {
            Some("true") => Some(Outcome::Delivered {
                status: Some(self.status),
                remote: Remote::Same,
            }),
            Some("false") => Some(self.rejected(&said)),
            None if !said.is_empty() && !members.contains_key("status") => Some(self.rejected(&said)),
            _ => None,
        }
    }

    fn by_status(&self, operation: Operation, status: u16, said: &str) -> Outcome {
        let meaning = answer::meaning(self.statuses, operation, status);
        let after = self.after.filter(|_| meaning == Meaning::Retry);
        answer::outcome(meaning, status, after, self.message(status, said))
    }

    fn rejected(&self, said: &str) -> Outcome {
        let message = if said.is_empty() {
            "the other side refuses it".to_owned()
        } else {
            self.secrets.excerpt(said, false)
        };
        Outcome::Rejected {
            failure: Failure::certain(FailureClass::Refused, message),
        }
    }

    fn unknown(&self, pointer: &Pointer, at: usize) -> Outcome {
        let place = pointer.written();
        let message = format!(
            "{}: the answer has no result at `{place}/{at}` that could be understood",
            self.status
        );
        Outcome::Retry {
            failure: Failure::uncertain(FailureClass::ServerError, message).with_status(self.status),
            after: self.after,
        }
    }

    fn message(&self, status: u16, said: &str) -> String {
        if said.is_empty() {
            return status.to_string();
        }
        format!("{status}: {}", self.secrets.excerpt(said, false))
    }
}

fn status_of(value: &RawValue) -> Option<u16> {
    let status = value.get().parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

/// What a result says about itself.
fn said(members: &HashMap<String, &RawValue>) -> String {
    let found = ["error", "message"].iter().find_map(|name| members.get(*name));
    let found = found.filter(|value| value.get() != "null");
    found.map_or(String::new(), |value| {
        json::scalar(value).unwrap_or_else(|| value.get().to_owned())
    })
}
