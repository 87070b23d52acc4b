//! Bodies by template: whether they are whole, and name what there is.

use std::ops::Range;

use minijinja::{Environment, Error, ErrorKind};

use crate::config::raw::{At, Passage};
use crate::config::wording::{listed, nearest};
use crate::config::{Place, Problem, Report, Template};

/// What a body may name.
pub const NAMES: [&str; 6] = ["document", "key", "sync", "operation", "version", "remote_id"];

/// Of a subject that is gone there is no document.
pub const NAMES_OF_DELETES: [&str; 5] = ["key", "sync", "operation", "version", "remote_id"];

/// What the language itself brings along.
const BUILT_IN: [&str; 5] = ["range", "dict", "namespace", "debug", "loop"];

pub fn template(key: &str, written: At<Passage>, names: &[&str], report: &mut Report) -> Template {
    let At { value, place } = written;
    if value.text.trim().is_empty() {
        report.push(Problem::at(&place, format!("`{key}` is empty")));
    }
    match Environment::new().template_from_str(&value.text) {
        Err(error) => report.push(malformed(&value, &place, &error)),
        Ok(template) => {
            let mut unknown: Vec<_> = template.undeclared_variables(false).into_iter().collect();
            unknown.retain(|name| !names.contains(&name.as_str()) && !BUILT_IN.contains(&name.as_str()));
            unknown.sort_unstable();
            for name in unknown {
                report.push(unknown_name(&value, &place, &name, names));
            }
        }
    }
    Template {
        text: value.text,
        from_outside: value.from_outside,
        place,
    }
}

fn malformed(written: &Passage, place: &Place, error: &Error) -> Problem {
    let detail = error.detail().unwrap_or("it is no template").to_owned();
    let help = if error.kind() == ErrorKind::SyntaxError && detail.starts_with("unknown statement") {
        "other files, blocks and macros are not available in bodies"
    } else {
        "the language is that of Jinja; `{{ '{{' }}` makes two braces"
    };
    let exact = error.range().and_then(|range| inside(written, place, range));
    let summary = match (&exact, error.line()) {
        (None, Some(line)) => format!("the template is malformed in its line {line}"),
        _ => "the template is malformed".to_owned(),
    };
    let problem = Problem::at(exact.as_ref().unwrap_or(place), summary);
    problem.label(detail).help(help)
}

fn unknown_name(written: &Passage, place: &Place, name: &str, names: &[&str]) -> Problem {
    let exact = mention(&written.text, name).and_then(|range| inside(written, place, range));
    let problem = Problem::at(
        exact.as_ref().unwrap_or(place),
        format!("there is no `{name}` in a template here"),
    );
    match nearest(name, names) {
        Some(known) => problem.help(format!("did you mean `{known}`?")),
        None if name == "document" => problem.help("of a subject that is gone only the key is known"),
        None => problem.help(format!("there are {}", listed(names, '`'))),
    }
}

/// The first time that a name stands in a text by itself.
fn mention(text: &str, name: &str) -> Option<Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut mentions = text.match_indices(name).map(|(at, _)| at..at + name.len());
    mentions.find(|range| {
        let before = text[..range.start].chars().next_back();
        let after = text[range.end..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word)
    })
}

/// A part of the template, in the file; none where the file has it in another form.
fn inside(written: &Passage, place: &Place, range: Range<usize>) -> Option<Place> {
    let at = written.verbatim_at?;
    // What ends too soon is shown by its last character.
    let start = range.start.min(written.text.trim_end().len().saturating_sub(1));
    let line_end = written.text[start..]
        .find('\n')
        .map_or(written.text.len(), |end| start + end);
    let end = range.end.clamp(start + 1, line_end.max(start + 1));
    let fits = written.text.is_char_boundary(start) && written.text.is_char_boundary(end);
    fits.then(|| Place::new(place.path.clone(), at + start..at + end))
}
