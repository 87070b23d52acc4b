//! The picture.

use std::fmt::Write as _;

use super::facts::{NodePicture, Picture, TablePicture, WayPicture};

/// Longest line.
const WIDTH_MAX: usize = 100;

impl Picture {
    /// For people, in lines that are not too long; `sql`: with the statements.
    pub fn text(&self, sql: bool) -> String {
        let mut text = format!("{} → {}\n", self.sync, self.sinks.join(", "));
        let count = self
            .subjects
            .map_or_else(String::new, |count| format!(", about {} of them", grouped(count)));
        let subjects = format!("rows of {}, named by {}{count}", self.tree.table, self.key.join(", "));
        text.push_str(&wrapped("  subjects  ", &subjects));
        if !self.messages.is_empty() {
            text.push_str(&wrapped("  messages  ", &self.messages.join(", ")));
        }
        if self.by_hand {
            text.push_str("  document  from a statement written by hand\n");
        } else {
            text.push('\n');
            write_tree(&mut text, &self.tree);
        }
        for table in &self.tables {
            write_table(&mut text, table);
        }
        for spot in &self.hot_spots {
            let warning = format!(
                "one row of `{}` ({} {}) is in about {} documents: a change of it revisits all of them",
                spot.table,
                spot.column,
                spot.value,
                grouped(spot.subjects)
            );
            text.push('\n');
            text.push_str(&wrapped("  warning: ", &warning));
        }
        if sql {
            self.write_statements(&mut text);
        }
        text
    }

    fn write_statements(&self, text: &mut String) {
        let _ = writeln!(text, "\n  document statement\n\n{}", indented(&self.statement));
        for way in self.tables.iter().flat_map(|table| &table.ways) {
            if let Some(statement) = &way.statement {
                let _ = writeln!(text, "\n  look-up from {}\n\n{}", way.node, indented(statement));
            }
        }
    }
}

fn write_table(text: &mut String, table: &TablePicture) {
    let _ = writeln!(text, "\n  a change of {}", table.table);
    let columns = table
        .columns
        .as_ref()
        .map_or_else(|| "in any column".to_owned(), |columns| columns.join(", "));
    text.push_str(&wrapped("    counts    ", &columns));
    for way in &table.ways {
        let mut found = finds(way);
        if table.ways.len() > 1 && !way.node.is_empty() {
            found = format!("as {}: {found}", way.node);
        }
        text.push_str(&wrapped("    subjects  ", &found));
    }
    let identity = &table.identity;
    let needed = if identity.needed.is_empty() {
        "none needed".to_owned()
    } else {
        format!("{} needed", identity.needed.join(", "))
    };
    let verdict = if identity.fits {
        ""
    } else {
        ", which does not do: see `walsift check`"
    };
    let identity = format!("{needed}; there is: {}{verdict}", identity.present);
    text.push_str(&wrapped("    old rows  ", &identity));
}

fn write_tree(text: &mut String, root: &NodePicture) {
    let mut rows = Vec::new();
    collect(root, "  ", "  ", &mut rows);
    let width = rows
        .iter()
        .map(|(head, _)| head.chars().count())
        .max()
        .unwrap_or_default();
    for (head, link) in rows {
        let line = format!("{head:width$}  {link}");
        let line = line.trim_end();
        if line.chars().count() <= WIDTH_MAX {
            let _ = writeln!(text, "{line}");
        } else {
            // The link below its node, as far to the right as it fits.
            let _ = writeln!(text, "{head}");
            text.push_str(&wrapped("          ", &link));
        }
    }
}

fn collect(node: &NodePicture, own: &str, below: &str, rows: &mut Vec<(String, String)>) {
    let head = if node.kind == "root" {
        format!("{own}{}", node.table)
    } else {
        let through = node
            .through
            .as_ref()
            .map_or_else(String::new, |between| format!(" through {between}"));
        let table = if node.name == node.table {
            String::new()
        } else {
            format!(": {}", node.table)
        };
        format!("{own}{} {}{table}{through}", node.kind, node.name)
    };
    rows.push((head, node.link.join(" and ")));
    for (at, child) in (1..).zip(&node.children) {
        let (branch, trunk) = if at == node.children.len() {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        collect(child, &format!("{below}{branch}"), &format!("{below}{trunk}"), rows);
    }
}

fn finds(way: &WayPicture) -> String {
    let about = |count: u64| {
        let noun = if count == 1 { "subject" } else { "subjects" };
        format!(", about {} {noun} for each change", grouped(count))
    };
    let estimate = way
        .subjects
        .map_or_else(|| ", not known how many before `analyze`".to_owned(), about);
    match way.finder {
        "row" => format!("in the row: {}", way.columns.join(", ")),
        "all" => format!(
            "every one{}",
            way.subjects
                .map_or_else(String::new, |count| format!(", about {}", grouped(count)))
        ),
        _ if way.searches.is_empty() => format!("look-up written by hand, by {}", way.columns.join(", ")),
        _ => {
            let searches = way.searches.iter().map(|search| {
                let columns: Vec<String> = search
                    .columns
                    .iter()
                    .map(|column| format!("{}.{column}", search.table))
                    .collect();
                let how = match &search.index {
                    Some(index) => format!("using index {index}"),
                    None => "reading the whole table".to_owned(),
                };
                format!("{} {how}", columns.join(", "))
            });
            format!(
                "look-up by {}{estimate}",
                searches.collect::<Vec<_>>().join(", then by ")
            )
        }
    }
}

/// `41000` → `41,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lines of which the first begins with `head` and the others are indented as far.
pub fn wrapped(head: &str, text: &str) -> String {
    let indent = " ".repeat(head.chars().count());
    let mut lines = vec![head.to_owned()];
    let mut fresh = true;
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH_MAX {
            lines.push(format!("{indent}{word}"));
        } else {
            if !fresh {
                line.push(' ');
            }
            line.push_str(word);
        }
        fresh = false;
    }
    lines.join("\n") + "\n"
}

fn indented(sql: &str) -> String {
    let lines: Vec<String> = sql.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}
