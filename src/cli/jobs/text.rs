//! Jobs for people, in lines of no more than a hundred characters.

use std::fmt::{Display, Write as _};
use std::time::SystemTime;

use serde_json::Value;

use crate::cli::status::time;
use crate::operate::{Accepted, Held, Listed, Outcome, Reference, State, Story, Tally, Timestamp, Try, Verb};
use crate::plan::wrapped;

const WIDTH_MAX: usize = 100;

/// Columns of what may be long.
const ROUTE_MAX: usize = 28;
const KEY_MAX: usize = 18;

/// What is under a heading in the story of a job.
const INDENT: usize = 15;

/// A line for each job, under a heading.
pub(super) fn table(jobs: &[Listed]) -> String {
    let heading = ["JOB", "STATE", "SYNC → SINK", "KEY", "TRIES", "AGE", ""].map(str::to_owned);
    let mut rows = vec![heading];
    for job in jobs {
        rows.push([
            job.id.0.to_string(),
            job.state.to_string(),
            cut(&format!("{} → {}", job.sync, job.sink), ROUTE_MAX),
            cut(&job.key, KEY_MAX),
            job.attempts.to_string(),
            ago(job.finished_at.unwrap_or(job.created_at)),
            remark(job),
        ]);
    }
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Numbers stand to the right.
            let _ = match at {
                0 | 4 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:<width$}  "),
            };
        }
        line.push_str(&row[6]);
        text.push_str(cut(line.trim_end(), WIDTH_MAX).trim_end());
        text.push('\n');
    }
    text
}

/// What else is worth a word.
fn remark(job: &Listed) -> String {
    let mut parts = Vec::new();
    if let Some(run_at) = job.run_at.filter(|_| job.state == State::Pending) {
        let wait = run_at.0.duration_since(SystemTime::now());
        parts.push(wait.map_or("due".to_owned(), |wait| format!("due in {}", time(wait.as_secs_f64()))));
    }
    if let Some(by) = job.superseded_by {
        parts.push(format!("superseded by {}", by.0));
    }
    parts.extend(job.suppressed.as_ref().map(|reason| format!("not sent: {reason}")));
    parts.extend(failure(job.class.as_deref(), job.status, job.message.as_deref()));
    parts.join(", ")
}

/// Its class, its status unless the message begins with it, and the message.
fn failure(class: Option<&str>, status: Option<i16>, message: Option<&str>) -> Option<String> {
    let mut text = class?.to_owned();
    let message = message.map(one_line).unwrap_or_default();
    if let Some(status) = status
        .map(|status| status.to_string())
        .filter(|status| !message.starts_with(status))
    {
        let _ = write!(text, " {status}");
    }
    if !message.is_empty() {
        let _ = write!(text, ", {message}");
    }
    Some(text)
}

/// Everything about a job.
pub(super) fn story(story: &Story) -> String {
    let job = &story.job;
    let mut text = format!("job {}: {}\n", job.id.0, job.state);
    let mut add = |heading: &str, said: &dyn Display| {
        let _ = writeln!(text, "  {heading:<width$}{said}", width = INDENT - 2);
    };
    add("of", &format_args!("{} → {}", job.sync, job.sink));
    add("key", &job.key);
    add("correlation", &job.correlation);
    add("made", &at(job.created_at));
    if let Some(changed_at) = job.changed_at {
        add("changed", &at(changed_at));
    }
    if let Some(run_at) = job.run_at.filter(|_| job.state == State::Pending) {
        add("due", &run_at);
    }
    if let Some(finished_at) = job.finished_at {
        add("over", &at(finished_at));
    }
    match story.spared {
        Some(spared) if spared > 0 => add(
            "tries",
            &format_args!("{}, {spared} of them while the sink was down", job.attempts),
        ),
        _ => add("tries", &job.attempts),
    }
    if let Some(origin) = origin(job) {
        add("asked", &origin);
    }
    for link in &story.replayed_by {
        add("followed by", &format_args!("job {}, {}", link.id.0, link.state));
    }
    if let (Some(by), Some(since)) = (job.superseded_by, job.superseded_at) {
        add("superseded", &format_args!("by job {}, {}", by.0, at(since)));
    }
    if let Some(reason) = &job.suppressed {
        add("not sent", reason);
    }
    if let Some(held) = &story.lease {
        add("lease", &lease(held));
    }
    if story.uncertain == Some(true) {
        add(
            "uncertain",
            &"a worker was lost with it; what is built next is sent in any case",
        );
    }
    add("sink holds", &holds(story.accepted.as_ref()));
    for one in &story.tries {
        text.push_str(&a_try(one));
    }
    text
}

fn origin(job: &Listed) -> Option<String> {
    let forced = if job.forced {
        ", and sent even if it is equal"
    } else {
        ""
    };
    match (job.replay_of, job.replay_attempt) {
        (Some(of), Some(attempt)) => Some(format!("to replay job {}, try {attempt}{forced}", of.0)),
        (Some(of), None) => Some(format!("to do job {} again{forced}", of.0)),
        (None, _) => job.asked.then(|| format!("by a person{forced}")),
    }
}

