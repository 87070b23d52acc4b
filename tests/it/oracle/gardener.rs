//! Trees by chance.

use fastrand::Rng;

use super::kinds::{chance, pick};
use super::schema::{Schema, Table};
use super::tree::{Between, Cardinality, Document, Expression, Link, Member, Node, Reference, Sync};

const MEMBER_NAMES: [&str; 14] = [
    "name",
    "w$6",
    "w$9",
    "Weird name",
    "w$1",
    "w$document",
    "w$ok",
    "it's \"so\"",
    "größe",
    "a.b",
    "key_1",
    "document",
    "select",
    "%s",
];

const NODE_NAMES: [&str; 16] = [
    "child",
    "Mixed Name",
    "k",
    "v",
    "t0",
    "q",
    "select",
    "two words",
    "größe",
    "document",
    "x.y",
    "value",
    "w$value",
    "w$2",
    "w$5",
    "d\"q",
];

const VALUES: [&str; 9] = [
    "{}",
    "{}",
    "coalesce({}::text, 'none')",
    "{} is null",
    "case when {} is null then 0 else 1 end",
    "{}::text -- as it is; {no}",
    "jsonb_build_array({}, {})",
    "({}::text || '/' /* , */) || coalesce({}::text, '-')",
    "md5({}::text)",
];

const CONDITIONS: [&str; 6] = [
    "{} is not null",
    "{}::text <> 'plain'",
    "length({}::text) < 9",
    "{}::text not like '%1%'",
    "{}::text > '2' -- or so",
    "{}::text is distinct from {}::text",
];

const AGGREGATES: [&str; 7] = [
    "count({})",
    "count(distinct {}::text)",
    "min({}::text)",
    "max({}::text collate \"C\")",
    "bool_or({} is null)",
    "string_agg({}::text, ',' order by {}::text) -- sorted",
    "count(*) filter (where {} is not null)",
];

const DIRECTIONS: [&str; 5] = [
    "",
    " desc",
    " desc nulls last",
    " asc nulls first",
    " DESC  NULLS  FIRST",
];

/// Trees do not get larger.
const NODES_MAX: usize = 6;
const DEPTH_MAX: usize = 4;

/// Generates over one schema.
pub struct Gardener<'a> {
    pub schema: &'a Schema,
    pub rng: &'a mut Rng,
    nodes: usize,
}

impl<'a> Gardener<'a> {
    pub fn new(schema: &'a Schema, rng: &'a mut Rng) -> Self {
        Self { schema, rng, nodes: 0 }
    }

    pub fn sync(&mut self, number: usize) -> Sync {
        self.nodes = 0;
        let rooted = self.schema.tables.iter().enumerate();
        let roots: Vec<usize> = rooted
            .filter(|(_, table)| !table.key.is_empty() && !table.deferrable)
            .map(|(at, _)| at)
            .collect();
        let table = pick(self.rng, &roots);
        let mut root = Node {
            name: String::new(),
            table,
            enclosing: table,
            cardinality: Cardinality::Root,
            link: Vec::new(),
            between: None,
            written: false,
            filter: None,
            order_by: Vec::new(),
            limit: None,
            document: Document::None,
            aggregates: Vec::new(),
            children: Vec::new(),
        };
        self.grow(&mut root, 0);
        self.fill(&mut root);
        let other_key = self.schema.tables[table].other_key.clone();
        let key = other_key.filter(|_| chance(self.rng, 90));
        let names = key.as_ref().unwrap_or(&self.schema.tables[table].key).iter();
        let mut names = names.map(|&column| &*self.schema.tables[table].columns[column].name);
        let by_hand = !names.any(|name| name == "document") && chance(self.rng, 40);
        Sync {
            name: format!("s{number}"),
            sinks: if chance(self.rng, 60) {
                vec![format!("a{number}"), format!("b{number}")]
            } else {
                vec![format!("a{number}")]
            },
            key,
            by_hand,
            root,
        }
    }

