//! What links two tables of a tree: the foreign key between them, or what the configuration says.

use super::tree::Link;
use crate::catalog::{Catalog, Table};
use crate::config::{Cardinality, Node, Place, Problem, Through};

/// What links `here`, the table of `node`, to the enclosing table `there`.
pub(super) fn link(node: &Node, here: &Table, there: &Table, catalog: &Catalog) -> Result<Vec<Link>, Box<Problem>> {
    let link = match &node.on {
        Some(pairs) => written_link(&node.place, "on", pairs, here, there)?,
        None => foreign_key_link(node, here, there, catalog)?,
    };
    check_carried(&node.place, &link, here, there)?;
    let columns: Vec<String> = link.iter().map(|link| link.here.clone()).collect();
    if node.cardinality == Cardinality::One && !here.is_unique(&columns) {
        let summary = format!(
            "several rows of `{}` can have the same {}: this is no `one`",
            here.name,
            columns.join(", ")
        );
        let mut problem = Problem::at(&node.place, summary);
        problem
            .help
            .push("make it a `many`, or give the columns a unique index".to_owned());
        return Err(problem.into());
    }
    Ok(link)
}

/// A generated column is not in the stream.
fn check_carried(place: &Place, link: &[Link], here: &Table, there: &Table) -> Result<(), Box<Problem>> {
    for (table, column) in link.iter().flat_map(|link| [(here, &link.here), (there, &link.there)]) {
        if table.column(column).is_some_and(|column| column.generated) {
            let summary = format!(
                "`{}.{column}` is a generated column, which the WAL does not carry",
                table.name
            );
            return Err(Problem::at(place, summary)
                .help("link by the columns that it is made from")
                .into());
        }
    }
    Ok(())
}

/// What links `here` with `between`, and `between` with the enclosing table `there`.
pub(super) fn link_through(
    through: &Through,
    here: &Table,
    between: &Table,
    there: &Table,
    catalog: &Catalog,
) -> Result<(Vec<Link>, Vec<Link>), Box<Problem>> {
    let place = &through.place;
    let above = match &through.on {
        Some(pairs) => written_link(place, "on", pairs, between, there)?,
        None => only_foreign_key(place, "on", between, there, catalog)?,
    };
    let below = match &through.to {
        Some(pairs) => written_link(place, "to", pairs, between, here)?,
        None => only_foreign_key(place, "to", between, here, catalog)?,
    };
    let below: Vec<Link> = below
        .into_iter()
        .map(
            |Link {
                 here: between,
                 there: here,
             }| Link { here, there: between },
        )
        .collect();
    check_carried(place, &above, between, there)?;
    check_carried(place, &below, here, between)?;
    Ok((below, above))
}

/// The foreign key of the table between that refers to one of the two tables beside it.
fn only_foreign_key(
    place: &Place,
    key: &str,
    between: &Table,
    beside: &Table,
    catalog: &Catalog,
) -> Result<Vec<Link>, Box<Problem>> {
    let mut candidates: Vec<(String, Vec<Link>)> = catalog
        .foreign_keys(between.id, beside.id)
        .map(|foreign_key| {
            let own = between.column_names(&foreign_key.columns).into_iter();
            let link = own
                .zip(beside.column_names(&foreign_key.referenced_columns))
                .map(|(here, there)| Link { here, there });
            (foreign_key.name.clone(), link.collect())
        })
        .collect();
    if candidates.len() == 1 {
        return Ok(candidates.remove(0).1);
    }
    let summary = if candidates.is_empty() {
        format!("no foreign key of `{}` refers to `{}`", between.name, beside.name)
    } else {
        format!("several foreign keys of `{}` refer to `{}`", between.name, beside.name)
    };
    let mut problem = Problem::at(place, summary);
    for (name, link) in &candidates {
        problem
            .help
            .push(format!("{name}: {key} = {{ {} }}", written_pairs(link)));
    }
    if candidates.is_empty() {
        let beside = if key == "on" { "of the enclosing table" } else { "here" };
        let help = format!("{key} = {{ column_between = \"column {beside}\" }}");
        problem
            .help
            .push(format!("through = {{ table = \"{}\", {help} }}", between.name));
    }
    Err(problem.into())
}

fn written_pairs(link: &[Link]) -> String {
    let pairs: Vec<String> = link
        .iter()
        .map(|link| format!("{} = \"{}\"", link.here, link.there))
        .collect();
    pairs.join(", ")
}

fn written_link(
    place: &Place,
    key: &str,
    pairs: &[(String, String)],
    here: &Table,
    there: &Table,
) -> Result<Vec<Link>, Box<Problem>> {
    for (own, enclosing) in pairs {
        for (table, column) in [(here, own), (there, enclosing)] {
            if table.column(column).is_none() {
                let problem = Problem::at(
                    place,
                    format!("`{key}`: table `{}` has no column `{column}`", table.name),
                );
                let other = match key {
                    "to" => "to = { column_between = \"column here\" }",
                    _ => "on = { column_here = \"column of the enclosing table\" }",
                };
                return Err(problem.help(other).into());
            }
        }
    }
    Ok(pairs
        .iter()
        .map(|(here, there)| Link {
            here: here.clone(),
            there: there.clone(),
        })
        .collect())
}

fn foreign_key_link(node: &Node, here: &Table, there: &Table, catalog: &Catalog) -> Result<Vec<Link>, Box<Problem>> {
    let pair = |own: Vec<String>, enclosing: Vec<String>| -> Vec<Link> {
        own.into_iter()
            .zip(enclosing)
            .map(|(here, there)| Link { here, there })
            .collect()
    };
    // On the child's side: each row here names its parent.
    let mut candidates: Vec<(String, Vec<Link>)> = catalog
        .foreign_keys(here.id, there.id)
        .map(|key| {
            let link = pair(
                here.column_names(&key.columns),
                there.column_names(&key.referenced_columns),
            );
            (key.name.clone(), link)
        })
        .filter(|(_, link)| {
            let columns: Vec<String> = link.iter().map(|link| link.here.clone()).collect();
            node.cardinality == Cardinality::Many || here.is_unique(&columns)
        })
        .collect();
    if node.cardinality == Cardinality::One {
        candidates.extend(catalog.foreign_keys(there.id, here.id).map(|key| {
            let link = pair(
                here.column_names(&key.referenced_columns),
                there.column_names(&key.columns),
            );
            (key.name.clone(), link)
        }));
    }
    if candidates.len() == 1 {
        return Ok(candidates.remove(0).1);
    }
    let mut problem = if candidates.is_empty() {
        let mut problem = Problem::at(
            &node.place,
            format!("no foreign key links `{}` with `{}`", here.name, there.name),
        );
        if node.cardinality == Cardinality::One && catalog.foreign_keys(here.id, there.id).next().is_some() {
            problem.help.push(format!(
                "`{}` refers to `{}`, many rows to one: make it a `many`",
                here.name, there.name
            ));
        }
        problem
    } else {
        Problem::at(
            &node.place,
            format!("several foreign keys link `{}` with `{}`", here.name, there.name),
        )
    };
    for (name, link) in &candidates {
        problem.help.push(format!("{name}: on = {{ {} }}", written_pairs(link)));
    }
    if let Some(name) = catalog.period_key(here.id, there.id) {
        let help =
            format!("{name} compares periods: link by its other columns, and say with `where` which periods count");
        problem.help.push(help);
    }
    if candidates.is_empty() {
        problem
            .help
            .push("on = { column_here = \"column of the enclosing table\" }".to_owned());
    }
    Err(problem.into())
}
