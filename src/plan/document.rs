//! The statement that builds documents.
//!
//! Each expression of the user's is evaluated in a sub-select whose only table is the node's own row, so that a bare
//! name means a column of the node even where a joined child has one of the same name; the `one` children stand one
//! level further out, under their names. The planner pulls these sub-selects up, so they cost nothing at run time.
//!
//! ```sql
//! select …, d.doc from unnest($1::text[]::bigint[]) k
//!   join orders t on t.id = k.key                                            -- the row
//!   left join customers customer on customer.id = t.customer_id              -- `one`
//!   left join lateral (select json_agg(…) …, sum(qty * price) … from (
//!       select …, d.doc from order_lines t2 … where t2.order_id = t.id) lines) m on true   -- `many`
//!  cross join lateral (select … from (select t.id, t.status, …) orders) d    -- the expressions
//! ```

use std::fmt::Write as _;

use super::KeyShape;
use super::names::{free_column, mentions, node_names, one_names, own_name};
use super::order::{SortKey, sort_keys};
use super::path::key_text;
use super::statement::statement;
use super::tree::{Branch, Link};
use crate::catalog::Table;
use crate::config::{Cardinality, Document, Expression, Member};
use crate::pg::identifier;

/// See [`super::SyncPlan::build_sql`].
pub(super) fn build_statement(root: &Branch<'_>, shape: &KeyShape) -> String {
    let mut compiler = Compiler {
        aliases: 0,
        taken: node_names(root),
    };
    let (keys, row) = (compiler.alias(), compiler.alias());
    let mut parameters = Vec::new();
    let mut names = Vec::new();
    let mut conditions = Vec::new();
    let mut selected = Vec::new();
    for (i, column) in (1..).zip(&shape.columns) {
        let name = identifier(&column.name);
        parameters.push(format!("${i}::text[]::{}[]", column.sql_type));
        names.push(format!("key_{i}"));
        conditions.push(format!("{row}.{name} = {keys}.key_{i}"));
        selected.push(format!("{} as key_{i}", key_text(&format!("{row}.{name}"))));
    }
    let mut from = format!(
        "from unnest({}) as {keys}({})\n  join {} as {row} on {}",
        parameters.join(", "),
        names.join(", "),
        root.table.sql_name(),
        conditions.join(" and "),
    );
    let members = compiler.attach(root, &row, &mut from);
    let scope = compiler.scope(root, &row, &root.table.name, Some(&members), &[]);
    let found = compiler.alias();
    write!(from, "\n cross join lateral ({scope}) as {found}").expect("writing to a string");
    if root.node.filter.is_some() {
        write!(from, "\n where {found}.{OK}").expect("writing to a string");
    }
    selected.push(format!("{found}.{DOCUMENT}::text as document"));
    format!("select {}\n  {from}", selected.join(", "))
}

/// The statement of a sync by hand in the same form.
pub(super) fn build_statement_by_hand(sql: &str, shape: &KeyShape) -> String {
    let keys = (1..).zip(&shape.columns).map(|(i, column)| {
        let key = format!("q.{}::{}", identifier(&column.name), column.sql_type);
        format!("{} as key_{i}", key_text(&key))
    });
    let keys = keys.collect::<Vec<_>>().join(", ");
    format!(
        "select {keys}, q.document::text as document\n  from (\n{}\n) as q",
        statement(sql)
    )
}

/// See [`super::SyncPlan::key_sql`].
pub(super) fn key_statement(shape: &KeyShape) -> String {
    let casts = (1..)
        .zip(&shape.columns)
        .map(|(i, column)| key_text(&format!("${i}::text::{}", column.sql_type)));
    format!("select {}", casts.collect::<Vec<_>>().join(", "))
}

/// Names of columns of ours that stand beside no others.
const DOCUMENT: &str = "\"w$document\"";
const OK: &str = "\"w$ok\"";

fn order_name(i: usize) -> String {
    format!("\"w$order_{i}\"")
}

/// The same where they stand beside the columns of a table.
fn document_beside(table: &Table) -> String {
    identifier(&free_column("w$document".to_owned(), table))
}

fn order_beside(table: &Table, i: usize) -> String {
    identifier(&free_column(format!("w$order_{i}"), table))
}

/// One member of an object: its name, and the SQL of its value.
type MemberSql = (String, String);

