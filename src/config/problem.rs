//! What is wrong with a configuration, said so that it can be mended without a second look.

use std::ops::Range;

/// Where something stands in the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Dotted path of the key, `syncs.orders.one.customer.table`.
    pub path: String,
    /// Bytes of the file that the finding points at; empty for what the file should have and has not.
    pub span: Range<usize>,
}

impl Place {
    pub fn new(path: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            path: path.into(),
            span,
        }
    }

    /// Something that the file says nothing about: a section left out, a default.
    pub fn absent(path: impl Into<String>) -> Self {
        Self::new(path, 0..0)
    }

    pub fn is_absent(&self) -> bool {
        self.span.is_empty()
    }
}

/// One finding: where, what was found, what is wanted, and what mends it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Absent where the finding is about the server and not about a line of the file.
    pub place: Option<Place>,
    /// What is wrong, a lowercase clause without a full stop.
    pub summary: String,
    /// The words at the pointer under the line.
    pub label: Option<String>,
    /// Other places that bear on it, each with the words at its pointer.
    pub also: Vec<(Place, String)>,
    /// What is wanted, or what to do.
    pub help: Vec<String>,
    /// A statement that mends it, ready to be pasted.
    pub sql: Option<String>,
    /// A warning does not keep `run` from starting.
    pub warning: bool,
}

impl Problem {
    /// A problem of one place in the file.
    pub fn at(place: &Place, summary: impl Into<String>) -> Self {
        Self {
            place: Some(place.clone()),
            ..Self::of_server(summary)
        }
    }

    /// A problem that no line of the file is to blame for.
    pub fn of_server(summary: impl Into<String>) -> Self {
        Self {
            place: None,
            summary: summary.into(),
            label: None,
            also: Vec::new(),
            help: Vec::new(),
            sql: None,
            warning: false,
        }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    #[must_use]
    pub fn also(mut self, place: &Place, label: impl Into<String>) -> Self {
        self.also.push((place.clone(), label.into()));
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    #[must_use]
    pub fn sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = Some(sql.into());
        self
    }

    /// Makes it one that does not keep `run` from starting.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

/// All findings about one file.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub problems: Vec<Problem>,
}

impl Report {
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub fn errors(&self) -> usize {
        self.problems.len() - self.warnings()
    }

    pub fn warnings(&self) -> usize {
        self.problems.iter().filter(|problem| problem.warning).count()
    }

    /// Errors before warnings, in the order of the file; what no line is to blame for comes last.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut problems: Vec<_> = self.problems.iter().collect();
        problems.sort_by_key(|problem| {
            let start = problem.place.as_ref().map_or(usize::MAX, |place| place.span.start);
            (problem.warning, start)
        });
        problems
    }

    /// `3 errors, 1 warning`; empty where there is nothing to say.
    pub fn tally(&self) -> String {
        let parts = [counted(self.errors(), "error"), counted(self.warnings(), "warning")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn counted(count: usize, noun: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    }
}
