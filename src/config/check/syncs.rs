//! One sync: where it goes, and what its subjects are.

use std::collections::HashSet;

use super::{claims, names, tree};
use crate::config::raw::{At, Field, RawSync};
use crate::config::wording::{listed, nearest, quoted};
use crate::config::{History, Initial, Problem, Report, Sync};

pub fn sync(raw: RawSync, sink_names: &[At<String>], report: &mut Report) -> Sync {
    let name = raw.root.name.clone();
    names::check_label("a sync", &name, report);
    let sinks = sinks(&raw, &name, sink_names, report);
    let key = raw.key.into_given().map(|key| columns(key, report));
    claims::check(&raw.root, report);
    Sync {
        name: name.value,
        place: name.place,
        sinks,
        key,
        initial: raw.initial.or(Initial::All),
        history: raw.history.or(History::Failures),
        root: tree::node(raw.root, report),
    }
}

fn sinks(raw: &RawSync, sync: &At<String>, known: &[At<String>], report: &mut Report) -> Vec<String> {
    let given = match (&raw.sink, &raw.sinks) {
        (Field::Absent, Field::Absent) => {
            let problem = Problem::at(&sync.place, format!("the sync `{}` has no `sink`", sync.value));
            report.push(problem.help("add `sink = \"NAME\"`, the name of a [sinks.NAME]"));
            return Vec::new();
        }
        (Field::Given(sink), Field::Given(sinks)) => {
            let problem = Problem::at(&sinks.place, "`sink` and `sinks` can't both be given");
            report.push(
                problem
                    .also(&sink.place, "the other is here")
                    .help("keep `sinks` for several"),
            );
            return Vec::new();
        }
        (sink, sinks) => match sink.given().or(sinks.given()) {
            Some(given) => given,
            None => return Vec::new(),
        },
    };
    if given.value.is_empty() {
        report.push(Problem::at(&given.place, "`sinks` is empty").help("name at least one"));
    }
    let mut seen = HashSet::new();
    for sink in &given.value {
        if !seen.insert(&sink.value) {
            report.push(Problem::at(
                &sink.place,
                format!("the sink `{}` is named twice", sink.value),
            ));
        } else if !known.iter().any(|known| known.value == sink.value) {
            report.push(unknown_sink(sink, known));
        }
    }
    given.value.iter().map(|sink| sink.value.clone()).collect()
}

fn unknown_sink(sink: &At<String>, known: &[At<String>]) -> Problem {
    let names: Vec<_> = known.iter().map(|known| known.value.as_str()).collect();
    let problem = Problem::at(&sink.place, format!("there is no sink {}", quoted(&sink.value)));
    match nearest(&sink.value, &names) {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None if names.is_empty() => problem.help("add a section [sinks.NAME]"),
        None => problem.help(format!("known are {}", listed(&names, '`'))),
    }
}

fn columns(key: At<Vec<At<String>>>, report: &mut Report) -> Vec<String> {
    if key.value.is_empty() {
        report.push(Problem::at(&key.place, "`key` is empty").help("leave it out to use the primary key"));
    }
    let mut seen = HashSet::new();
    for column in &key.value {
        if column.value.is_empty() {
            report.push(Problem::at(&column.place, "the name of a column is empty"));
        } else if !seen.insert(column.value.clone()) {
            report.push(Problem::at(
                &column.place,
                format!("the column `{}` is named twice", column.value),
            ));
        }
    }
    key.value.into_iter().map(|column| column.value).collect()
}