#[derive(Debug)]
struct Compiler {
    aliases: usize,
    /// The names of the nodes.
    taken: Vec<String>,
}

impl Compiler {
    fn alias(&mut self) -> String {
        loop {
            self.aliases += 1;
            let name = format!("w${}", self.aliases);
            if !self.taken.contains(&name) {
                return identifier(&name);
            }
        }
    }

    /// Joins what hangs on a row to `from`, and returns the members that the children add to its document.
    fn attach(&mut self, branch: &Branch<'_>, row: &str, from: &mut String) -> Vec<MemberSql> {
        let mut members = Vec::new();
        for child in &branch.children {
            match child.node.cardinality {
                Cardinality::Many => members.extend(self.attach_many(child, row, from)),
                _ => members.extend(self.attach_one(child, row, from)),
            }
        }
        members
    }

    fn attach_one(&mut self, child: &Branch<'_>, parent: &str, from: &mut String) -> Option<MemberSql> {
        let row = self.join_one(child, parent, from);
        let members = self.attach(child, &row, from);
        child.node.document.as_ref()?;
        // A missing row has no document, and its expressions are not evaluated.
        let linked = child
            .link
            .first()
            .map(|link| format!("{row}.{}", identifier(&link.here)))
            .unwrap_or_default();
        let scope = self.scope_without_filter(child, &row, &child.node.name, &members);
        let found = self.alias();
        write!(
            from,
            "\n  left join lateral ({scope} where {linked} is not null) as {found} on true"
        )
        .expect("writing to a string");
        Some((child.node.name.clone(), format!("{found}.{DOCUMENT}")))
    }

    /// Joins the row of a `one` child under its name, which is returned.
    fn join_one(&mut self, child: &Branch<'_>, parent: &str, from: &mut String) -> String {
        let row = identifier(&child.node.name);
        if child.node.filter.is_some() {
            let inner = self.alias();
            let rows = self.rows(child, &inner, parent, false, &[]);
            write!(from, "\n  left join lateral ({rows}) as {row} on true").expect("writing to a string");
        } else {
            let (table, on) = (child.table.sql_name(), condition(&child.link, &row, parent));
            write!(from, "\n  left join {table} as {row} on {on}").expect("writing to a string");
        }
        row
    }

    /// Only the `one` children, for expressions that refer to them.
    fn attach_ones(&mut self, branch: &Branch<'_>, row: &str, from: &mut String) {
        for child in &branch.children {
            if child.node.cardinality == Cardinality::One {
                let name = self.join_one(child, row, from);
                self.attach_ones(child, &name, from);
            }
        }
    }

    fn attach_many(&mut self, child: &Branch<'_>, parent: &str, from: &mut String) -> Vec<MemberSql> {
        let name = identifier(&child.node.name);
        let mut members = Vec::new();
        let ones = one_names(child);
        let (with_ones, own): (Vec<_>, Vec<_>) = child
            .node
            .aggregate
            .iter()
            .partition(|(_, aggregate)| mentions(&aggregate.sql, &ones));
        // A limit is on the elements only: aggregates are over all rows, so these need rows of their own.
        let own = if child.node.limit.is_some() && child.has_document() && !own.is_empty() {
            members.extend(self.attach_own_aggregates(child, parent, &own, from));
            Vec::new()
        } else {
            own
        };

        let (row, found) = (self.alias(), self.alias());
        let mut selected = Vec::new();
        let sort = if child.has_document() {
            sort_keys(child)
        } else {
            Vec::new()
        };
        if child.has_document() {
            let order_by = (1..)
                .zip(&sort)
                .map(|(i, (_, direction))| format!("{name}.{}{direction}", order_beside(child.table, i)));
            selected.push(format!(
                "coalesce(json_agg({name}.{} order by {}), '[]'::json) as {DOCUMENT}",
                document_beside(child.table),
                order_by.collect::<Vec<_>>().join(", ")
            ));
            members.push((child.node.name.clone(), format!("{found}.{DOCUMENT}")));
        }
        for (i, (member, aggregate)) in own.iter().enumerate() {
            selected.push(format!("({}\n) as \"w$a{i}\"", aggregate.sql));
            members.push((member.clone(), format!("{found}.\"w$a{i}\"")));
        }
        if !selected.is_empty() {
            let first = child.node.limit.filter(|_| child.has_document()).map(|limit| {
                let order_by = (1..)
                    .zip(&sort)
                    .map(|(i, (_, direction))| format!("{}{direction}", order_beside(child.table, i)));
                format!(
                    "\n   order by {} limit {limit}",
                    order_by.collect::<Vec<_>>().join(", ")
                )
            });
            let keys: Vec<SortKey> = sort.into_iter().map(|(key, _)| key).collect();
            let mut rows = self.rows(child, &row, parent, child.has_document(), &keys);
            rows.extend(first);
            let selected = selected.join(", ");
            write!(
                from,
                "\n  left join lateral (select {selected}\n    from ({rows}) as {name}) as {found} on true"
            )
            .expect("writing to a string");
        }
        if !with_ones.is_empty() {
            members.extend(self.attach_aggregates(child, parent, &with_ones, from));
        }
        members
    }

