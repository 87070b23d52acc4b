//! What came out of looking at a journal.

use std::fmt;

use walsift::demo::Request;

/// Most complaints of a run that are written out.
const COMPLAINTS_MAX: usize = 10;

#[derive(Debug, Default, Clone)]
pub struct Judgement {
    pub complaints: Vec<String>,
    pub requests: usize,
    /// Paths.
    pub subjects: usize,
    /// Requests of which the sender could not know what became of them.
    pub uncertain: usize,
    /// Requests that repeat what was accepted last: after one of those,
    pub after_uncertain: usize,
    /// or because a process may not have come to write down what it did.
    pub after_unrecorded: usize,
    /// Requests that arrived after a younger one.
    pub backwards: usize,
    /// Of which the receiver's guard has ignored so many.
    pub outdated: usize,
    /// Pairs of requests for one subject at the same time.
    pub overlaps: usize,
}

impl Judgement {
    pub fn complain<'a>(&mut self, what: &str, requests: impl IntoIterator<Item = &'a Request>) {
        let shown: Vec<String> = requests.into_iter().map(show).collect();
        self.complaints.push(format!("{what}:\n    {}", shown.join("\n    ")));
    }

    /// `count` of something is to be at most `most`.
    pub fn bound(&mut self, what: &str, count: usize, most: usize) {
        if count > most {
            self.complaints
                .push(format!("{count} {what}, where at most {most} can be"));
        }
    }
}

pub fn show(request: &Request) -> String {
    let version = request.version().unwrap_or_default();
    let took = request.finished.map(|finished| finished - request.arrived);
    let mut body = request.body.as_str();
    body = &body[..body.floor_char_boundary(200)];
    format!(
        "#{} {} {} version {version} {:?} applied {} took {took:?} {body}",
        request.number, request.method, request.path, request.answer, request.applied
    )
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} complaints:", self.complaints.len())?;
        for complaint in self.complaints.iter().take(COMPLAINTS_MAX) {
            writeln!(f, "  {complaint}")?;
        }
        Ok(())
    }
}
