//! What the readers of one file share, and what they find.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::expand::Environment;
use crate::config::mask::{self, Secrecy};
use crate::config::{Place, Problem};

/// A value and where it is written.
#[derive(Debug, Clone)]
pub struct At<T> {
    pub value: T,
    pub place: Place,
}

impl<T> At<T> {
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}

/// One key of a table, as found.
#[derive(Debug, Clone, Default)]
pub enum Field<T> {
    #[default]
    Absent,
    /// It is there, but no value could be had from it; that has been reported.
    Unusable,
    Given(At<T>),
}

impl<T> Field<T> {
    pub fn given(&self) -> Option<&At<T>> {
        match self {
            Self::Given(at) => Some(at),
            Self::Absent | Self::Unusable => None,
        }
    }

    pub fn into_given(self) -> Option<At<T>> {
        match self {
            Self::Given(at) => Some(at),
            Self::Absent | Self::Unusable => None,
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, or what holds without one.
    pub fn or(self, default: T) -> T {
        self.into_given().map_or(default, |at| at.value)
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Unusable => Field::Unusable,
            Self::Given(At { value, place }) => Field::Given(At::new(change(value), place)),
        }
    }
}

/// A text of the user's with a grammar of its own.
#[derive(Debug, Clone)]
pub struct Passage {
    pub text: String,
    /// Where in the file it begins, if it stands there as it is.
    pub verbatim_at: Option<usize>,
    /// Whether parts of it, or all, come from the environment or from another file: they may be secret.
    pub from_outside: bool,
}

/// One file while it is read. Shared by readers of several tables at a time, hence the cells.
pub struct Reading<'a> {
    pub text: &'a str,
    pub env: Environment<'a>,
    pub problems: RefCell<Vec<Problem>>,
    /// Bytes of the file that may not be shown.
    pub secrets: RefCell<Vec<Range<usize>>>,
    /// Every key that a reader asked for, with the path of its table.
    #[cfg(test)]
    pub known: RefCell<Vec<(String, &'static str)>>,
}

impl<'a> Reading<'a> {
    pub fn new(text: &'a str, env: Environment<'a>) -> Self {
        Self {
            text,
            env,
            problems: RefCell::default(),
            secrets: RefCell::default(),
            #[cfg(test)]
            known: RefCell::default(),
        }
    }

    pub fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// The file as it is written at a place.
    pub fn written(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Keeps a value, and all within it, from being shown.
    pub fn hide(&self, value: &Spanned<DeValue<'_>>, secrecy: Secrecy) {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().for_each(|item| self.hide(item, secrecy)),
            DeValue::Table(table) => table.iter().for_each(|(_, value)| self.hide(value, secrecy)),
            _ => {
                let start = value.span().start;
                let ranges = mask::secret_ranges(self.written(&value.span()), secrecy);
                self.secrets
                    .borrow_mut()
                    .extend(ranges.into_iter().map(|at| start + at.start..start + at.end));
            }
        }
    }
}
