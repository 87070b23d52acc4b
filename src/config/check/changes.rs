//! Ways from changes to subjects that the author of a file writes by hand.

use super::{names, tree};
use crate::config::raw::{At, RawWay};
use crate::config::wording::{nearest, quoted};
use crate::config::{Problem, Report, Watched, Way};

/// The word for a table any change of which revisits every subject.
const ALL: &str = "all";

/// Messages by which Walsift speaks to itself.
const OWN_PREFIX: &str = "walsift.";

pub fn changes(raw: Vec<(At<String>, RawWay)>, report: &mut Report) -> Vec<Watched> {
    let mut found: Vec<Watched> = Vec::new();
    for (table, raw) in raw {
        let Some(name) = names::parse_table(&table.value) else {
            let problem = Problem::at(
                &table.place,
                format!("{} is not the name of a table", quoted(&table.value)),
            );
            report.push(problem.help("wanted is `name` or `\"schema.name\"`"));
            continue;
        };
        if let Some(first) = found.iter().find(|watched| watched.table == name) {
            let problem = Problem::at(&table.place, format!("the table `{}` is named twice", name.written()));
            report.push(problem.also(&first.place, "the other is here"));
            continue;
        }
        if let Some(way) = way(&table, raw, report) {
            found.push(Watched {
                table: name,
                place: table.place,
                way,
            });
        }
    }
    found
}

fn way(table: &At<String>, raw: RawWay, report: &mut Report) -> Option<Way> {
    match raw {
        RawWay::Word(word) if word.value == ALL => Some(Way::All),
        RawWay::Word(word) => {
            let problem = Problem::at(
                &word.place,
                format!("`{}` can't be {}", table.value, quoted(&word.value)),
            );
            let problem = problem.label("wanted is \"all\", a list of columns, or { sql, from }");
            report.push(match nearest(&word.value, &[ALL]) {
                Some(all) => problem.help(format!("did you mean \"{all}\"?")),
                None => problem.help("a column goes in brackets: [\"order_id\"]"),
            });
            None
        }
        RawWay::Unusable => None,
        RawWay::Columns(columns) => Some(Way::Columns(column_names(columns, report)?)),
        RawWay::Query { sql, from } => {
            let missing = match (sql.is_absent(), from.is_absent()) {
                (true, true) => Some("neither `sql` nor `from`"),
                (true, false) => Some("no `sql`"),
                (false, true) => Some("no `from`"),
                (false, false) => None,
            };
            if let Some(missing) = missing {
                let problem = Problem::at(&table.place, format!("`{}` has {missing}", table.value));
                report.push(problem.help(
                    "the key for the values of columns of changed rows, such as \
                     { sql = \"select id from orders where currency = any($1)\", from = [\"currency\"] }",
                ));
            }
            let sql = sql.into_given().map(|sql| tree::statement("sql", sql, report));
            let from = from.into_given().and_then(|from| column_names(from, report));
            Some(Way::Query { sql: sql?, from: from? })
        }
    }
}

fn column_names(columns: At<Vec<At<String>>>, report: &mut Report) -> Option<Vec<String>> {
    if columns.value.is_empty() {
        let problem = Problem::at(&columns.place, "no column is named");
        report.push(problem.help("where no column tells which subjects a change touches, write \"all\""));
        return None;
    }
    names::check_columns(&columns.value, report);
    Some(columns.value.into_iter().map(|column| column.value).collect())
}

/// Only those that are switched on.
pub fn messages(raw: Vec<(At<String>, bool)>, report: &mut Report) -> Vec<String> {
    for (prefix, _) in &raw {
        if prefix.value.is_empty() {
            report.push(Problem::at(&prefix.place, "the prefix of a message is empty"));
        } else if prefix.value.starts_with(OWN_PREFIX) {
            let problem = Problem::at(
                &prefix.place,
                format!("{} is a prefix of Walsift's own", quoted(&prefix.value)),
            );
            report.push(problem.help(format!("those that begin with `{OWN_PREFIX}` are kept for it")));
        }
    }
    raw.into_iter()
        .filter(|(_, on)| *on)
        .map(|(prefix, _)| prefix.value)
        .collect()
}
