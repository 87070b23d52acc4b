//! The facts.

use serde::Serialize;

use crate::catalog::{Catalog, Identity, Statistics, Table};
use crate::config::{Cardinality, Config, TableName};
use crate::plan::path::{self, Heard, Way};
use crate::plan::tree::{Branch, Link};
use crate::plan::{Finder, ReadColumns, SyncPlan, Trunk, grow};

/// So many subjects that hang on one row are worth a warning.
const HOT_SUBJECTS_MIN: f64 = 1_000.0;

/// One sync.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub sync: String,
    pub sinks: Vec<String>,
    /// The columns that name a subject.
    pub key: Vec<String>,
    /// About how many subjects there are; `None` where the table was never analysed.
    pub subjects: Option<u64>,
    pub tree: NodePicture,
    pub tables: Vec<TablePicture>,
    /// Prefixes of logical decoding messages that name subjects.
    pub messages: Vec<String>,
    pub hot_spots: Vec<HotSpot>,
    /// Builds documents; see [`SyncPlan::build_sql`].
    pub statement: String,
    /// Whether the statement was written by hand, and no tree stands behind it.
    pub by_hand: bool,
}

#[derive(Debug, Serialize)]
pub struct NodePicture {
    pub name: String,
    pub kind: &'static str,
    pub table: String,
    /// `customers.id = orders.customer_id`, one for each column; empty on the root.
    pub link: Vec<String>,
    /// The table between.
    pub through: Option<String>,
    pub children: Vec<NodePicture>,
}

/// A table that is listened to.
#[derive(Debug, Serialize)]
pub struct TablePicture {
    pub table: String,
    /// Columns whose change may change a document; `None` for all of them.
    pub columns: Option<Vec<String>>,
    pub identity: IdentityPicture,
    pub ways: Vec<WayPicture>,
}

/// What the WAL says of old rows.
#[derive(Debug, Serialize)]
pub struct IdentityPicture {
    pub needed: Vec<String>,
    /// `primary key`, `index NAME`, `full`, `nothing`.
    pub present: String,
    pub fits: bool,
}

/// How a change of a row finds its subjects.
#[derive(Debug, Serialize)]
pub struct WayPicture {
    /// Where in the tree; empty for the root.
    pub node: String,
    /// `row`: the columns are the key. `lookup`: by their values. `all`: nothing tells.
    pub finder: &'static str,
    /// Of the changed row.
    pub columns: Vec<String>,
    /// What a look-up reads, in its order; empty for one that was written by hand.
    pub searches: Vec<SearchPicture>,
    /// About how many for each change.
    pub subjects: Option<u64>,
    /// The look-up's statement.
    pub statement: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct SearchPicture {
    pub table: String,
    pub columns: Vec<String>,
    /// `None`: the table is read whole.
    pub index: Option<String>,
}

/// A row on which many subjects hang.
#[derive(Debug, Clone, Serialize)]
pub struct HotSpot {
    pub table: String,
    pub column: String,
    pub value: String,
    /// About how many.
    pub subjects: u64,
}

/// The columns that link tables, whose statistics the estimates need.
pub fn link_columns(config: &Config, catalog: &Catalog) -> Vec<String> {
    let mut columns = Vec::new();
    for trunk in config.syncs.iter().filter_map(|sync| grow(sync, catalog).ok()) {
        for way in path::ways(&trunk.root) {
            columns.extend(way.searches(&trunk.shape).into_iter().flat_map(|(_, columns)| columns));
        }
    }
    columns.sort();
    columns.dedup();
    columns
}

/// A picture of each sync that could be planned.
pub fn pictures(config: &Config, catalog: &Catalog, plans: &[SyncPlan], statistics: &Statistics) -> Vec<Picture> {
    let trunks = config.syncs.iter().filter_map(|sync| grow(sync, catalog).ok());
    trunks
        .filter_map(|trunk| {
            let plan = plans.iter().find(|plan| *plan.name == trunk.sync.name)?;
            let painter = Painter {
                trunk: &trunk,
                catalog,
                plan,
                statistics,
            };
            Some(painter.picture())
        })
        .collect()
}

struct Painter<'a> {
    trunk: &'a Trunk<'a>,
    catalog: &'a Catalog,
    plan: &'a SyncPlan,
    statistics: &'a Statistics,
}

