//! The tree of a document: which keys each kind of node may have, and what they hold.

use super::names;
use crate::config::raw::{At, Field, RawDocument, RawMember, RawNode, RawThrough, RawValue};
use crate::config::wording::quoted;
use crate::config::{Cardinality, Document, Expression, Member, Node, Place, Problem, Report, TableName, Through};

pub fn node(raw: RawNode, report: &mut Report) -> Node {
    check_keys(&raw, report);
    let table = table(&raw, report);
    let on = raw.on.into_given().map(|on| columns("on", on, report));
    Node {
        cardinality: raw.cardinality,
        table,
        on,
        through: raw.through.and_then(|raw| through(raw, report)),
        filter: raw.filter.into_given().map(|sql| expression("where", sql, report)),
        order_by: raw.order_by.into_given().map(|sql| expression("order_by", sql, report)),
        limit: raw.limit.into_given().map(|limit| limit.value),
        document: raw.document.into_given().map(|at| document(at, report)),
        aggregate: aggregates(raw.aggregate.or(Vec::new()), report),
        children: raw.children.into_iter().map(|child| node(child, report)).collect(),
        name: raw.name.value,
        place: raw.name.place,
    }
}

/// As far as Postgres counts.
const LIMIT_MAX: u64 = i64::MAX as u64;

/// Keys that mean nothing on this kind of node.
fn check_keys(raw: &RawNode, report: &mut Report) {
    let misplaced = |key: &str, place: &Place, where_to: &str| {
        Problem::at(place, format!("`{key}` means nothing here")).help(format!("it belongs to {where_to}"))
    };
    if raw.cardinality == Cardinality::Root {
        if let Some(on) = raw.on.given() {
            report.push(misplaced(
                "on",
                &on.place,
                "a `one` or `many`, which has a table to be joined to",
            ));
        }
        if let Some(At {
            value: RawDocument::Bare(_),
            place,
        }) = raw.document.given()
        {
            let problem = Problem::at(place, "the document of a sync can't be a bare value");
            report.push(problem.help("give it members: document = { name = \"…\" }"));
        }
    } else {
        names::check_member("a child", &raw.name, report);
    }
    if let (Some(through), Some(on)) = (&raw.through, raw.on.given()) {
        let problem = Problem::at(
            &on.place,
            "`on` means nothing beside `through`, which has links of its own",
        );
        let help = "through = { table = \"…\", on = { between = \"enclosing\" }, to = { between = \"here\" } }";
        report.push(problem.also(&through.place, "it stands here").help(help));
    }
    if let Some(limit) = raw.limit.given()
        && !(1..=LIMIT_MAX).contains(&limit.value)
    {
        let problem = Problem::at(&limit.place, format!("`limit` can't be {}", limit.value));
        report.push(if limit.value == 0 {
            problem.help("a `many` without elements may as well be left out; its `aggregate` needs no `document`")
        } else {
            problem.help(format!("wanted is a number from 1 to {LIMIT_MAX}"))
        });
    }
    if raw.cardinality == Cardinality::Many && raw.document.is_absent() {
        let order_by = raw.order_by.given().map(|at| ("order_by", &at.place));
        let limit = raw.limit.given().map(|at| ("limit", &at.place));
        for (key, place) in order_by.into_iter().chain(limit) {
            let problem = Problem::at(place, format!("`{key}` has no effect without a `document`"));
            report.push(
                problem
                    .help("an `aggregate` takes all rows; for their order see array_agg(… order by …)")
                    .warning(),
            );
        }
    }
    if raw.cardinality != Cardinality::Many {
        if let Some(limit) = raw.limit.given() {
            report.push(misplaced(
                "limit",
                &limit.place,
                "a `many`, which has rows to choose from",
            ));
        }
        if let Some(through) = &raw.through {
            report.push(misplaced(
                "through",
                &through.place,
                "a `many`, which has rows on both sides",
            ));
        }
        if let Some(order_by) = raw.order_by.given() {
            report.push(misplaced(
                "order_by",
                &order_by.place,
                "a `many`, which has rows to be put in order",
            ));
        }
        if let Some(aggregate) = raw.aggregate.given() {
            report.push(misplaced(
                "aggregate",
                &aggregate.place,
                "a `many`, which has rows to be summed up",
            ));
        }
    }
}

