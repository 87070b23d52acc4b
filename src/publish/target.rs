//! Another place that is filled beside the one that a sink writes to, and how it takes that one's place.
//!
//! What a sink writes to has a name on the other side, which may be one that leads elsewhere, an *alias*. To swap is to have
//! it lead to what was filled, in one step, so that whoever reads finds all of the one or all of the other.

use super::{Failure, FailureClass};

/// What a name on the other side stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Nothing,
    /// What has this name itself, and what the other side calls it: one that is made anew is another one.
    Itself {
        id: String,
    },
    /// It leads to these, by their names.
    Alias {
        to: Vec<String>,
    },
}

impl Named {
    pub fn leads_to(&self, target: &str) -> bool {
        matches!(self, Named::Alias { to } if to == &[target])
    }
}

/// A sink of a kind that knows no such thing.
pub(super) fn unknown() -> Failure {
    Failure::certain(
        FailureClass::Configuration,
        "this kind of sink has no names that lead elsewhere",
    )
}
