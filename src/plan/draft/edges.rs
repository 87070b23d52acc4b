//! Foreign keys as ways from one table to its neighbours.

use super::names;
use crate::catalog::{Catalog, ForeignKey, Table};
use crate::config::Cardinality;

/// A way from a table to another one.
#[derive(Debug)]
pub(super) struct Edge<'a> {
    pub target: &'a Table,
    pub cardinality: Cardinality,
    /// Whether the target is the parent: the foreign key stands on this side.
    pub is_up: bool,
    pub key: &'a ForeignKey,
    /// `(column of the target, or of the table between; column here)`.
    pub link: Vec<(String, String)>,
    /// The table between and its foreign key to the target.
    pub between: Option<(&'a Table, &'a ForeignKey)>,
    /// How many foreign keys the planner would have to choose from.
    pub choices: usize,
    /// Whether a column of the link is generated, which the WAL does not carry.
    pub is_generated: bool,
}

/// Parents in the order of their columns, then what refers to `here`, by name.
pub(super) fn edges<'a>(here: &'a Table, catalog: &'a Catalog) -> Vec<Edge<'a>> {
    let keys = catalog.all_foreign_keys();
    let mut up: Vec<Edge<'a>> = keys
        .iter()
        .filter(|key| key.table == here.id)
        .filter_map(|key| parent(here, key, catalog))
        .collect();
    let position = |edge: &Edge<'_>| edge.key.columns.first().copied();
    up.sort_by(|one, other| {
        position(one)
            .cmp(&position(other))
            .then(one.key.name.cmp(&other.key.name))
    });
    let mut down: Vec<Edge<'a>> = keys
        .iter()
        .filter(|key| key.referenced == here.id)
        .filter_map(|key| child(here, key, catalog))
        .collect();
    // Objects before arrays.
    down.sort_by(|one, other| {
        let rank = |edge: &Edge<'a>| {
            (
                edge.cardinality == Cardinality::Many,
                &edge.target.schema,
                &edge.target.name,
                &edge.key.name,
            )
        };
        rank(one).cmp(&rank(other))
    });
    let mut edges: Vec<Edge<'a>> = Vec::new();
    for edge in up.into_iter().chain(down) {
        // Two constraints may say the same.
        let is_known = edges.iter().any(|known| {
            let through = |edge: &Edge<'_>| edge.between.map(|(table, to)| (table.id, to.columns.clone()));
            known.target.id == edge.target.id
                && known.is_up == edge.is_up
                && known.link == edge.link
                && through(known) == through(&edge)
        });
        if !is_known {
            edges.push(edge);
        }
    }
    edges
}

fn parent<'a>(here: &'a Table, key: &'a ForeignKey, catalog: &'a Catalog) -> Option<Edge<'a>> {
    let target = catalog.table(key.referenced)?;
    let columns = here.column_names(&key.columns);
    let link = target
        .column_names(&key.referenced_columns)
        .into_iter()
        .zip(columns)
        .collect();
    Some(edge(here, target, Cardinality::One, true, key, link, catalog))
}

fn child<'a>(here: &'a Table, key: &'a ForeignKey, catalog: &'a Catalog) -> Option<Edge<'a>> {
    let target = catalog.table(key.table)?;
    let columns = target.column_names(&key.columns);
    let is_one = target.is_unique(&columns);
    let link: Vec<(String, String)> = columns
        .into_iter()
        .zip(here.column_names(&key.referenced_columns))
        .collect();
    if let Some(to) = other_side(target, key, catalog) {
        let between = target;
        let target = catalog.table(to.referenced)?;
        let mut edge = edge(here, target, Cardinality::Many, false, key, link, catalog);
        edge.between = Some((between, to));
        edge.choices = catalog.foreign_keys(between.id, here.id).count();
        return Some(edge);
    }
    let cardinality = if is_one { Cardinality::One } else { Cardinality::Many };
    Some(edge(here, target, cardinality, false, key, link, catalog))
}

fn edge<'a>(
    here: &Table,
    target: &'a Table,
    cardinality: Cardinality,
    is_up: bool,
    key: &'a ForeignKey,
    link: Vec<(String, String)>,
    catalog: &Catalog,
) -> Edge<'a> {
    let generated = |table: &Table, column: &str| table.column(column).is_some_and(|column| column.generated);
    Edge {
        is_generated: link
            .iter()
            .any(|(there, own)| generated(target, there) || generated(here, own)),
        choices: choices(here, target, cardinality, catalog),
        target,
        cardinality,
        is_up,
        key,
        link,
        between: None,
    }
}

