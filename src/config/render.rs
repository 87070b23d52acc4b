//! Findings for people, in the manner of rustc, and for programs, as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Padding, Renderer, Snippet, normalize_untrusted_str};
use serde_json::{Value, json};

use super::{File, Place, Problem, Report};

impl Report {
    /// Errors before warnings, in the order of the file, and a closing line with their number.
    pub fn render(&self, file: &File, color: bool) -> String {
        if self.is_empty() {
            return String::new();
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut parts: Vec<_> = self
            .sorted()
            .into_iter()
            .map(|problem| problem.render(file, &renderer))
            .collect();
        parts.push(self.tally());
        parts.join("\n\n") + "\n"
    }

    /// `{"errors", "warnings", "problems": [{"level", "path", "line", "column", "summary", "label", "help", "sql", "also"}]}`
    pub fn to_json(&self, file: &File) -> Value {
        json!({
            "file": file.path().to_string_lossy(),
            "errors": self.errors(),
            "warnings": self.warnings(),
            "problems": self.sorted().into_iter().map(|problem| problem.to_json(file)).collect::<Vec<_>>(),
        })
    }
}

impl Problem {
    fn render(&self, file: &File, renderer: &Renderer) -> String {
        let level = if self.warning { Level::WARNING } else { Level::ERROR };
        let mut group = Group::with_title(level.primary_title(&self.summary));
        if let Some(place) = &self.place {
            group = self.point(group, place, file);
        }
        let help = self.help.iter().map(|help| Level::HELP.message(printable(help)));
        let mut text = renderer.render(&[group.elements(help)]);
        if let Some(sql) = &self.sql {
            // Outside of the frame and without its bar, so that it can be copied as it stands.
            text.push('\n');
            for line in sql.lines() {
                text.push_str("\n    ");
                text.push_str(&normalize_untrusted_str(line));
            }
        }
        text
    }

    fn point<'a>(&'a self, group: Group<'a>, place: &Place, file: &'a File) -> Group<'a> {
        let path = file.path().to_string_lossy();
        if place.is_absent() {
            return group.element(Origin::path(path)).element(Padding);
        }
        let primary = AnnotationKind::Primary
            .span(file.clip(&place.span))
            .label(self.label.as_deref());
        let others = self
            .also
            .iter()
            .filter(|(place, _)| !place.is_absent())
            .map(|(place, label)| {
                AnnotationKind::Context
                    .span(file.clip(&place.span))
                    .label(label.as_str())
            });
        group.element(
            Snippet::source(file.text())
                .path(path)
                .annotation(primary)
                .annotations(others),
        )
    }

    fn to_json(&self, file: &File) -> Value {
        let also: Vec<_> = self
            .also
            .iter()
            .map(|(place, label)| {
                let at = file.position(place);
                json!({ "path": place.path, "line": at.map(|at| at.line), "column": at.map(|at| at.column), "label": label })
            })
            .collect();
        let at = self.place.as_ref().and_then(|place| file.position(place));
        json!({
            "level": if self.warning { "warning" } else { "error" },
            "path": self.place.as_ref().map(|place| &place.path),
            "line": at.map(|at| at.line),
            "column": at.map(|at| at.column),
            "summary": self.summary,
            "label": self.label,
            "also": also,
            "help": self.help,
            "sql": self.sql,
        })
    }
}

/// Words may quote the file or the database, and those may hold escape sequences that a terminal would obey.
fn printable(text: &str) -> String {
    text.lines().map(normalize_untrusted_str).collect::<Vec<_>>().join("\n")
}