impl Painter<'_> {
    fn picture(&self) -> Picture {
        let Trunk { sync, root, shape, .. } = self.trunk;
        let ways = path::ways(root);
        let listeners = self.trunk.listeners();
        let mut tables: Vec<TablePicture> = Vec::new();
        for heard in &listeners {
            let name = self.name(heard.table);
            if !tables.iter().any(|table| table.table == name) {
                tables.push(self.table(heard.table, &listeners, &ways));
            }
        }
        Picture {
            sync: sync.name.clone(),
            sinks: sync.sinks.clone(),
            key: shape.names(),
            subjects: rounded(self.catalog.rows(root.table)),
            tree: self.node(root, None),
            tables,
            messages: sync.messages.clone(),
            hot_spots: self.hot_spots(&listeners, &ways),
            statement: self.plan.build_sql.clone(),
            by_hand: sync.sql.is_some(),
        }
    }

    fn name(&self, table: &Table) -> String {
        let known = self.catalog.name_of(table.id);
        // A table that inherits is not named by the configuration.
        known.map_or_else(
            || {
                TableName {
                    schema: Some(table.schema.clone()),
                    name: table.name.clone(),
                }
                .written()
            },
            TableName::written,
        )
    }

    fn node(&self, branch: &Branch<'_>, parent: Option<&Table>) -> NodePicture {
        let pairs = |here: &Table, link: &[Link], there: &Table| -> Vec<String> {
            let pair = |link: &Link| format!("{}.{} = {}.{}", here.name, link.here, there.name, link.there);
            link.iter().map(pair).collect()
        };
        let link = match (&branch.between, parent) {
            (Some(between), Some(parent)) => {
                let mut link = pairs(between.table, &between.link, parent);
                link.extend(pairs(branch.table, &branch.link, between.table));
                link
            }
            (None, Some(parent)) => pairs(branch.table, &branch.link, parent),
            (_, None) => Vec::new(),
        };
        NodePicture {
            name: branch.node.name.clone(),
            kind: match branch.node.cardinality {
                Cardinality::Root => "root",
                Cardinality::One => "one",
                Cardinality::Many => "many",
            },
            table: self.name(branch.table),
            link,
            through: branch.between.as_ref().map(|between| self.name(between.table)),
            children: branch
                .children
                .iter()
                .map(|child| self.node(child, Some(branch.table)))
                .collect(),
        }
    }

    fn table(&self, table: &Table, listeners: &[Heard<'_>], ways: &[Way<'_>]) -> TablePicture {
        let own = listeners.iter().filter(|heard| heard.table.id == table.id);
        let mut needed: Vec<String> = Vec::new();
        for column in own.clone().flat_map(|heard| &heard.listener.columns) {
            if !needed.contains(column) {
                needed.push(column.clone());
            }
        }
        let read = self
            .plan
            .reads
            .iter()
            .find(|read| read.schema == table.schema && read.table == table.name);
        TablePicture {
            table: self.name(table),
            columns: match read.map(|read| &read.columns) {
                // In the order of the table.
                Some(ReadColumns::Only(columns)) => Some(
                    table
                        .columns
                        .iter()
                        .filter(|column| columns.contains(&column.name))
                        .map(|column| column.name.clone())
                        .collect(),
                ),
                _ => None,
            },
            identity: self.identity(table, needed),
            ways: own.map(|heard| self.way(heard, ways)).collect(),
        }
    }

    fn identity(&self, table: &Table, needed: Vec<String>) -> IdentityPicture {
        let partitions = table.partitions.iter().filter_map(|&id| self.catalog.table(id));
        let carries = |table: &Table| {
            let columns = table.identity_columns();
            columns.is_some_and(|columns| needed.iter().all(|column| columns.contains(column)))
        };
        let fits = carries(table) && partitions.clone().all(carries);
        let mut present = identity_name(table);
        // Each partition has its own; where they differ from the root's, one that does not fit says most.
        if let Some(partition) = partitions
            .clone()
            .find(|partition| !carries(partition))
            .or_else(|| partitions.clone().next())
        {
            present = format!(
                "{present}, {} of partition {}",
                identity_name(partition),
                partition.name
            );
        }
        IdentityPicture { needed, present, fits }
    }

    fn way(&self, heard: &Heard<'_>, ways: &[Way<'_>]) -> WayPicture {
        let listener = &heard.listener;
        let way = ways.iter().find(|way| way.node == listener.node);
        let searches = match (&listener.finder, way) {
            (Finder::Lookup(_), Some(way)) => way.searches(&self.trunk.shape),
            _ => Vec::new(),
        };
        let (finder, subjects) = match &listener.finder {
            Finder::Key => ("row", Some(1.0)),
            Finder::Lookup(_) if searches.is_empty() => ("lookup", None),
            Finder::Lookup(_) => ("lookup", self.subjects_of(&searches)),
            Finder::All => ("all", Some(self.catalog.rows(self.trunk.root.table))),
        };
        WayPicture {
            node: listener.node.clone(),
            finder,
            columns: listener.columns.clone(),
            searches: searches
                .into_iter()
                .map(|(table, columns)| SearchPicture {
                    table: self.name(table),
                    index: table.index_on(&columns).map(|index| index.name.clone()),
                    columns,
                })
                .collect(),
            subjects: subjects.and_then(rounded),
            statement: match &listener.finder {
                Finder::Lookup(lookup) => Some(lookup.first.clone()),
                Finder::Key | Finder::All => None,
            },
        }
    }

    /// About how many subjects a look-up finds for one value.
    fn subjects_of(&self, searches: &[(&Table, Vec<String>)]) -> Option<f64> {
        let each = searches.iter().map(|(table, columns)| {
            let rows = self.catalog.rows(table);
            self.statistics.rows_per_value(table, rows, columns)
        });
        let product = each.product::<Option<f64>>()?;
        Some(self.at_most_all(product))
    }

    fn at_most_all(&self, subjects: f64) -> f64 {
        let all = self.catalog.rows(self.trunk.root.table);
        if all > 0.0 { subjects.min(all) } else { subjects }
    }

    /// The commonest value of each column that is looked up, if many subjects hang on it.
    fn hot_spots(&self, listeners: &[Heard<'_>], ways: &[Way<'_>]) -> Vec<HotSpot> {
        let mut found: Vec<HotSpot> = Vec::new();
        for heard in listeners {
            let Finder::Lookup(_) = &heard.listener.finder else {
                continue;
            };
            let Some(way) = ways.iter().find(|way| way.node == heard.listener.node) else {
                continue;
            };
            let searches = way.searches(&self.trunk.shape);
            let ([(table, columns), further @ ..], [column]) = (&*searches, &*heard.listener.columns) else {
                continue;
            };
            let [name] = &**columns else { continue };
            let known = self.statistics.column(table, name);
            let Some((value, fraction)) = known.and_then(|known| known.commonest.clone()) else {
                continue;
            };
            let rows = fraction * self.catalog.rows(table);
            let subjects = self.at_most_all(rows * self.subjects_of(further).unwrap_or(1.0));
            let spot = HotSpot {
                table: self.name(heard.table),
                column: column.clone(),
                value,
                subjects: rounded(subjects).unwrap_or_default(),
            };
            let known = found
                .iter()
                .any(|known| known.table == spot.table && known.value == spot.value);
            if subjects >= HOT_SUBJECTS_MIN && !known {
                found.push(spot);
            }
        }
        found
    }
}

fn identity_name(table: &Table) -> String {
    let index = |index: Option<String>| index.map_or_else(|| "nothing".to_owned(), |name| format!("index {name}"));
    match table.identity {
        Identity::Default if table.primary_key().is_some() => "primary key".to_owned(),
        Identity::Default | Identity::Nothing => "nothing".to_owned(),
        Identity::Full => "full".to_owned(),
        Identity::Index => index(
            table
                .indexes
                .iter()
                .find(|index| index.is_identity)
                .map(|index| index.name.clone()),
        ),
    }
}

/// To two significant digits: more would promise more than an estimate can. `None` for what is not known.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, and never negative"
)]
fn rounded(count: f64) -> Option<u64> {
    if count <= 0.0 {
        return None;
    }
    let unit = 10f64.powf((count.log10().floor() - 1.0).max(0.0));
    Some(((count / unit).round() * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn estimates_have_two_digits() {
        let cases = [
            (0.4, 0),
            (1.0, 1),
            (9.6, 10),
            (41.0, 41),
            (412.0, 410),
            (41_237.0, 41_000),
        ];
        for (count, wanted) in cases {
            assert_eq!(rounded(count), Some(wanted), "{count}");
        }
        assert_eq!(rounded(0.0), None);
    }
}