fn lease(held: &Held) -> String {
    let mut text = format!("worker {}", held.worker);
    if let Some(acquired_at) = held.acquired_at {
        let _ = write!(text, ", since {acquired_at}");
    }
    let verb = if held.expired { "expired" } else { "until" };
    let _ = write!(text, ", {verb} {}", held.expires_at);
    let _ = write!(text, "\n{:INDENT$}{}", "", cut(&held.owner, WIDTH_MAX - INDENT));
    text
}

fn holds(accepted: Option<&Accepted>) -> String {
    let Some(accepted) = accepted else {
        return "nothing of it, as far as is known".to_owned();
    };
    let mut text = match accepted.digest.as_deref() {
        None => "nobody knows what; what is built next is sent in any case".to_owned(),
        Some(digest) if digest.bytes().all(|digit| digit == b'0') => {
            format!("no document, version {}", accepted.version)
        }
        Some(digest) => format!("version {}, digest {digest}", accepted.version),
    };
    if let Some(remote_id) = &accepted.remote_id {
        let _ = write!(text, ", as {remote_id}");
    }
    text
}

fn a_try(one: &Try) -> String {
    let head = format!("  try {:<width$}", one.number, width = INDENT - 6);
    let (started_at, took, operation, version) = (one.started_at, one.milliseconds, &one.operation, one.version);
    let certainty = if one.certain { "" } else { ", uncertain" };
    let tried = format!(
        "{started_at}, {took} ms, {operation} of version {version}: {}{certainty}",
        one.outcome
    );
    let mut text = wrapped(&head, &tried);
    let indent = " ".repeat(INDENT);
    match failure(one.class.as_deref(), one.status, one.message.as_deref()) {
        Some(failure) => text.push_str(&wrapped(&indent, &failure)),
        None => {
            if let Some(status) = one.status {
                let _ = writeln!(text, "{indent}status {status}");
            }
        }
    }
    if let Some(digest) = &one.digest {
        let _ = writeln!(text, "{indent}digest {digest}");
    }
    text
}

/// What became of a job that was named.
pub(super) fn outcome(asked: Reference, outcome: Outcome) -> String {
    let what = match outcome {
        Outcome::Enqueued { job } => format!("job {} takes it up", job.0),
        Outcome::Active { job } if matches!(asked, Reference::Id(id) if id == job) => {
            "nothing was done, as it is active".to_owned()
        }
        Outcome::Active { job } => format!("nothing was done, as its subject has the active job {}", job.0),
        Outcome::Due => "due now".to_owned(),
        Outcome::Canceled => "canceled".to_owned(),
        Outcome::Running { until } => {
            format!("nothing was done, as a worker has it in hand; its lease runs until {until}")
        }
        Outcome::Over {
            state: State::Succeeded,
        } => "nothing was done, as it has succeeded".to_owned(),
        Outcome::Over { state } => format!("nothing was done, as it is over: {state}"),
        Outcome::NoAttempt => "nothing was done, as it has no such try".to_owned(),
        Outcome::Unknown => return unknown(asked),
    };
    format!("job {asked}: {what}")
}

pub(super) fn unknown(asked: Reference) -> String {
    format!("job {asked}: not on record; jobs that never failed are kept only with history = \"all\"")
}

/// What became of a subject that was named.
pub(super) fn enqueued(subject: &str, outcome: Outcome) -> String {
    match outcome {
        Outcome::Enqueued { job } => format!("{subject}: job {}", job.0),
        Outcome::Active { job } => format!("{subject}: nothing was done, as it has the active job {}", job.0),
        other => format!("{subject}: {}", other.as_str()),
    }
}

/// What was done to many jobs, or how many it would be done to.
pub(super) fn tally(verb: Verb, matched: i64, tally: Option<&Tally>) -> String {
    let jobs = if matched == 1 {
        "1 job".to_owned()
    } else {
        format!("{matched} jobs")
    };
    let Some(tally) = tally else {
        return format!("{jobs} would be {}; nothing was done without --yes\n", done(verb));
    };
    let mut text = format!("{jobs} matched\n");
    for (name, count) in tally {
        let said = match *name {
            "enqueued" => "are taken up by new jobs",
            "active" => "left alone, as their subjects have active jobs",
            "due" => "are due now",
            "canceled" => "canceled",
            "running" => "left alone, as workers have them in hand",
            "purged" => "forgotten",
            _ => "left alone, as they have changed meanwhile",
        };
        let _ = writeln!(text, "{count:>8}  {said}");
    }
    text
}

pub(super) fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Retry => "retried",
        Verb::Replay => "replayed",
        Verb::Cancel => "canceled",
        Verb::Purge => "forgotten",
    }
}

/// Adds an outcome to what is said of its job in JSON.
pub(super) fn merge(facts: &mut Value, outcome: &Outcome) {
    let said = serde_json::to_value(outcome).expect("an outcome is plain data");
    if let (Some(facts), Value::Object(said)) = (facts.as_object_mut(), said) {
        facts.extend(said);
    }
}

fn at(then: Timestamp) -> String {
    format!("{then}, {} ago", ago(then))
}

fn ago(then: Timestamp) -> String {
    time(then.0.elapsed().unwrap_or_default().as_secs_f64())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Its beginning, if it is longer.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('…');
    short
}
