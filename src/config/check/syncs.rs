//! One sync: where it goes, and what its subjects are.

use std::collections::HashSet;
use std::time::Duration;

use super::{changes, claims, ignore, names, tree};
use crate::config::raw::units::format_duration;
use crate::config::raw::{At, Field, RawNode, RawSync};
use crate::config::wording::{listed, nearest, quoted};
use crate::config::{Deletes, Expression, History, Initial, Place, Precedence, Problem, Report, Sync};

pub fn sync(raw: RawSync, sink_names: &[At<String>], report: &mut Report) -> Sync {
    let name = raw.root.name.clone();
    names::check_label("a sync", &name, report);
    let sinks = sinks(&raw, &name, sink_names, report);
    let key = raw.key.into_given().map(|key| columns(key, report));
    claims::check(&raw.root, report);
    if let Some(sql) = raw.sql.given() {
        check_by_hand(&sql.place, &raw.root, report);
        if raw.changes.is_absent() || raw.changes.given().is_some_and(|changes| changes.value.is_empty()) {
            let problem = Problem::at(&sql.place, "a sync with `sql` must say which tables it listens to");
            report.push(problem.help(format!(
                "add [syncs.{}.changes] with a line for each table that the statement reads",
                name.value
            )));
        }
    }
    let by_hand = !raw.sql.is_absent();
    let root = tree::node(raw.root, report);
    Sync {
        name: name.value,
        place: name.place,
        sinks,
        key,
        deletes: raw.deletes.or(Deletes::Publish),
        ignore: ignore::pointers(raw.ignore.or(Vec::new()), (!by_hand).then_some(&root), report),
        debounce: at_most("debounce", raw.debounce, DEBOUNCE_MAX, report).unwrap_or_default(),
        min_interval: at_most("min_interval", raw.min_interval, MIN_INTERVAL_MAX, report).unwrap_or_default(),
        refresh_every: refresh_every(raw.refresh_every, report),
        priority: raw.priority.or(Precedence::Normal),
        after_publish: raw.after_publish.into_given().map(|sql| after_publish(sql, report)),
        initial: raw.initial.or(Initial::All),
        history: raw.history.or(History::Failures),
        keep_document: raw.keep_document.or(false),
        root,
        sql: raw.sql.into_given().map(|sql| tree::statement("sql", sql, report)),
        changes: changes::changes(raw.changes.or(Vec::new()), report),
        messages: changes::messages(raw.messages, report),
    }
}

/// A subject may have to wait ten times as long.
const DEBOUNCE_MAX: Duration = Duration::from_hours(24);
const MIN_INTERVAL_MAX: Duration = Duration::from_hours(30 * 24);
/// Below that a refresh would be a load of its own.
const REFRESH_MIN: Duration = Duration::from_mins(1);
const REFRESH_MAX: Duration = Duration::from_hours(366 * 24);

fn at_most(key: &str, field: Field<Duration>, most: Duration, report: &mut Report) -> Option<Duration> {
    let At { value, place } = field.into_given()?;
    if value > most {
        let problem = Problem::at(&place, format!("`{key}` is too long"));
        report.push(problem.help(format!("wanted is at most \"{}\"", format_duration(most))));
    }
    Some(value)
}

fn refresh_every(field: Field<Duration>, report: &mut Report) -> Option<Duration> {
    if let Some(period) = field.given()
        && period.value < REFRESH_MIN
    {
        let problem = Problem::at(&period.place, "`refresh_every` is too short");
        let problem = problem.help(format!("wanted is at least \"{}\"", format_duration(REFRESH_MIN)));
        report.push(if period.value.is_zero() {
            problem.help("to visit subjects only when something changes, leave it out")
        } else {
            problem
        });
    }
    at_most("refresh_every", field, REFRESH_MAX, report)
}

fn after_publish(sql: At<String>, report: &mut Report) -> Expression {
    let parameter = |at: usize| {
        let name = &sql.value[at + 1..];
        name.starts_with(|first: char| first.is_ascii_digit()) || name.starts_with("document")
    };
    if !sql.value.trim().is_empty() && !sql.value.match_indices('$').any(|(at, _)| parameter(at)) {
        let problem = Problem::at(&sql.place, "`after_publish` does the same whatever was published");
        let problem = problem.help("`$1`, … stand for the key, `$document` for the document");
        report.push(problem.warning());
    }
    tree::statement("after_publish", sql, report)
}

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
        let problem = Problem::at(place, format!("`{key}` means nothing beside `sql`"));
        report.push(problem.also(sql, "this yields the whole document"));
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
    names::check_columns(&key.value, report);
    key.value.into_iter().map(|column| column.value).collect()
}
