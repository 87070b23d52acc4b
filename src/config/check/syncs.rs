//! One sync: where it goes, and what its subjects are.

use std::collections::HashSet;
use std::time::Duration;

use super::{changes, claims, names, tree};
use crate::config::raw::{At, Field, RawNode, RawSync};
use crate::config::wording::{listed, nearest, quoted};
use crate::config::{Deletes, History, Initial, Place, Pointer, Precedence, Problem, Report, Sync};

pub fn sync(raw: RawSync, sink_names: &[At<String>], report: &mut Report) -> Sync {
    let name = raw.root.name.clone();
    names::check_label("a sync", &name, report);
    let sinks = sinks(&raw, &name, sink_names, report);
    let key = raw.key.into_given().map(|key| columns(key, report));
    claims::check(&raw.root, report);
    let sql = raw.sql.into_given();
    if let Some(sql) = &sql {
        check_by_hand(&sql.place, &raw.root, report);
        if raw.changes.is_empty() {
            let problem = Problem::at(
                &sql.place,
                "a sync with `sql` must say under `changes` which tables it listens to",
            );
            report.push(problem.help(format!(
                "add [syncs.{}.changes] with a line for each table that it reads",
                name.value
            )));
        }
    }
    if let Some(period) = raw.refresh_every.given()
        && period.value < REFRESH_MIN
    {
        report.push(Problem::at(&period.place, "`refresh_every` is less than a minute").help("wanted is 1m or more"));
    }
    Sync {
        name: name.value,
        place: name.place,
        sinks,
        key,
        deletes: raw.deletes.or(Deletes::Publish),
        ignore: pointers(raw.ignore.or(Vec::new()), report),
        debounce: raw.debounce.or(Duration::ZERO),
        min_interval: raw.min_interval.or(Duration::ZERO),
        refresh_every: raw.refresh_every.into_given().map(|period| period.value),
        priority: raw.priority.or(Precedence::Normal),
        after_publish: raw
            .after_publish
            .into_given()
            .map(|sql| tree::expression("after_publish", sql, report)),
        initial: raw.initial.or(Initial::All),
        history: raw.history.or(History::Failures),
        root: tree::node(raw.root, report),
        sql: sql.map(|sql| tree::expression("sql", sql, report)),
        changes: changes::changes(raw.changes, report),
        messages: changes::messages(raw.messages, report),
    }
}

/// Below that a refresh would be a load of its own.
const REFRESH_MIN: Duration = Duration::from_mins(1);

/// Where SQL takes the place of the tree there is no tree.
fn check_by_hand(sql: &Place, root: &RawNode, report: &mut Report) {
    let keys = [
        ("where", root.filter.given().map(|at| &at.place)),
        ("document", root.document.given().map(|at| &at.place)),
    ];
    let keys = keys.into_iter().filter_map(|(key, place)| Some((key, place?)));
    let children = root
        .children
        .iter()
        .map(|child| (child.name.value.as_str(), &child.name.place));
    for (key, place) in keys.chain(children) {
        let problem = Problem::at(
            place,
            format!("`{key}` means nothing beside `sql`, which yields the whole document"),
        );
        report.push(problem.also(sql, "it stands here"));
    }
}

fn pointers(raw: Vec<At<String>>, report: &mut Report) -> Vec<Pointer> {
    let parse = |pointer: At<String>| {
        let parsed = Pointer::parse(&pointer.value);
        if parsed.is_none() {
            let problem = Problem::at(
                &pointer.place,
                format!("{} is not a JSON pointer", quoted(&pointer.value)),
            );
            report.push(problem.help("wanted is \"/member\" or \"/member/member\"; `~1` stands for `/`, `~0` for `~`"));
        }
        parsed
    };
    raw.into_iter().filter_map(parse).collect()
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
