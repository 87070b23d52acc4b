//! Ways from changes to subjects that the author of a file writes by hand.

use super::{names, tree};
use crate::config::raw::{At, RawWay};
use crate::config::wording::quoted;
use crate::config::{Problem, Report, TableName, Watched, Way};

/// The word for a table any change of which revisits every subject.
const ALL: &str = "all";

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
            let problem = Problem::at(
                &table.place,
                format!("the table {} is named twice", quoted(&table.value)),
            );
            report.push(problem.also(&first.place, "the other is here"));
            continue;
        }
        if let Some(way) = way(&table, &name, raw, report) {
            found.push(Watched {
                table: name,
                place: table.place,
                way,
            });
        }
    }
    found
}

fn way(table: &At<String>, name: &TableName, raw: RawWay, report: &mut Report) -> Option<Way> {
    match raw {
        RawWay::Strings(strings) if strings.value.iter().map(|word| word.value.as_str()).eq([ALL]) => Some(Way::All),
        RawWay::Strings(strings) => Some(Way::Columns(columns(strings, report)?)),
        RawWay::Query { sql, from } => {
            let (sql, from) = (sql.into_given(), from.into_given());
            if sql.is_none() || from.is_none() {
                let problem = Problem::at(&table.place, format!("`{}` needs both `sql` and `from`", name.name));
                report.push(problem.help(
                    "{ sql = \"select id from orders where currency = any($1)\", from = [\"currency\"] }, the key for \
                     the values of columns of the changed row",
                ));
            }
            Some(Way::Query {
                sql: tree::expression("sql", sql?, report),
                from: columns(from?, report)?,
            })
        }
    }
}

fn columns(columns: At<Vec<At<String>>>, report: &mut Report) -> Option<Vec<String>> {
    if columns.value.is_empty() {
        let problem = Problem::at(&columns.place, "no column is named");
        report.push(problem.help("\"all\" stands for a table any change of which revisits every subject"));
        return None;
    }
    for column in columns.value.iter().filter(|column| column.value.is_empty()) {
        report.push(Problem::at(&column.place, "the name of a column is empty"));
    }
    Some(columns.value.into_iter().map(|column| column.value).collect())
}

/// Only those that are switched on.
pub fn messages(raw: Vec<(At<String>, bool)>, report: &mut Report) -> Vec<String> {
    for (prefix, _) in raw.iter().filter(|(prefix, _)| prefix.value.is_empty()) {
        report.push(Problem::at(&prefix.place, "the prefix of a message is empty"));
    }
    raw.into_iter()
        .filter(|(_, on)| *on)
        .map(|(prefix, _)| prefix.value)
        .collect()
}
