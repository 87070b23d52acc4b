//! A draft as the file that it is meant to become.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::tree::{Branch, Draft, Leaf};
use crate::config::Cardinality;

/// Longest line.
const WIDTH_MAX: usize = 100;

/// Where the documents of a draft go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftSink {
    Stdout,
    Http,
}

impl Draft<'_> {
    /// The name of every column in it, for the server to quote.
    pub fn columns(&self) -> Vec<&str> {
        fn collect<'a>(branch: &'a Branch<'_>, names: &mut Vec<&'a str>) {
            names.extend(branch.members.iter().map(|leaf| leaf.column.name.as_str()));
            for child in &branch.children {
                collect(child, names);
            }
        }
        let mut names = Vec::new();
        collect(&self.root, &mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The name of its sync.
    pub fn sync(&self) -> &str {
        &self.sync
    }

    /// The file. `quoted` has every name of [`Draft::columns`] as SQL writes it.
    pub fn text(&self, quoted: &HashMap<&str, String>) -> String {
        let reach = match self.depth {
            0 => "which were not followed".to_owned(),
            1 => "one step from it".to_owned(),
            steps => format!("at most {steps} steps from it"),
        };
        let mut text = comment(&format!(
            "Made by `walsift init` from the foreign keys around `{}`, {reach}. Take out what the other side does not \
             need: what is not read sends nothing when it changes. Lines that begin with `#` were left out; take the `#` \
             away to have them. Then `walsift check` says what the database still needs, and `walsift plan` what was \
             derived.",
            self.root.written
        ));
        text.push_str("\n\n");
        text.push_str("[source]\nurl = \"${DATABASE_URL}\"\n\n");
        let sink = self.write_sink(&mut text);
        let Draft { root, sync, .. } = self;
        let _ = write!(
            text,
            "[syncs.{sync}]\ntable = {}\nsink  = {}\n",
            string(&root.written),
            string(sink)
        );
        if root.table.primary_key().is_none() {
            text.push_str(&self.key_line());
        }
        let path = format!("syncs.{sync}");
        if root.members.iter().any(|leaf| leaf.left_out.is_none()) {
            let _ = writeln!(text, "\n[{path}.document]");
            write_members(&mut text, &root.members, quoted);
        }
        write_children(&mut text, root, &path, quoted);
        text
    }

    fn write_sink(&self, text: &mut String) -> &'static str {
        match self.sink {
            DraftSink::Stdout => {
                text.push_str("# One line of JSON for each delivery.\n[sinks.stdout]\ntype = \"stdout\"\n\n");
                "stdout"
            }
            DraftSink::Http => {
                let key: Vec<String> = self.key.iter().map(|column| format!("{{{column}}}")).collect();
                let url = format!("${{SINK_URL:-http://127.0.0.1:8081}}/{}/{}", self.sync, key.join("/"));
                text.push_str("# PUT on change, DELETE when the row is gone.\n[sinks.api]\ntype = \"http\"\n");
                // Written as it is: the variable is meant to expand.
                let _ = write!(
                    text,
                    "url  = \"{}\"\n\n",
                    url.replace('\\', "\\\\").replace('"', "\\\"")
                );
                "api"
            }
        }
    }

    /// Where there is no primary key to take by default.
    fn key_line(&self) -> String {
        if self.key.is_empty() {
            return "# key = [\"…\"]   # the table has no primary key: name columns with a unique index, none nullable\n"
                .to_owned();
        }
        let columns: Vec<String> = self.key.iter().map(|column| string(column)).collect();
        format!("key   = [{}]\n", columns.join(", "))
    }
}

