//! Another reading of a tree: the plainest SQL there is, a correlated sub-select for each thing, each column by itself.
//! It shares nothing with the statements that the program composes.

use super::configuration::fill;
use super::schema::Schema;
use super::tree::{Cardinality, Document, Expression, Link, Member, Node, Sync};

/// All subjects of a sync: `text[]` of the key, and the document as text.
pub fn statement(schema: &Schema, sync: &Sync) -> String {
    let (row, document, from) = read(schema, sync);
    let table = &schema.tables[sync.root.table];
    let key = sync.subject(schema).iter();
    let key: Vec<String> = key
        .map(|&column| format!("format('%s', {row}.{})", table.column_sql(column)))
        .collect();
    format!("select array[{}], ({document})::text {from}", key.join(", "))
}

/// The same as the statement of a sync by hand: key columns, `document`, and a parameter for each key column.
pub fn by_hand(schema: &Schema, sync: &Sync) -> String {
    let (row, document, from) = read(schema, sync);
    let table = &schema.tables[sync.root.table];
    let mut key = Vec::new();
    let mut arrays = Vec::new();
    for (number, &column) in (1..).zip(sync.subject(schema)) {
        key.push(format!("{row}.{}", table.column_sql(column)));
        arrays.push(format!("${number}::{}[]", table.columns[column].kind.sql()));
    }
    let key = key.join(", ");
    format!(
        "select {key}, {document} as document\n{from} and ({key}) in (select * from unnest({})); -- that is all",
        arrays.join(", ")
    )
}

/// The row of the root, its document, and `from … where …`.
fn read(schema: &Schema, sync: &Sync) -> (String, String, String) {
    let mut reader = Reader { schema, aliases: 0 };
    let row = reader.alias();
    let filter = reader.filter(&sync.root, &row);
    let document = reader.document(&sync.root, &row);
    let from = format!("from {} {row} where {filter}", schema.tables[sync.root.table].sql());
    (row, document, from)
}

struct Reader<'a> {
    schema: &'a Schema,
    aliases: usize,
}

impl Reader<'_> {
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("naive_{}", self.aliases)
    }

    /// Of type `jsonb`.
    fn document(&mut self, node: &Node, row: &str) -> String {
        let members = match &node.document {
            Document::Bare(expression) => return format!("to_jsonb({})", self.value(node, row, expression)),
            Document::Object(members) => self.members(node, row, members),
            Document::None => {
                let table = &self.schema.tables[node.table];
                let columns = table.columns.iter().enumerate();
                columns
                    .map(|(at, column)| format!("{}, {row}.{}", literal(&column.name), table.column_sql(at)))
                    .collect()
            }
        };
        let mut members: Vec<String> = members;
        for child in &node.children {
            members.extend(self.child(child, row));
        }
        format!("jsonb_build_object({})", members.join(", "))
    }

    fn members(&mut self, node: &Node, row: &str, members: &[(String, Member)]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, member) in members {
            let value = match member {
                Member::Expression(expression) => self.value(node, row, expression),
                Member::Number(number) => number.to_string(),
                Member::Boolean(value) => value.to_string(),
                Member::Object(inner) => format!("jsonb_build_object({})", self.members(node, row, inner).join(", ")),
            };
            found.push(format!("{}, {value}", literal(name)));
        }
        found
    }

    /// What a child adds to the document of the row above it.
    fn child(&mut self, child: &Node, above: &str) -> Vec<String> {
        let mut members = Vec::new();
        if !matches!(child.document, Document::None) {
            let elements = if child.cardinality == Cardinality::Many {
                self.elements(child, above)
            } else {
                let row = self.alias();
                let rows = self.rows(child, &row, above);
                format!("(select {} {rows})", self.document(child, &row))
            };
            members.push(format!("{}, {elements}", literal(&child.name)));
        }
        for (name, aggregate) in &child.aggregates {
            let row = self.alias();
            let rows = self.rows(child, &row, above);
            let value = self.value(child, &row, aggregate);
            members.push(format!("{}, (select {value} {rows})", literal(name)));
        }
        members
    }

    fn elements(&mut self, child: &Node, above: &str) -> String {
        let (row, list) = (self.alias(), self.alias());
        let rows = self.rows(child, &row, above);
        let mut selected = vec![format!("{} as document", self.document(child, &row))];
        let mut order = Vec::new();
        for (term, direction) in &child.order_by {
            order.push((self.value(child, &row, term), *direction));
        }
        let table = &self.schema.tables[child.table];
        order.extend(
            table
                .key
                .iter()
                .map(|&column| (format!("{row}.{}", table.column_sql(column)), "")),
        );
        let mut by = Vec::new();
        for (at, (sql, direction)) in order.into_iter().enumerate() {
            selected.push(format!("{sql} as order_{at}"));
            by.push(format!("order_{at}{direction}"));
        }
        let by = by.join(", ");
        let limit = child.limit.map_or("all".to_owned(), |limit| limit.to_string());
        format!(
            "(select coalesce(jsonb_agg({list}.document order by {by}), '[]')\n from (select {} {rows} order by {by} limit {limit}) {list})",
            selected.join(", ")
        )
    }

    /// `from … where …` for the rows of a child that belong to a row above.
    fn rows(&mut self, child: &Node, row: &str, above: &str) -> String {
        let table = &self.schema.tables[child.table];
        let filter = self.filter(child, row);
        match &child.between {
            None => format!(
                "from {} {row} where {} and {filter}",
                table.sql(),
                self.linked(&child.link, (child.table, row), None, above, child)
            ),
            Some(between) => {
                let middle = self.alias();
                let up = self.linked(&between.link, (between.table, &middle), None, above, child);
                let down = self.linked(&child.link, (child.table, row), Some(between.table), &middle, child);
                let between = &self.schema.tables[between.table];
                format!(
                    "from {} {middle}, {} {row} where {up} and {down} and {filter}",
                    between.sql(),
                    table.sql()
                )
            }
        }
    }

    /// `there` is the table above, where it is not the enclosing node's.
    fn linked(
        &self,
        link: &Link,
        (here, row): (usize, &str),
        there: Option<usize>,
        above: &str,
        child: &Node,
    ) -> String {
        let here = &self.schema.tables[here];
        let there = &self.schema.tables[there.unwrap_or(child.enclosing)];
        let pairs = link
            .iter()
            .map(|&(own, other)| format!("{row}.{} = {above}.{}", here.column_sql(own), there.column_sql(other)));
        pairs.collect::<Vec<_>>().join(" and ")
    }

    fn filter(&mut self, node: &Node, row: &str) -> String {
        match &node.filter {
            Some(filter) => format!("({}) is true", self.value(node, row, filter)),
            None => "true".to_owned(),
        }
    }

    fn value(&mut self, node: &Node, row: &str, expression: &Expression) -> String {
        let mut values = Vec::new();
        for reference in &expression.columns {
            values.push(self.column(node, row, &reference.way, reference.column));
        }
        format!("({}\n)", fill(&expression.sql, values.into_iter()))
    }

    fn column(&mut self, node: &Node, row: &str, way: &[usize], column: usize) -> String {
        let Some((&first, rest)) = way.split_first() else {
            return format!("{row}.{}", self.schema.tables[node.table].column_sql(column));
        };
        let child = &node.children[first];
        let inner = self.alias();
        let rows = self.rows(child, &inner, row);
        format!("(select {} {rows})", self.column(child, &inner, rest, column))
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