/// How many foreign keys could link a node over `target` with the enclosing one.
fn choices(here: &Table, target: &Table, cardinality: Cardinality, catalog: &Catalog) -> usize {
    let theirs = catalog.foreign_keys(target.id, here.id);
    if cardinality == Cardinality::Many {
        return theirs.count();
    }
    let unique = theirs.filter(|key| target.is_unique(&target.column_names(&key.columns)));
    unique.count() + catalog.foreign_keys(here.id, target.id).count()
}

/// The other foreign key of a table that does nothing but connect two: apart from their columns it has at most a key of
/// its own and points in time, and nothing refers to it.
fn other_side<'a>(table: &Table, key: &ForeignKey, catalog: &'a Catalog) -> Option<&'a ForeignKey> {
    let all = catalog.all_foreign_keys();
    let own: Vec<&ForeignKey> = all.iter().filter(|own| own.table == table.id).collect();
    let [one, two] = own.as_slice() else { return None };
    let other = if one.name == key.name { *two } else { *one };
    let apart = key.columns.iter().all(|column| !other.columns.contains(column));
    let referred_to = all.iter().any(|other| other.referenced == table.id);
    let connects = |key: &ForeignKey| !table.is_unique(&table.column_names(&key.columns));
    let primary = table.primary_key().unwrap_or_default();
    let nothing_more = table.columns.iter().all(|column| {
        let linked = key.columns.contains(&column.number) || other.columns.contains(&column.number);
        linked || primary == [column.name.clone()] || names::is_timestamp(column)
    });
    (apart && !referred_to && connects(key) && connects(other) && nothing_more).then_some(other)
}

impl Edge<'_> {
    /// For people: from the referring column to the referred one.
    pub fn origin(&self, here: &Table) -> String {
        let side = |table: &str, columns: &[String]| {
            if let [column] = columns {
                format!("{table}.{column}")
            } else {
                format!("{table}.({})", columns.join(", "))
            }
        };
        let (there, own): (Vec<String>, Vec<String>) = self.link.iter().cloned().unzip();
        match self.between {
            None if self.is_up => format!("{} → {}", side(&here.name, &own), side(&self.target.name, &there)),
            None => format!("{} → {}", side(&self.target.name, &there), side(&here.name, &own)),
            Some((between, to)) => {
                let columns = between.column_names(&to.columns);
                let referenced = self.target.column_names(&to.referenced_columns);
                format!(
                    "{} ← {}, {} → {}",
                    side(&here.name, &own),
                    side(&between.name, &there),
                    side(&between.name, &columns),
                    side(&self.target.name, &referenced)
                )
            }
        }
    }

    /// Names for the child, the best first.
    pub fn suggestions(&self, here: &Table, parent: &str, catalog: &Catalog) -> Vec<String> {
        let target = self.target.name.as_str();
        let mut found = Vec::new();
        if let Some((between, to)) = self.between {
            let stem = names::stem(&between.column_names(&to.columns));
            if self.target.id == here.id {
                found.extend(stem.clone());
            }
            found.push(target.to_owned());
            found.extend(stem);
            found.push(between.name.clone());
        } else if self.is_up {
            let own: Vec<String> = self.link.iter().map(|(_, own)| own.clone()).collect();
            found.extend(names::stem(&own));
            found.push(names::singular(target));
            found.push(target.to_owned());
            found.push(format!("{}_{}", own.join("_"), names::singular(target)));
        } else {
            let short = names::without_prefix(target, &here.name);
            let short = if self.cardinality == Cardinality::One {
                names::singular(&short)
            } else {
                short
            };
            if self.target.id == here.id || catalog.foreign_keys(self.target.id, here.id).count() > 1 {
                let columns: Vec<String> = self.link.iter().map(|(there, _)| there.clone()).collect();
                let by = names::stem(&columns).unwrap_or_else(|| columns.join("_"));
                found.push(format!("{short}_by_{by}"));
            }
            found.push(short);
        }
        found.push(target.to_owned());
        found.push(format!("{parent}_{target}"));
        found
    }
}