fn write_children(text: &mut String, branch: &Branch<'_>, path: &str, quoted: &HashMap<&str, String>) {
    for remark in &branch.remarks {
        let _ = writeln!(text, "\n{}", comment(remark));
    }
    for child in &branch.children {
        let kind = match child.cardinality {
            Cardinality::Many => "many",
            _ => "one",
        };
        let path = format!("{path}.{kind}.{}", key(&child.name));
        let mut section = String::new();
        write_node(&mut section, child, &path, quoted);
        text.push('\n');
        if child.beyond {
            let _ = writeln!(text, "# further away: {}", child.origin);
            for line in section.lines() {
                let _ = writeln!(text, "{}", format!("# {line}").trim_end());
            }
        } else {
            let _ = writeln!(text, "{}", comment(&child.origin));
            text.push_str(&section);
        }
        write_children(text, child, &path, quoted);
    }
}

fn write_node(text: &mut String, child: &Branch<'_>, path: &str, quoted: &HashMap<&str, String>) {
    let _ = writeln!(text, "[{path}]");
    let mut lines = vec![("table".to_owned(), string(&child.written))];
    if !child.on.is_empty() {
        lines.push(("on".to_owned(), pairs(&child.on)));
    }
    if let Some(between) = &child.through {
        let through = if between.on.is_empty() && between.to.is_empty() {
            string(&between.table)
        } else {
            let mut written = format!("{{ table = {}", string(&between.table));
            for (name, link) in [("on", &between.on), ("to", &between.to)] {
                if !link.is_empty() {
                    let _ = write!(written, ", {name} = {}", pairs(link));
                }
            }
            written + " }"
        };
        lines.push(("through".to_owned(), through));
    }
    let inline = inline(&child.members, quoted);
    lines.extend(inline.clone().map(|members| ("document".to_owned(), members)));
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, value) in &lines {
        let _ = writeln!(text, "{key:width$} = {value}");
    }
    if inline.is_none() && !child.members.is_empty() {
        let _ = writeln!(text, "\n[{path}.document]");
        write_members(text, &child.members, quoted);
    }
}

/// On one line, where nothing is left out and all of it fits.
fn inline(members: &[Leaf<'_>], quoted: &HashMap<&str, String>) -> Option<String> {
    if members.is_empty() || members.iter().any(|leaf| leaf.left_out.is_some()) {
        return None;
    }
    let members = members
        .iter()
        .map(|leaf| format!("{} = {}", key(&leaf.column.name), string(expression(leaf, quoted))));
    let line = format!("{{ {} }}", members.collect::<Vec<_>>().join(", "));
    let fits = "document = ".len() + line.chars().count() <= WIDTH_MAX;
    fits.then_some(line)
}

fn write_members(text: &mut String, members: &[Leaf<'_>], quoted: &HashMap<&str, String>) {
    let name = |leaf: &Leaf<'_>| {
        let key = key(&leaf.column.name);
        if leaf.left_out.is_some() {
            format!("# {key}")
        } else {
            key
        }
    };
    let width = members
        .iter()
        .map(|leaf| name(leaf).chars().count())
        .max()
        .unwrap_or_default();
    for leaf in members {
        let _ = write!(text, "{:width$} = {}", name(leaf), string(expression(leaf, quoted)));
        match leaf.left_out {
            Some(reason) => _ = writeln!(text, "  # {reason}"),
            None => text.push('\n'),
        }
    }
}

fn expression<'a>(leaf: &'a Leaf<'_>, quoted: &'a HashMap<&str, String>) -> &'a str {
    let name = leaf.column.name.as_str();
    quoted.get(name).map_or(name, String::as_str)
}

fn pairs(pairs: &[(String, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(one, other)| format!("{} = {}", key(one), string(other)));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

/// A key of TOML, bare if it can be.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// A string of the configuration: what would be a variable is not.
fn string(text: &str) -> String {
    quote(&text.replace("${", "$${"))
}

fn quote(text: &str) -> String {
    let plain = !text.contains('\'') && !text.chars().any(char::is_control);
    if text.contains(['"', '\\']) && plain {
        format!("'{text}'")
    } else {
        toml::Value::from(text).to_string()
    }
}

/// As lines of comment that are not too long.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH_MAX {
            lines.push(format!("# {word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}
