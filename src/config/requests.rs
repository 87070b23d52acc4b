//! Which requests an HTTP sink makes, and how it reads the answers.

use secrecy::SecretString;

use super::{Place, Pointer};

#[derive(Debug, Clone, Default)]
pub struct Requests {
    /// What is sent in place of the document.
    pub body: Option<Template>,
    /// How a subject is sent that has no id of the sink's yet.
    pub create: Option<Create>,
    pub delete: Delete,
    /// Many documents in one request.
    pub batch: Option<Batch>,
    /// How a document is read back.
    pub read: Option<Read>,
    pub statuses: Statuses,
}

/// A body in the language of minijinja, known to be free of mistakes in its syntax.
#[derive(Clone)]
pub struct Template {
    pub text: String,
    pub place: Place,
    /// Whether parts of it, or all, come from the environment or from another file: they may be secret.
    pub from_outside: bool,
}

/// The text may have secrets in it.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub struct Create {
    pub method: String,
    /// With placeholders, like the url of the sink, but for `{remote_id}`.
    pub url: SecretString,
    /// Where in the answer the id is.
    pub id: Pointer,
}

#[derive(Debug, Clone)]
pub struct Delete {
    pub method: String,
    /// That of the sink, where there is none.
    pub url: Option<SecretString>,
    pub body: Option<Template>,
}

impl Default for Delete {
    fn default() -> Self {
        Self {
            method: "DELETE".to_owned(),
            url: None,
            body: None,
        }
    }
}

/// Where the other side shows a document as it holds it.
#[derive(Debug, Clone)]
pub struct Read {
    /// With placeholders, like the url of the sink.
    pub url: SecretString,
    /// Beside those of the sink, of which they replace the ones of the same name.
    pub headers: Vec<(String, SecretString)>,
}

#[derive(Debug, Clone)]
pub struct Batch {
    /// Most documents in a request; at least 1.
    pub max: usize,
    /// Most bytes of documents in a request; one that is larger goes alone.
    pub bytes: usize,
    pub format: BatchFormat,
    /// Where in the answer there is one result for each document; without tokens, the answer itself. `None`: the
    /// status of the answer is that of each.
    pub results: Option<Pointer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFormat {
    Json,
    Ndjson,
}

/// Which answers mean what. `None` is what holds by default.
#[derive(Debug, Clone, Default)]
pub struct Statuses {
    /// Accepted.
    pub ok: Option<Vec<StatusRange>>,
    /// Refused for good.
    pub reject: Option<Vec<StatusRange>>,
}

/// Status codes from one to another, both within 100 to 599 and both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    pub from: u16,
    pub to: u16,
}

impl StatusRange {
    pub fn contains(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }

    pub fn overlap(self, other: Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from <= to).then_some(Self { from, to })
    }
}
