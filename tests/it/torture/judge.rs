//! Holds the journal of the receiver against what was done to it and to its senders.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use walsift::demo::{Answer, Request};

use super::faults::{Counts, Fault, Kind};
use super::fleet::LEASE;
use super::judgement::Judgement;

/// How late the receiver may see that a client has left, on a machine with other work to do.
const SEEN_LATE: Duration = Duration::from_millis(500);

/// From when on an answer counts as slow.
const SLOW: Duration = Duration::from_millis(20);

/// What is known of one subject at one sink when the next request arrives.
struct Subject<'a> {
    last: Option<&'a Request>,
    version: i64,
    /// What the sink said that it holds; `None` at first and after a delete.
    accepted: Option<&'a str>,
    /// When it said so.
    since: Instant,
    /// Whether something was sent since then of which the sender cannot know what became of it.
    uncertain: bool,
    /// Until when something was in flight.
    busy_until: Option<(Instant, &'a Request)>,
}

/// `began`: before the first request. `guarded`: the receiver ignores older versions, and processes were paused beyond their lease.
pub fn judge(journal: &[Request], began: Instant, faults: &[Fault], guarded: bool) -> Judgement {
    let mut judgement = Judgement {
        requests: journal.len(),
        ..Judgement::default()
    };
    let mut subjects: HashMap<&str, Subject<'_>> = HashMap::new();
    for request in journal {
        let subject = subjects.entry(&request.path).or_insert(Subject {
            last: None,
            version: 0,
            accepted: None,
            since: began,
            uncertain: false,
            busy_until: None,
        });
        subject.judge_order(request, guarded, &mut judgement);
        if !request.outdated {
            subject.judge_desert(request, faults, &mut judgement);
        }
        subject.version = subject.version.max(request.version().unwrap_or_default());
        subject.last = Some(request);
    }
    judgement.subjects = subjects.len();
    judgement
}

impl<'a> Subject<'a> {
    /// Versions do not go backwards, and no two requests are in flight at once.
    fn judge_order(&mut self, request: &'a Request, guarded: bool, judgement: &mut Judgement) {
        judgement.outdated += usize::from(request.outdated);
        let Some(version) = request.version() else {
            judgement.complain("a request without a version", [request]);
            return;
        };
        if let Some(last) = self.last {
            if version < self.version {
                judgement.backwards += 1;
                if !guarded {
                    judgement.complain("a version went backwards", [last, request]);
                }
            }
            let same = (&last.method, &last.body, last.header("idempotency-key"))
                == (&request.method, &request.body, request.header("idempotency-key"));
            if last.version() == Some(version) && !same {
                judgement.complain("one version for two documents", [last, request]);
            }
        }
        if let Some((until, other)) = self.busy_until
            && until > request.arrived
        {
            // A process that is killed has left at once, but is seen to have left a moment later.
            let has_left = other.answer == Answer::Nothing && until - request.arrived < SEEN_LATE;
            if !has_left {
                judgement.overlaps += 1;
                if !guarded {
                    judgement.complain("two requests at once", [other, request]);
                }
            }
        }
        let finished = request.finished.unwrap_or_else(Instant::now);
        if self.busy_until.is_none_or(|(until, _)| finished > until) {
            self.busy_until = Some((finished, request));
        }
    }

    /// It differs from what was accepted last, or nobody could know what that was.
    fn judge_desert(&mut self, request: &'a Request, faults: &[Fault], judgement: &mut Judgement) {
        let document = (request.method != "DELETE").then_some(request.body.as_str());
        if is_equal(self.accepted, document) {
            if self.uncertain {
                judgement.after_uncertain += 1;
            } else if faults
                .iter()
                .any(|fault| is_between(fault, self.since, request.arrived))
            {
                judgement.after_unrecorded += 1;
            } else {
                let last: Vec<&Request> = self.last.into_iter().collect();
                let what = "nothing calls for a request that equals what was accepted last";
                judgement.complain(what, [last.as_slice(), &[request]].concat());
            }
        }
        match outcome(request) {
            Outcome::Accepted => {
                (self.accepted, self.since, self.uncertain) = (document, request.arrived, false);
            }
            Outcome::Refused => {}
            Outcome::Unknown => {
                judgement.uncertain += 1;
                self.uncertain = true;
            }
        }
    }
}

enum Outcome {
    Accepted,
    /// The sink has said that it holds what it held before.
    Refused,
    Unknown,
}

fn outcome(request: &Request) -> Outcome {
    match request.answer {
        Answer::Status(200..300) => Outcome::Accepted,
        Answer::Status(404 | 410) if request.method == "DELETE" => Outcome::Accepted,
        Answer::Status(400..=407 | 409..500) => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

fn is_equal(one: Option<&str>, other: Option<&str>) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || matches!((one, other), (Some(one), Some(other)) if parse(one) == parse(other))
}

/// Whether a fault of those that make processes forget may have come between these two, or its after-effects.
fn is_between(fault: &Fault, one: Instant, other: Instant) -> bool {
    let over = fault.ended.unwrap_or_else(Instant::now) + LEASE + LEASE / 2;
    fault.kind.forgetful(1) > 0 && fault.began <= other && over >= one
}

/// How often the receiver misbehaved, and how.
pub fn receiver_faults(journal: &[Request]) -> Counts {
    let mut counts = Counts::new();
    for request in journal {
        let took = request
            .finished
            .map_or(Duration::ZERO, |finished| finished - request.arrived);
        let kind = match (request.answer, request.applied) {
            (Answer::Status(200..300), _) if took > SLOW => Kind::ReceiverSlow,
            (Answer::Status(409 | 425 | 429), _) => Kind::ReceiverRefuses,
            (Answer::Status(408 | 500..600), false) => Kind::ReceiverFails,
            (Answer::Status(408 | 500..600), true) => Kind::ReceiverAppliesAndFails,
            (Answer::Nothing, _) if took > SLOW => Kind::ReceiverHangs,
            (Answer::Nothing, _) => Kind::ReceiverCuts,
            _ => continue,
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}