    /// Aggregates over rows that nobody else needs.
    fn attach_own_aggregates(
        &mut self,
        child: &Branch<'_>,
        parent: &str,
        aggregates: &[&(String, Expression)],
        from: &mut String,
    ) -> Vec<MemberSql> {
        let (name, row, found) = (identifier(&child.node.name), self.alias(), self.alias());
        let rows = self.rows(child, &row, parent, false, &[]);
        let (selected, members) = aggregate_columns(aggregates, &found);
        write!(
            from,
            "\n  left join lateral (select {selected}\n    from ({rows}) as {name}) as {found} on true"
        )
        .expect("writing to a string");
        members
    }

    /// Aggregates that refer to `one` children: there the children stand beside the node, so a name that both have must
    /// be qualified.
    fn attach_aggregates(
        &mut self,
        child: &Branch<'_>,
        parent: &str,
        aggregates: &[&(String, Expression)],
        from: &mut String,
    ) -> Vec<MemberSql> {
        let row = identifier(&own_name(child, &child.node.name));
        let found = self.alias();
        let (mut inner, mut condition) = self.linked(child, &row, parent);
        self.attach_ones(child, &row, &mut inner);
        if child.node.filter.is_some() {
            let filter = self.alias();
            let scope = self.scope(child, &row, &child.node.name, None, &[]);
            write!(inner, "\n  cross join lateral ({scope}) as {filter}").expect("writing to a string");
            write!(condition, " and {filter}.{OK}").expect("writing to a string");
        }
        let (selected, members) = aggregate_columns(aggregates, &found);
        write!(
            from,
            "\n  left join lateral (select {selected}\n    from {inner}\n   where {condition}) as {found} on true"
        )
        .expect("writing to a string");
        members
    }

    /// The table of a child under the name `row`, with the table between if there is one, and the condition under which its
    /// rows belong to one row of the parent.
    fn linked(&mut self, child: &Branch<'_>, row: &str, parent: &str) -> (String, String) {
        let table = child.table.sql_name();
        let Some(between) = &child.between else {
            return (format!("{table} as {row}"), condition(&child.link, row, parent));
        };
        let middle = self.alias();
        let tables = format!(
            "{} as {middle}\n    join {table} as {row} on {}",
            between.table.sql_name(),
            condition(&child.link, row, &middle)
        );
        (tables, condition(&between.link, &middle, parent))
    }

    /// The rows of a child that belong to one row of its parent: all columns, and with them the document and what it is
    /// sorted by.
    fn rows(&mut self, child: &Branch<'_>, row: &str, parent: &str, document: bool, sort: &[SortKey]) -> String {
        let (linked, mut condition) = self.linked(child, row, parent);
        let mut from = format!("from {linked}");
        let members = if document {
            Some(self.attach(child, row, &mut from))
        } else {
            self.attach_ones(child, row, &mut from);
            None
        };
        let found = self.alias();
        let scope = self.scope(child, row, &child.node.name, members.as_deref(), sort);
        let mut selected = columns(child.table, row);
        if document {
            let name = document_beside(child.table);
            write!(selected, ", {found}.{DOCUMENT} as {name}").expect("writing to a string");
        }
        for i in 1..=sort.len() {
            let name = order_beside(child.table, i);
            write!(selected, ", {found}.{} as {name}", order_name(i)).expect("writing to a string");
        }
        if child.node.filter.is_some() {
            write!(condition, " and {found}.{OK}").expect("writing to a string");
        }
        format!("select {selected}\n    {from}\n   cross join lateral ({scope}) as {found}\n   where {condition}")
    }

