//! How the receiver misbehaves.

use std::time::Duration;

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Applied and answered, as a sound receiver does.
    Accept,
    /// Answered, not applied.
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// Accepted after a while; not applied if the client has left by then.
    Slow(Duration),
    /// As `Slow`, but answered with 429 at once while so many others are in flight.
    Bears { requests: usize, time: Duration },
    /// Accepted once [`Receiver::release`](super::Receiver::release) is called.
    Hold,
    /// Neither answered nor applied.
    Hang,
    /// Applied, never answered.
    ApplyThenHang,
    /// Applied; the connection is closed without an answer.
    ApplyThenCut,
    /// Applied, answered with this status all the same.
    ApplyThenAnswer(u16),
    /// The connection is closed; not applied.
    Cut,
}

impl Behaviour {
    /// A plain answer, without applying.
    pub fn answer(status: u16) -> Self {
        Behaviour::Answer {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }
}

/// The paths that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    All,
    Exact(String),
    Prefix(String),
}

impl Paths {
    pub fn exact(path: impl Into<String>) -> Self {
        Paths::Exact(path.into())
    }

    pub fn prefix(prefix: impl Into<String>) -> Self {
        Paths::Prefix(prefix.into())
    }

    fn contain(&self, path: &str) -> bool {
        match self {
            Paths::All => true,
            Paths::Exact(exact) => path == exact,
            Paths::Prefix(prefix) => path.starts_with(prefix),
        }
    }
}

/// The rules in force; the latest that matches decides.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// Bodies that are larger are refused, whatever the rules.
    body_max: Option<usize>,
}

#[derive(Debug)]
struct Rule {
    paths: Paths,
    behaviour: Behaviour,
    /// Requests it is still good for; `None` is any number.
    left: Option<usize>,
}

impl Rules {
    pub(super) fn add(&mut self, paths: Paths, behaviour: Behaviour, left: Option<usize>) {
        self.rules.push(Rule { paths, behaviour, left });
    }

    pub(super) fn take_at_most(&mut self, bytes: usize) {
        self.body_max = Some(bytes);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What becomes of a request for `path` with so many bytes; uses up limited rules.
    pub(super) fn choose(&mut self, path: &str, bytes: usize) -> Behaviour {
        if self.body_max.is_some_and(|max| bytes > max) {
            return Behaviour::answer(413);
        }
        let matching = self
            .rules
            .iter_mut()
            .rev()
            .find(|rule| rule.left != Some(0) && rule.paths.contain(path));
        let Some(rule) = matching else { return Behaviour::Accept };
        if let Some(left) = &mut rule.left {
            *left -= 1;
        }
        rule.behaviour.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_matching_rule_decides_until_it_is_used_up() {
        let mut rules = Rules::default();
        rules.add(Paths::prefix("/orders/"), Behaviour::Hang, None);
        rules.add(Paths::exact("/orders/1"), Behaviour::Cut, Some(1));
        assert_eq!(rules.choose("/orders/1", 0), Behaviour::Cut);
        assert_eq!(rules.choose("/orders/1", 0), Behaviour::Hang);
        assert_eq!(rules.choose("/customers/1", 0), Behaviour::Accept);
        rules.take_at_most(10);
        assert_eq!(rules.choose("/orders/1", 10), Behaviour::Hang);
        assert_eq!(rules.choose("/orders/1", 11), Behaviour::answer(413));
        rules.clear();
        assert_eq!(rules.choose("/orders/1", 11), Behaviour::Accept);
    }
}
