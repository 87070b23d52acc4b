//! What happened.

use std::collections::BTreeMap;

use serde_json::Value;

/// One line of the journal: a request as it came, and what it was answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /orders/_bulk`
    pub line: String,
    pub query: String,
    /// Lower-case names.
    pub headers: BTreeMap<String, String>,
    /// Unpacked.
    pub body: String,
    /// `None` as long as, or because, nothing was answered.
    pub status: Option<u16>,
}

/// One operation of a bulk request that was looked at.
#[derive(Debug, Clone)]
pub struct Item {
    pub index: String,
    pub id: String,
    pub version: i64,
    pub is_delete: bool,
    pub status: u16,
    pub error: Option<Value>,
    /// Whether the index holds something else than before.
    pub changed: bool,
}

#[derive(Debug, Default)]
pub struct Journal {
    requests: Vec<Request>,
    items: Vec<Item>,
    /// The number of the first request.
    first: usize,
}

impl Journal {
    /// Writes a request down; answers with its number.
    pub(super) fn open(&mut self, request: Request) -> usize {
        self.requests.push(request);
        self.first + self.requests.len() - 1
    }

    pub(super) fn note(&mut self, items: Vec<Item>) {
        self.items.extend(items);
    }

    pub(super) fn close(&mut self, number: usize, status: u16) {
        let place = number.checked_sub(self.first);
        if let Some(request) = place.and_then(|place| self.requests.get_mut(place)) {
            request.status = Some(status);
        }
    }

    pub(super) fn clear(&mut self) {
        self.first += self.requests.len();
        self.requests.clear();
        self.items.clear();
    }

    /// In the order in which they had arrived whole.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Those with lines for documents.
    pub fn bulks(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|request| request.line.ends_with("/_bulk"))
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How often each document was changed.
    pub fn changes(&self) -> BTreeMap<&str, usize> {
        let mut changes = BTreeMap::new();
        for item in self.items.iter().filter(|item| item.changed) {
            *changes.entry(item.id.as_str()).or_default() += 1;
        }
        changes
    }

    /// Documents that an older version, or the same one again, took the place of.
    pub fn went_back(&self) -> Vec<&str> {
        let mut versions: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        let mut back = Vec::new();
        for item in self.items.iter().filter(|item| item.changed) {
            if let Some(before) = versions.insert((&item.index, &item.id), item.version)
                && before >= item.version
            {
                back.push(item.id.as_str());
            }
        }
        back
    }
}