    /// Hangs children on a node.
    fn grow(&mut self, node: &mut Node, depth: usize) {
        if depth == DEPTH_MAX {
            return;
        }
        let wanted = if depth == 0 {
            self.rng.usize(1..=3)
        } else {
            self.rng.usize(0..=2)
        };
        for _ in 0..wanted {
            self.nodes += 1;
            if self.nodes > NODES_MAX {
                return;
            }
            let Some(mut child) = self.child(node.table) else {
                continue;
            };
            child.name = self.name();
            self.grow(&mut child, depth + 1);
            node.children.push(child);
        }
    }

    /// Each name once in a tree.
    fn name(&mut self) -> String {
        format!(
            "{}{}",
            pick(self.rng, &NODE_NAMES),
            if self.nodes == 1 {
                String::new()
            } else {
                self.nodes.to_string()
            }
        )
    }

    /// Some child that a node of this table can have.
    fn child(&mut self, enclosing: usize) -> Option<Node> {
        let schema = self.schema;
        let mut found: Vec<(Cardinality, usize, Link, Option<Between>, bool)> = Vec::new();
        for key in &schema.foreign_keys {
            let pairs = || key.columns.iter().copied().zip(key.referenced_columns.iter().copied());
            let ambiguous = schema.keys_to(key.table, key.referenced).count()
                + schema.keys_to(key.referenced, key.table).count()
                > 1;
            if key.table == enclosing {
                let link = pairs().map(|(own, other)| (other, own)).collect();
                found.push((Cardinality::One, key.referenced, link, None, ambiguous));
            }
            if key.referenced == enclosing {
                let link: Link = pairs().collect();
                if key.unique {
                    found.push((Cardinality::One, key.table, link.clone(), None, ambiguous));
                }
                found.push((Cardinality::Many, key.table, link, None, ambiguous));
            }
        }
        for at in (0..schema.tables.len()).filter(|&at| schema.tables[at].between) {
            let mut keys: Vec<_> = schema.foreign_keys.iter().filter(|key| key.table == at).collect();
            for _ in 0..2 {
                keys.reverse();
                let [up, down] = keys[..] else { continue };
                if up.referenced != enclosing || schema.tables[down.referenced].key.is_empty() {
                    continue;
                }
                let between = Between {
                    table: at,
                    link: up
                        .columns
                        .iter()
                        .copied()
                        .zip(up.referenced_columns.iter().copied())
                        .collect(),
                };
                let link = down
                    .referenced_columns
                    .iter()
                    .copied()
                    .zip(down.columns.iter().copied())
                    .collect();
                let ambiguous = up.referenced == down.referenced;
                found.push((Cardinality::Many, down.referenced, link, Some(between), ambiguous));
            }
        }
        // Linked by values that happen to be equal, without a foreign key.
        if chance(self.rng, 60) {
            let here = self.rng.usize(..schema.tables.len());
            if let Some(link) = self.equal_columns(here, enclosing) {
                found.push((Cardinality::Many, here, link, None, true));
            }
        }
        // A table without a key can stand between, but has no order of its own that the oracle would know.
        found.retain(|(_, table, ..)| !schema.tables[*table].key.is_empty());
        if found.is_empty() {
            return None;
        }
        let (cardinality, table, link, between, ambiguous) = found.swap_remove(self.rng.usize(..found.len()));
        Some(Node {
            name: String::new(),
            table,
            enclosing,
            cardinality,
            link,
            between,
            written: ambiguous || chance(self.rng, 60),
            filter: None,
            order_by: Vec::new(),
            limit: None,
            document: Document::None,
            aggregates: Vec::new(),
            children: Vec::new(),
        })
    }

    fn equal_columns(&mut self, here: usize, there: usize) -> Option<Link> {
        let (here, there) = (&self.schema.tables[here], &self.schema.tables[there]);
        let mut pairs = Vec::new();
        for own in here.written() {
            for other in there.written() {
                if here.columns[own].kind.compares_with(there.columns[other].kind) {
                    pairs.push((own, other));
                }
            }
        }
        self.rng.shuffle(&mut pairs);
        pairs.truncate(if chance(self.rng, 60) { 2 } else { 1 });
        if matches!(pairs[..], [one, other] if one.0 == other.0) {
            pairs.truncate(1);
        }
        (!pairs.is_empty()).then_some(pairs)
    }

