//! Misbehaviour, as ordered.

use std::time::Duration;

use super::fault::Fault;

/// What is done with a request that has arrived whole.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answered with this instead.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Done, and answered with this.
    ApplyThenAnswer {
        status: u16,
        body: String,
    },
    Cut,
    ApplyThenCut,
    Hang,
    ApplyThenHang,
    /// Not answered, and done when [`super::Elastic::catch_up`] says so, whoever is still there to hear of it.
    ApplyLate,
    /// Done and answered after a while.
    Slow(Duration),
}

impl Behaviour {
    pub fn answer(status: u16) -> Self {
        let (headers, body) = (Vec::new(), String::new());
        Self::Answer { status, headers, body }
    }

    pub fn fault(fault: &Fault) -> Self {
        Self::Answer {
            status: fault.status,
            headers: Vec::new(),
            body: fault.body().to_string(),
        }
    }
}

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Bulk,
    /// `HEAD`
    Look,
    /// `PUT`
    Make,
    /// `_mget`, and searches.
    Read,
    /// `GET` of an index or an alias
    Find,
    /// `POST /_aliases`
    Move,
}

#[derive(Debug, Default)]
pub struct Rules(Vec<(On, Option<usize>, Behaviour)>);

impl Rules {
    pub fn add(&mut self, on: On, times: Option<usize>, behaviour: Behaviour) {
        self.0.push((on, times, behaviour));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// That of the earliest rule which is not used up.
    pub fn choose(&mut self, on: On) -> Option<Behaviour> {
        let at = self
            .0
            .iter()
            .position(|(wanted, left, _)| *wanted == on && *left != Some(0))?;
        let (_, left, behaviour) = &mut self.0[at];
        if let Some(left) = left {
            *left -= 1;
        }
        Some(behaviour.clone())
    }
}

/// What is answered for single documents instead.
#[derive(Debug, Default)]
pub struct ItemRules(Vec<ItemRule>);

#[derive(Debug)]
struct ItemRule {
    /// `None` is any.
    ids: Option<Vec<String>>,
    left: usize,
    told: Told,
}

#[derive(Debug, Clone)]
pub struct Told {
    pub fault: Fault,
    /// Whether it is done all the same.
    pub applies: bool,
}

impl ItemRules {
    pub fn add(&mut self, ids: Option<&[&str]>, times: usize, fault: Fault, applies: bool) {
        self.0.push(ItemRule {
            ids: ids.map(|ids| ids.iter().map(|&id| id.to_owned()).collect()),
            left: times,
            told: Told { fault, applies },
        });
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn choose(&mut self, id: &str) -> Option<Told> {
        let fits =
            |rule: &&mut ItemRule| rule.left > 0 && rule.ids.as_ref().is_none_or(|ids| ids.iter().any(|it| it == id));
        let rule = self.0.iter_mut().find(fits)?;
        rule.left -= 1;
        Some(rule.told.clone())
    }
}
