//! The text of the file, kept for showing findings in it, with every secret already blotted out.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Place;
use super::blot;

/// A configuration file as it may be shown to people: same length, same lines, and `*` for each byte of a secret.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    text: String,
}

/// Where a [`Place`] begins, counted from 1 as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    /// In characters.
    pub column: usize,
}

impl File {
    /// Hides the ranges given and, besides, whatever looks like a password in a URL anywhere in the text.
    pub(super) fn new(path: &Path, text: &str, secrets: &[Range<usize>]) -> Self {
        let everywhere = blot::passwords_in_urls(text);
        Self {
            path: path.to_owned(),
            text: blot::blot(text, secrets.iter().chain(&everywhere)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// `None` for what is not in the file.
    pub fn position(&self, place: &Place) -> Option<Position> {
        if place.is_absent() {
            return None;
        }
        let before = self.text.get(..self.clip(&place.span).start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some(Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }

    /// The part of a span that this text really has, on whole characters.
    pub(super) fn clip(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end.max(start));
        start..end
    }
}