    /// The sub-select in which a node's expressions are evaluated: its document (if `members` is given), what it is
    /// sorted by, and its filter.
    fn scope(
        &mut self,
        branch: &Branch<'_>,
        row: &str,
        name: &str,
        members: Option<&[MemberSql]>,
        sort: &[SortKey],
    ) -> String {
        let mut selected = Vec::new();
        if let Some(members) = members {
            selected.push(format!("{} as {DOCUMENT}", self.document(branch, members)));
        }
        for (i, key) in (1..).zip(sort) {
            let sql = match key {
                SortKey::Expression(sql) => format!("({sql}\n)"),
                SortKey::Document => format!("{}::text", self.document(branch, members.unwrap_or_default())),
            };
            selected.push(format!("{sql} as {}", order_name(i)));
        }
        if let Some(filter) = &branch.node.filter {
            selected.push(format!("({}\n) as {OK}", filter.sql));
        }
        if selected.is_empty() {
            selected.push("1".to_owned());
        }
        format!(
            "select {} from (select {}) as {}",
            selected.join(", "),
            columns(branch.table, row),
            identifier(&own_name(branch, name))
        )
    }

    fn scope_without_filter(&mut self, branch: &Branch<'_>, row: &str, name: &str, members: &[MemberSql]) -> String {
        let document = self.document(branch, members);
        let columns = columns(branch.table, row);
        format!(
            "select {document} as {DOCUMENT} from (select {columns}) as {}",
            identifier(&own_name(branch, name))
        )
    }

    /// The SQL of a node's document, of any type for a bare value, otherwise `json`.
    fn document(&mut self, branch: &Branch<'_>, children: &[MemberSql]) -> String {
        match &branch.node.document {
            Some(Document::Bare(expression)) => format!("({}\n)", expression.sql),
            Some(Document::Object(members)) => {
                let mut members = self.members(members);
                members.extend_from_slice(children);
                self.object(&members)
            }
            None => {
                let own = branch
                    .table
                    .columns
                    .iter()
                    .map(|column| (column.name.clone(), identifier(&column.name)));
                let members: Vec<MemberSql> = own.chain(children.iter().cloned()).collect();
                self.object(&members)
            }
        }
    }

    fn members(&mut self, members: &[(String, Member)]) -> Vec<MemberSql> {
        members
            .iter()
            .map(|(name, member)| {
                let sql = match member {
                    Member::Expression(expression) => format!("({}\n)", expression.sql),
                    // A JSON number or boolean: nothing in it could end the literal.
                    Member::Constant(json) => format!("'{json}'::json"),
                    Member::Object(members) => {
                        let members = self.members(members);
                        self.object(&members)
                    }
                };
                (name.clone(), sql)
            })
            .collect()
    }

    /// `row_to_json` over a row and not `json_build_object`, which takes no more than fifty members. With `.*`, as the row's
    /// name alone could be that of a member.
    fn object(&mut self, members: &[MemberSql]) -> String {
        let row = self.alias();
        let selected: Vec<String> = members
            .iter()
            .map(|(name, sql)| format!("{sql} as {}", identifier(name)))
            .collect();
        format!(
            "(select row_to_json({row}.*) from (select {}) as {row})",
            selected.join(", ")
        )
    }
}

/// All columns of a table, each under its name, taken from `row`.
fn columns(table: &Table, row: &str) -> String {
    let columns = table.columns.iter().map(|column| {
        let name = identifier(&column.name);
        format!("{row}.{name} as {name}")
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// Aggregates as columns of `found`, and the members that these become.
fn aggregate_columns(aggregates: &[&(String, Expression)], found: &str) -> (String, Vec<MemberSql>) {
    let mut selected = Vec::new();
    let mut members = Vec::new();
    for (i, (member, aggregate)) in aggregates.iter().enumerate() {
        selected.push(format!("({}\n) as \"w$a{i}\"", aggregate.sql));
        members.push((member.clone(), format!("{found}.\"w$a{i}\"")));
    }
    (selected.join(", "), members)
}

fn condition(link: &[Link], row: &str, parent: &str) -> String {
    let pairs = link.iter().map(|link| {
        format!(
            "{row}.{} = {parent}.{}",
            identifier(&link.here),
            identifier(&link.there)
        )
    });
    pairs.collect::<Vec<_>>().join(" and ")
}