fn table(raw: &RawNode, report: &mut Report) -> TableName {
    let own_name = TableName {
        schema: None,
        name: raw.name.value.clone(),
    };
    match &raw.table {
        Field::Given(At { value, place }) => names::parse_table(value).unwrap_or_else(|| {
            let problem = Problem::at(place, format!("{} is not the name of a table", quoted(value)));
            report
                .push(problem.help("wanted is `name` or `schema.name`; a name with a dot in it goes in double quotes"));
            own_name
        }),
        Field::Absent if raw.cardinality == Cardinality::Root => {
            let problem = Problem::at(&raw.name.place, format!("the sync `{}` has no `table`", raw.name.value));
            report.push(problem.help(format!("add `table = \"{}\"`", raw.name.value)));
            own_name
        }
        Field::Absent | Field::Unusable => own_name,
    }
}

fn through(raw: RawThrough, report: &mut Report) -> Option<Through> {
    let table = match raw.table {
        Field::Given(At { value, place }) => names::parse_table(&value).or_else(|| {
            let problem = Problem::at(&place, format!("{} is not the name of a table", quoted(&value)));
            report.push(problem.help("wanted is `name` or `schema.name`"));
            None
        }),
        Field::Absent => {
            let problem = Problem::at(&raw.place, "`through` has no `table`");
            report.push(problem.help("name the table that stands between the two"));
            None
        }
        Field::Unusable => None,
    }?;
    Some(Through {
        table,
        place: raw.place,
        on: raw.on.into_given().map(|on| columns("on", on, report)),
        to: raw.to.into_given().map(|to| columns("to", to, report)),
    })
}

fn columns(key: &str, on: At<Vec<(At<String>, At<String>)>>, report: &mut Report) -> Vec<(String, String)> {
    if on.value.is_empty() {
        report.push(Problem::at(&on.place, format!("`{key}` is empty")).help("leave it out to follow the foreign key"));
    }
    for (here, there) in &on.value {
        for column in [here, there].into_iter().filter(|column| column.value.is_empty()) {
            report.push(Problem::at(&column.place, "the name of a column is empty"));
        }
    }
    on.value
        .into_iter()
        .map(|(here, there)| (here.value, there.value))
        .collect()
}

pub fn expression(key: &str, sql: At<String>, report: &mut Report) -> Expression {
    sql_text(key, sql, "an SQL expression", report)
}

pub fn statement(key: &str, sql: At<String>, report: &mut Report) -> Expression {
    sql_text(key, sql, "an SQL statement", report)
}

fn sql_text(key: &str, sql: At<String>, wanted: &str, report: &mut Report) -> Expression {
    if sql.value.trim().is_empty() {
        report.push(Problem::at(&sql.place, format!("`{key}` is empty")).label(format!("{wanted} is wanted")));
    }
    Expression {
        sql: sql.value,
        place: sql.place,
    }
}

fn document(raw: At<RawDocument>, report: &mut Report) -> Document {
    match raw.value {
        RawDocument::Bare(sql) => Document::Bare(expression("document", At::new(sql, raw.place), report)),
        RawDocument::Object(raw) => Document::Object(members(raw, report)),
    }
}

fn members(raw: Vec<RawMember>, report: &mut Report) -> Vec<(String, Member)> {
    let mut members = Vec::with_capacity(raw.len());
    for RawMember { name, value } in raw {
        names::check_member("a member", &name, report);
        let member = match value {
            RawValue::Expression(sql) => Member::Expression(expression(&name.value, sql, report)),
            RawValue::Constant(json) => Member::Constant(json),
            RawValue::Object(raw) => Member::Object(self::members(raw, report)),
            RawValue::Unusable => continue,
        };
        members.push((name.value, member));
    }
    members
}

fn aggregates(raw: Vec<(At<String>, At<String>)>, report: &mut Report) -> Vec<(String, Expression)> {
    raw.into_iter()
        .map(|(name, sql)| {
            names::check_member("an aggregate", &name, report);
            let expression = expression(&name.value, sql, report);
            (name.value, expression)
        })
        .collect()
}
