//! Statements of a cursor over what a look-up finds.

use super::Lookup;
use crate::pg::identifier;

/// A look-up whose result the server keeps, under this name, until the session ends.
#[derive(Debug)]
pub struct Cursor(String);

impl Cursor {
    pub fn new(name: &str) -> Self {
        Self(identifier(name))
    }

    /// Parameters as those of [`Lookup::first`], or of [`Lookup::next`]. To be committed, as all that was not fetched before
    /// is kept only then.
    pub fn declare(&self, lookup: &Lookup, has_begun: bool) -> String {
        let sql = if has_begun { &lookup.next } else { &lookup.first };
        format!("declare {} no scroll cursor with hold for\n{sql}", self.0)
    }

    pub fn fetch(&self, rows: usize) -> String {
        format!("fetch {rows} from {}", self.0)
    }

    pub fn close(&self) -> String {
        format!("close {}", self.0)
    }
}