    /// Says what a node and those below it become.
    fn fill(&mut self, node: &mut Node) {
        for child in &mut node.children {
            self.fill(child);
        }
        if chance(self.rng, 70) {
            node.filter = Some(self.expression(node, &CONDITIONS));
        }
        let has_content = node
            .children
            .iter()
            .any(|child| !matches!(child.document, Document::None) || !child.aggregates.is_empty());
        node.document = match node.cardinality {
            Cardinality::Root if !self.claimed_by_column(node) && chance(self.rng, 40) => Document::None,
            Cardinality::Root => Document::Object(self.members(node, 1)),
            _ if !has_content && chance(self.rng, 60) => Document::Bare(self.expression(node, &VALUES)),
            // Only there for expressions and aggregates of others.
            Cardinality::One if !has_content && chance(self.rng, 60) => Document::None,
            Cardinality::Many if !has_content && chance(self.rng, 40) => Document::None,
            _ => Document::Object(self.members(node, usize::from(!has_content))),
        };
        if node.cardinality != Cardinality::Many {
            return;
        }
        if !matches!(node.document, Document::None) {
            for _ in 0..self.rng.usize(0..=2) {
                let term = self.expression(node, &["{}", "{}::text", "coalesce({}::text, 'x,y')"]);
                node.order_by.push((term, pick(self.rng, &DIRECTIONS)));
            }
            if chance(self.rng, 80) {
                node.limit = Some(self.rng.u32(1..=3));
            }
        }
        if chance(self.rng, 110) || matches!(node.document, Document::None) {
            for _ in 0..self.rng.usize(1..=2) {
                let aggregate = self.aggregate(node);
                // Beside those of the enclosing node's other children.
                node.aggregates
                    .push((format!("{} of {}", node.aggregates.len(), node.name), aggregate));
            }
        }
    }

    /// Whether a column has the name of a child.
    fn claimed_by_column(&self, node: &Node) -> bool {
        let mut columns = self.schema.tables[node.table].columns.iter();
        columns.any(|column| node.children.iter().any(|child| child.name == column.name))
    }

    fn members(&mut self, node: &Node, fewest: usize) -> Vec<(String, Member)> {
        let mut members: Vec<(String, Member)> = Vec::new();
        for _ in 0..self.rng.usize(fewest..=3) {
            let mut name = pick(self.rng, &MEMBER_NAMES).to_owned();
            while members.iter().any(|(other, _)| *other == name)
                || node.children.iter().any(|child| child.name == name)
            {
                name.push('_');
            }
            let member = match self.rng.u8(0..12) {
                0 => Member::Number(-7),
                1 => Member::Boolean(true),
                2 => Member::Object(vec![
                    ("inner".to_owned(), Member::Expression(self.expression(node, &VALUES))),
                    ("w$1".to_owned(), Member::Number(0)),
                ]),
                _ => Member::Expression(self.expression(node, &VALUES)),
            };
            members.push((name, member));
        }
        members
    }

    fn expression(&mut self, node: &Node, patterns: &[&'static str]) -> Expression {
        let sql = pick(self.rng, patterns);
        let columns = (0..sql.matches("{}").count()).map(|_| self.reference(node)).collect();
        Expression {
            sql: sql.to_owned(),
            columns,
        }
    }

    /// All of its columns are the same one: the node's own and a child's would both have to be qualified.
    fn aggregate(&mut self, node: &Node) -> Expression {
        let sql = pick(self.rng, &AGGREGATES);
        let column = self.reference(node);
        Expression {
            sql: sql.to_owned(),
            columns: vec![column; sql.matches("{}").count()],
        }
    }

    fn reference(&mut self, node: &Node) -> Reference {
        let (mut at, mut way) = (node, Vec::new());
        while chance(self.rng, 120) {
            let children = at.children.iter().enumerate();
            let ones: Vec<usize> = children
                .filter(|(_, child)| child.cardinality == Cardinality::One)
                .map(|(at, _)| at)
                .collect();
            if ones.is_empty() {
                break;
            }
            let next = pick(self.rng, &ones);
            way.push(next);
            at = &at.children[next];
        }
        let table: &Table = &self.schema.tables[at.table];
        Reference {
            way,
            column: self.rng.usize(..table.columns.len()),
        }
    }
}
